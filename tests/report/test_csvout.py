"""CSV that a spreadsheet reads, and does not run."""

import csv
import io

from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure, Reply
from pssh.report.base import Display
from pssh.report.csvout import COLUMNS, render
from tests.support.inert import acting
from tests.support.runs import example, failed, ok, report, result, shown


def rows(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text, newline=""), strict=True))


def test_every_host_has_a_row_in_the_order_of_the_targets() -> None:
    text, err = shown(example(), Display(format="csv", quiet=True))
    assert err == ""
    found = rows(text)
    assert [row["host"] for row in found] == [result.host for result in example().results]
    assert tuple(found[0]) == COLUMNS
    assert (found[9]["status"], found[9]["code"], found[9]["stderr"]) == ("failed", "3", "uname: extra operand")
    assert (found[2]["cause"], found[2]["message"]) == ("connect/timeout", "no answer from 10.0.2.3:22")
    assert found[2]["seconds"] == "10.000"


def test_a_row_is_as_rfc_4180_has_it() -> None:
    (first, second) = (ok("a", b'say "hi", you\r\nb\n'), ok("b"))
    assert "".join(render(report([first, second]))).split("\r\n")[1:] == [
        'a,ok,finished,,0,,,,1,,0.200,17,0,false,,,,"say ""hi"", you\nb",',
        "b,ok,finished,,0,,,,1,,0.200,0,0,false,,,,,",
        "",
    ]


def test_a_cell_that_would_be_a_formula_is_text() -> None:
    for data in (b"=1+1", b"+1", b"-1", b"@SUM(A1)", b"\tx"):
        (row,) = rows("".join(render(report([ok("a", data)]))))
        assert row["stdout"].startswith("'"), data
    (row,) = rows("".join(render(report([ok("a", b" =1\n=2")]))))
    assert row["stdout"] == " =1\n=2"
    (row,) = rows("".join(render(report([ok("a", b"\r=1")]))))
    assert row["stdout"] == r"\r=1"
    (row,) = rows("".join(render(report([ok("=a")]))))
    assert row["host"] == "'=a"


def test_what_was_left_out_is_counted_in_its_place() -> None:
    (row,) = rows("".join(render(report([result("a", Reply(exit_code=0, stdout=b"headtail", stdout_cut=7))]))))
    assert (row["stdout"], row["stdout_bytes"], row["truncated"]) == ("head\n… 7 bytes left out …\ntail", "15", "true")


@given(st.binary(), st.text())
def test_whatever_is_said_is_one_row_of_text_that_is_inert(data: bytes, message: str) -> None:
    end = Failure(stage="exec", kind="total", message=message, stdout=data, stderr=data)
    text = "".join(render(report([result("a", end), failed("b", "auth/denied", message)])))
    assert [row["host"] for row in rows(text)] == ["a", "b"]
    assert not acting(text.replace("\r\n", "\n"))
    for row in rows(text):
        assert not any(cell.startswith(("=", "+", "-", "@", "\t", "\r")) for cell in row.values())
