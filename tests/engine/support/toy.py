"""A transport whose sessions do what the words of a command say, for engines under test; runs inside workers."""

import asyncio
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from msgspec import Struct

from pssh.engine.base import Engine, EngineOptions
from pssh.model.event import Event, JobEnded
from pssh.model.host import Connection
from pssh.model.outcome import Failure, Output, Reply, Result
from pssh.model.secret import Secret
from pssh.model.work import Job, Limits, Listener, Session, Transport, TransportError

TOY = {"toy": "tests.engine.support.toy:ToyTransport"}


class Do(Struct, frozen=True):
    """Performs a command of words."""

    text: Any
    label: str = "do"

    async def perform(self, session: Session) -> Reply:
        return await session.exec(self.text)


class ToySession:
    def __init__(self, host: str, limits: Limits, listener: Listener, transport: "ToyTransport") -> None:
        self.seconds: dict[str, float] = {"connect": 0.001}
        self.banner = "SSH-2.0-Toy"
        self._host, self._limits, self._listener, self._transport = host, limits, listener, transport

    async def exec(self, command: str, *, stdin: bytes = b"", quiet: bool = False) -> Reply:
        for step in command.split(";"):
            reply = await self._step(*step.split())
            if reply is not None:
                return reply
        return Reply(exit_code=0)

    async def host_key(self) -> str:
        return "ssh-toy AAAA"

    async def _step(self, word: str, *more: str) -> Reply | None:
        match word, more:
            case "connect", ():
                self._listener.connected()
            case "note", (file,):  # leaves a mark outside, to count by
                with open(file, "a") as out:
                    out.write(f"{self._host}\n")
            case "exit", (code,):
                return Reply(exit_code=int(code))
            case "sleep", (seconds,):
                await asyncio.sleep(float(seconds))
            case "stubborn", (seconds,):  # answers being cancelled with what it has, but takes its time
                try:
                    await asyncio.sleep(3600)
                except asyncio.CancelledError:
                    await asyncio.sleep(float(seconds))
                    raise TransportError(
                        Failure(
                            stage="exec", kind="connection-closed", message="", stdout=b"so far", remote_end="killed"
                        )
                    ) from None
            case "deaf", ():  # cannot be cancelled at all
                while True:
                    try:
                        await asyncio.sleep(3600)
                    except asyncio.CancelledError:
                        pass
            case "print", (size,):
                return Reply(exit_code=0, stdout=b"x" * int(size), stderr=b"y" * int(size))
            case "say", (size,):
                for _ in range(int(size) >> 16):
                    if wait := self._listener.said("stdout", b"z" * (1 << 16)):
                        await wait
            case "learn", ():
                self._listener.learned(f"{self._host} ssh-toy AAAA")
            case "fail", (cause,):
                stage, kind = cause.split("/")
                raise TransportError(Failure(stage=stage, kind=kind, message="as told"))  # type: ignore[arg-type]
            case "fail", (cause, times):
                self._transport.failed[self._host] = self._transport.failed.get(self._host, 0) + 1
                if self._transport.failed[self._host] <= int(times):
                    await self._step("fail", cause)
            case "bug", ():
                raise ZeroDivisionError("a bug\nin two lines")
            case "odd", (what,):
                return {
                    "none": None,
                    "text": "text",
                    "number": Reply(exit_code=1 << 80),
                    "str": Reply(exit_code=0, stdout="s"),
                }[what]  # type: ignore[return-value,arg-type]
            case "surrogate", ():
                return Reply(exit_code=0, note="\udcff")
            case "handshake", (seconds,):
                async with self._transport.slots:
                    await self._step("mark", "+handshake")
                    await asyncio.sleep(float(seconds))
                    await self._step("mark", "-handshake")
            case "die", ():
                os.kill(os.getpid(), signal.SIGKILL)
            case "die-once", (file,):
                if not os.path.exists(file):
                    open(file, "w").close()
                    os.kill(os.getpid(), signal.SIGKILL)
            case "exit-process", ():
                print("the last words", file=sys.stderr)
                os._exit(7)
            case "freeze", ():
                os.kill(os.getpid(), signal.SIGSTOP)
            case "block", (seconds,):
                time.sleep(float(seconds))  # noqa: ASYNC251  a hung loop is what is wanted
            case "garbage", (words,):
                os.write(int(sys.argv[1]), words.encode())
            case "oversized", ():
                os.write(int(sys.argv[1]), b"\x7f\xff\xff\xff")
            case "pid", ():
                return Reply(exit_code=0, stdout=f"{os.getpid()} {os.getpgid(0)} {os.getppid()}".encode())
            case "about", ():
                return Reply(exit_code=0, stdout=self._transport.about().encode())
            case _:
                raise AssertionError(f"not a word: {word}")
        return None


class ToyTransport:
    def __init__(self, secrets: Mapping[str, Secret], connect_limit: int) -> None:
        self.secrets, self.connect_limit = secrets, connect_limit
        self.slots = asyncio.Semaphore(connect_limit)
        self.failed: dict[str, int] = {}

    @asynccontextmanager
    async def open(
        self, host: str, connection: Connection, limits: Limits, listener: Listener
    ) -> AsyncIterator[ToySession]:
        yield ToySession(host, limits, listener, self)

    def about(self) -> str:
        opened = ",".join(f"{name}={secret.reveal()}" for name, secret in self.secrets.items())
        return f"{self.connect_limit} {opened}"


def broken(secrets: Mapping[str, Secret], connect_limit: int) -> Transport:
    raise ImportError("paramiko 4.0 is not supported")


def jobs(*texts: Any, limits: Limits = Limits(), transport: str = "toy") -> list[Job]:
    """One job for each text, `h0`, `h1` ...; equal texts share an operation."""
    operations = {text: Do(text) for text in texts}
    connection = Connection(address="127.0.0.1", user="u", transport=transport, known_hosts=("/kh",))
    return [Job(at, f"h{at}", connection, operations[text], limits) for at, text in enumerate(texts)]


def options(**more: Any) -> EngineOptions:
    return EngineOptions(**{"parallel": 8, "workers": 2, "transports": TOY, **more})


async def events(engine: Engine, work: Sequence[Job]) -> list[Event]:
    return [event async for event in engine.run(work)]


def results(seen: Sequence[Event]) -> list[Result]:
    """The results, by job id."""
    ended = [event.result for event in seen if isinstance(event, JobEnded)]
    return sorted(ended, key=lambda result: result.job_id)


async def run(engine: Engine, work: Sequence[Job]) -> list[Result]:
    return results(await events(engine, work))


def output(result: Result) -> Output:
    return result.end
