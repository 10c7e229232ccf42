"""JUnit's XML as a build server reads it."""

from xml.etree import ElementTree

from hypothesis import example as instance
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure, Reply
from pssh.report.base import Display
from pssh.report.junit import render
from tests.support.inert import acting
from tests.support.runs import example, failed, ok, report, result, shown


def suite(text: str) -> ElementTree.Element:
    (found,) = ElementTree.fromstring(text.encode())
    return found


def test_the_run_is_a_suite_and_each_host_a_case() -> None:
    text, err = shown(example(), Display(format="junit", quiet=True))
    assert err == ""
    found = suite(text)
    counted = {"tests": "23", "failures": "2", "errors": "0", "skipped": "0"}
    assert found.attrib == {"name": "uname -r", **counted, "time": "10.300", "timestamp": "2026-11-22T10:00:00"}
    cases = found.findall("testcase")
    assert [case.get("name") for case in cases] == [result.host for result in example().results]
    assert cases[9].attrib == {"classname": "command", "name": "web07", "time": "0.400"}
    failure = cases[9].find("failure")
    assert failure is not None and failure.attrib == {"type": "failed: exit 3", "message": "uname: extra operand"}
    assert cases[9].findtext("system-err") == "uname: extra operand\n"
    assert cases[0].findtext("system-out") == "6.1.0-28-amd64\n" and len(cases[0]) == 1


def test_what_is_ours_is_an_error_and_what_did_not_run_is_skipped() -> None:
    rows = [
        failed("a", "worker/bug"),
        failed("b", "worker/died", started=True),
        failed("c", "local/disk-full"),
        failed("d", "stop/budget"),
        failed("e", "rule/lock-held"),
        failed("f", "connect/refused"),
        ok("g"),
    ]
    found = suite("".join(render(report(rows))))
    kinds = [case[0].tag if len(case) else "" for case in found.findall("testcase")]
    assert kinds == ["error", "error", "error", "skipped", "skipped", "failure", ""]
    assert (found.get("errors"), found.get("skipped"), found.get("failures")) == ("3", "2", "1")


def test_the_facts_of_the_run_are_properties() -> None:
    found = suite("".join(render(example()))).findall("properties/property")
    assert {one.get("name"): one.get("value") for one in found} == {
        "run": "r42",
        "targets": "@web,@db",
        "inventory": "inventory/fleet.toml",
        "exit": "4",
    }


@given(st.binary(), st.text(st.characters()))
@instance(b"\x00\x1b]]>\xef\xbf\xbe&\"'<", "\x0b\udcff\uffff\ufffe\t\r\n\"<&'")
def test_whatever_is_said_is_well_formed(data: bytes, message: str) -> None:
    ends = (Failure(stage="exec", kind="total", message=message, stdout=data), Reply(exit_code=1, stderr=data))
    text = "".join(render(report([result("a", end) for end in ends], text=message)))
    assert [case.get("name") for case in suite(text).findall("testcase")] == ["a", "a"]
    assert not acting(text)
