"""This machine as a host: commands of `/bin/sh`, without SSH.

Promises: each command has our environment and working folder; leaving the session kills what still runs. The subsystem
`sftp` is the server that OpenSSH brings, where there is one.
"""

import asyncio
import shlex
import shutil
from collections.abc import Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Phase, Reply
from pssh.model.secret import Secret
from pssh.model.work import Duplex, Input, Limits, Listener, Prompt, Sink, TransportError
from pssh.transport.duplex import Piped, no_subsystem
from pssh.transport.feed import Feed
from pssh.transport.hiding import given
from pssh.transport.process import CANCELLED, Command
from pssh.transport.prompting import Prompting
from pssh.transport.unveil import unveiled
from pssh.transport.waiting import released

# Where the systems that we know of have it.
_SFTP = "/usr/lib/openssh /usr/libexec/openssh /usr/libexec /usr/lib/ssh /usr/lib/misc /usr/local/libexec".split()


class LocalTransport:
    """Needs secrets for those whom a command becomes and for placeholders only, and no limit on handshakes."""

    def __init__(self, secrets: Mapping[str, Secret], connect_limit: int = 1, jump_limit: int = 1) -> None:
        self._secrets = secrets

    def open(self, host: str, connection: Connection, limits: Limits, listener: Listener) -> "LocalSession":
        return LocalSession(limits, listener, self._secrets)


class LocalSession:
    """Runs commands, most of them one after the other."""

    def __init__(self, limits: Limits, listener: Listener, secrets: Mapping[str, Secret]) -> None:
        self.seconds: dict[str, float] = {}
        self.banner = ""
        self._limits = limits
        self._listener = listener
        self._secrets = secrets
        self._told = self._closed = False
        self._running: list[Command] = []
        self._piped: list[Piped] = []

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Run nothing more, and kill what still runs."""
        self._closed = True
        for running in tuple(self._running):
            running.end(CANCELLED)
            running.kill()
        for piped in self._piped:
            await piped.abandon()

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
        sink: Sink | None = None,
    ) -> Reply:
        """Run `/bin/sh -c command`; raises TransportError, also when cancelled: with what was printed until then."""
        hides = given(command, prompt, self._secrets)
        command = unveiled(command, self._secrets)
        listener = self._listener if self._limits.heard and not quiet else None
        feed = Feed(stdin, tty=tty)
        asked = None if prompt is None else Prompting(prompt, self._secrets.get(prompt.secret), feed, tty=tty)
        make = partial(Command, self._limits, listener, feed, asked, tty=tty, hides=hides, sink=sink)
        return await self._run(make, command, stdin, quiet=quiet)

    async def subsystem(self, name: str) -> Duplex:
        """Start the program that is the subsystem; raises TransportError `transfer/no-sftp` if there is none."""
        program = _server(name)
        if program is None:
            raise TransportError(no_subsystem(name, f"there is no `{name}-server` on this machine"))
        piped = Piped(name, self._limits.stall)
        limits = replace(self._limits, stall=0.0)
        make = partial(Command, limits, None, Feed(piped.outbox), None, tty=False, hides=(), sink=piped.inbox)
        self._piped.append(piped)
        await piped.run(self._run(make, f"exec {shlex.quote(program)}", piped.outbox, piped=piped))
        return piped

    def moved(self, done: int, total: int) -> None:
        self._listener.moved(done, total)

    async def _run(
        self,
        make: Callable[[], Command],
        command: str,
        stdin: bytes | Input,
        *,
        quiet: bool = False,
        piped: Piped | None = None,
    ) -> Reply:
        if self._closed:
            raise TransportError(Failure(stage="exec", kind="connection-closed", message="the session is closed"))
        if not quiet:
            await released(self._listener)
        if not self._told:
            self._told = True
            self._listener.connected()
        began = asyncio.get_running_loop().time()
        running = make()
        self._running.append(running)
        try:
            await running.start(command, stdin)
            began = self._count("open", began)
            if piped is not None:
                piped.started()
            return await running.outcome()
        finally:
            self._running.remove(running)
            running.leave()
            self._count("run" if piped is None else "transfer", began)

    async def again(self) -> None:
        """Do nothing: there is no connection to be gone."""

    async def host_key(self) -> str:
        """Raise: there is none."""
        message = "this machine is reached without SSH, so there is no host key"
        raise TransportError(Failure(stage="rule", kind="condition", message=message))

    def end(self, why: Failure) -> None:
        """End the running command; its `exec` raises `why`, completed by what was printed and what became of it."""
        for running in tuple(self._running):
            running.end(why)

    def _count(self, phase: Phase, since: float) -> float:
        now = asyncio.get_running_loop().time()
        self.seconds[phase] = self.seconds.get(phase, 0.0) + now - since
        return now


def _server(name: str) -> str | None:
    """Return the program that serves a subsystem over its standard streams, as sshd would start it."""
    path = ":".join(_SFTP) if name == "sftp" else ""
    return shutil.which(f"{name}-server", path=path) or shutil.which(f"{name}-server")
