"""An engine that lets a test say what happens, so that a test of the runner needs no worker."""

from collections.abc import AsyncIterator, Callable, Iterable, Sequence

from pssh.engine.base import Order
from pssh.model.event import Event, JobEnded, JobStarted
from pssh.model.outcome import Reply, Result
from pssh.model.work import Job

Story = Callable[[Job], Iterable[Event]]


def ended(job: Job, stdout: bytes = b"", code: int = 0) -> Result:
    """Return the result of a job that answered."""
    return Result(
        job_id=job.id,
        host=job.host,
        operation=job.operation.label,
        status="failed" if code else "ok",
        state="finished",
        end=Reply(exit_code=code, stdout=stdout),
        seconds={"total": 0.1},
    )


def plain(job: Job) -> Iterable[Event]:
    """Let a job start, and answer with its own host's name."""
    yield JobStarted(job.id, job.host)
    yield JobEnded(ended(job, job.host.encode()))


class Told:
    """Yields what the story says of each job, one job after the other, and remembers how it was stopped."""

    def __init__(self, story: Story = plain) -> None:
        self.story = story
        self.stops: list[tuple[str, bool]] = []
        self.orders: list[Order] = []
        self.closed = False

    async def run(self, jobs: Sequence[Job]) -> AsyncIterator[Event]:
        try:
            for job in jobs:
                for event in self.story(job):
                    yield event
        finally:
            self.closed = True

    def stop(self, cause: str = "interrupt", *, finish: bool = False) -> None:
        self.stops.append((cause, finish))

    def steer(self, order: Order) -> None:
        self.orders.append(order)
