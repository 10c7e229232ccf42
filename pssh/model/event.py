"""What happens in a run, one object each; a listener has one method, `on(event)`.

For one job the order is: started, connected, said*, ended. A job that waits for a retry may start again; it ends once.
"""

from msgspec import Struct

from pssh.model.outcome import Result
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


class JobConnected(Struct, frozen=True, tag=True):
    """The command is about to be requested: from here on it may have run."""

    job_id: int
    host: str


class JobSaid(Struct, frozen=True, tag=True):
    """Output as it came, in pieces of any length."""

    job_id: int
    host: str
    stream: StreamName
    data: bytes


class HostKeyLearned(Struct, frozen=True, tag=True):
    """A host key was accepted on first sight; the main process appends the line to `file`."""

    job_id: int
    host: str
    file: str
    line: str


class JobEnded(Struct, frozen=True, tag=True):
    result: Result


class Notice(Struct, frozen=True, tag=True):
    """Something the person should know that is no host's result."""

    text: str
    hint: str = ""


class Tick(Struct, frozen=True, tag=True):
    """Nothing has happened for a while: what waits for its time to be shown may be shown now."""


class RunEnded(Struct, frozen=True, tag=True):
    """The last event, with everything that came of the run."""

    report: Report


Event = RunStarted | JobStarted | JobConnected | JobSaid | HostKeyLearned | JobEnded | Notice | Tick | RunEnded
