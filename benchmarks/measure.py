"""Runs one command and says what it cost: wall time, CPU time and peak memory of its whole process tree.

Each measurement is a process of its own, which adopts whatever the command leaves behind (a subreaper) and waits for
it: the kernel's own sum over its children then holds every descendant, also those that nobody else waited for. Memory
is sampled in a run apart, because reading it costs time on the same cores. PSS and not RSS is summed, so that pages
which processes share count once.
"""

import ctypes
import os
import resource
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path

from msgspec import Struct, json

LIMIT = 900.0  # seconds: a command that takes longer has not done its work
_PR_SET_CHILD_SUBREAPER = 36
_PR_SET_PDEATHSIG = 1
_SAMPLE_EVERY = 0.02


class Cost(Struct, frozen=True):
    """What one command took; seconds and bytes. `peak` and `processes` are 0 unless sampled."""

    exit_code: int
    wall: float
    cpu: float
    peak: int = 0
    processes: int = 0
    stderr: str = ""  # its end
    there: float = 0.0  # seconds of CPU of the hosts, if whoever asked has looked


class _Order(Struct, frozen=True):
    argv: list[str]
    env: dict[str, str]
    sample: bool


def measure(argv: Sequence[str], env: Mapping[str, str], *, sample: bool = False) -> Cost:
    """Run `argv` and return its cost."""
    order = json.encode(_Order(list(argv), dict(env), sample))
    done = subprocess.run([sys.executable, "-m", __name__], input=order, stdout=subprocess.PIPE, check=True)
    return json.decode(done.stdout, type=Cost)


def descendants(pid: int) -> Iterator[int]:
    """Yield the processes below `pid`, as far as they are still there."""
    for child in _children(pid):
        yield child
        yield from descendants(child)


def _children(pid: int) -> list[int]:
    """Return the children of all threads of a process; what ends while it is looked at has none."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            with suppress(OSError):
                found += map(int, (task / "children").read_text().split())
    return found


def pss(pid: int) -> int:
    """Return the process's proportional share of memory in bytes, 0 if it is gone."""
    try:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) << 10
    except OSError:
        pass  # it ended, or is a zombie
    return 0


def spent(pid: int) -> float:
    """Return the seconds of CPU of the children that a process has waited for, once it has none any more."""
    deadline = time.monotonic() + 5
    while _children(pid) and time.monotonic() < deadline:
        time.sleep(0.01)
    words = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(words[13]) + int(words[14])) / os.sysconf("SC_CLK_TCK")


class _Sampler(threading.Thread):
    """Watches the tree below this process until it is told to stop."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self.peak = self.processes = 0
        self._over = threading.Event()

    def run(self) -> None:
        while not self._over.wait(_SAMPLE_EVERY):
            sizes = [size for pid in descendants(os.getpid()) if (size := pss(pid))]
            self.peak = max(self.peak, sum(sizes))
            self.processes = max(self.processes, len(sizes))

    def stop(self) -> None:
        self._over.set()
        self.join()


def _run(order: _Order) -> Cost:
    libc = ctypes.CDLL(None)
    libc.prctl(_PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    libc.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
    sampler = _Sampler()
    if order.sample:
        sampler.start()
    with tempfile.TemporaryFile() as stderr:
        began = time.perf_counter()
        process = subprocess.Popen(
            order.argv, env=order.env, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=stderr
        )
        try:
            exit_code = process.wait(LIMIT)
        except subprocess.TimeoutExpired:
            exit_code = -1
        wall = time.perf_counter() - began
        if order.sample:
            sampler.stop()
        _adopt_and_end()
        stderr.seek(max(0, stderr.seek(0, os.SEEK_END) - 500))
        words = stderr.read().decode(errors="replace").strip()
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Cost(exit_code, wall, used.ru_utime + used.ru_stime, sampler.peak, sampler.processes, words)


def _adopt_and_end() -> None:
    """End what the command left behind and wait for it, so that its time is counted too."""
    while True:
        for pid in descendants(os.getpid()):
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


if __name__ == "__main__":
    sys.stdout.buffer.write(json.encode(_run(json.decode(sys.stdin.buffer.read(), type=_Order))))
