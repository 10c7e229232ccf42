"""Open sessions on hosts over SSH: addresses, the handshake within its limits, the host key decision, and the login.

Promises: the host key is decided before any byte of authentication; connecting and logging in have a deadline each on
the monotonic clock, and waiting for a handshake slot does not count; what was not requested is `unreachable`,
`host-key` or `auth`, what may have run and has no end is `lost`. A session connects at its first command, so that the
command's channel is opened together with the login; what is asked for meanwhile waits for that. What a host that
allows one channel per connection refuses goes over another connection, as soon as or as long as there is no other way.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable, Mapping
from functools import partial
from types import TracebackType
from typing import Self

from msgspec.structs import replace

from pssh.model.host import Connection, Hop
from pssh.model.outcome import Failure, Phase, Reply
from pssh.model.secret import Secret
from pssh.model.work import Duplex, Input, Limits, Listener, Prompt, Sink, TransportError
from pssh.transport.duplex import Piped
from pssh.transport.hiding import given
from pssh.transport.ssh.approach import Approach
from pssh.transport.ssh.auth import Login
from pssh.transport.ssh.channel import OpenRefused
from pssh.transport.ssh.credentials import Keyring
from pssh.transport.ssh.driver import Channel, Driver
from pssh.transport.ssh.exec import Exec
from pssh.transport.ssh.failures import Closed, ended, timed_out
from pssh.transport.ssh.hearing import Once, OnTheWay
from pssh.transport.ssh.hostkeys import HostKeys
from pssh.transport.ssh.link import Link
from pssh.transport.ssh.passage import Passage, Passages
from pssh.transport.ssh.resolve import Resolver
from pssh.transport.ssh.slots import PER_ADDRESS, Slots
from pssh.transport.ssh.tunnel import Tunnel
from pssh.transport.ssh.verify import Scan, Verifier
from pssh.transport.ssh.watch import Watch
from pssh.transport.unveil import unveiled

_CANCELLED = Failure(stage="stop", kind="interrupt", message="the command was ended")


class SSHTransport:
    """Everything that the sessions of one worker share."""

    def __init__(self, secrets: Mapping[str, Secret], connect_limit: int, jump_limit: int = PER_ADDRESS) -> None:
        self.secrets = secrets
        self.keyring = Keyring(secrets)
        self.resolver = Resolver()
        self.slots = Slots(connect_limit, jump_limit)
        self.watch = Watch()
        self._host_keys: dict[tuple[str, ...], HostKeys] = {}
        self._passages = Passages()
        self.close = self._passages.close

    def open(self, host: str, connection: Connection, limits: Limits, listener: Listener) -> "SSHSession":
        return SSHSession(self, host, connection, limits, listener)

    def host_keys(self, files: tuple[str, ...]) -> HostKeys:
        """Return the index of these known_hosts files, read once."""
        if files not in self._host_keys:
            self._host_keys[files] = HostKeys.load(files)
        return self._host_keys[files]

    async def passage(self, hop: Hop, learned: Callable[[str], None]) -> Passage:
        """Return the way through a jump host; raises TransportError."""
        hears = OnTheWay(learned)
        return await self._passages.ready(hop, lambda: SSHSession(self, hop.name, hop.connection, Limits(), hears))


class SSHSession:
    """One connection to one host, made when it is first used."""

    def __init__(
        self, transport: SSHTransport, host: str, connection: Connection, limits: Limits, listener: Listener
    ) -> None:
        self.seconds: dict[str, float] = {}
        self.banner = ""
        self._transport, self._host = transport, host
        self._connection = connection
        # Whoever is on the way to a host that is not checked would read them.
        self._secrets = transport.secrets if connection.host_keys != "off" else {}
        self._limits = limits
        self._listener = Once(listener)
        self._verifier = Verifier(host, connection, transport.host_keys(connection.known_hosts), listener.learned)
        self._approach = Approach(transport, connection, listener.learned)
        self._telling: asyncio.Task[None] | None = None
        self._up: asyncio.Future[None] | None = None
        self._loop = asyncio.get_running_loop()
        self._driver: Driver | None = None
        self._link: Link | None = None
        self._running: list[Exec] = []
        self._piped: list[Piped] = []
        self._beside: SSHSession | None = None  # another connection, where this one allows no further channel
        self._entry = asyncio.Lock()  # held by who connects, until others may use the connection
        self._entering: object = None  # who holds it
        self._timer: asyncio.TimerHandle | None = None
        self._phase, self._since = "", 0.0
        self._slot = False
        self._gone: Exception = Closed()  # what ended the connection, for who comes later
        self._cautious = False  # send nothing behind a login request

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.leave()
        for piped in self._piped:
            await piped.abandon()
        if self._beside is not None:
            await self._beside.__aexit__(kind, error, traceback)

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
        """Run a command with the host's shell; raises TransportError. Cancelled, it first ends the command."""
        hides = given(command, prompt, self._secrets)
        make = partial(
            Exec,
            command=unveiled(command, self._secrets),
            stdin=stdin,
            limits=self._limits,
            listener=self._listener,
            quiet=quiet,
            tty=tty,
            prompt=prompt,
            secrets=self._secrets,
            hides=hides,
            sink=sink,
        )
        return await self._somewhere(make, "run")

    async def subsystem(self, name: str) -> Duplex:
        """Open a subsystem on a channel of its own; raises TransportError `transfer/no-sftp` if there is none."""
        piped = Piped(name, self._limits.stall)
        make = partial(
            Exec,
            command=name,
            stdin=piped.outbox,
            limits=replace(self._limits, stall=0.0, say=False),
            listener=self._listener,
            quiet=False,
            sink=piped.inbox,
            subsystem=piped.started,
        )
        self._piped.append(piped)
        await piped.run(self._somewhere(make, "transfer"))
        return piped

    def moved(self, done: int, total: int) -> None:
        self._listener.moved(done, total)

    async def again(self) -> None:
        """Leave the connection, whatever became of it: the next command makes a new one."""
        self.leave()
        if self._beside is not None:
            await self._beside.again()

    async def host_key(self) -> str:
        """Return the host's proven key as `type base64`, ending the connection before any login."""
        scan = Scan()
        driver = self._driver = Driver(scan, scan.check, known=self._verifier.known)
        scan.attach(driver)
        await self._dial(driver)
        return await scan.done

    async def up(self) -> None:
        """Connect and log in, and run nothing; raises TransportError."""
        self._up = self._loop.create_future()
        await self._dial(await self._prepare())
        await self._up

    @property
    def alive(self) -> bool:
        """Whether it is connected."""
        return self._link is not None

    async def tunnel(self, address: str, port: int) -> socket.socket:
        """Have the host connect to an address, once it is `up`; raises OpenRefused, or what ended the connection."""
        if self._driver is None or self._link is None:
            raise self._gone
        return await Tunnel(self._driver, address, port).open()

    def end(self, why: Failure) -> None:
        """End what runs; its `exec` raises `why`, completed by what was printed and what became of the command."""
        for running in tuple(self._running):
            running.end(why)
        if self._beside is not None:
            self._beside.end(why)

    async def _somewhere(self, make: Callable[[Driver], Exec], phase: Phase) -> Reply:
        """Run a command on the connection, made if there is none, or on another one if this is refused."""
        who = object()
        await self._entry.acquire()
        self._entering = who
        fresh = self._driver is None
        try:
            try:
                return await self._run(make, phase, who)
            except OpenRefused as error:
                if fresh:
                    raise TransportError(error.failure) from None
                if self._running:
                    return await self._aside(make, phase)
            except TransportError as error:
                if not fresh or not self._was_piped(error.failure):
                    raise
                self._cautious = True
            # Either the host allows one session per connection, or it hung up over what came behind the login request:
            # both mean that nothing was run, and another connection may do.
            self.leave()
            return await self._again(make, phase)
        finally:
            self._admit(who)

    async def _again(self, make: Callable[[Driver], Exec], phase: Phase) -> Reply:
        try:
            return await self._run(make, phase, None)
        except OpenRefused as error:
            raise TransportError(error.failure) from None

    async def _aside(self, make: Callable[[Driver], Exec], phase: Phase) -> Reply:
        if self._beside is None:
            self._beside = SSHSession(self._transport, self._host, self._connection, self._limits, self._listener)
        return await self._beside._somewhere(make, phase)

    def _admit(self, who: object = None) -> None:
        """Let others use the connection; `who`: only if it is he who holds them up."""
        if self._entering is not None and who in (None, self._entering):
            self._entering = None
            self._entry.release()

    async def _run(self, make: Callable[[Driver], Exec], phase: Phase, who: object) -> Reply:
        fresh = self._driver is None
        driver = self._driver or await self._prepare()
        since = self._loop.time()
        running = make(driver)
        self._running.append(running)
        try:
            if fresh:
                await self._dial(driver)
            elif self._link is None:
                running.fail(self._gone)
            else:
                running.logged_in()
                driver.open(running)
                self._admit(who)
            return await self._outcome(running)
        finally:
            self._running.remove(running)
            running.let_go()
            if running.answered:
                self._add("open", running.answered - max(since, self._since))
                self._add(phase, self._loop.time() - running.answered)

    async def _outcome(self, running: Exec) -> Reply:
        """Wait for the reply; whoever cancels that, however often, ends the command."""
        while True:
            try:
                return await running.done
            except asyncio.CancelledError:
                if self._link is None or not running.sent:
                    raise
                running.end(_CANCELLED)

    async def _prepare(self) -> Driver:
        credentials = await self._transport.keyring.credentials(self._connection)
        login = Login(self._connection.user, credentials, asyncio.ensure_future)
        self._driver = Driver(
            login,
            self._verifier.check,
            known=self._verifier.known,
            single=login.single,
            cautious=self._cautious,
            speculate=self._connection.speculate,
        )
        return self._driver

    async def _dial(self, driver: Driver) -> None:
        try:
            sock, deadline = await self._approach.go(self._enter)
        except TimeoutError:
            seconds = self._connection.connect_timeout
            raise TransportError(timed_out(self._phase, seconds, self._approach.destination, [])) from None
        self._enter("banner")
        self._timer = self._loop.call_at(deadline, self._late)
        driver.on_phase = self._on_phase
        self._link = Link(sock, driver, self._ended)
        self._link.start()

    def _on_phase(self, phase: str) -> None:
        assert self._driver is not None and self._link is not None
        if phase == "kex":
            self._enter("kex")
            self.banner = self._driver.remote_version
        elif phase == "auth":
            self._enter("auth")
            self._arm(self._connection.auth_timeout)
        else:
            self._enter("")
            self._arm(0)
            self._approach.free()
            self._transport.watch.add(self._link, self._driver, self._connection.keepalive)
            for running in self._running:
                running.logged_in()
            if self._up is not None:
                self._up.set_result(None)
            self._admit()

    def _late(self) -> None:
        if self._link is not None and self._driver is not None:
            seconds = self._connection.auth_timeout if self._phase == "auth" else self._connection.connect_timeout
            failure = timed_out(self._phase, seconds, self._approach.destination, self._driver.before_banner)
            if any(running.sent for running in self._running):
                failure = Failure(stage="exec", kind="no-answer", message=failure.message)
            self._link.fail(TransportError(failure))

    def _ended(self, error: Exception) -> None:
        """The connection is no more; whoever waits for it is told."""
        self._arm(0)
        self._approach.free()
        assert self._driver is not None and self._link is not None
        self._transport.watch.remove(self._link)
        self._link = None
        why = None
        if self._phase == "banner" and not isinstance(error, TransportError):  # nothing has come: whose fault is it?
            why = self._approach.explains()
        if why is None:
            self._tell(error)
            self._approach.left()
        else:
            self._telling = asyncio.ensure_future(self._tell_why(why))

    async def _tell_why(self, why: Awaitable[Failure]) -> None:
        self._tell(TransportError(await why))
        self._approach.left()

    def _tell(self, error: Exception) -> None:
        driver = self._driver
        if driver is None:  # it was left meanwhile
            return
        if isinstance(error, TransportError):
            self._gone = error
        if self._up is not None and not self._up.done():
            failure = ended(error, driver.phase, driver.before_banner, sent=False)
            self._up.set_exception(error if isinstance(error, TransportError) else TransportError(failure))
        channels: list[Channel] = list(driver.channels.values())
        for channel in channels:
            channel.fail(error)

    def leave(self) -> None:
        """Leave the connection at once, if there is one."""
        self._arm(0)
        self._approach.free()
        if self._link is not None:
            self._transport.watch.remove(self._link)
            self._link.close()
        if self._driver is not None:
            self._driver.dissolve()
        self._approach.left()
        self._driver = self._link = None

    def _was_piped(self, failure: Failure) -> bool:
        """The host hung up over a channel that was opened behind a login request, without having answered that."""
        if failure.kind == "throttled":
            self._approach.throttled()
        driver = self._driver
        return driver is not None and driver.piped and not driver.refused and failure.cause == "auth/closed"

    def _arm(self, seconds: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._timer = self._loop.call_later(seconds, self._late) if seconds else None

    def _enter(self, phase: str) -> None:
        now = self._loop.time()
        if self._phase:
            self._add(self._phase, now - self._since)
        self._phase, self._since = phase, now

    def _add(self, phase: str, seconds: float) -> None:
        self.seconds[phase] = self.seconds.get(phase, 0.0) + max(0.0, seconds)
