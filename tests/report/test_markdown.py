"""A run as Markdown: a table that no cell can leave, and no markup but ours."""

import re

from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure
from pssh.report.base import Display
from pssh.report.markdown import page, render
from tests.support.inert import acting
from tests.support.runs import example, failed, ok, report, result, shown

TABLE = r"""| HOSTS | N | STATUS | CODE | TIME | OUTPUT |
| --- | ---: | --- | ---: | ---: | --- |
| db3 | 1 | unreachable |  | 10.0 s | connect/timeout: no answer from 10.0.2.3:22 |
| web07 | 1 | failed | 3 | 0.4 s | uname: extra operand |
| db\[1-2\],web\[01-06,08-20\] | 21 | ok | 0 | 0.2 s | 6.1.0-28-amd64 |
"""


def test_a_pipe_table_of_distinct_results() -> None:
    assert shown(example(), Display(format="md", quiet=True, width=40)) == (TABLE, "")


def test_one_row_per_host_when_asked() -> None:
    text = "".join(render(report([ok("b", b"1"), failed("a", "connect/refused", "closed")]), rows="host"))
    assert text.splitlines()[2:] == [
        "| a | unreachable |  | 0.2 s | connect/refused: closed |",
        "| b | ok | 0 | 0.2 s | 1 |",
    ]


def test_a_document_says_what_was_run_and_what_to_do() -> None:
    lines = "".join(page(example())).splitlines()
    assert lines[0] == "# uname -r"
    assert lines[2] == (
        "23 hosts: 21 ok, 1 unreachable, 1 failed · @web,@db · inventory/fleet.toml · 2026-11-22T10:00:00.000Z · "
        "10.3 s · run r42 · exit 4"
    )
    assert "\n".join(lines[4:-2]) + "\n" == TABLE
    assert lines[-1].startswith("- connect/timeout  db3  check the address")


def cells(line: str) -> list[str]:
    """Split a row at the pipes that no backslash stands before, as GitHub does."""
    return re.sub(r"\\.", "", line).split("|")


@given(st.binary(), st.text())
def test_no_cell_leaves_its_row_or_brings_markup_of_its_own(data: bytes, message: str) -> None:
    end = Failure(stage="exec", kind="total", message=message)
    text = "".join(render(report([ok("a", data), result("b|c", end)])))
    lines = text.split("\n")
    assert len(lines) == 5 and all(len(cells(line)) == 8 for line in lines[:4])
    assert not acting(text)
    bare = re.sub(r"\\[!-/:-@\[-`{-~]", "", text)
    assert not re.search(r"[<>`*_~&\[\]\\]", bare)


def test_a_forged_row_is_text() -> None:
    text = "".join(render(report([ok("a", b"x |\n| web99 | 1 | ok |\n<script>")])))
    assert len(text.splitlines()) == 3
    assert r"x \| …" in text
