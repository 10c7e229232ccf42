"""A transport for engines under test: scripted sessions with words more, which need a real worker around them."""

import asyncio
import contextlib
import hashlib
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

from msgspec import Struct

from pssh.engine.base import Engine, EngineOptions
from pssh.model.event import Event, JobEnded
from pssh.model.host import Connection
from pssh.model.outcome import Reply, Result
from pssh.model.rollout import Rollout
from pssh.model.secret import Secret
from pssh.model.work import Input, Job, Limits, Listener, Prompt, Session, Sink, Transport
from pssh.transport.scripted import ScriptedSession, ScriptedTransport

TOY = {
    "toy": "tests.engine.support.toy:ToyTransport",
    "broken": "tests.engine.support.toy:broken",
}
_LINK = 1  # where a worker's arguments name the descriptor of its socket

_ODD: dict[str, Any] = {
    "nothing": None,
    "text": "text",
    "number": Reply(exit_code=1 << 80),
    "types": Reply(exit_code=0, stdout="text"),  # type: ignore[arg-type]  # as an operation without a type checker might
    "surrogate": Reply(exit_code=0, note="\udcff"),
}


class Do(Struct, frozen=True):
    """Performs a command; any text, so that some of it cannot cross the border."""

    text: Any

    @property
    def label(self) -> str:
        return f"do {self.text}"

    async def perform(self, session: Session) -> Reply:
        command = self.text
        if command.startswith("odd "):
            return _ODD[command.removeprefix("odd ")]  # type: ignore[no-any-return]
        if command.startswith("prepare "):  # with a command of its own, before the one that was asked for
            first, _, command = command.removeprefix("prepare ").partition(";")
            await session.exec(f"sleep {first}", quiet=True)
        return await session.exec(command)


class ToySession:
    """Does its own words, which stand first, before the command is requested; a scripted session does the others."""

    def __init__(self, host: str, inner: ScriptedSession, listener: Listener, about: str) -> None:
        self._host, self._inner, self._listener, self._about = host, inner, listener, about
        self.seconds, self.banner, self.end, self.host_key = inner.seconds, inner.banner, inner.end, inner.host_key
        self.again = inner.again
        self.subsystem, self.moved = inner.subsystem, inner.moved

    @property
    def input(self) -> Input:
        return self._inner.input

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
        words = command.split(";")
        while words and (reply := await self._own(*words[0].split())) is not None:
            if isinstance(reply, Reply):
                return reply
            del words[0]
        return await self._inner.exec(";".join(words), stdin=stdin, quiet=quiet, tty=tty, prompt=prompt, sink=sink)

    async def _own(self, word: str, *more: str) -> Reply | bool | None:
        match word, more:
            case "begin", ():
                self._listener.connected()
            case "early", (seconds,):
                await asyncio.sleep(float(seconds))
            case "note", (file,):  # leaves a line outside, to count by
                with Path(file).open("a") as out:  # noqa: ASYNC230  quicker than any thread
                    out.write(f"{self._host}\n")
            case "learn", ():
                self._listener.learned(f"{self._host} ssh-toy AAAA")
            case "deaf", (seconds,):  # cannot be cancelled
                end = asyncio.get_running_loop().time() + float(seconds)
                while (left := end - asyncio.get_running_loop().time()) > 0:
                    with contextlib.suppress(asyncio.CancelledError):
                        await asyncio.sleep(left)
            case "kill", (name,):
                os.kill(os.getpid(), signal.Signals[f"SIG{name}"])
            case "leave", ():
                sys.stderr.write("the last words\n")
                sys.stderr.flush()
                os._exit(7)
            case "system-exit", ():
                sys.exit("by an operation")
            case "input", (most, *pause):  # read to its end, and say what it was
                return Reply(exit_code=0, stdout=await _read(self._listener.input, int(most), *map(float, pause)))
            case "block", (seconds,):
                time.sleep(float(seconds))  # noqa: ASYNC251  a loop that hangs is what is wanted
            case "garbage", (size,):
                os.write(int(sys.argv[_LINK]), int(size).to_bytes(4, "big") + b"\xc1" * 64)
            case "pids", ():
                return Reply(exit_code=0, stdout=f"{os.getpid()} {os.getsid(0)}".encode())
            case "about", ():
                return Reply(exit_code=0, stdout=self._about.encode())
            case _:
                return None
        return True


async def _read(given: Input, most: int, pause: float = 0.0) -> bytes:
    at, digest = 0, hashlib.sha256()
    while (data := given.read(at, most)) != b"":
        if data is None:
            more = asyncio.Event()
            given.when_more(more.set)
            await more.wait()
            continue
        digest.update(data)
        at += len(data)
        await asyncio.sleep(pause)
    return f"{at} {digest.hexdigest()}".encode()


class ToyTransport:
    def __init__(self, secrets: Mapping[str, Secret], connect_limit: int, jump_limit: int = 8) -> None:
        opened = ",".join(f"{name}={secret.reveal()}" for name, secret in secrets.items())
        self._about = f"{connect_limit} {jump_limit} {opened}"
        self._inner = ScriptedTransport(secrets, connect_limit)

    def open(
        self, host: str, connection: Connection, limits: Limits, listener: Listener
    ) -> AbstractAsyncContextManager[ToySession]:
        return self._open(host, connection, limits, listener)

    @asynccontextmanager
    async def _open(
        self, host: str, connection: Connection, limits: Limits, listener: Listener
    ) -> AsyncIterator[ToySession]:
        async with self._inner.open(host, connection, limits, listener) as inner:
            yield ToySession(host, inner, listener, self._about)


def broken(secrets: Mapping[str, Secret], connect_limit: int, jump_limit: int) -> Transport:
    raise ImportError("paramiko 4.0 is not supported")


NO_LIMITS = Limits()


def jobs(*texts: Any, limits: Limits = NO_LIMITS, transport: str = "toy") -> list[Job]:
    """One job for each text, for `h0`, `h1` ...; equal texts share an operation."""
    operations = {text: Do(text) for text in texts}
    connection = Connection(address="127.0.0.1", user="u", transport=transport, known_hosts=("/kh",))
    return [Job(at, f"h{at}", connection, operations[text], limits) for at, text in enumerate(texts)]


def options(**more: Any) -> EngineOptions:
    """Return options for the toys; what a `Rollout` has may be named as well."""
    rollout = {name: more.pop(name) for name in Rollout.__struct_fields__ if name in more}
    return EngineOptions(**{"parallel": 8, "workers": 2, "transports": TOY, "rollout": Rollout(**rollout), **more})


async def events(engine: Engine, work: Sequence[Job]) -> list[Event]:
    return [event async for event in engine.run(work)]


def results(seen: Sequence[Event]) -> list[Result]:
    """The results, by job id."""
    ended = [event.result for event in seen if isinstance(event, JobEnded)]
    return sorted(ended, key=lambda result: result.job_id)


async def run(engine: Engine, work: Sequence[Job]) -> list[Result]:
    return results(await events(engine, work))
