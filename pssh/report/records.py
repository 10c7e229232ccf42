"""What `-f json` and `-f ndjson` write, as types: every object in a document, and what a line has for each event.

A reader of one `v` may rely on the fields given here, and ignores those that it does not know: more may be added. What
does not apply is null. The published schema is made from these same types.
"""

from typing import Any, Literal

from msgspec import UNSET, Struct, UnsetType

from pssh.model.outcome import Stage, State, Status
from pssh.model.work import StreamName

VERSION = 1
Encoding = dict[str, Literal["base64"]] | UnsetType  # of the fields that hold bytes and are no UTF-8
Ended = Literal["killed", "exited", "left running"]


class Why(Struct, frozen=True, kw_only=True):
    """Why a host has no exit code."""

    stage: Stage
    kind: str
    message: str
    hint: str | None


class Step(Struct, frozen=True, kw_only=True):
    """How one step of a host ended."""

    step: str
    status: Status
    cause: str | None
    seconds: float
    changed: bool | None
    attempts: int
    note: str | None  # the first line that it printed, or why it failed
    undo: bool  # it took the step of that name back


class HostStep(Step, frozen=True, kw_only=True):
    host: str


class Row(Struct, frozen=True, kw_only=True):
    """How one host ended."""

    host: str
    status: Status
    state: State
    cause: str | None
    code: int | None
    signal: str | None
    failure: Why | None
    changed: bool | None
    remote_end: Ended | None
    stdout: str
    stderr: str
    encoding: Encoding = UNSET
    stdout_bytes: int  # that the host sent, kept or not
    stderr_bytes: int
    truncated: bool  # the middle of a stream is not here
    spooled: bool | UnsetType = UNSET  # of what is truncated: whether the history of the run has all of it
    note: str | None
    banner: str | None
    attempts: int
    started: str | None
    seconds: dict[str, float]  # by phase
    steps: list[Step] | UnsetType = UNSET  # of a host whose job has steps
    wave: int | UnsetType = UNSET  # in which it went, or would have gone, of a run that goes in waves


class JobRun(Struct, frozen=True, kw_only=True):
    """Of which maintenance job a run is one, and why it was begun."""

    file: str
    reason: str | None
    due: str | None
    until: str | None  # no host began from then on


class RunStart(Struct, frozen=True, kw_only=True):
    """What is known of a run at its start; `hosts` is their number."""

    started: str
    operation: str
    text: str
    targets: str
    inventory: tuple[str, ...]
    hosts: int
    user: str | None
    options: dict[str, Any]
    job: JobRun | UnsetType = UNSET  # of a run of a maintenance job


class WholeRun(RunStart, frozen=True, kw_only=True):
    """The same once the run is over."""

    run: str | None
    seconds: float


class Ending(Struct, frozen=True, kw_only=True):
    """How a run ended."""

    counts: dict[Status, int]
    exit: int
    stopped: str | None
    spread: float | None  # seconds from the first to the last command that a barrier released


class Group(Struct, frozen=True, kw_only=True):
    """Hosts with equal results."""

    status: Status
    cause: str | None
    code: int | None
    signal: str | None
    remote_end: Ended | None
    count: int
    hosts: list[str]


class Rest(Ending, frozen=True, kw_only=True):
    """What follows the results in a document."""

    groups: list[Group]


class Document(Rest, frozen=True, kw_only=True):
    """What `-f json` writes, once."""

    v: Literal[1]
    run: WholeRun
    results: list[Row]


class Head(Struct, frozen=True, kw_only=True):
    """What every line of `-f ndjson` begins with."""

    v: Literal[1] = 1
    seq: int
    t: str
    event: str
    run: str | None


class HostStart(Struct, frozen=True, kw_only=True):
    host: str
    attempt: int
    wave: int
    worker: int


class HostReached(Struct, frozen=True, kw_only=True):
    host: str


class HostOutput(Struct, frozen=True, kw_only=True):
    host: str
    stream: StreamName
    text: str
    encoding: Encoding = UNSET


class HostKey(Struct, frozen=True, kw_only=True):
    host: str
    file: str
    line: str


class HostKill(Struct, frozen=True, kw_only=True):
    host: str
    cause: str
    remote_end: Ended


class WaveStart(Struct, frozen=True, kw_only=True):
    wave: int
    of: int
    hosts: int


class WaveEnd(Struct, frozen=True, kw_only=True):
    wave: int
    of: int
    asks: bool
    counts: dict[Status, int] | None


class Barrier(Struct, frozen=True, kw_only=True):
    ready: int
    missing: int


class Stop(Struct, frozen=True, kw_only=True):
    cause: str
    times: int


class Note(Struct, frozen=True, kw_only=True):
    text: str
    hint: str | None


class RunEnd(Ending, frozen=True, kw_only=True):
    seconds: float


# What a line of each event has after its head.
EVENTS: dict[str, type[Struct]] = {
    "run.start": RunStart,
    "host.start": HostStart,
    "host.retry": HostStart,
    "host.ready": HostReached,
    "host.connected": HostReached,
    "host.output": HostOutput,
    "host.step": HostStep,
    "host.key": HostKey,
    "host.kill": HostKill,
    "host.end": Row,
    "wave.start": WaveStart,
    "wave.end": WaveEnd,
    "barrier": Barrier,
    "stop": Stop,
    "notice": Note,
    "run.end": RunEnd,
}
