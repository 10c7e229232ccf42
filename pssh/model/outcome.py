"""How a job ended: exactly one Result per job, with a Reply or a Failure and never both.

The union `Reply | Failure` in one field makes "never both, never neither" true by construction. Both carry what the
host printed, because what was said before a failure is kept and shown.
"""

from typing import Literal

from msgspec import Struct

Status = Literal[
    "ok",
    "failed",
    "timed-out",
    "unreachable",
    "host-key",
    "auth",
    "lost",
    "cancelled",
    "not-run",
    "skipped",
    "error",
]
State = Literal["not-started", "end-unknown", "finished"]
Stage = Literal[
    "dns",
    "connect",
    "banner",
    "kex",
    "host-key",
    "auth",
    "exec",
    "transfer",
    "local",
    "worker",
    "stop",
    "rule",
]
Phase = Literal["dns", "connect", "banner", "kex", "auth", "open", "run", "transfer", "total"]


class Output(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What a host printed. If bytes were cut, a stream holds its first and its last part, of equal length."""

    stdout: bytes = b""
    stderr: bytes = b""
    stdout_cut: int = 0  # bytes left out of the middle
    stderr_cut: int = 0
    stdout_spooled: int = 0  # bytes from the beginning on that the history of the run has besides
    stderr_spooled: int = 0
    stdout_at: int = 0  # where bytes are left out, if that is not the middle
    stderr_at: int = 0
    note: str = ""  # a stable word: "stream-left-open"; or a sentence, such as what was left behind

    @property
    def stdout_bytes(self) -> int:
        """How many bytes the host sent, kept or not."""
        return len(self.stdout) + self.stdout_cut

    @property
    def stderr_bytes(self) -> int:
        """How many bytes the host sent, kept or not."""
        return len(self.stderr) + self.stderr_cut

    @property
    def truncated(self) -> bool:
        """Whether bytes are left out here."""
        return bool(self.stdout_cut or self.stderr_cut)

    @property
    def whole(self) -> bool:
        """Whether all of it can be had, here or from the history of the run."""
        streams = (
            (self.stdout, self.stdout_cut, self.stdout_spooled),
            (self.stderr, self.stderr_cut, self.stderr_spooled),
        )
        return all(not cut or spooled + len(data) // 2 >= len(data) + cut for data, cut, spooled in streams)


class Reply(Output, frozen=True, tag="reply", omit_defaults=True):
    """What one remote command answered: an exit code, or the signal (without SIG) that ended it."""

    exit_code: int | None = None
    signal: str = ""
    changed: bool | None = None  # what an operation says of the host; None: nothing

    def __post_init__(self) -> None:
        if (self.exit_code is None) == (not self.signal):
            raise ValueError("a reply has an exit code or a signal")

    @property
    def cause(self) -> str:
        """`exit N` or `signal NAME`, whatever that is worth."""
        return f"signal {self.signal}" if self.signal else f"exit {self.exit_code}"


class Failure(Output, frozen=True, tag="failure", omit_defaults=True):
    """Why a job has no exit code, as words: never as a live exception."""

    stage: Stage
    kind: str  # stable, lower-case, safe to match in scripts: "changed"
    message: str  # one line for a person; may hold a remote's words, so it is made safe before it is shown
    hint: str = ""
    detail: str = ""  # what of it is this host's own, such as an address; hosts are put together without it
    remote_end: Literal["", "killed", "exited", "left running"] = ""  # what became of the command, as seen

    @property
    def cause(self) -> str:
        return f"{self.stage}/{self.kind}"

    @property
    def words(self) -> str:
        """The whole of it, in one line."""
        return f"{self.message} ({self.detail})" if self.detail else self.message


class StepResult(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one step of a job ended; what it printed is in the job's own end, if that is the step it ended by."""

    name: str
    status: Status  # "skipped" also of a step whose own condition did not hold
    cause: str = ""  # as `Result.cause`
    seconds: float = 0.0
    changed: bool | None = None
    attempts: int = 1
    note: str = ""  # the first line that it printed, or why it failed
    undo: bool = False  # it took the step of that name back


class Result(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one job ended."""

    job_id: int
    host: str
    operation: str  # the operation's label
    status: Status
    state: State
    end: Reply | Failure
    changed: bool | None = None  # file operations say it
    started: float = 0.0  # wall clock, seconds since 1970: for showing only; 0 if it never began
    seconds: dict[str, float] = {}  # by Phase; "total" over all of them
    attempts: int = 1
    worker: int = -1
    banner: str = ""  # the server's version line
    steps: tuple[StepResult, ...] = ()  # those that were begun or skipped, in their order; then what was taken back
    wave: int = 0  # in which it went, or would have gone, from 1; 0: all hosts of the run were one wave

    @property
    def reply(self) -> Reply | None:
        return self.end if isinstance(self.end, Reply) else None

    @property
    def failure(self) -> Failure | None:
        return self.end if isinstance(self.end, Failure) else None

    @property
    def ok(self) -> bool:
        return self.status == "ok"

    @property
    def cause(self) -> str:
        """`stage/kind`, `exit N` or `signal NAME`; empty if the row is ok."""
        return "" if self.status == "ok" else self.end.cause


_STATUS: dict[str, Status] = {
    "dns": "unreachable",
    "connect": "unreachable",
    "banner": "unreachable",
    "kex": "unreachable",
    "auth/timeout": "unreachable",
    "auth/closed": "unreachable",
    "auth": "auth",
    "host-key": "host-key",
    "exec/denied": "failed",
    "exec/lock-held": "failed",
    "exec/sudo-denied": "failed",
    "exec/sudo-needs-password": "failed",
    "exec/no-run": "failed",
    "exec/running": "timed-out",
    "exec/total": "timed-out",
    "exec/stall": "timed-out",
    "exec/no-answer": "timed-out",
    "exec/deadline": "timed-out",
    "exec/tail": "timed-out",
    "exec": "lost",
    "transfer/stall": "timed-out",
    "transfer/connection-closed": "lost",
    "transfer": "failed",
    "local": "error",
    "worker": "error",
    "stop": "cancelled",
    "rule": "skipped",
}


def status_of(failure: Failure, *, started: bool) -> tuple[Status, State]:
    """Return the row's status and state; `started`: the command had been requested when it failed."""
    state: State = "end-unknown" if started else "not-started"
    if failure.cause == "worker/died":
        return ("lost" if started else "error"), state
    status = _STATUS.get(failure.cause) or _STATUS[failure.stage]
    if failure.stage == "stop" and not started:
        status = "not-run"
    if status in ("unreachable", "host-key", "auth", "skipped"):
        state = "not-started"  # also where a command was sent along with a refused login, or asked whether to skip
    elif status == "failed" or failure.remote_end in ("killed", "exited"):
        state = "finished"
    return status, state
