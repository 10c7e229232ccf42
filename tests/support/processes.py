"""What the kernel says of processes: children, descriptors, threads, memory, from /proc."""

import os
import time
from collections.abc import Iterable
from pathlib import Path


def parents() -> dict[int, int]:
    """Return the parent of every process that is not a zombie."""
    found = {}
    for name in os.listdir("/proc"):  # noqa: PTH208  hundreds of them, many times a second
        if not name.isdecimal():
            continue
        # The name may hold blanks and brackets; what follows the last bracket does not.
        words = _proc(int(name), "stat").rpartition(b")")[2].split()
        if words and words[0] != b"Z":
            found[int(name)] = int(words[1])
    return found


def _proc(pid: int, file: str) -> bytes:
    """Return what the kernel says of a process, nothing if it has ended."""
    try:
        descriptor = os.open(f"/proc/{pid}/{file}", os.O_RDONLY)
    except OSError:
        return b""
    try:
        said = b""
        while more := os.read(descriptor, 1 << 16):
            said += more
        return said
    except OSError:
        return b""
    finally:
        os.close(descriptor)


def children(pid: int) -> list[int]:
    """Return the living children of a process."""
    return sorted(child for child, parent in parents().items() if parent == pid)


def descendants(pid: int) -> list[int]:
    """Return the living children of a process, theirs, and so on; not the process itself."""
    below: dict[int, list[int]] = {}
    for child, parent in parents().items():
        below.setdefault(parent, []).append(child)
    found = []
    left = [pid]
    while left:
        new = below.get(left.pop(), [])
        found += new
        left += new
    return sorted(found)


def tree(pid: int) -> list[int]:
    """Return a process and all its descendants."""
    return [pid, *descendants(pid)]


def alive(pids: Iterable[int]) -> list[int]:
    """Return which of these processes live; a zombie does not."""
    living = parents()
    return [pid for pid in pids if pid in living]


def gone(pids: Iterable[int], within: float = 2.0) -> bool:
    """Return whether all of these processes end within so many seconds."""
    pids = list(pids)
    end = time.monotonic() + within
    while alive(pids):
        if time.monotonic() > end:
            return False
        time.sleep(0.01)
    return True


def group(leader: int) -> list[int]:
    """Return the living processes of a process group."""
    return sorted(pid for pid in parents() if _group(pid) == leader)


def _group(pid: int) -> int:
    try:
        return os.getpgid(pid)
    except ProcessLookupError:
        return -1


def descriptors(pid: int) -> int:
    """Return how many descriptors a process has open."""
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def threads(pid: int) -> int:
    """Return how many threads a process has."""
    return len(list(Path(f"/proc/{pid}/task").iterdir()))


def rss(*pids: int) -> int:
    """Return the resident memory of these processes in bytes, shared pages counted for each."""
    return sum(_field(pid, "status", "VmRSS:") for pid in pids)


def pss(*pids: int) -> int:
    """Return the memory of these processes in bytes, shared pages divided among their users."""
    return sum(_field(pid, "smaps_rollup", "Pss:") for pid in pids)


def _field(pid: int, file: str, name: str) -> int:
    try:
        lines = Path(f"/proc/{pid}/{file}").read_text().splitlines()
    except (FileNotFoundError, ProcessLookupError):
        return 0  # ended: it holds nothing
    return next((int(line.split()[1]) << 10 for line in lines if line.startswith(name)), 0)


def workers() -> list[int]:
    """Return the worker processes that we started, and none of the servers that serve other tests."""
    return [pid for pid in children(os.getpid()) if b"pssh.engine.worker" in _proc(pid, "cmdline")]


def named(text: str) -> list[int]:
    """Return the living processes whose command line holds `text`, this one left out."""
    wanted = os.fsencode(text)
    return sorted(pid for pid in parents() if wanted in _proc(pid, "cmdline") and pid != os.getpid())
