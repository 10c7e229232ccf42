"""A terminal for a command on this machine: a pair of descriptors, set as our commands want it.

It is 80x24, does not echo, and leaves the line ends of output as they were written, so that output is the same bytes
with and without it.

Why a shell opens it by its name: that makes it the controlling terminal of a process that leads its session, without
code of ours between fork and exec.
"""

import os
import termios

COLUMNS, ROWS, KIND = 80, 24, "dumb"  # the kind makes no program send escape sequences

_ATTACHED = 'exec "$@" <>"$0" >&0 2>&0'


def opened() -> tuple[int, int]:
    """Return our end and the command's; raises OSError."""
    ours, theirs = os.openpty()
    try:
        modes = termios.tcgetattr(theirs)
        modes[1] &= ~termios.ONLCR
        modes[3] &= ~termios.ECHO
        termios.tcsetattr(theirs, termios.TCSANOW, modes)
        termios.tcsetwinsize(theirs, (ROWS, COLUMNS))
    except termios.error as error:
        os.close(ours)
        os.close(theirs)
        raise OSError(*error.args) from None
    return ours, theirs


def attached(theirs: int, argv: list[str | bytes]) -> list[str | bytes]:
    """Return what runs `argv` with this as its controlling terminal; it must be started as the leader of a session."""
    return ["/bin/sh", "-c", _ATTACHED, os.ttyname(theirs), *argv]
