"""Sessions that answer from a script instead of a host: for tests of operations and engines, ours and others'.

An operation is tested by reading the conversation: `ScriptedSession` answers each command with the first reply whose
key is part of it, and `asked` holds every command. Any other command is taken for acts, parted by `;`, so that an
engine's tests need neither host nor network:

    connect N             the handshake takes N seconds, within the connect limit
    fail STAGE/KIND [N]   fail, with N only at a host's first N tries; in a stage before exec nothing was requested
    sleep N, hang         run for N seconds, or for ever
    echo TEXT             a line on stdout
    cat                   what it is given on stdin, to its end
    print N [stderr]      N bytes
    exit N, signal NAME   end so; without it the exit code is 0
    raise                 an exception that nobody foresaw
    die [NAME]            the worker gets the signal, KILL if none is named

Limits, listeners, sinks and `end` are served as a real transport serves them. A subsystem is whatever Duplex the
session was given for it, and is held in `asked` as `subsystem NAME`.
"""

import asyncio
import contextlib
import math
import os
import signal
from collections import Counter
from collections.abc import AsyncIterator, Mapping
from functools import partial
from typing import Any, NoReturn, cast

from msgspec.structs import replace

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply, Stage, StepResult
from pssh.model.output import Heard, printed
from pssh.model.secret import Secret
from pssh.model.work import NO_INPUT, Duplex, Input, Limits, Listener, Prompt, Sink, StreamName, TransportError
from pssh.transport.duplex import no_subsystem
from pssh.transport.feed import Feed
from pssh.transport.waiting import released

Replies = Mapping[str, Reply | Failure]

_BEFORE_EXEC = ("dns", "connect", "banner", "kex", "host-key", "auth", "local")
_PIECE = 64 << 10


class ScriptedSession:
    """One session; a test of an operation makes it without a transport."""

    def __init__(
        self,
        replies: Replies | None = None,
        *,
        key: str = "",
        limits: Limits | None = None,
        listener: Listener | None = None,
        handshakes: asyncio.Semaphore | None = None,
        tries: int = 1,
        subsystems: Mapping[str, Duplex] | None = None,
    ) -> None:
        self.seconds: dict[str, float] = {}
        self.banner = "SSH-2.0-scripted"
        self.asked: list[str] = []  # every command, in order
        self.given: list[bytes] = []  # the standard input of each, as far as it was all there
        self.ttys: list[bool] = []  # whether each was to have a terminal
        self.prompts: list[Prompt | None] = []  # what each might have asked
        self.steps: list[StepResult] = []  # how each ended
        self.ending: Failure | None = None  # why the job is to end, if a test says so
        self.sparing = False  # what runs is not to be ended with the job
        self.connections = 1  # how often it was connected
        self._where = ""  # what stands before its commands in `asked`
        self.moves: list[tuple[int, int]] = []  # what was told of how far content has come
        self._replies = replies or {}
        self._subsystems = subsystems or {}
        self._key = key
        self._limits = limits or Limits()
        self._listener = listener
        self._handshakes = handshakes or asyncio.Semaphore()
        self._tries = tries  # how many sessions this host has had
        self._told = self._closed = False
        self._running: _Scene | None = None

    @property
    def input(self) -> Input:
        return self._listener.input if self._listener is not None else NO_INPUT

    async def exec(
        self,
        command: str,
        *,
        stdin: bytes | Input = b"",
        quiet: bool = False,
        tty: bool = False,
        prompt: Prompt | None = None,
        sink: Sink | None = None,
    ) -> Reply:
        """Return the scripted reply or raise the scripted failure; play the acts of any other command."""
        self.asked.append(self._where + command)
        self.given.append(stdin if isinstance(stdin, bytes) else b"")
        self.ttys.append(tty)
        self.prompts.append(prompt)
        if self._closed:
            raise TransportError(Failure(stage="exec", kind="connection-closed", message="the session is closed"))
        reply = next((reply for words, reply in self._replies.items() if words in command), None)
        acts = [act.split() for act in command.split(";")] if reply is None else []
        feed = Feed(stdin)
        scene = self._running = _Scene(self._limits, None if quiet else self._listener, feed, sink)
        try:
            await self._reach(acts, scene)
            if isinstance(reply, Failure):
                self._raise(reply)
            if self._listener is not None and not quiet:
                await released(self._listener)
            self._connected()
            ending = await (scene.play(acts) if reply is None else scene.answer(reply))
            return ending if sink is None else replace(ending, stdout=b"", stdout_cut=0)
        finally:
            self._running = None
            feed.close()

    async def again(self) -> None:
        """Count one connection more."""
        self.connections += 1
        self._tries += 1

    async def beside(self) -> "ScriptedSession":
        """Return a session of this machine, with the same replies; its commands stand here after `here: `."""
        there = ScriptedSession(self._replies, limits=self._limits, listener=self._listener)
        there.asked, there._where = self.asked, "here: "
        return there

    def step(self, result: StepResult) -> None:
        self.steps.append(result)

    async def subsystem(self, name: str) -> Duplex:
        """Return what the session was given for it; raises TransportError `transfer/no-sftp` if that is nothing."""
        self.asked.append(f"subsystem {name}")
        if name not in self._subsystems:
            raise TransportError(no_subsystem(name, "the script has none"))
        if self._listener is not None:
            await released(self._listener)
        self._connected()
        return self._subsystems[name]

    def moved(self, done: int, total: int) -> None:
        self.moves.append((done, total))
        if self._listener is not None:
            self._listener.moved(done, total)

    async def host_key(self) -> str:
        """Return the key that the session was made with."""
        return self._key

    def end(self, why: Failure) -> None:
        """End the running command; its `exec` raises `why`, completed by what was printed."""
        if self._running is not None:
            self._running.end(why)

    async def close(self) -> None:
        """Leave; from here on every command fails."""
        self._closed = True

    async def _reach(self, acts: list[list[str]], scene: "_Scene") -> None:
        for act in acts:
            match act:
                case ["connect", seconds]:
                    async with self._handshakes:
                        if await scene.idle(float(seconds)):
                            raise TransportError(scene.why.result())
                    self.seconds["connect"] = float(seconds)
                case ["fail", cause, *times] if not times or self._tries <= int(times[0]):
                    stage, _, kind = cause.partition("/")
                    self._raise(Failure(stage=cast(Stage, stage), kind=kind, message=f"scripted {cause}"))

    def _raise(self, failure: Failure) -> NoReturn:
        if failure.stage not in _BEFORE_EXEC:
            self._connected()
        raise TransportError(failure)

    def _connected(self) -> None:
        if self._listener is not None and not self._told:
            self._listener.connected()
        self._told = True


class _Scene:
    """One command that plays its acts within the limits."""

    def __init__(self, limits: Limits, listener: Listener | None, feed: Feed, sink: Sink | None) -> None:
        self._limits = limits
        self._sink = sink
        self._broken: Exception | None = None  # what the input raised
        feed.on_broken = self._break
        self._feed = feed
        self._listener = listener if limits.heard else None
        self._heard: dict[StreamName, Heard] = {"stdout": Heard(limits.keep), "stderr": Heard(limits.keep)}
        self._loop = asyncio.get_running_loop()
        self._began = self._loop.time()
        self.why: asyncio.Future[Failure] = self._loop.create_future()

    def end(self, why: Failure) -> None:
        if not self.why.done():
            self.why.set_result(why)

    async def idle(self, seconds: float, *others: asyncio.Future[Any]) -> bool:
        """Wait so long, or for one of the others, and return whether the command was ended from outside."""
        with contextlib.suppress(asyncio.CancelledError):
            timeout = seconds if seconds < math.inf else None
            await asyncio.wait({self.why, *others}, timeout=timeout, return_when=asyncio.FIRST_COMPLETED)
            return self.why.done()
        self.end(Failure(stage="stop", kind="interrupt", message="the command was ended from outside"))
        return True

    async def play(self, acts: list[list[str]]) -> Reply:
        for act in acts:
            match act:
                case ["sleep", seconds]:
                    await self._pass(float(seconds))
                case ["hang"]:
                    await self._pass(math.inf)
                case ["echo", *words]:
                    await self._say("stdout", " ".join(words).encode("utf-8", "surrogateescape") + b"\n")
                case ["cat"]:
                    await self._cat()
                case ["print", size, *stream]:
                    await self._print(int(size), "stderr" if stream == ["stderr"] else "stdout")
                case ["exit", code]:
                    return Reply(exit_code=int(code), **self._output())
                case ["signal", name]:
                    return Reply(signal=name, **self._output())
                case ["raise"]:
                    raise RuntimeError("nobody foresaw this")
                case ["die", *name]:
                    os.kill(os.getpid(), signal.Signals[f"SIG{name[0] if name else 'KILL'}"])
        return Reply(exit_code=0, **self._output())

    async def answer(self, reply: Reply) -> Reply:
        await self._say("stdout", reply.stdout)
        await self._say("stderr", reply.stderr)
        return reply

    async def _pass(self, seconds: float, *others: asyncio.Future[Any]) -> None:
        total, stall = self._limits.total, self._limits.stall
        due, why = min(
            (seconds, None),
            (self._began + total - self._loop.time() if total else math.inf, "total"),
            (stall or math.inf, "stall"),
            key=lambda pair: pair[0],
        )
        if await self.idle(due, *others):
            raise TransportError(replace(self.why.result(), remote_end="killed", **self._output()))
        if why is not None and not any(other.done() for other in others):
            message = f"the scripted command passed its limit `{why}`"
            raise TransportError(
                Failure(stage="exec", kind=why, message=message, remote_end="killed", **self._output())
            )

    async def _cat(self) -> None:
        while data := await self._given():
            await self._say("stdout", data)

    async def _given(self) -> bytes:
        """Return the next input, empty at its end, once it is there."""
        while True:
            more = self._loop.create_future()
            self._feed.on_more = partial(_wake, more)
            data = self._feed.next(_PIECE)
            if self._broken is not None:
                raise self._broken
            if data is not None:
                return bytes(data)
            await self._pass(math.inf, more)

    async def _print(self, size: int, name: StreamName) -> None:
        piece = b"x" * _PIECE
        while size > 0:
            await self._say(name, piece[:size])
            size -= _PIECE

    def _break(self, error: Exception) -> None:
        self._broken = error

    async def _say(self, name: StreamName, data: bytes) -> None:
        if self._sink is not None and name == "stdout":
            wait = self._sink.write(data) if data else None
            if wait is not None:
                await wait
            return
        self._heard[name].add(data)
        wait = self._listener.said(name, data) if data and self._listener is not None else None
        if wait is not None:
            await wait

    def _output(self) -> dict[str, Any]:
        return printed(self._heard["stdout"], self._heard["stderr"])


def _wake(future: asyncio.Future[None]) -> None:
    if not future.done():
        future.set_result(None)


class ScriptedTransport:
    """Opens scripted sessions; `replies` is by host name, and what it does not name is played."""

    def __init__(
        self,
        secrets: Mapping[str, Secret] | None = None,
        connect_limit: int = 64,
        jump_limit: int = 8,
        *,
        replies: Mapping[str, Replies] | None = None,
    ) -> None:
        self._handshakes = asyncio.Semaphore(connect_limit)
        self._replies = replies or {}
        self._tries: Counter[str] = Counter()

    @contextlib.asynccontextmanager
    async def open(
        self, host: str, connection: Connection, limits: Limits, listener: Listener
    ) -> AsyncIterator[ScriptedSession]:
        self._tries[host] += 1
        session = ScriptedSession(
            self._replies.get(host),
            key=f"ssh-ed25519 scripted-{host}",
            limits=limits,
            listener=listener,
            handshakes=self._handshakes,
            tries=self._tries[host],
        )
        try:
            yield session
        finally:
            await session.close()
