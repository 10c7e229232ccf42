"""This machine as a host: commands of `/bin/sh`, without SSH.

Promises: each command is a session and process group of its own, with our environment and working folder; a limit or a
stop ends the whole group by TERM, then KILL, and says what was seen; a background child that holds a stream open costs
the drain time and is left alone, as sshd leaves it.
"""

import asyncio
import contextlib
import math
import os
import signal
import subprocess
from collections.abc import Awaitable, Mapping, Sequence
from types import TracebackType
from typing import Any, Literal, Self, cast

from msgspec.structs import replace

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Phase, Reply
from pssh.model.secret import Secret
from pssh.model.work import Input, Limits, Listener, Prompt, StreamName, TransportError
from pssh.transport import terminal
from pssh.transport.ends import Ends, not_started
from pssh.transport.feed import Feed
from pssh.transport.groups import Groups, signal_through
from pssh.transport.hiding import given
from pssh.transport.printed import Printed
from pssh.transport.prompting import UNASKED, Prompting
from pssh.transport.unveil import unveiled
from pssh.transport.waiting import released

_NAMES: dict[int, StreamName] = {1: "stdout", 2: "stderr"}
_LOOK_AGAIN = 0.02  # seconds to the second look at a group: the kernel tells of its leader's end only
_AFTER_KILL = 0.5  # seconds to see the end of what was killed; a process stuck in the kernel takes longer
_AFTER_SUDO = 2.0  # the same where somebody else is asked to kill it
_CANCELLED = Failure(stage="stop", kind="interrupt", message="the command was ended from outside")


class LocalTransport:
    """Needs secrets for those whom a command becomes and for placeholders only, and no limit on handshakes."""

    def __init__(self, secrets: Mapping[str, Secret], connect_limit: int = 1, jump_limit: int = 1) -> None:
        self._secrets = secrets

    def open(self, host: str, connection: Connection, limits: Limits, listener: Listener) -> "LocalSession":
        return LocalSession(limits, listener, self._secrets)


class LocalSession:
    """Runs one command after the other."""

    def __init__(self, limits: Limits, listener: Listener, secrets: Mapping[str, Secret]) -> None:
        self.seconds: dict[str, float] = {}
        self.banner = ""
        self._limits = limits
        self._listener = listener
        self._secrets = secrets
        self._told = self._closed = False
        self._running: _Command | None = None

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Run nothing more, and kill what still runs."""
        self._closed = True
        if self._running is not None:
            self._running.end(_CANCELLED)
            self._running.kill()

    @property
    def input(self) -> Input:
        return self._listener.input

    async def exec(
        self,
        command: str,
        *,
        stdin: bytes | Input = b"",
        quiet: bool = False,
        tty: bool = False,
        prompt: Prompt | None = None,
    ) -> Reply:
        """Run `/bin/sh -c command`; raises TransportError, also when cancelled: with what was printed until then."""
        if self._closed:
            raise TransportError(Failure(stage="exec", kind="connection-closed", message="the session is closed"))
        hides = given(command, prompt, self._secrets)
        command = unveiled(command, self._secrets)
        if not quiet:
            await released(self._listener)
        if not self._told:
            self._told = True
            self._listener.connected()
        began = asyncio.get_running_loop().time()
        listener = self._listener if self._limits.say and not quiet else None
        feed = Feed(stdin, tty=tty)
        asked = None if prompt is None else Prompting(prompt, self._secrets.get(prompt.secret), feed, tty=tty)
        running = self._running = _Command(self._limits, listener, feed, asked, tty=tty, hides=hides)
        try:
            await running.start(command, stdin)
            began = self._count("open", began)
            return await running.outcome()
        finally:
            self._running = None
            running.leave()
            self._count("run", began)

    async def again(self) -> None:
        """Do nothing: there is no connection to be gone."""

    async def host_key(self) -> str:
        """Raise: there is none."""
        message = "this machine is reached without SSH, so there is no host key"
        raise TransportError(Failure(stage="rule", kind="condition", message=message))

    def end(self, why: Failure) -> None:
        """End the running command; its `exec` raises `why`, completed by what was printed and what became of it."""
        if self._running is not None:
            self._running.end(why)

    def _count(self, phase: Phase, since: float) -> float:
        now = asyncio.get_running_loop().time()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - since
        return now


class _Command(asyncio.SubprocessProtocol):
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
    ) -> None:
        self._limits = limits
        self._feed, self._prompting, self._tty = feed, prompting, tty
        self._printed = Printed(limits.keep, listener, prompting, tty=tty, hides=hides)
        self._ends = Ends()
        self._loop = asyncio.get_running_loop()
        self._open = {1} if tty else set(_NAMES)
        self._silent: asyncio.Future[None] = self._loop.create_future()
        self._exited: asyncio.Future[int] = self._loop.create_future()
        self._why: asyncio.Future[Failure] = self._loop.create_future()
        self._holding: asyncio.Task[None] | None = None  # who shows the output is slower than the command
        self._releasing: asyncio.TimerHandle | None = None
        self._note = ""
        self._again: asyncio.Future[None] = self._loop.create_future()  # the end was asked for a second time
        self._stopped = False
        self._groups: Groups | None = None  # before it runs there are none
        self._helping: asyncio.Task[None] | None = None  # signals those of another user
        self._last = self._told = 0  # the latest signal; the latest that it was told of

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
                    self.end(_CANCELLED)
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
        wait = self._printed.take(_NAMES[fd], data)
        if self._prompting is not None:
            self._ends.move()
            self._tell(self._last)
            if self._prompting.why is not None:
                self._end(self._prompting.why)
        if wait is not None:  # at once, so that nothing more is said until this is over
            pipes = [self._pipe(fd) for fd in self._open]
            for pipe in pipes:
                pipe.pause_reading()
            self._holding = asyncio.ensure_future(self._hold(wait, pipes))

    def pipe_connection_lost(self, fd: int, error: Exception | None) -> None:
        self._open.discard(fd)
        if not self._open and not self._silent.done():
            self._silent.set_result(None)

    def process_exited(self) -> None:
        if not self._exited.done():
            self._exited.set_result(self._transport.get_returncode() or 0)

    def _pipe(self, fd: int) -> asyncio.ReadTransport:
        return self._ends.screen or cast(asyncio.ReadTransport, self._transport.get_pipe_transport(fd))

    async def _hold(self, wait: Awaitable[None], pipes: list[asyncio.ReadTransport]) -> None:
        try:
            await wait
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

    def kill(self) -> None:
        self._signal(signal.SIGKILL)

    async def outcome(self) -> Reply:
        """Return the reply, or raise TransportError with why there is none."""
        why = await self._run()
        if why is not None:
            remote_end = await self._stop()
            raise TransportError(replace(why, remote_end=remote_end, **self._output()))
        await self._drain()
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
                return _CANCELLED
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
        until = self._loop.time() + self._limits.drain
        with contextlib.suppress(asyncio.CancelledError):  # the command has ended, and its reply is at hand
            await self._drained(until)
        if not self._silent.done():
            self._note = "stream-left-open"

    async def _drained(self, until: float) -> None:
        while not self._silent.done() and not self._why.done():
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
        self._tell(number)

    def _tell(self, number: int) -> None:
        """Say which signal it is to get to whoever watches beside the command, once somebody does."""
        self._last = number
        if number != self._told and self._prompting is not None and self._prompting.heeds:
            self._told = number
            self._feed.answer(f"{_signal_name(number)}\n".encode())
            self._ends.move()

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

    def __init__(self, command: _Command) -> None:
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
