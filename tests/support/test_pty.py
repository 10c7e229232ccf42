"""The pty of the suite is a terminal: its size, its keys, and what Ctrl-C does."""

import sys

import pytest

from tests.support.pty import CTRL_C, run_on_pty


def test_a_command_sees_a_terminal_of_the_size_asked_for() -> None:
    screen = run_on_pty(["sh", "-c", "stty size; test -t 0 && test -t 1 && test -t 2; exit $?"], columns=72, rows=20)
    assert (screen.data, screen.exit_code) == (b"20 72\r\n", 0)


def test_the_screen_is_kept_byte_by_byte() -> None:
    screen = run_on_pty([sys.executable, "-c", "import os; os.write(1, b'\\x1b[31mred\\xff\\x00')"])
    assert screen.data == b"\x1b[31mred\xff\x00"


def test_keys_are_typed_once_their_marker_is_there() -> None:
    script = "echo name?; read name; echo hello $name; read bye; echo bye $bye"
    screen = run_on_pty(["sh", "-c", script], keys=[(b"name?", b"ada\r"), (b"hello ada", b"now\r")])
    assert screen.text.endswith("bye now\n")


def test_ctrl_c_interrupts_what_runs_in_the_foreground() -> None:
    script = "trap 'echo caught; exit 130' INT; echo up; while :; do sleep 0.05; done"
    screen = run_on_pty(["sh", "-c", script], keys=[(b"up", CTRL_C)])
    assert screen.exit_code == 130
    assert "caught" in screen.text


def test_a_command_that_does_not_end_is_shown_with_its_screen() -> None:
    with pytest.raises(TimeoutError, match="waiting here"):
        run_on_pty(["sh", "-c", "echo waiting here; sleep 60"], timeout=0.5)
