"""A worker as the parent sees it: started, spoken to, asked for signs of life, and ended.

Its standard error goes to a pipe whose last part is kept: it is the reason if the worker dies.
"""

import asyncio
import contextlib
import os
import signal
import subprocess
from collections.abc import Callable

from pssh.engine import given, wire
from pssh.engine.link import Link
from pssh.engine.spawn import Spawned
from pssh.engine.spool import Spool
from pssh.model.work import Job, Operation

_STDERR = 4 << 10
_PIPE = 64 << 10  # what a pipe holds: one read empties it
_REAP = 1.0  # seconds; a killed process ends in milliseconds, unless the kernel holds it
_UNANSWERED = 3
_UNREADY = 12  # heartbeats for imports, on a machine that is busy or whose disk is far away


class Process:
    """One worker process."""

    def __init__(self, spawned: Spawned) -> None:
        """Take over a process that was just started; it lives as long as the thread that started it, at most."""
        self.number = -1
        self.ready = False
        self.proved = False  # it brought a job to its command, or to its end
        self.load = self.lanes = 0  # jobs in hand, and how many it may have
        self._why = ""
        self._heard = False
        self._silent = 0  # heartbeats
        self._defined: dict[int, int] = {}  # id of an operation -> the number it was sent under
        self._definitions = 0
        self._stderr = b""
        self._loop: asyncio.AbstractEventLoop | None = None
        self._link: Link | None = None
        self._spool: Spool | None = None
        self._sock, self._errors, self._process = spawned.sock, spawned.errors, spawned.process
        os.set_blocking(self._errors, False)

    @property
    def free(self) -> int:
        """How many jobs more it may have now."""
        return self.lanes - self.load if self.ready and not self._why else 0

    def attach(
        self,
        setup: wire.Setup,
        lanes: int,
        hear: Callable[[wire.FromWorker], None],
        gone: Callable[[str], None],
        turn: Callable[[int], None],
        spool: Spool | None = None,
    ) -> None:
        """Begin to speak with it from the running loop; `spool` is what its commands may read."""
        self.number, self.lanes = setup.number, lanes
        self._loop = asyncio.get_running_loop()
        self._loop.add_reader(self._errors, self._read_errors)

        def turned(size: int) -> None:
            self._heard = True
            turn(size)

        given.send(self._sock, *(spool.file, spool.base) if spool is not None else (None, 0))
        self._link = Link(self._sock, wire.FromWorker, wire.FROM_WORKER, hear, gone, turned)
        self._link.send(setup)
        if spool is not None:
            self._spool = spool
            spool.subscribe(self._send)

    def begin(self, job: Job, attempt: int, *, barrier: bool = False) -> None:
        """Hand over a job. Raises TypeError or ValueError for an operation that cannot cross."""
        number = self._define(job.operation)
        self._send(wire.Work(job.id, job.host, job.connection, number, job.limits, attempt, barrier))
        self.load += 1

    def _define(self, operation: Operation) -> int:
        number = self._defined.get(id(operation))  # the jobs of the run keep every operation alive
        if number is None:
            raw = wire.pack(operation)
            if len(raw) > wire.TO_WORKER - wire.PIECE:
                raise ValueError(f"the operation has {len(raw):,} bytes, above the limit of {wire.TO_WORKER:,}")
            number = self._definitions
            self._send(wire.Define(number, wire.operation_path(operation), raw))
            self._defined[id(operation)] = number
            self._definitions += 1
            if len(self._defined) > wire.DEFINITIONS:  # the worker drops the same one
                del self._defined[next(iter(self._defined))]
        return number

    def stop(self, cause: str, *, running: bool = True) -> None:
        """Have it end every job in hand; unless `running`, only those whose command has not begun."""
        self._send(wire.Stop(cause, running))

    def end_job(self, number: int, cause: str) -> None:
        """Have it end one job."""
        self._send(wire.End(number, cause))

    def release(self) -> None:
        """Have it let every job begin that waits behind the barrier."""
        self._send(wire.Release())

    def pause(self, paused: bool) -> None:
        """Read nothing from it for a while, or go on."""
        if self._link is not None:
            if paused:
                self._link.pause()
            else:
                self._link.resume()

    def beat(self, seconds: float) -> None:
        """Called every so many seconds: ask for a sign of life, or kill it if it has given none for too long."""
        if self._heard:
            self._heard, self._silent = False, 0
        if self._silent >= (_UNANSWERED if self.ready else _UNREADY):
            self.kill(f"it gave no answer for {self._silent * seconds:g} s and was killed")
        elif self.ready:
            self._send(wire.Ping())
        self._silent += 1

    def forgive(self) -> None:
        """Count its silence from now: it was we who did not listen."""
        self._silent = 0

    def kill(self, why: str) -> None:
        """End it; what it had said before is still read, and then the link breaks."""
        if not self._why:
            self._why = why
            self._process.kill()
            # Its end of the socket outlives it where the kernel, or a child that it left, holds on to it.
            asyncio.get_running_loop().call_later(_REAP, self._cut)

    def end(self) -> str:
        """End it and free all it held here, at once; return why it ended."""
        self._process.kill()
        if self._spool is not None:
            self._spool.unsubscribe(self._send)
        if self._loop is not None and self._link is not None:
            self._loop.remove_reader(self._errors)
            self._link.close()
            self._loop = None
        self._sock.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self._process.wait(_REAP)
        self._read_errors()
        os.close(self._errors)
        return self._why or self._reason()

    def _reason(self) -> str:
        lines = self._stderr.decode("utf-8", "replace").split("\n")
        last = next((line.strip() for line in reversed(lines) if line.strip()), "")
        code = self._process.returncode
        if code is None or code >= 0:
            return last or f"it ended with code {code}"
        with contextlib.suppress(ValueError):
            return f"killed by {signal.Signals(-code).name}"
        return f"killed by signal {-code}"

    def _send(self, message: wire.ToWorker) -> None:
        if self._link is not None and not self._link.closed:
            self._link.send(message)

    def _cut(self) -> None:
        if self._link is not None and not self._link.closed:
            self._link.cut()

    def _read_errors(self) -> None:
        try:
            data = os.read(self._errors, _PIPE)
        except BlockingIOError:
            return
        self._stderr = (self._stderr + data)[-_STDERR:]
        if not data and self._loop is not None:  # a pipe without a writer is readable for ever
            self._loop.remove_reader(self._errors)
