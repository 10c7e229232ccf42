"""`pssh sched run`: the loop in the foreground, until it is told to end."""

import select
import signal
import socket
import time
from pathlib import Path

import click

from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.report.safe import safe
from pssh.schedule.folder import JobFolder
from pssh.schedule.lock import Lock
from pssh.schedule.loop import TICK, Loop, line
from pssh.schedule.state import State, StateError

EXAMPLES = """
  pssh sched run jobs/
"""
_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("folder", type=click.Path(path_type=Path))
def command(folder: Path) -> int:
    """Run every job file of FOLDER when it is due, and print a line for each decision, until told to end.

    Files are read again when they change. Ctrl-C or SIGTERM ends the runs under way as Ctrl-C ends a run, and then
    this; a second one has them end at once.
    """
    files, state = JobFolder(folder.resolve()), State()
    lock = Lock(state.folder, f"{files.folder}\0sched")
    if not lock.take():
        pid = lock.holder()
        raise UsageError(f"The jobs of `{folder}` are run already{f' by process {pid}' if pid else ''}")
    with lock.taken():
        return _run(Loop(files, state, _log), _Wake())


class _Wake:
    """Sleep that a signal ends."""

    def __init__(self) -> None:
        self.seen: list[int] = []
        self._read, write = socket.socketpair()
        self._read.setblocking(False)
        write.setblocking(False)
        self._write = write  # kept open
        signal.set_wakeup_fd(write.fileno(), warn_on_full_buffer=False)
        for number in _SIGNALS:
            signal.signal(number, lambda number, frame: self.seen.append(number))

    def sleep(self, seconds: float) -> None:
        if select.select([self._read], [], [], seconds)[0]:
            self._read.recv(4096)


def _run(loop: Loop, wake: _Wake) -> int:
    began = time.monotonic()
    trouble = ""
    while not wake.seen:
        try:
            loop.tick()
            trouble = ""
        except StateError as error:  # a full disk: nothing is begun until there is room again
            if error.message != trouble:
                trouble = error.message
                _log(line({"time": loop.now(), "event": "error", "why": trouble}))
        began = max(began + TICK, time.monotonic())
        wake.sleep(began - time.monotonic() + 0.001)
    told = 0
    while True:
        if len(wake.seen) > told:  # the first asks, each further one asks more firmly
            told = len(wake.seen)
            loop.end()
        if loop.over():
            return 128 + wake.seen[0]
        wake.sleep(0.1)


def _log(said: str) -> None:
    click.echo(safe(said))
