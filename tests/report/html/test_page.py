"""The page as a whole: valid, inert, whole, small, and true to its run."""

import re
import xml.etree.ElementTree as ET
from base64 import b64encode
from functools import cache
from hashlib import sha256
from itertools import count
from typing import get_args

import html5lib
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply, Result, Status
from pssh.model.report import Report
from pssh.report.html import sheet
from pssh.report.html.headline import why
from pssh.report.html.page import page
from pssh.report.safe import UNSAFE
from tests.support.runs import example, failed, ok, report, result

_ELEMENTS = set(
    "html head meta title style body header main section footer div p h1 h2 h3 figure figcaption svg defs symbol path "
    "pattern rect use g line text desc ul li dl dt dd time table caption thead tbody tr th td details summary pre ins "
    "del i b span code".split()
)


def parsed(text: str) -> ET.Element:
    """Return the tree of a page; raises if a browser would have to repair it."""
    tree: ET.Element = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(text)
    return tree


def words(element: ET.Element) -> str:
    return " ".join(" ".join(element.itertext()).split())


def local(element: ET.Element) -> str:
    return str(element.tag).rpartition("}")[2]


def mixed(hosts: int) -> Report:
    """Return a run with every status, a second apart, of so many hosts."""
    statuses: tuple[Status, ...] = get_args(Status)
    made = []
    for number in range(hosts):
        status = statuses[number % len(statuses)]
        one = (
            ok("x", stdout=b"one\ntwo\n%d\n" % (number % 7))
            if status in ("ok", "failed")
            else failed("x", "dns/timeout")
        )
        if status == "failed":
            one = result("x", Reply(exit_code=1, stderr=b"no\n"))
        fields = {"host": f"web{number:05}", "job_id": number, "status": status, "started": 1795341600.0 + number / 50}
        made.append(replace(one, **fields, worker=number % 3))  # type: ignore[arg-type]
    return report(made, seconds=hosts / 50 + 1)


@cache
def drawn(hosts: int) -> ET.Element:
    """Return the tree of the page of such a run; to read a large one takes a second."""
    return parsed(page(mixed(hosts)))


@pytest.mark.parametrize("run", [report([]), report([ok("a")]), example(), 40, 700, 2500])
def test_the_page_is_valid(run: Report | int) -> None:
    tree = drawn(run) if isinstance(run, int) else parsed(page(run))
    assert {local(element) for element in tree.iter()} <= _ELEMENTS
    ids = [element.attrib["id"] for element in tree.iter() if "id" in element.attrib]
    assert len(ids) == len(set(ids))
    named = {value for element in tree.iter() for key, value in element.attrib.items() if key.startswith("aria-")}
    assert {name for name in named if name != "true"} <= set(ids)


hostile = st.text() | st.sampled_from(
    ["</style><script>alert(1)</script>", "<!--", "]]>", '" onload="x', "\u202e\x1b]0;x\x07", "&lt;b&gt;", "</pre>"]
)


@given(hostile, hostile, hostile.map(lambda said: said.encode("utf-8", "surrogatepass")), st.binary(), hostile)
def test_nothing_that_comes_from_outside_is_more_than_text(
    name: str, message: str, stdout: bytes, stderr: bytes, said: str
) -> None:
    results = [
        replace(ok(f"h{name}", stdout=stdout), started=1795341600.0),
        ok("i", stdout=stderr + b"\na\nb\n", banner=said),
        ok("j", stdout=stderr + b"\na\nc\n"),
        result(name, Failure(stage="exec", kind="denied", message=message, hint=said, stderr=stderr, note=said)),
        result("k", Reply(exit_code=3, stdout=stdout, stderr=stderr)),
    ]
    fields = {"text": said, "targets": name, "inventory": (said,), "user": name, "options": {said: name}, "given": said}
    text = page(report(results, id=said, **fields))  # type: ignore[arg-type]
    tree = parsed(text)
    assert not UNSAFE.search(text)
    assert {local(element) for element in tree.iter()} <= _ELEMENTS
    assert not [key for element in tree.iter() for key in element.attrib if key.startswith("on")]


def test_it_runs_and_loads_nothing() -> None:
    tree = parsed(page(example()))
    assert not [element for element in tree.iter() for key in element.attrib if key in ("src", "style")]
    links = [element.attrib["href"] for element in tree.iter() if "href" in element.attrib]
    assert all(link.startswith("#") for link in links)
    assert "@import" not in sheet.SHEET
    assert set(re.findall(r"url\((.)", sheet.SHEET)) == {"#"}


def test_the_policy_allows_the_one_style_sheet_that_there_is() -> None:
    tree = parsed(page(example()))
    (style,) = tree.iter("style")
    digest = b64encode(sha256((style.text or "").encode()).digest()).decode()
    (policy,) = (meta.attrib["content"] for meta in tree.iter("meta") if "http-equiv" in meta.attrib)
    assert policy == f"default-src 'none'; style-src 'sha256-{digest}'; base-uri 'none'; form-action 'none'"


@pytest.mark.parametrize("number", [3, 1500, 1501, 4000])
def test_every_host_is_in_exactly_one_row_or_counted(number: int) -> None:
    tree = drawn(number)
    tables = [table for table in tree.iter("table") if table.attrib["class"].startswith("hosts")]
    rows = [row for table in tables if table.attrib["class"] == "hosts" for row in table.iter("tr")]
    alone = [words(row.find("th")) for row in rows if row.find("th").attrib["scope"] == "row"]  # type: ignore[union-attr,arg-type]
    folded = [cell for table in tables if "rest-of" in table.attrib["class"] for cell in table.iter("td")]
    counted = sum(int(words(cell).replace(",", "")) for cell in folded if "data-of" in cell.attrib)
    assert len(alone) == len(set(alone)) == min(number, 1500)
    assert len(alone) + counted == number


def test_what_needs_a_look_comes_first() -> None:
    tree = parsed(page(example()))
    table = next(table for table in tree.iter("table") if table.attrib["class"] == "hosts")
    assert [words(row) for row in table.iter("tr")] == [
        "Host Status Cause Time Output",
        "db3 unreachable connect/timeout 10.0 s no answer from 10.0.2.3:22",
        "web07 failed exit 3 0.4 s uname: extra operand",
    ]


def test_the_numbers_are_those_of_the_run() -> None:
    text = words(drawn(2200).find("body"))  # type: ignore[arg-type]
    assert "1,800 of 2,200 hosts are not ok" in text
    assert "ok 200 9.1 %" in text
    assert "2,200 hosts started, at most 50 a second" in text


@pytest.mark.parametrize(("status", "others"), [("ok", ()), ("skipped", ("ok",)), ("failed", ("ok",))])
def test_the_verdict_tells_good_from_bad(status: Status, others: tuple[Status, ...]) -> None:
    results = [replace(ok(name), status=kind) for name, kind in zip("abc", (*others, status), strict=False)]
    text = page(report(results))
    assert ("not ok" in text) is (status == "failed")


def test_a_cause_has_its_hosts_a_message_and_a_hint() -> None:
    tree = parsed(page(example()))
    table = next(table for table in tree.iter("table") if table.attrib["class"] == "causes")
    assert [words(row) for row in table.iter("tr")][1:] == [
        "unreachable connect/timeout 1 db3 no answer from 10.0.2.3:22 check the address and the firewall: "
        "pssh ping db3",
        "failed exit 3 1 web07 uname: extra operand",
    ]


def test_equal_outputs_are_shown_once_and_others_as_differences() -> None:
    run = report([ok("a", b"1\n2\n"), ok("b", b"1\n2\n"), ok("c", b"1\n3\n")])
    tree = parsed(page(run))
    shown = [
        (words(block.find("summary")), block.find("pre").text)
        for block in tree.iter("details")
        if block.find("pre") is not None
    ]  # type: ignore[union-attr,arg-type]
    assert [text for _, text in shown[-3:-1]] == ["1\n2\n", "1\n3\n"]
    assert shown[-1][0] == "c +1 −1"
    assert [element.text for element in tree.iter("del")] == ["-2"]
    assert [element.text for element in tree.iter("ins")] == ["+3"]


def test_a_page_of_very_many_hosts_that_all_say_much_stays_small() -> None:
    numbers = count()
    results = [
        replace(one, job_id=next(numbers), started=1795341600.0 + number / 100)
        for number in range(20_000)
        for one in [ok(f"web{number:05}", stdout=b"%d <&>\n" % number * 200)]
    ]
    assert len(page(report(results, seconds=200.0))) < 5_000_000


def test_a_long_output_loses_its_middle_and_says_so() -> None:
    text = page(report([ok("a", stdout=b"x" * 100_000 + b"end")]))
    assert "52,004 characters left out of this page" in text
    assert "xend" in text


_ONE = [result("a", Reply(exit_code=1))]
REASONS: list[tuple[list[Result], dict[str, str], str]] = [
    ([ok("a")], {}, "every host is ok or was skipped"),
    (_ONE, {}, "the command failed on a host"),
    ([*_ONE, ok("b")], {"exit_rule": "any"}, "one host is ok, and `--exit any` asks for no more"),
    (_ONE, {"exit_rule": "any"}, "the command failed on a host"),
    (_ONE, {"exit_rule": "max"}, "the largest code of a host, by `--exit max`"),
    (_ONE, {"exit_rule": "0"}, "`--exit 0` leaves the hosts out of it"),
    ([failed("a", "worker/bug")], {"exit_rule": "max"}, "something went wrong on our own side"),
    ([failed("a", "connect/timeout")], {}, "a host could not be reached, or let us not in"),
    ([ok("a")], {"stopped": "interrupt"}, "the run was interrupted"),
    ([failed("a", "stop/budget", started=False)], {}, "a rule stopped the run before every host was reached"),
]


@pytest.mark.parametrize(("results", "fields", "reason"), REASONS)
def test_the_exit_code_is_explained(results: list[Result], fields: dict[str, str], reason: str) -> None:
    assert why(replace(report(results), **fields)) == reason  # type: ignore[arg-type]


def _themes() -> list[dict[str, str]]:
    """Return the colours of the light theme, then of the dark one."""
    found = []
    for block in re.findall(r":root\{color-scheme:light dark;(.*?)\}|dark\)\{:root\{(.*?)\}", sheet.SHEET, re.DOTALL):
        pairs = re.findall(r"--([a-z-]+):#([0-9a-f]+)", "".join(block))
        found.append(
            {name: value if len(value) == 6 else "".join(2 * digit for digit in value) for name, value in pairs}
        )
    return found


def _light(color: str) -> float:
    parts = [int(color[place : place + 2], 16) / 255 for place in (0, 2, 4)]
    red, green, blue = (part / 12.92 if part <= 0.03928 else ((part + 0.055) / 1.055) ** 2.4 for part in parts)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def _contrast(one: str, other: str) -> float:
    low, high = sorted((_light(one), _light(other)))
    return (high + 0.05) / (low + 0.05)


@pytest.mark.parametrize("theme", [0, 1])
def test_letters_and_shapes_stand_out_from_their_ground_in_both_themes(theme: int) -> None:
    colors = _themes()[theme]
    for name, ground in [("ink", "card"), ("soft", "card"), ("soft", "ground"), ("soft", "code"), ("ink", "code"),
                         ("link", "card"), ("plus", "plus-ground"), ("minus", "minus-ground")]:  # fmt: skip
        assert _contrast(colors[name], colors[ground]) >= 4.5, (name, ground)
    for status in get_args(Status):
        assert _contrast(colors[status], colors["card"]) >= 3, status
        assert _contrast(colors["mark"], colors[status]) >= 3, status
