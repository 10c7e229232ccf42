"""The terminal: how wide it is, whether colour is wanted, and the questions that only a person can answer.

Questions go to `/dev/tty` and nowhere else: stdin may be a pipe, and its bytes are not an answer.
"""

import os
import stat
import sys
import termios
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import BinaryIO, TextIO

from pssh.errors import UsageError
from pssh.model.secret import Secret


def wants_color(choice: str, environ: Mapping[str, str], is_terminal: bool) -> bool:
    """Decide by `--color`, NO_COLOR, FORCE_COLOR, TERM and whether it is a terminal, in this order."""
    if choice != "auto":
        return choice == "always"
    if environ.get("NO_COLOR"):
        return False
    if environ.get("FORCE_COLOR"):
        return True
    return is_terminal and environ.get("TERM") != "dumb"


def width(stream: TextIO) -> int:
    """Return the columns of a stream, 0 if it is no terminal and none were said: then nothing is cut."""
    if (said := os.environ.get("COLUMNS", "")).isdecimal() and int(said):
        return int(said)
    with suppress(OSError, ValueError):
        return os.get_terminal_size(stream.fileno()).columns
    return 0


def size() -> tuple[int, int]:
    """Return the columns and rows of stderr as they are now, 0 for what is not known."""
    rows = 0
    with suppress(OSError, ValueError):
        rows = os.get_terminal_size(sys.stderr.fileno()).lines
    return width(sys.stderr), rows


def is_ours() -> bool:
    """Whether keys may be read while a run goes on: stdin is the terminal, and no pager that reads keys gets stdout."""
    return sys.stdin.isatty() and not stat.S_ISFIFO(os.fstat(sys.stdout.fileno()).st_mode)


def is_typed(source: str) -> bool:
    """Whether this input of the commands is what somebody types."""
    return source == "-" and sys.stdin.isatty()


def streams() -> tuple[BinaryIO, BinaryIO]:
    """Return stdout and stderr for bytes, with nothing of ours left in their text layers."""
    sys.stdout.flush()
    sys.stderr.flush()
    return sys.stdout.buffer, sys.stderr.buffer


def ask_secret(prompt: str) -> Secret | None:
    """Return what was typed without showing it; None where there is no terminal. Raises UsageError at Ctrl-D."""
    answer = _asked(prompt, shown=False)
    return None if answer is None else Secret(answer)


def ask_yes(prompt: str) -> bool | None:
    """Return whether the answer was yes; None where there is no terminal. Raises UsageError at Ctrl-D."""
    answer = _asked(prompt, shown=True)
    return None if answer is None else answer.strip().lower() in ("y", "yes")


def ask_line(prompt: str) -> str | None:
    """Return what was typed; None where there is no terminal. Raises UsageError at Ctrl-D."""
    return _asked(prompt, shown=True)


def present() -> bool:
    """Whether there is a terminal to ask on."""
    try:
        os.close(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY))
    except OSError:
        return False
    return True


def _asked(prompt: str, *, shown: bool) -> str | None:
    try:
        terminal = os.fdopen(os.open("/dev/tty", os.O_RDWR | os.O_NOCTTY), "r+b", buffering=0)
    except OSError:
        return None
    with terminal:
        with _echo(terminal.fileno(), shown):  # before the prompt: what was typed ahead of it is no answer to it
            terminal.write(prompt.encode("utf-8", "backslashreplace"))
            line = terminal.readline()
        if not (shown and line):
            terminal.write(b"\n")
    if not line:
        raise UsageError("The question was not answered")
    return line.rstrip(b"\r\n").decode("utf-8", "surrogateescape")


@contextmanager
def _echo(fd: int, wanted: bool) -> Iterator[None]:
    """Show what is typed from now on, or do not; afterwards the terminal is as it was."""
    before = termios.tcgetattr(fd)
    during = [*before]
    if not wanted:
        during[3] &= ~termios.ECHO
    termios.tcsetattr(fd, termios.TCSAFLUSH, during)
    try:
        yield
    finally:
        termios.tcsetattr(fd, termios.TCSADRAIN, before)
