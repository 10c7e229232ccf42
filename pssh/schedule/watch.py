"""Stands beside a job's run from its beginning to its end: the window, the record, and who is told."""

import asyncio
import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field

from pssh.model.report import Report
from pssh.runner import Attend, Controls
from pssh.schedule import running
from pssh.schedule.attempt import Attempt, Go, word
from pssh.schedule.deliver import Deliveries
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.notify import Message, long_after, occasions, text_of
from pssh.schedule.state import Answer


@dataclass(slots=True)
class Watch:
    """One run's."""

    job: MaintenanceJob
    attempt: Attempt
    go: Go
    before: list[Answer] = field(init=False)
    deliveries: Deliveries | None = field(init=False)
    _began: float = field(init=False, default=0.0)

    def __post_init__(self) -> None:
        self.before = [run for run in self.attempt.state.answers(self.job.path) if run.id != self.go.number]
        self.deliveries = Deliveries(self.job.notify, self.attempt.tell) if self.job.notify else None

    def begin(self) -> None:
        """The run is made ready."""
        self._began = time.monotonic()

    def over(self, attend: Attend) -> Attend:
        """Return who attends the run besides: it ends when the window closes, and somebody hears if it is long."""
        schedule, said = self.job.schedule, self.job.notify
        must_stop = bool(schedule and schedule.must_stop)
        most = long_after(said, self.before) if said else None

        @contextmanager
        def both(controls: Controls) -> Iterator[None]:
            with ExitStack() as stack:
                stack.enter_context(attend(controls))
                stack.enter_context(running.closing(controls, self.go.until, must_stop=must_stop))
                if self.deliveries:
                    self.deliveries.begun(self._message("running", "start"))
                if most is not None:
                    stack.callback(asyncio.get_running_loop().call_later(most, self._long).cancel)
                yield

        return both

    def drop(self) -> None:
        """Somebody who was there did not want it after all, and nothing was run."""
        self.attempt.state.dropped(self.go.number)

    def end(self, report: Report | None, code: int) -> None:
        """Keep what came of the run, and tell it; `report` is missing if it did not begin."""
        seconds = time.monotonic() - self._began
        self.attempt.ended(self.go, report, code, seconds)
        if not self.deliveries:
            return
        status = word(report, code)
        self.deliveries.ended(self._message(status, "end", report, code))
        for occasion in occasions(status, self.before):
            self.deliveries.occasion(self._message(status, occasion, report, code))
        self.deliveries.finish()

    def _long(self) -> None:
        if self.deliveries:
            self.deliveries.occasion(self._message("running", "long"))

    def _message(self, status: str, occasion: str, report: Report | None = None, code: int | None = None) -> Message:
        return Message(
            job=self.job.name,
            occasion=occasion,
            status=status,
            machine=socket.gethostname(),
            exit=code,
            run=report.run.id if report else "",
            hosts=len(report.results) if report else 0,
            counts={str(name): number for name, number in report.counts.items()} if report else {},
            seconds=round(time.monotonic() - self._began, 3),
            text=f"{self.job.name}: running\n" if code is None else text_of(report, status),
        )
