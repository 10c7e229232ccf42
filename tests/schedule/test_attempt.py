"""Attempts to run a job: what begins, what is skipped, and what is recorded of both."""

from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from pssh.errors import UsageError
from pssh.schedule.attempt import Attempt
from pssh.schedule.job import load
from pssh.schedule.lock import Lock
from pssh.schedule.state import State, StateError
from tests.schedule.test_job import written

DUE = datetime(2026, 1, 6, 1, 30, tzinfo=UTC)
SCHEDULE = """
[schedule]
cron = "30 2 * * *"
timezone = "Europe/Paris"
window = "3h"
"""


class Clock:
    """The wall clock, as far as a test lets it go on."""

    def __init__(self, now: datetime) -> None:
        self.moment = now

    def now(self) -> datetime:
        return self.moment

    def sleep(self, seconds: float) -> None:
        self.moment += timedelta(seconds=seconds)


class Bench:
    """A job with a record, a clock, and what was told."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.state = State(folder / "state")
        self.clock = Clock(DUE - timedelta(hours=1))
        self.told: list[str] = []
        self.job("")

    def job(self, more: str, schedule: str = SCHEDULE, rollout: str = "") -> Attempt:
        """Return an attempt at a job with these lines in its schedule."""
        head = 'version = 1\nname = "patch"\ntargets = "@local"\n'
        path = written(self.folder, head + schedule + more + rollout + '\n[[step]]\nrun = "true"\n')
        job = load(path, machine="here")
        self.state.job(job.path, job.name, self.clock.now())
        return Attempt(job, self.state, self.told.append, self.clock.now, self.clock.sleep)

    @property
    def words(self) -> list[str]:
        return [answer.word for answer in self.state.answers(self.folder / "job.toml")][::-1]


@pytest.fixture
def bench(tmp_path: Path) -> Iterator[Bench]:
    yield Bench(tmp_path)


def test_a_timer_that_asks_too_often_gets_one_run_for_each_time(bench: Bench) -> None:
    began = []
    for minutes in range(0, 180, 7):
        bench.clock.moment = DUE - timedelta(minutes=60 - minutes)
        with bench.job('catch_up = "once"').scheduled() as go:
            if go:
                began.append((go.at, go.reason, go.until))
    assert began == [(DUE, "catch-up", DUE + timedelta(hours=3))]
    assert bench.told == []


def test_jitter_is_waited_for(bench: Bench) -> None:
    bench.clock.moment = DUE
    attempt = bench.job('jitter = "10m"')
    assert attempt.job.entry
    with attempt.scheduled() as go:
        assert go and go.at == DUE
        late = bench.clock.now() - DUE - attempt.job.entry.jitter
        assert timedelta() <= late < timedelta(seconds=1)


def test_a_run_under_way_makes_the_next_one_a_skip_that_is_recorded(bench: Bench) -> None:
    other = Lock(bench.state.folder, str(bench.folder / "job.toml"))
    assert other.take()
    bench.clock.moment = DUE
    with bench.job("").scheduled() as go:
        assert go is None
    assert bench.words == ["skipped rule/overlap"]
    assert "skipped rule/overlap: due 2026-01-06 02:30 CET" in bench.told[0]
    with bench.job("").by_hand(anyway=True) as go:
        assert go is None
    other.give()
    with bench.job("").scheduled() as go:
        assert go is None  # it was answered
    assert bench.words == ["skipped rule/overlap"] * 2


def test_one_run_may_wait_for_the_one_under_way_however_long_that_takes(bench: Bench) -> None:
    other = Lock(bench.state.folder, str(bench.folder / "job.toml"))
    assert other.take()
    bench.clock.moment = DUE
    attempt = bench.job('overlap = "queue"')
    second: list[object] = []

    def sleep(seconds: float) -> None:
        bench.clock.sleep(60)
        if bench.clock.now() == DUE + timedelta(minutes=5):
            assert bench.words == ["waiting"]
            with bench.job('overlap = "queue"').scheduled() as go:
                second.append(go)
            other.give()

    attempt.sleep = sleep
    with attempt.scheduled() as go:
        assert go and (go.at, go.until) == (DUE, DUE + timedelta(hours=3))
    assert second == [None]
    assert bench.words == ["running"]


def test_while_one_waits_the_next_time_is_skipped(bench: Bench) -> None:
    path = str(bench.folder / "job.toml")
    other, queue = Lock(bench.state.folder, path), Lock(bench.state.folder, f"{path}\0queue")
    assert other.take() and queue.take()
    bench.clock.moment = DUE
    with bench.job('overlap = "queue"').scheduled() as go:
        assert go is None
    assert bench.words == ["skipped rule/overlap"]
    assert "one waits" in bench.told[0]


def test_who_waited_until_the_window_closed_is_skipped(bench: Bench) -> None:
    other = Lock(bench.state.folder, str(bench.folder / "job.toml"))
    assert other.take()
    bench.clock.moment = DUE
    attempt = bench.job('overlap = "queue"')
    attempt.sleep = lambda seconds: bench.clock.sleep(600)
    with attempt.scheduled() as go:
        assert go is None
    other.give()
    assert bench.words == ["skipped rule/window"]


def test_what_was_missed_is_recorded_with_its_reason(bench: Bench) -> None:
    bench.clock.moment = DUE + timedelta(days=3, hours=5)
    with bench.job("").scheduled() as go:
        assert go is None
    assert bench.words == ["skipped rule/missed"]
    assert "all since 2026-01-06 02:30 CET" in bench.told[0]


def test_by_hand_it_runs_within_its_window_and_outside_of_it_only_if_that_is_meant(bench: Bench) -> None:
    bench.clock.moment = DUE + timedelta(hours=2)
    with bench.job("").by_hand() as go:
        assert go and (go.at, go.until) == (DUE, DUE + timedelta(hours=3))
    bench.clock.moment = DUE + timedelta(hours=4)
    with pytest.raises(UsageError, match="not due now, the next time is 2026-01-07 02:30 CET"), bench.job("").by_hand():
        pass
    with bench.job("").by_hand(anyway=True) as go:
        assert go and go.until == DUE + timedelta(hours=7)
    with bench.job("").by_hand(forced=True) as go:
        assert go and go.until is None


def test_a_blackout_holds_also_by_hand_unless_it_is_forced(bench: Bench) -> None:
    bench.clock.moment = DUE
    blackout = 'blackout = ["2026-01-06"]'
    with pytest.raises(UsageError, match="blackout `2026-01-06`"), bench.job(blackout).by_hand(anyway=True):
        pass
    with bench.job(blackout).by_hand(forced=True) as go:
        assert go
    with bench.job(blackout).scheduled() as go:
        assert go is None
    assert bench.words == ["running", "skipped rule/blackout"]


def test_a_run_whose_process_was_killed_is_interrupted_when_the_next_begins(bench: Bench) -> None:
    with bench.job("").by_hand(anyway=True) as go:
        assert go
    with bench.job("").by_hand(anyway=True) as go:
        assert go
    assert bench.words == ["interrupted", "running"]
    assert bench.told == ["an earlier run did not end: interrupted"]


def test_without_a_schedule_nothing_is_due(bench: Bench) -> None:
    with pytest.raises(UsageError, match="no schedule"), bench.job("", schedule="").scheduled():
        pass
    with bench.job("", schedule="").by_hand() as go:
        assert go and go.until is None


def test_a_job_that_needs_approval_waits_for_it(bench: Bench) -> None:
    bench.clock.moment = DUE
    needs = "\n[rollout]\napproval = true\n"
    refused = pytest.raises(UsageError, match="needs the approval of a second user")
    with refused, bench.job("", rollout=needs).by_hand(anyway=True):
        pass
    with bench.job("", rollout=needs).scheduled() as go:
        assert go is None
    assert bench.words == ["skipped rule/approval"]


class Forgetful(State):
    """A record whose disk is full when a run or a skip is to be recorded."""

    full = False

    def begun(self, *args: Any, **more: Any) -> int:
        return self._record(super().begun, *args, **more)

    def skipped(self, *args: Any, **more: Any) -> None:
        self._record(super().skipped, *args, **more)

    def _record(self, how: Callable[..., Any], *args: Any, **more: Any) -> Any:
        if self.full:
            raise StateError("no room")
        return how(*args, **more)


@pytest.mark.parametrize("late", [timedelta(), timedelta(hours=4)])
def test_a_time_whose_answer_could_not_be_recorded_is_answered_the_next_time(tmp_path: Path, late: timedelta) -> None:
    bench = Bench(tmp_path)
    bench.state.close()
    bench.state = state = Forgetful(tmp_path / "state")
    attempt = bench.job("")
    bench.clock.moment = DUE + late
    state.full = True
    with pytest.raises(StateError), attempt.scheduled():
        raise AssertionError("it began without a record")
    state.full = False
    with attempt.scheduled() as go:
        assert (go is not None) == (not late)
    assert bench.words == (["skipped rule/missed"] if late else ["running"])
    state.close()
