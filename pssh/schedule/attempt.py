"""One attempt to run a job: what is decided is recorded, the lock is held, and what came of the run is kept.

`Attempt.scheduled` is asked by a timer, by cron or by the loop, each of which may ask too often; `by_hand` by a person.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, takewhile
from pathlib import Path

from pssh.errors import UsageError
from pssh.model.report import BY_WEIGHT, JobRun, Report
from pssh.schedule.approval import approved
from pssh.schedule.decide import Entry, Run, Skip, Wait, decide, forbidden
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.lock import Lock
from pssh.schedule.state import State, StateError
from pssh.schedule.when import due

_STEP = 1.0  # seconds between two looks at the wall clock
_SLACK = timedelta(seconds=2)  # a timer that is early is waited for
_STOP_OLD = 120.0  # seconds that an old run gets to end, beside what it has to take back


@dataclass(slots=True)
class Go:
    """A run that may begin, on record and under the job's lock."""

    number: int
    at: datetime
    reason: str
    until: datetime | None

    def of(self, path: Path) -> JobRun:
        """Return what the history keeps of it."""
        until = self.until.timestamp() if self.until else 0.0
        return JobRun(file=str(path), reason=self.reason, due=self.at.timestamp(), until=until)


@dataclass(slots=True)
class Attempt:
    """Decides about one job, now."""

    job: MaintenanceJob
    state: State
    tell: Callable[[str], object]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    sleep: Callable[[float], object] = time.sleep
    lock: Lock = field(init=False)

    def __post_init__(self) -> None:
        self.lock = Lock(self.state.folder, str(self.job.path))

    @contextmanager
    def scheduled(self) -> Iterator[Go | None]:
        """Give the run that is due, if one is, and hold the lock meanwhile."""
        entry = self._entry()
        with self.lock.taken():
            yield self._decided(entry)

    @contextmanager
    def by_hand(self, *, anyway: bool = False, forced: bool = False, reason: str = "now") -> Iterator[Go | None]:
        """Give a run within the job's times; `anyway` outside of them, `forced` also outside window and blackouts."""
        self._known()
        at, until = self._now_or_due(anyway=anyway or forced, forced=forced)
        if self.job.file.rollout.approval and not approved(self.job):
            raise UsageError(
                f"The job `{self.job.name}` needs the approval of a second user",
                hint=f"another user runs `pssh job approve {self.job.path}`",
            )
        with self.lock.taken():
            if not self._locked(at):
                yield None
                return
            yield self._go(at, reason, until)

    def ended(self, go: Go, report: Report | None, code: int, seconds: float) -> None:
        """Keep what came of a run; without a report it did not begin."""
        hosts = len(report.results) if report else 0
        run = report.run.id if report else ""
        self.state.ended(go.number, word(report, code), code, seconds=seconds, hosts=hosts, run=run)

    def _entry(self) -> Entry:
        if self.job.entry is None:
            raise UsageError(f"The job `{self.job.name}` has no schedule", hint="`--now` runs it by hand")
        return self.job.entry

    def _known(self) -> datetime:
        return self.state.job(self.job.path, self.job.name, self.now()).last

    def _decided(self, entry: Entry) -> Go | None:
        while True:
            known = self.state.job(self.job.path, self.job.name, self.now())
            free = self.lock.take()
            now = self.now()
            match decision := decide(entry, now, known.last, running=not free, paused=bool(known.paused)):
                case Skip():
                    self._skip(decision)
                case Wait(until=None, at=datetime() as at):
                    if (go := self._queued(entry, at)) is not None:
                        return go
                case Wait(until=datetime() as until, at=datetime() as at) if at <= now or until - now <= _SLACK:
                    self.lock.give()
                    self._sleep_until(until)
                    continue
                case Wait():
                    self.lock.give()
                    return None
                case Run():
                    if (go := self._run(entry, decision)) is not None:
                        return go
            self.lock.give()

    def _run(self, entry: Entry, run: Run) -> Go | None:
        if not self._approved(run.at):
            return None
        if run.replaces:
            self._stop_old()
        with self.state.together():
            if not self.state.answer(self.job.path, run.at):
                return None  # somebody else was quicker
            return self._go(run.at, run.reason, run.until)

    def _approved(self, at: datetime) -> bool:
        if not self.job.file.rollout.approval or approved(self.job):
            return True
        self._skip(Skip(at, "approval", at, "nobody has approved of it as it is now"))
        return False

    def _queued(self, entry: Entry, at: datetime) -> Go | None:
        """Wait for the run under way; one may wait, and whoever comes then is skipped."""
        if not self._approved(at):
            return None
        queue = Lock(self.state.folder, f"{self.job.path}\0queue")
        if not queue.take():
            self._skip(Skip(at, "overlap", at, "one run is under way, and one waits"))
            return None
        with queue.taken():
            self.state.settle(self.job.path, "waiting")
            with self.state.together():
                if not self.state.answer(self.job.path, at):
                    return None
                number = self.state.begun(self.job.path, at, "due", None, self.now(), "waiting")
            self.tell(f"waits for the run that is under way ({self._holder()})")
            self.lock.wait(lambda: forbidden(entry, at, self.now()) is not None, self.sleep)
            if why := forbidden(entry, at, self.now()):
                self.state.dropped(number)
                self._record(why)
                return None
            return self._go(at, "due", entry.closes(at, self.now()), number)

    def _skip(self, skip: Skip) -> None:
        with self.state.together():
            if self.state.answer(self.job.path, skip.at):
                self._record(skip)

    def _record(self, skip: Skip) -> None:
        self.state.skipped(self.job.path, skip, self.now())
        zone = self._entry().rule.clock
        since = f", all since {skip.first.astimezone(zone):%Y-%m-%d %H:%M %Z}" if skip.first < skip.at else ""
        detail = skip.detail or (self._holder() if skip.reason == "overlap" else "")
        said = f"{skip.at.astimezone(zone):%Y-%m-%d %H:%M %Z}{since}"
        self.tell(f"skipped rule/{skip.reason}: due {said}{f' ({detail})' if detail else ''}")

    def _go(self, at: datetime, reason: str, until: datetime | None, waited: int = 0) -> Go:
        if left := self.state.settle(self.job.path):
            self.tell(f"{'an earlier run' if left == 1 else f'{left} earlier runs'} did not end: interrupted")
        if waited:
            self.state.gone_on(waited, until, self.now())
        return Go(waited or self.state.begun(self.job.path, at, reason, until, self.now()), at, reason, until)

    def _locked(self, at: datetime) -> bool:
        """Take the lock for a run by hand, as `overlap` says."""
        if self.lock.take():
            return True
        overlap = self.job.entry.overlap if self.job.entry else "skip"
        if overlap == "stop-old":
            self._stop_old()
            return True
        if overlap == "queue":
            self.tell(f"waits for the run that is under way ({self._holder()})")
            return self.lock.wait(sleep=self.sleep)
        self.state.skipped(self.job.path, Skip(at, "overlap", at), self.now())
        self.tell(f"skipped rule/overlap: another run is under way ({self._holder()})")
        return False

    def _stop_old(self) -> None:
        self.tell(f"ends the run that is under way ({self._holder()})")
        self.lock.end_holder()
        until = time.monotonic() + _STOP_OLD + self.job.ending
        if not self.lock.wait(lambda: time.monotonic() > until, self.sleep):
            raise StateError(f"The run of `{self.job.name}` that is under way does not end ({self._holder()})")

    def _holder(self) -> str:
        return f"process {pid}" if (pid := self.lock.holder()) else "its process is not known"

    def _sleep_until(self, moment: datetime) -> None:
        """Sleep by the monotonic clock and look at the wall clock, which may jump."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            self.sleep(min(left, _STEP))

    def _now_or_due(self, *, anyway: bool, forced: bool) -> tuple[datetime, datetime | None]:
        """Return when a run by hand is due and when its window closes; raises UsageError outside of its times."""
        now, entry = self.now(), self.job.entry
        if forced or entry is None:
            return now, None
        if name := entry.blackouts.at(now):
            raise UsageError(
                f"The job `{self.job.name}` is not begun now: blackout `{name}`",
                hint="`--force-window` begins it anyway",
            )
        if anyway:
            return now, entry.closes(now, now)
        since = now - (entry.window or timedelta()) - timedelta(seconds=1)
        open_now = list(islice(takewhile(lambda at: at <= now, due(entry.rule, since)), 10_000))
        if open_now:
            return open_now[-1], entry.closes(open_now[-1], now)
        coming = next(due(entry.rule, now), None)
        next_time = f", the next time is {coming.astimezone(entry.rule.clock):%Y-%m-%d %H:%M %Z}" if coming else ""
        raise UsageError(
            f"The job `{self.job.name}` is not due now{next_time}", hint="`--now` runs it outside its times"
        )


def word(report: Report | None, code: int) -> str:
    """Return in one word how a run went: `ok`, what stopped it, or the worst status of a host."""
    if report is None:
        return "error"
    if report.stopped:
        return report.stopped
    statuses = {result.status for result in report.results} - {"ok", "skipped"}
    return next((status for status in BY_WEIGHT if status in statuses), "ok")
