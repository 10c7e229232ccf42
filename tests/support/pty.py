"""Runs a command on a terminal of its own: the exact bytes of the screen, and keys pressed at a marker."""

import fcntl
import os
import pty
import select
import struct
import subprocess
import sys
import termios
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.support import command

CTRL_C = b"\x03"


@dataclass(frozen=True)
class Screen:
    """What a terminal received, and how the command ended."""

    data: bytes
    exit_code: int  # negative: the number of the signal
    seconds: float
    after: float  # seconds from the last key to the end

    @property
    def text(self) -> str:
        return self.data.decode(errors="replace").replace("\r\n", "\n")


def run_on_pty(
    argv: Sequence[str | Path],
    *,
    keys: Sequence[tuple[bytes, bytes | int]] = (),
    env: dict[str, str] | None = None,
    cwd: Path | None = None,
    columns: int = 80,
    rows: int = 24,
    timeout: float = 30.0,
) -> Screen:
    """Run a command on a pty and return its screen.

    `keys` is a list of (marker, what to type): each is typed once its marker has appeared after the one before; a
    number makes the terminal that wide instead. Raises TimeoutError with the screen so far.
    """
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", rows, columns, 0, 0))
    began = typed = time.monotonic()
    process = _start([str(word) for word in argv], theirs, env, cwd)
    screen = bytearray()
    seen = 0
    waiting = list(keys)
    try:
        while True:
            left = began + timeout - time.monotonic()
            if left <= 0 or not select.select([ours], [], [], left)[0]:
                raise TimeoutError(f"after {timeout} s the screen is {bytes(screen)!r}, still to type: {waiting}")
            try:
                screen += os.read(ours, 64 << 10)
            except OSError:  # EIO: the last of those who had the terminal open has closed it
                break
            while waiting and (at := screen.find(waiting[0][0], seen)) >= 0:
                seen = at + len(waiting[0][0])
                if isinstance(key := waiting.pop(0)[1], int):
                    fcntl.ioctl(ours, termios.TIOCSWINSZ, struct.pack("HHHH", rows, key, 0, 0))
                else:
                    os.write(ours, key)
                typed = time.monotonic()
        code = process.wait(max(0.1, began + timeout - time.monotonic()))
    finally:
        os.close(ours)
        if process.poll() is None:
            process.kill()
            process.wait()
    now = time.monotonic()
    return Screen(bytes(screen), code, now - began, now - typed)


def _start(argv: list[str], terminal: int, env: dict[str, str] | None, cwd: Path | None) -> command.Process:
    """Start a command on a terminal, which is closed here."""
    if argv[:3] == [sys.executable, "-m", "pssh"] and env is not None and cwd is not None:
        return command.start(argv[3:], [terminal] * 3, cwd, env)
    try:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", "-c", command.TAKE_TERMINAL, *argv],
            stdin=terminal,
            stdout=terminal,
            stderr=terminal,
            env=env,
            cwd=cwd,
            start_new_session=True,
        )
    finally:
        os.close(terminal)
