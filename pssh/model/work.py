"""A job, its limits, and the two Protocols that let operations and transports not know each other.

An operation is a frozen Struct that says what to do on one open session; a transport opens sessions. A session connects
when it is first used, so that the first command can travel together with the login.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Literal, Protocol

from msgspec import Struct

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply, StepResult

StreamName = Literal["stdout", "stderr"]
KEPT_BYTES = 512 << 10  # the first and the last so many bytes of each stream are kept


class Limits(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What one job may take: seconds on the monotonic clock, bytes; 0 is no limit."""

    open: float = 10.0  # from the channel request to the server's answer
    total: float = 0.0  # the command, from the server's answer
    stall: float = 0.0  # without a byte in either direction
    host: float = 0.0  # the whole job
    kill_after: float = 2.0  # from TERM to KILL
    undo: float = 0.0  # after a stop or a limit: what steps take back gets so long
    drain: float = 2.0  # from the exit status to closing a stream that a background child holds open
    retries: int = 2  # only of what had not started
    retry_exit: bool = False  # also of a command that answered with another code than `ok`
    keep: int = KEPT_BYTES
    ok: tuple[int, ...] = (0,)  # exit codes that count as success
    expect_disconnect: bool = False  # so does a connection that the host closes in the middle of a command
    say: bool = False  # send output as it comes
    output: int = 0  # bytes that the host may print before its command is ended
    spool: bool = False  # what a result does not hold is kept elsewhere

    @property
    def heard(self) -> bool:
        """Whether somebody wants to hear of output as it comes."""
        return self.say or self.spool or self.output > 0


class TransportError(Exception):
    """A session cannot go on; `failure` is the row, with what was printed until then."""

    def __init__(self, failure: Failure) -> None:
        super().__init__(failure.words)
        self.failure = failure


class Input(Protocol):
    """What a command reads from its standard input while it may still grow; each host reads at its own place."""

    def read(self, at: int, most: int) -> bytes | memoryview | None:
        """Return up to `most` bytes from `at` on; empty at the end; None if there are no more yet.

        It may be a view of a buffer that is used again by whatever is read next.
        """

    def when_more(self, call: Callable[[], None]) -> None:
        """Call once when `read` may have more to give, or the end."""


class _NoInput:
    def read(self, at: int, most: int) -> bytes | None:
        return b""

    def when_more(self, call: Callable[[], None]) -> None: ...


class _HeldOpen(_NoInput):
    def read(self, at: int, most: int) -> None:
        return None


NO_INPUT: Input = _NoInput()  # of a run that was given none
HELD_OPEN: Input = _HeldOpen()  # of a command that wants to see its connection end: there is never more, nor an end


class Sink(Protocol):
    """Where the output of a command goes that is content and not words: into a file, say."""

    def write(self, data: bytes | bytearray | memoryview, /) -> Awaitable[None] | None:
        """Take the next bytes of stdout. If something is returned, await it before asking the host for more.

        What is under way already still comes before that is over: 2 MiB at most. `data` may be a view of a buffer that
        is used again: what is kept beyond the return must be copied. What this raises ends the command, and is raised
        by `exec`.
        """


class Duplex(Protocol):
    """A subsystem's channel: bytes both ways."""

    def send(self, data: bytes | memoryview) -> Awaitable[None] | None:
        """Send bytes, in order, without a copy where that can be: they must not change any more.

        If something is returned, more than enough is under way: await it before sending on. Nothing is raised here;
        that the channel ended is heard by `receive`.
        """

    async def receive(self) -> bytes:
        """Return the next bytes, empty at the end; raises TransportError. Waiting here counts for `Limits.stall`."""

    async def close(self) -> None:
        """Send the end, and wait a moment for the other side's; raises nothing."""


class Prompt(Struct, frozen=True):
    """How a command asks for a password before it runs, and how it says that it now runs."""

    asks: str  # a regular expression, found on stderr or on the terminal, before the mark and nowhere else
    mark: str  # what is printed there once the password was taken, or was not needed; empty: nothing is
    secret: str = ""  # the name of the secret that answers, once; empty: there is none
    through: str = ""  # words that run a command as the same user and ask nobody; empty: there are none
    told: bool = False  # once it runs, it is ended by the words `TERM` and `KILL`, each a line, on its standard input


class Listener(Protocol):
    """Who hears from a session while it works."""

    @property
    def input(self) -> Input:
        """What the run was given to read."""

    def ready(self, go: Callable[[], None]) -> None:
        """The host is logged in and waits for its first command that is not quiet: call `go`, now or later."""

    def connected(self) -> None:
        """Called before the first byte of a command leaves; returns once the parent process has been told."""

    def said(self, stream: StreamName, data: bytes) -> Awaitable[None] | None:
        """Take output as it comes. If something is returned, await it before asking the host for more."""

    def learned(self, line: str) -> None:
        """A host key was accepted on first sight; `line` is the known_hosts line to append."""

    def moved(self, done: int, total: int) -> None:
        """So many bytes of file content, of so many, have gone over to the other side; `total` 0 is not known."""


class Session(Protocol):
    """One open connection to one host."""

    @property
    def seconds(self) -> dict[str, float]:
        """By Phase, filled in as phases end."""

    @property
    def banner(self) -> str:
        """The host's version line, once it has come."""

    @property
    def input(self) -> Input:
        """What the run was given to read, for a command that wants it."""

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
        """Run a command with the host's shell and return its reply; raises TransportError.

        `sink`: stdout goes there, unaltered, and is neither in the reply nor said; when the reply is returned, the
        sink has taken all that came, which is all there is unless the note says `stream-left-open`. What the sink or
        the input raises ends the command and is raised here.

        `quiet`: what it prints is not what the user asked for, and is not said. `tty`: on a terminal of its own, 80x24,
        on which stdout and stderr are one. `prompt`: it asks for a password first; what it prints until its mark, there
        where it asks, is not part of the reply, and `stdin` follows after the mark. Surrogate escapes in `command` are
        sent as the bytes they stand for.
        """

    async def subsystem(self, name: str) -> Duplex:
        """Open a subsystem, such as `sftp`; raises TransportError `transfer/no-sftp` if the host has none.

        It may be open beside commands, and more than one of them. Nobody hears what it prints.
        """

    def moved(self, done: int, total: int) -> None:
        """Tell whoever watches how far the content of files has come; see `Listener.moved`."""

    def end(self, why: Failure) -> None:
        """End what runs: TERM, and KILL after `Limits.kill_after` seconds; called again, KILL at once.

        `exec` raises `why`, completed by what was printed and what became of the command; without a command under way
        nothing happens.
        """

    async def again(self) -> None:
        """Leave the connection, whatever became of it: the next command makes a new one."""

    async def host_key(self) -> str:
        """Return the host's proven key as `type base64`, ending the connection before any login."""


class JobSession(Session, Protocol):
    """The session of a job, as its operation gets it: this machine is beside the host, and somebody hears of steps."""

    sparing: bool  # set by the operation: what runs takes something back, and is left its time when the job is to end

    @property
    def ending(self) -> Failure | None:
        """Why the job is to end: from then on only quiet commands begin."""

    async def beside(self) -> Session:
        """Return a session of this machine, for what is done here for the host; it is closed with this one."""

    def step(self, result: StepResult) -> None:
        """Tell how a step ended."""


class Transport(Protocol):
    """How hosts are reached; one per worker and kind, made by a factory `(secrets, connect_limit, jump_limit)`."""

    def open(
        self, host: str, connection: Connection, limits: Limits, listener: Listener
    ) -> AbstractAsyncContextManager[Session]:
        """Return a session for one job. Leaving the context closes it, and never raises for what a remote does."""


class Operation(Protocol):
    """What is to be done on one host: a frozen Struct, sent to the workers by its import path and its fields."""

    @property
    def label(self) -> str:
        """One word or line for reports: what the user asked for."""

    async def perform(self, session: JobSession) -> Reply: ...


class Job(Struct, frozen=True):
    """One operation for one host, ready to run."""

    id: int  # the host's place in the run, from 0
    host: str
    connection: Connection
    operation: Operation
    limits: Limits = Limits()
    only_one: str = ""  # of the jobs with the same word here, one at a time
