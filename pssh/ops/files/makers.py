"""Names of what is on a file server for a moment, which tell what process of what machine makes it: whether any does.

A file server says nothing of who is at work, and two transfers to one target must not remove each other's. What another
machine has left stays until that machine sends to the same target again.
"""

import os
import re
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from functools import cache
from hashlib import sha256
from pathlib import Path
from secrets import token_hex

_NAME = re.compile(rb"[0-9a-f]{32}(?:\.c([0-9a-f]{8})-(\d{1,10}))?")
_ours: set[bytes] = set()  # names in use by this process


@contextmanager
def name(begins: bytes) -> Iterator[bytes]:
    """Yield a new name, which is in use until the end."""
    made = b"%b%b.c%b-%d" % (begins, token_hex(16).encode(), _machine(), os.getpid())
    _ours.add(made)
    try:
        yield made
    finally:
        _ours.discard(made)


def left(found: bytes, begins: bytes) -> bool:
    """Whether a name is one of ours whose maker is gone."""
    said = _NAME.fullmatch(found.removeprefix(begins)) if found.startswith(begins) else None
    if said is None or found in _ours:
        return False
    if said[1] is None:
        return True
    return said[1] == _machine() and (int(said[2]) == os.getpid() or not _lives(int(said[2])))


def _lives(process: int) -> bool:
    try:
        os.kill(process, 0)
    except (ProcessLookupError, OverflowError):
        return False
    except PermissionError:
        return True
    return process > 0


@cache
def _machine() -> bytes:
    """Return what tells this machine, and in it who is told apart by process numbers, from all others."""
    said = [os.uname().nodename]
    with suppress(OSError):
        said += [Path("/proc/sys/kernel/random/boot_id").read_text(), os.readlink("/proc/self/ns/pid")]
    return sha256("\n".join(said).encode()).hexdigest()[:8].encode()
