"""What happens in a run, one object each; a listener has one method, `on(event)`.

For one job the order is: started, ready, connected, said*, moved* and steps*, ended; ready only behind a barrier. A job
that waits for a retry may start again; it ends once.
"""

from msgspec import Struct

from pssh.model.outcome import Result, StepResult
from pssh.model.report import Report, Run
from pssh.model.work import StreamName


class RunStarted(Struct, frozen=True, tag=True):
    run: Run


class JobStarted(Struct, frozen=True, tag=True):
    """A lane took the job up and is connecting."""

    job_id: int
    host: str
    worker: int = 0
    attempt: int = 1
    wave: int = 0  # as of its result


class JobReady(Struct, frozen=True, tag=True):
    """The host is logged in, and waits for the others before its command is requested."""

    job_id: int
    host: str


class JobConnected(Struct, frozen=True, tag=True):
    """The command is about to be requested: from here on it may have run."""

    job_id: int
    host: str
    login: bool = True  # False: it is a command of this machine, and the host was not asked yet


class JobSaid(Struct, frozen=True, tag=True):
    """Output as it came, in pieces of any length."""

    job_id: int
    host: str
    stream: StreamName
    data: bytes


class StepEnded(Struct, frozen=True, tag=True):
    """A step of a job ended, or what took it back."""

    job_id: int
    host: str
    step: StepResult


class JobMoved(Struct, frozen=True, tag=True):
    """How far the content of files has come, in bytes; a few times a second at most. `total` 0 is not known."""

    job_id: int
    host: str
    done: int
    total: int


class HostKeyLearned(Struct, frozen=True, tag=True):
    """A host key was accepted on first sight; the main process appends the line to `file`."""

    job_id: int
    host: str
    file: str
    line: str


class JobEnded(Struct, frozen=True, tag=True):
    result: Result


class WaveStarted(Struct, frozen=True, tag=True):
    """The next hosts may start; `number` counts from 1."""

    number: int
    of: int
    hosts: int


class WaveEnded(Struct, frozen=True, tag=True):
    """Every host of a wave has ended; `report` is what came of the run so far."""

    number: int
    of: int
    asks: bool = False  # the next wave waits until told to go on
    report: Report | None = None


class Released(Struct, frozen=True, tag=True):
    """Every host is logged in or has ended: the command begins on all that are ready, at once."""

    ready: int
    missing: int


class Begun(Struct, frozen=True, tag=True):
    """The commands that a barrier held have left, in one process; seconds on the monotonic clock, which all share."""

    first: float
    last: float


class Stopping(Struct, frozen=True, tag=True):
    """The run was asked to end, for the `times`-th time."""

    cause: str
    times: int = 1


class StatusAsked(Struct, frozen=True, tag=True):
    """Somebody wants to know what still runs, and for how long."""


class Notice(Struct, frozen=True, tag=True):
    """Something the person should know that is no host's result."""

    text: str
    hint: str = ""


class Tick(Struct, frozen=True, tag=True):
    """Nothing has happened for a while: what waits for its time to be shown may be shown now."""


class RunEnded(Struct, frozen=True, tag=True):
    """The last event, with everything that came of the run."""

    report: Report


Event = (
    RunStarted
    | WaveStarted
    | JobStarted
    | JobReady
    | Released
    | Begun
    | JobConnected
    | JobSaid
    | StepEnded
    | JobMoved
    | HostKeyLearned
    | JobEnded
    | WaveEnded
    | Stopping
    | StatusAsked
    | Notice
    | Tick
    | RunEnded
)
