"""A worker process: many lanes in one loop, fed over one socket, gone with its parent.

It ignores SIGINT from its first line and lives in a session of its own, so that Ctrl-C reaches only the parent. It dies
with the parent: by the kernel's signal, and by the end of the socket. It leaves no core dump, since it holds secrets.
"""

import asyncio
import contextlib
import ctypes
import gc
import importlib
import os
import resource
import signal
import socket
import sys
from collections.abc import Callable
from functools import partial
from typing import Any

from msgspec.structs import replace

from pssh import lean, plugins
from pssh.engine import endings, given, wire
from pssh.engine.clock import Clock
from pssh.engine.given import Given
from pssh.engine.lanes import UNUSABLE, Lane, Transports
from pssh.engine.link import Link
from pssh.engine.marks import Marks
from pssh.history.spooled import Spool
from pssh.model.event import Begun, JobEnded
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.output import trim
from pssh.model.work import Job, Operation, Session

# Sessions and lanes break their cycles themselves; below them, garbage is looked for after so many bytes of results.
_COLLECTED_AFTER = 64 << 20
_JOB = 12 << 10  # what a job without output counts
_WORDS = 4 << 10  # of each text in a result that is too large
_SPARE = 64 << 10  # of a frame, for everything but the two streams
_PR_SET_PDEATHSIG, _PR_SET_DUMPABLE, _PR_SET_NAME = 1, 4, 15


class Worker:
    """Takes jobs from the parent and tells it what becomes of them; is the outlet of its lanes."""

    def __init__(self, sock: socket.socket, input: Given | None) -> None:
        self._input = input
        self._number = -1
        self._lanes: dict[int, Lane] = {}
        self._operations: dict[int, Operation] = {}
        self._transports = Transports({}, {}, 1, 1)
        self._clock = Clock()
        self._marks = Marks()
        self._spool: Spool | None = None
        self._sent = 0
        self._released = False
        self._held: list[Callable[[], None]] | None = None  # what begins once all are told of
        self._loop = asyncio.get_running_loop()
        self._link = Link(sock, wire.ToWorker, wire.TO_WORKER, self._hear, lambda why: os._exit(0))
        self.tell = self._link.send
        self.room = self._link.room
        if input is not None:
            input.want = self._want

    def tell_now(self, event: wire.FromLane) -> None:
        self._marks.mark(event)
        if not self._link.send_now(event):
            os._exit(0)  # with the parent gone nobody would know that the command ran

    def _want(self, at: int) -> None:
        self._link.send(wire.Wanted(at))

    def _hear(self, message: wire.ToWorker) -> None:
        match message:
            case wire.Work():
                self._begin(message)
            case wire.Ping():
                self._link.send(wire.Pong())
            case wire.Define():
                self._define(message)
            case wire.Setup():
                self._number = message.number
                self._marks = Marks(message.marks)
                self._spool = Spool(message.spool) if message.spool.path else None
                _allow_files(message.files)
                self._transports = Transports(
                    message.transports, message.secrets, message.connect_limit, message.jump_limit
                )
                for name in message.transports:
                    self._transports.find(name)
                gc.freeze()  # so that a collection passes over what the imports made
                self._link.send(wire.Ready())
            case wire.Stop(cause=cause, running=running):
                for lane in self._lanes.values():
                    lane.stop(cause, running=running)
            case wire.End(id=number, cause=cause):
                if number in self._lanes:  # else it has just ended
                    self._lanes[number].stop(cause)
            case wire.Grown(size=size, ended=ended, broken=broken):
                if self._input is not None:
                    self._input.grown(size, ended, broken)
            case wire.Release():
                self._released = True
                self._release()

    def tell_then(self, event: wire.FromLane, call: Callable[[], None]) -> None:
        self._marks.mark(event)
        if self._held is None:
            self._link.send_then(event, call)
        else:
            self._link.send(event)
            self._held.append(call)

    def _release(self) -> None:
        """Let the commands begin that the barrier held, once the parent will hear of them all."""
        held = self._held = []
        for lane in self._lanes.values():
            lane.release()
        self._held = None
        self._link.send_then(wire.Pong(), partial(self._sweep, held))

    def _sweep(self, begins: list[Callable[[], None]]) -> None:
        """Seal all these commands, and then send them one right behind the other."""
        first = self._clock.now()
        _hasten(True)
        for begin in begins:
            begin()
        self._loop.call_soon(self._swept, first)

    def _swept(self, first: float) -> None:
        self._link.send(Begun(first, self._clock.now()))
        _hasten(False)

    def _define(self, message: wire.Define) -> None:
        self._operations[message.number] = _operation(message)
        if len(self._operations) > wire.DEFINITIONS:
            del self._operations[next(iter(self._operations))]

    def _begin(self, work: wire.Work) -> None:
        operation = self._operations[work.operation]
        transport = self._transports.find(work.connection.transport)
        job = Job(work.id, work.host, work.connection, operation, work.limits)
        barrier = work.barrier and not self._released
        lane = Lane(
            *(job, self, self._clock),
            attempt=work.attempt,
            worker=self._number,
            barrier=barrier,
            input=self._input,
            here=partial(self._transports.find, "local"),
            spool=self._spool,
        )
        if isinstance(transport, Failure):
            self._end(lane, lane.result(transport))
        else:
            self._lanes[work.id] = lane
            self._loop.create_task(lane.run(transport)).add_done_callback(partial(self._ended, lane))

    def _ended(self, lane: Lane, task: asyncio.Task[Result]) -> None:
        del self._lanes[lane.job.id]
        self._end(lane, task.result())

    def _end(self, lane: Lane, result: Result) -> None:
        """Send a result that the parent can read and that fits, whatever an operation put into it."""
        try:
            raw = wire.pack(JobEnded(result))
            if len(raw) > wire.FROM_WORKER:
                raw = wire.pack(JobEnded(_fitting(result)))
            wire.unpack(raw, wire.FromWorker)
        except (ValueError, TypeError, OverflowError, RecursionError) as error:
            raw = wire.pack(JobEnded(lane.result(endings.bug(error))))
        self._link.send_raw(raw)
        self._sent += len(raw) + _JOB
        if self._sent > _COLLECTED_AFTER:
            self._sent = 0
            gc.collect()


class _Unusable:
    """Stands for an operation that could not be read here, and says so for each of its jobs."""

    label = ""

    def __init__(self, error: Exception) -> None:
        self._error = error

    async def perform(self, session: Session) -> Reply:
        raise self._error


def _operation(message: wire.Define) -> Operation:
    try:
        operation: Operation = wire.unpack(message.raw, plugins.resolve(message.path))
        return operation
    except (ImportError, AttributeError, ValueError, TypeError) as error:
        return _Unusable(error)


def _fitting(result: Result) -> Result:
    """Return the result with its streams and texts cut to what one frame holds."""
    end = trim(result.end, (wire.FROM_WORKER - _SPARE) // 2)
    end = replace(end, note=end.note[:_WORDS])
    if isinstance(end, Failure):
        end = replace(end, message=end.message[:_WORDS], hint=end.hint[:_WORDS], detail=end.detail[:_WORDS])
    return replace(result, end=end, banner=result.banner[:_WORDS])


def _bind_to_parent() -> None:
    """Die with the parent, dump nothing, and have a name of our own in the process table."""
    if sys.platform == "linux":
        prctl = ctypes.CDLL(None).prctl
        prctl(_PR_SET_NAME, b"pssh-worker")
        prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        prctl(_PR_SET_DUMPABLE, 0)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def _allow_files(count: int) -> None:
    """Raise the limit of open files, but no further than needed: a command on this machine inherits it."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _hasten(wanted: bool) -> None:
    """Go before all others for a moment, where we may, which is on Linux as root.

    Each command that leaves wakes its host's server: with 500 hosts on this machine these took the processors, and the
    last command left 0.9 s after the first. Niceness is of no use there: it counts within one session only.
    """
    if sys.platform == "linux":
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_FIFO if wanted else os.SCHED_OTHER, os.sched_param(int(wanted)))


def _ignore(number: int, frame: object) -> None:
    """Stands where SIG_IGN stood until now, which commands on this machine would inherit."""


def _fail(loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
    """End the process at a bug in a callback: a job may wait for it for ever, and the parent accounts for the dead."""
    loop.default_exception_handler(context)
    if "handle" in context:
        os._exit(1)


async def _serve(sock: socket.socket, input: Given | None) -> None:
    loop = asyncio.get_running_loop()
    loop.set_exception_handler(_fail)
    worker = Worker(sock, input)
    await loop.create_future()
    del worker


def main(arguments: list[str], *, spare: bool = False) -> None:
    """Run a worker; `arguments`: the socket's descriptor, and the transports and modules to import before all else.

    A `spare` one imports nothing until the parent wants it.
    """
    signal.signal(signal.SIGINT, _ignore)
    gc.disable()
    _bind_to_parent()
    descriptor, preload = arguments
    sock = socket.socket(fileno=int(descriptor))
    if not spare:
        _import(preload)
    with contextlib.suppress(EOFError):  # the parent is gone before it had any work
        input = given.receive(sock)
        if spare:
            _import(preload)
        asyncio.run(_serve(sock, input))


def _import(preload: str) -> None:
    for name in filter(None, preload.split(",")):
        with contextlib.suppress(*UNUSABLE), lean.without("invoke"):  # the job that asks for it is told
            if "." in name:
                importlib.import_module(name)
            else:
                plugins.find("pssh.transports", name)
