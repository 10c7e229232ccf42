"""How results are worded."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure, Reply, Result
from pssh.report import words
from pssh.report.grid import width_of
from pssh.report.safe import safe
from tests.support.runs import failed, ok, result


@pytest.mark.parametrize(
    ("one", "line"),
    [
        (ok("a", b"6.1.0\n"), "6.1.0"),
        (ok("a", b"\n\n  up 3 days\r\n"), "  up 3 days"),
        (ok("a", b"one\ntwo\n"), "one …"),
        (ok("a"), ""),
        (ok("a", b"\x1b[31mred"), r"\x1b[31mred"),
        (ok("a", b"a\tb"), "a       b"),
        (result("a", Reply(exit_code=0, stdout=b"out\n", stderr=b"warning\n")), "out"),
        (result("a", Reply(exit_code=0, stderr=b"warning\n")), "warning"),
        (result("a", Reply(exit_code=2, stdout=b"out\n", stderr=b"make: error\n")), "make: error"),
        (result("a", Reply(exit_code=3, stdout=b"inactive\n")), "inactive"),
        (result("a", Reply(signal="SEGV")), "signal SEGV"),
        (result("a", Reply(signal="SEGV", stderr=b"core dumped\n")), "signal SEGV: core dumped"),
        (result("a", Reply(exit_code=0, note="stream-left-open")), "(stream-left-open)"),
        (result("a", Reply(exit_code=0, stdout=b"x", note="stream-left-open")), "x  (stream-left-open)"),
        (result("a", Reply(exit_code=0, stdout=b"x", stdout_cut=999)), "x  (truncated: 1,000 bytes printed)"),
        (failed("a", "connect/refused", "port 22 is closed"), "connect/refused: port 22 is closed"),
        (failed("a", "auth/denied", "said \x1b]0;x\x07"), r"auth/denied: said \x1b]0;x\x07"),
    ],
)
def test_a_row_says_a_cause_or_the_first_line_that_matters(one: Result, line: str) -> None:
    assert words.first_line(one) == line


def test_a_cause_tells_what_became_of_the_command() -> None:
    end = Failure(stage="exec", kind="total", message="no end after 5 s", remote_end="killed")
    assert words.cause(result("a", end)) == "exec/total (killed): no end after 5 s"


def test_a_block_holds_both_streams_and_ends_with_a_newline() -> None:
    block = words.block(Reply(exit_code=0, stdout=b"a\r\n\nb", stderr=b"c"))
    assert words.guttered(block) == "| a\n|\n| b\n--- stderr\n| c\n"


def test_a_block_says_how_much_was_left_out_and_where() -> None:
    block = words.block(Reply(exit_code=0, stdout=b"headtail", stdout_cut=1_072_693_248))
    assert words.guttered(block) == "| head\n… 1,072,693,248 bytes left out …\n| tail\n"
    block = words.block(Reply(exit_code=0, stdout=b"headtail", stdout_cut=7, stdout_at=6))
    assert words.guttered(block) == "| headta\n… 7 bytes left out …\n| il\n"


@given(st.binary(max_size=200))
def test_every_line_of_a_host_stands_behind_the_gutter(data: bytes) -> None:
    block = words.guttered(words.block(Reply(exit_code=0, stdout=data, stderr=data)))
    ours = [line for line in block.splitlines() if not line.startswith("|")]
    assert ours == ([words.STDERR] if data else [""] * (block == "\n"))


@pytest.mark.parametrize(
    ("one", "short"),
    [
        (ok("a"), True),
        (ok("a", b"x"), True),
        (ok("a", b"x\n"), True),
        (ok("a", b"x\ny"), False),
        (ok("a", b"x\n\n"), False),
        (result("a", Reply(exit_code=0, stdout=b"x\n", stderr=b"y\n")), False),
        (result("a", Reply(exit_code=0, stdout=b"x", stdout_cut=7)), False),
        (failed("a", "connect/refused"), True),
        (result("a", Failure(stage="exec", kind="total", message="", stdout=b"so far")), False),
    ],
)
def test_a_table_is_enough_for_one_line(one: Result, short: bool) -> None:
    assert words.is_short(one) is short


@given(st.text(max_size=300) | st.text("ab漢\u0301\t ", max_size=300), st.integers(3, 100))
def test_no_line_of_a_host_is_longer_than_the_terminal_and_nothing_of_it_is_left_out(text: str, width: int) -> None:
    line = safe(text)
    shown = words.behind(line, width).split("\n")
    assert all(width_of(part) <= max(width, 4) for part in shown)
    assert shown[0][:2] in ("|", "| ") and all(part.startswith("|…") for part in shown[1:])
    assert "".join(part[2:] for part in shown) == line.expandtabs()
    assert words.behind(line) == (f"| {line}" if line else "|")


def test_a_very_long_line_is_broken_in_a_moment() -> None:
    assert len(words.behind("x" * 1_000_000, 80).split("\n")) == 12_821
    assert len(words.behind("é" * 100_000, 80).split("\n")) == 1_283
