"""The list of earlier runs, at any width."""

import pytest
from msgspec.structs import replace

from pssh.report.grid import width_of
from pssh.report.log import Line, log_table
from tests.support.runs import example

RUN = example().run
LINES = [
    Line(
        run=RUN,
        repeats="r41",
        hosts=23,
        counts={"ok": 21, "unreachable": 1, "failed": 1},
        state="ended",
        seconds=10.3,
        exit=4,
    ),
    Line(run=RUN, hosts=1, counts={}, state="running", seconds=None, exit=None),
    Line(run=RUN, hosts=1, counts={"lost": 1}, state="interrupted", seconds=None, exit=None),
]


def test_a_line_says_what_a_run_was_and_how_it_ended() -> None:
    table = log_table(LINES).splitlines()
    assert table[0].split() == ["RUN", "WHEN", "COMMAND", "TARGETS", "N", "RESULT", "TIME", "EXIT"]
    assert table[2].startswith("r42<r41  2026-11-22 ")
    assert table[2].split("  ", 2)[2].split() == "uname -r @web,@db 23 21 ok, 1 unreachable, 1 failed 10.3 s 4".split()
    assert table[3].endswith("   1  running")
    assert table[4].endswith("   1  interrupted: 1 lost")


@pytest.mark.parametrize("width", range(60, 140, 7))
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    assert max(map(width_of, log_table(LINES, width=width).splitlines())) <= width


def test_at_80_columns_the_command_can_be_read_and_the_targets_go() -> None:
    run = replace(RUN, text="systemctl restart nginx", targets="@web")
    line = Line(run=run, hosts=8, counts={"ok": 7, "auth": 1}, state="ended", seconds=1.9, exit=4)
    assert "systemctl restart nginx" in log_table([line], width=80)
    assert "@web" not in log_table([line], width=80) and "@web" in log_table([line], width=100)


def test_no_runs_are_no_table() -> None:
    assert log_table([]) == ""
