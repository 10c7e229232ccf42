"""Whether a job begins, simulated over ten years and by single cases."""

from datetime import UTC, datetime, timedelta
from itertools import pairwise, takewhile
from random import Random
from typing import Any

import pytest

from pssh.schedule.blackout import Blackouts, read_days
from pssh.schedule.decide import LATE, Entry, Run, Skip, Wait, decide, forbidden
from pssh.schedule.when import Rule, due

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
NIGHTLY = Rule(cron="30 2 * * *", zone="Europe/Paris")


def at(day: int, hour: int = 1, minute: int = 30) -> datetime:
    """Return a moment of January 2026; at 1:30 the nightly rule is due."""
    return datetime(2026, 1, day, hour, minute, tzinfo=UTC)


def entry(**said: Any) -> Entry:
    return Entry(**{"rule": NIGHTLY, **said})


def answers(job: Entry, now: datetime, last: datetime, **said: bool) -> list[Run | Skip]:
    """Return every answer that is given at one moment."""
    found: list[Run | Skip] = []
    while not isinstance(decision := decide(job, now, last, **said), Wait):
        found.append(decision)
        last = decision.at
    return found


@pytest.mark.parametrize(
    ("zone", "cron", "years"),
    [
        ("Europe/Paris", "30 2 * * *", 10),
        ("America/New_York", "30 2 * * *", 10),
        ("Australia/Lord_Howe", "15 2 * * *", 10),
        ("America/New_York", "30 1 * * SUN", 10),
        ("Australia/Lord_Howe", "0 */6 * * *", 1),
    ],
)
def test_in_ten_years_with_runs_of_any_length_nothing_is_lost_and_nothing_overlaps(
    zone: str, cron: str, years: int
) -> None:
    rule, chance = Rule(cron=cron, zone=zone), Random(1)
    job = Entry(rule=rule, jitter=timedelta(minutes=7))
    now, last, until = START, START, START
    runs: list[tuple[datetime, datetime]] = []
    answered: list[datetime] = []
    while now < START + timedelta(days=365 * years):
        match decision := decide(job, now, last, running=now < until):
            case Wait(until=datetime() as then):
                now = then
            case Run():
                until = now + timedelta(hours=chance.choice([0.1, 1, 5, 9, 30]))
                runs.append((now, until))
                answered.append(last := decision.at)
            case Skip(reason="overlap"):
                answered.append(last := decision.at)
            case _:
                raise AssertionError(decision)
    assert answered == list(takewhile(lambda moment: moment <= last, due(rule, START)))
    assert all(end <= start for (_, end), (start, _) in pairwise(runs))
    assert len(runs) > 300


def test_a_job_that_is_not_due_waits_and_its_jitter_is_waited_for_as_well() -> None:
    job = entry(jitter=timedelta(minutes=5))
    assert decide(job, at(2, 0), at(1)) == Wait(at(2) + job.jitter, at(2))
    assert decide(job, at(2, 1, 33), at(1)) == Wait(at(2) + job.jitter, at(2))
    assert decide(job, at(2, 1, 35), at(1)) == Run(at(2), "due")
    assert decide(Entry(rule=Rule(at=datetime(2025, 1, 1))), at(1), at(1)) == Wait(None)


def test_a_time_is_on_time_for_two_minutes_and_then_missed() -> None:
    assert decide(entry(), at(2) + LATE, at(1)) == Run(at(2), "due")
    (skip,) = answers(entry(), at(2) + LATE + timedelta(seconds=1), at(1))
    assert isinstance(skip, Skip)
    assert (skip.reason, skip.first) == ("missed", at(2))


@pytest.mark.parametrize(
    ("catch_up", "grace", "made_up"),
    [
        ("none", 0, []),
        ("once", 12, [5]),
        ("once", 200, [5]),
        ("once", 1, []),
        ("all", 50, [4, 5]),
        ("all", 200, [2, 3, 4, 5]),
    ],
)
def test_of_four_missed_nights_as_many_are_made_up_as_was_said(catch_up: str, grace: int, made_up: list[int]) -> None:
    job = entry(catch_up=catch_up, grace=timedelta(hours=grace))
    found = answers(job, at(5, 9), at(1))
    assert [one.at.day for one in found if isinstance(one, Run)] == made_up
    assert {one.reason for one in found} <= {"missed", "catch-up"}
    covered = [moment for moment in map(at, (2, 3, 4, 5)) if any(_first(one) <= moment <= one.at for one in found)]
    assert covered == [*map(at, (2, 3, 4, 5))]
    assert decide(job, at(5, 9), found[-1].at) == Wait(at(6), at(6))


def _first(one: Run | Skip) -> datetime:
    return one.first if isinstance(one, Skip) else one.at


def test_a_year_of_missed_minutes_takes_a_handful_of_answers() -> None:
    last = END - timedelta(days=365)
    found = answers(Entry(rule=Rule(cron="* * * * *")), END, last)
    assert len(found) <= 4
    assert _first(found[0]) == last + timedelta(minutes=1)
    assert found[-1] == Run(END, "due")


def test_a_window_closes_by_the_time_that_was_due_and_nothing_is_made_up_after_it() -> None:
    job = entry(window=timedelta(hours=3), catch_up="once", grace=timedelta(hours=12))
    assert decide(job, at(2), at(1)) == Run(at(2), "due", at(2, 4))
    assert decide(job, at(2, 4, 29), at(1)) == Run(at(2), "catch-up", at(2, 4))
    assert decide(job, at(2, 4, 30), at(1)) == Skip(at(2), "window", at(2))


def test_in_a_blackout_nothing_begins_and_a_window_ends_where_one_begins() -> None:
    days = Blackouts((read_days("2026-01-02..2026-01-03", "Europe/Paris"),))
    job = entry(blackouts=days, catch_up="once", grace=timedelta(hours=48), window=timedelta(hours=40))
    assert decide(job, at(2), at(1)) == Skip(at(2), "blackout", at(2), "2026-01-02..2026-01-03")
    assert decide(job, at(4), at(3)) == Run(at(4), "due", at(5, 17))
    # What was due before it would begin in it.
    assert forbidden(job, at(1), at(2, 12)) == Skip(at(1), "blackout", at(1), "2026-01-02..2026-01-03")
    assert job.closes(at(1), at(1)) == datetime(2026, 1, 1, 23, tzinfo=UTC)  # midnight in Paris


def test_a_paused_job_lets_its_times_pass() -> None:
    assert decide(entry(), at(2), at(1), paused=True) == Skip(at(2), "paused", at(2))


def test_while_it_runs_the_next_time_is_skipped_or_waits_or_takes_its_place() -> None:
    assert decide(entry(), at(2), at(1), running=True) == Skip(at(2), "overlap", at(2))
    assert decide(entry(overlap="queue"), at(2), at(1), running=True) == Wait(None, at(2))
    assert decide(entry(overlap="stop-old"), at(2), at(1), running=True) == Run(at(2), "due", replaces=True)


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_clock_that_jumps_neither_repeats_nor_loses_a_time(hours: int) -> None:
    job = Entry(rule=Rule(cron="0 * * * *"), catch_up="all", grace=timedelta(hours=6))
    now = last = at(1, 23, 0)
    ran: list[datetime] = []
    for step in range(60 * 12):  # every minute; in the middle of it the clock jumps
        now += timedelta(minutes=1) + (timedelta(hours=hours) if step == 90 else timedelta())
        while isinstance(decision := decide(job, now, last), Run):
            ran.append(last := decision.at)
    assert ran == list(takewhile(lambda moment: moment <= now, due(job.rule, at(1, 23, 0))))
