"""One command on this machine: a session and process group of its own, its streams within its limits, and its end.

Promises: a limit or a stop ends the whole group by TERM, then KILL, and says what was seen; a background child that
holds a stream open costs the drain time and is left alone, as sshd leaves it; a sink has taken everything before there
is a reply.
"""

import asyncio
import math
import os
import signal
import subprocess
from collections import deque
from collections.abc import Awaitable, Sequence
from typing import Any, Literal, cast

from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply
from pssh.model.secret import Secret
from pssh.model.work import Input, Limits, Listener, Sink, StreamName, TransportError
from pssh.transport import terminal
from pssh.transport.ends import Ends, not_started
from pssh.transport.feed import Feed
from pssh.transport.groups import Groups, signal_through
from pssh.transport.printed import BROKEN, Printed
from pssh.transport.prompting import UNASKED, Prompting

_NAMES: dict[int, StreamName] = {1: "stdout", 2: "stderr"}
_LOOK_AGAIN = 0.02  # seconds to the second look at a group: the kernel tells of its leader's end only
_AFTER_KILL = 0.5  # seconds to see the end of what was killed; a process stuck in the kernel takes longer
_AFTER_SUDO = 2.0  # the same where somebody else is asked to kill it
CANCELLED = Failure(stage="stop", kind="interrupt", message="the command was ended from outside")


class Command(asyncio.SubprocessProtocol):
    """One process group, from its start to its end."""

    def __init__(
        self,
        limits: Limits,
        listener: Listener | None,
        feed: Feed,
        prompting: Prompting | None,
        *,
        tty: bool,
        hides: Sequence[Secret],
        sink: Sink | None = None,
    ) -> None:
        self._limits = limits
        self._feed, self._prompting, self._tty = feed, prompting, tty
        feed.on_broken = self._broke
        self._printed = Printed(limits.keep, listener, prompting, tty=tty, hides=hides, sink=sink)
        self._sinks = sink is not None
        self._cause: Exception | None = None  # what the sink or the input raised
        self._ends = Ends()
        self._loop = asyncio.get_running_loop()
        self._open = {1} if tty else set(_NAMES)
        self._silent: asyncio.Future[None] = self._loop.create_future()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._why: asyncio.Future[Failure] = self._loop.create_future()
        self._waits: deque[Awaitable[None]] = deque()
        self._holding: asyncio.Task[None] | None = None  # who shows the output is slower than the command
        self._releasing: asyncio.TimerHandle | None = None
        self._note = ""
        self._again: asyncio.Future[None] = self._loop.create_future()  # the end was asked for a second time
        self._stopped = False
        self._groups: Groups | None = None  # before it runs there are none
        self._helping: asyncio.Task[None] | None = None  # signals those of another user

    # ---- its start

    async def start(self, command: str, stdin: bytes | Input) -> None:
        """Start the command; raises TransportError."""
        prompted = self._prompting is not None
        argv: list[str | bytes] = ["/bin/sh", "-c", command.encode("utf-8", "surrogateescape")]
        try:
            with self._ends.given(stdin, self._feed, tty=self._tty, prompted=prompted, on_moved=self._stir) as given:
                starting = asyncio.ensure_future(
                    self._loop.subprocess_exec(
                        lambda: self,
                        *(terminal.attached(given, argv) if self._tty else argv),
                        stdin=given,
                        stdout=given if self._tty else subprocess.PIPE,
                        stderr=given if self._tty else subprocess.PIPE,
                        start_new_session=True,
                        env={**os.environ, "TERM": terminal.KIND} if self._tty else None,
                    )
                )
                try:
                    await asyncio.shield(starting)
                except asyncio.CancelledError:  # it may run already: asyncio would kill its leader only
                    self.end(CANCELLED)
                    await starting
            await self._ends.connect(_Screen(self))
        except (OSError, ValueError) as error:
            raise TransportError(not_started(error)) from None
        if self._prompting is not None and self._prompting.unasked:
            self._releasing = self._loop.call_later(UNASKED, self._release)

    def _release(self) -> None:
        self._feed.release()
        self._ends.move()

    def _stir(self) -> None:
        self._moved = self._loop.time()

    # ---- what the loop tells

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.SubprocessTransport, transport)
        self._groups = Groups(self._transport.get_pid())
        self._began = self._moved = self._loop.time()

    def pipe_data_received(self, fd: int, data: bytes) -> None:
        self._stir()
        if self._prompting is not None and self._why.done() and not self._prompting.stop():
            self._feed.close()  # an answer might now begin what is to end
        try:
            wait = self._printed.take(_NAMES[fd], data)
        except Exception as error:  # noqa: BLE001  a sink may raise anything, and it ends this command only
            wait = None
            self._broke(error)
        if self._prompting is not None:
            self._ends.move()
            if self._prompting.why is not None:
                self._end(self._prompting.why)
        if wait is not None:
            self._waits.append(wait)
            if self._holding is None:  # at once, so that nothing more is said until this is over
                pipes = [self._pipe(fd) for fd in self._open]
                for pipe in pipes:
                    pipe.pause_reading()
                self._holding = asyncio.ensure_future(self._hold(pipes))

    def pipe_connection_lost(self, fd: int, error: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open and not self._silent.done():
            self._silent.set_result(None)

    def process_exited(self) -> None:
        if not self._exited.done():
            self._exited.set_result(self._transport.get_returncode() or 0)

    def _pipe(self, fd: int) -> asyncio.ReadTransport:
        return self._ends.screen or cast(asyncio.ReadTransport, self._transport.get_pipe_transport(fd))

    async def _hold(self, pipes: list[asyncio.ReadTransport]) -> None:
        try:
            while self._waits:  # what was read before the loop knew its pipes comes in one go
                await self._waits.popleft()
        except Exception as error:  # noqa: BLE001
            self._broke(error)
        finally:
            self._holding = None
            self._moved = self._loop.time()
            for pipe in pipes:
                pipe.resume_reading()

    # ---- its end

    def end(self, why: Failure) -> None:
        """End it; asked again, at once."""
        if self._stopped and not self._again.done():
            self._again.set_result(None)
        self._stopped = True
        self._end(why)

    def _end(self, why: Failure) -> None:
        if not self._why.done():
            self._why.set_result(why)

    def _broke(self, error: Exception) -> None:
        """The sink or the input raised: end the command, and let its caller have that."""
        if not self._why.done():
            self._cause = error
            self._printed.hush()
            self._end(error.failure if isinstance(error, TransportError) else BROKEN)

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    async def outcome(self) -> Reply:
        """Return the reply, or raise TransportError with why there is none."""
        why = await self._run()
        if why is not None:
            remote_end = await self._stop()
            if self._cause is not None and not isinstance(self._cause, TransportError):
                raise self._cause
            raise TransportError(replace(why, remote_end=remote_end, **self._output()))
        await self._drain()
        if self._sinks and self._why.done():  # of content we do not know whether there was more
            if self._cause is not None and not isinstance(self._cause, TransportError):
                raise self._cause
            raise TransportError(replace(self._why.result(), remote_end="exited", **self._output()))
        end = self._printed.judge(self._reply())
        if isinstance(end, Failure):
            raise TransportError(end)
        return end

    async def _run(self) -> Failure | None:
        """Wait for the exit; return why it is not waited for any longer."""
        while not self._exited.done():
            if self._why.done():
                return self._why.result()
            left, overdue = min((self._until_total(), self._until_stall()), key=lambda limit: limit[0])
            if left <= 0:
                return overdue
            try:
                await _first(self._exited, self._why, seconds=left)
            except asyncio.CancelledError:
                return CANCELLED
        return None

    def _until_total(self) -> tuple[float, Failure]:
        total = self._limits.total
        left = self._began + total - self._loop.time() if total else math.inf
        message = f"the command ran longer than {total:g} s (`--timeout`)"
        return left, Failure(stage="exec", kind="total", message=message)

    def _until_stall(self) -> tuple[float, Failure]:
        stall = self._limits.stall
        held = self._holding is not None  # then it is us who stopped the stream
        left = (stall if held else self._moved + stall - self._loop.time()) if stall else math.inf
        message = f"nothing came for {stall:g} s (`--stall`)"
        return left, Failure(stage="exec", kind="stall", message=message)

    async def _drain(self) -> None:
        """Wait for the streams to end, or until the drain time is over with nothing of ours held back."""
        until = self._loop.time() + (self._limits.drain or math.inf)
        if self._prompting is not None:
            self._prompting.dismiss()
            self._ends.move()
        try:
            await self._drained(until)
        except asyncio.CancelledError:  # the command has ended, and its reply is at hand
            if self._sinks:
                self._end(CANCELLED)
        if not self._silent.done():
            self._note = "stream-left-open"

    async def _drained(self, until: float) -> None:
        while not (self._silent.done() and (self._holding is None or not self._sinks)) and not self._why.done():
            left = until - self._loop.time()
            if self._holding is not None:
                await _first(self._holding, self._why)
            elif left <= 0:
                break
            else:
                await _first(self._silent, self._why, seconds=left)

    async def _stop(self) -> Literal["killed", "exited", "left running"]:
        """End its groups, and return what became of it as seen."""
        gone = False
        try:
            self._signal(signal.SIGTERM)
            gone = await self._gone(self._limits.kill_after)
            if not gone:
                self.kill()
                gone = await self._gone(_AFTER_KILL if self._helping is None else _AFTER_SUDO)
        except asyncio.CancelledError:
            self.kill()
        await _first(self._silent, seconds=_LOOK_AGAIN)  # its last words may still be in the pipes
        if not self._exited.done() or not (gone or await self._gone(0)):
            return "left running"
        return "killed" if self._exited.result() < 0 else "exited"

    async def _gone(self, seconds: float) -> bool:
        """Wait so long for the end of the leader, then of the rest of its groups, or until asked for the end again."""
        until, pause = self._loop.time() + seconds, _LOOK_AGAIN
        await _first(self._exited, self._again, seconds=seconds)
        while self._groups is not None and self._groups.live():
            if self._loop.time() >= until or self._again.done():
                return False
            await _first(self._again, seconds=pause)
            pause = min(pause * 2, max(until - self._loop.time(), 0))
        return True

    def _signal(self, number: signal.Signals) -> None:
        groups = self._groups.signal(number) if self._groups is not None else []
        if groups and self._prompting is not None and (words := self._prompting.through):
            self._helping = asyncio.ensure_future(signal_through(words, groups, number))
        if self._prompting is not None:
            self._prompting.tell(_signal_name(number))

    def leave(self) -> None:
        """Close the streams, and kill what was not seen to end: after a second stop, or stuck in the kernel."""
        if not self._exited.done():
            self.kill()
        if self._holding is not None:
            self._holding.cancel()
        if self._releasing is not None:
            self._releasing.cancel()
        self._feed.close()
        self._ends.close()
        if self._groups is not None:
            self._transport.close()

    def _reply(self) -> Reply:
        code = self._exited.result()
        if code < 0:
            return Reply(signal=_signal_name(-code), **self._output())
        return Reply(exit_code=code, **self._output())

    def _output(self) -> dict[str, Any]:
        return {**self._printed.fields(), "note": self._note}


async def _first(*futures: asyncio.Future[Any], seconds: float = math.inf) -> None:
    """Wait for the first of them, or so long; neither cancels any of them."""
    timeout = seconds if seconds < math.inf else None
    await asyncio.wait(futures, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)


class _Screen(asyncio.Protocol):
    """What a terminal shows is the command's one stream."""

    def __init__(self, command: Command) -> None:
        self._command = command

    def data_received(self, data: bytes) -> None:
        self._command.pipe_data_received(1, data)

    def connection_lost(self, error: Exception | None) -> None:
        self._command.pipe_connection_lost(1, error)


def _signal_name(number: int) -> str:
    try:
        return signal.Signals(number).name.removeprefix("SIG")
    except ValueError:  # a real-time signal between the two that have names
        return str(number)
