"""When a rule is due, over ten years of three zones whose clocks change."""

from datetime import UTC, datetime, timedelta
from itertools import islice, pairwise, takewhile
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim
from hypothesis import given
from hypothesis import strategies as st

from pssh.schedule.when import EPOCH, Rule, due, instants, offset, read_cron

START, END = datetime(2026, 1, 1, tzinfo=UTC), datetime(2036, 1, 1, tzinfo=UTC)
ZONES = ("Europe/Paris", "America/New_York", "Australia/Lord_Howe")

# The moments in UTC after the gaps of ten years, from the laws of each zone; 2:30 lies in that of the first two, and
# 2:15 in Lord Howe's half hour. For daily rules outside of doubled hours `systemd-analyze calendar` 252 gives the same
# ten years as we do, but for these days, on which it gives nothing.
GAPS = {
    "Europe/Paris": "03-29 03-28 03-26 03-25 03-31 03-30 03-28 03-27 03-26 03-25",
    "America/New_York": "03-08 03-14 03-12 03-11 03-10 03-09 03-14 03-13 03-12 03-11",
    "Australia/Lord_Howe": "10-03 10-02 09-30 10-06 10-05 10-04 10-02 10-01 09-30 10-06",
}
AFTER = {"Europe/Paris": "01:00", "America/New_York": "07:00", "Australia/Lord_Howe": "15:30"}


def utc(text: str) -> datetime:
    return datetime.strptime(f"{text} +0000", "%Y-%m-%d %H:%M %z")


def ten_years(**rule: Any) -> list[datetime]:
    return list(takewhile(lambda at: at < END, due(Rule(**rule), START - timedelta(seconds=1))))


@pytest.mark.parametrize("zone", ZONES)
def test_a_time_in_the_gap_is_due_once_after_it_and_every_other_day_at_its_own_time(zone: str) -> None:
    minute = 15 if zone == "Australia/Lord_Howe" else 30
    found = ten_years(cron=f"{minute} 2 * * *", zone=zone)
    odd = [at for at in found if f"{at.astimezone(ZoneInfo(zone)):%H:%M}" != f"02:{minute}"]
    assert odd == [utc(f"{year}-{day} {AFTER[zone]}") for year, day in enumerate(GAPS[zone].split(), 2026)]
    days = [at.astimezone(ZoneInfo(zone)).date() for at in found]
    assert all(later - day == timedelta(days=1) for day, later in pairwise(days))


@pytest.mark.parametrize(
    ("zone", "cron", "first"),
    [
        ("Europe/Paris", "30 2 * * *", "2026-10-25 00:30"),
        ("Europe/Paris", "0 2 * * *", "2026-10-25 00:00"),
        ("America/New_York", "30 1 * * *", "2026-11-01 05:30"),
        ("Australia/Lord_Howe", "45 1 * * *", "2026-04-04 14:45"),
        ("Europe/Paris", "30 2 * * *", "2027-10-31 00:30"),
        ("America/New_York", "30 1 * * *", "2027-11-07 05:30"),
    ],
)
def test_a_time_that_comes_twice_is_due_once_the_first_time(zone: str, cron: str, first: str) -> None:
    moment, half_a_day = utc(first), timedelta(hours=12)
    around = due(Rule(cron=cron, zone=zone), moment - half_a_day)
    assert list(takewhile(lambda at: at < moment + half_a_day, around)) == [moment]


def test_a_distance_goes_through_both_passes_of_a_doubled_hour_and_has_no_time_in_a_gap() -> None:
    half_hours = Rule(cron="*/30 * * * *", zone="Europe/Paris")
    for day in (utc("2026-03-29 00:00"), utc("2026-10-25 00:00")):
        found = list(islice(due(half_hours, day - timedelta(seconds=1)), 12))
        assert found == [day + timedelta(minutes=30 * number) for number in range(12)]


def test_a_clock_that_changes_by_half_an_hour_loses_nothing() -> None:
    quarters = Rule(cron="*/15 1-2 * * *", zone="Australia/Lord_Howe")
    found = islice(due(quarters, utc("2026-04-04 13:59")), 10)
    assert [f"{at.astimezone(quarters.clock):%H:%M %z}" for at in found] == [
        *("01:00 +1100", "01:15 +1100", "01:30 +1100", "01:45 +1100", "01:30 +1030", "01:45 +1030"),
        *("02:00 +1030", "02:15 +1030", "02:30 +1030", "02:45 +1030"),
    ]


def test_several_times_in_one_gap_are_one() -> None:
    quarters = Rule(cron="0,15,30,45 2,3 * * *", zone="Europe/Paris")
    found = islice(due(quarters, utc("2026-03-29 00:00")), 4)
    assert [f"{at:%H:%M}" for at in found] == ["01:00", "01:15", "01:30", "01:45"]  # 3:00 to 3:45, each once


@pytest.mark.parametrize("zone", ["Europe/Paris", "America/New_York"])
@pytest.mark.parametrize("cron", ["30 2 * * SUN#2", "0 0 L * *", "15 3 LW * *", "5 4 * 1-3 5L", "0 5 1,15 * MON"])
def test_where_a_clock_changes_by_an_hour_cronsim_itself_agrees(zone: str, cron: str) -> None:
    its = CronSim(cron, START.astimezone(ZoneInfo(zone)))
    ours = due(Rule(cron=cron, zone=zone), START)
    assert [at.astimezone(UTC) for at in islice(its, 200)] == list(islice(ours, 200))


@given(st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)), st.sampled_from(ZONES))
def test_the_moments_of_a_local_time_say_that_time_or_are_the_first_after_its_gap(local: datetime, zone: str) -> None:
    local = local.replace(microsecond=0)
    for moment in instants(local, ZoneInfo(zone)):
        there = moment.astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        before = (moment - timedelta(seconds=1)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
        assert there == local or before < local < there


@given(st.integers(1, 400), st.datetimes(datetime(2026, 1, 1), datetime(2030, 1, 1)))
def test_a_distance_is_counted_from_1970_on(minutes: int, after: datetime) -> None:
    step, since = timedelta(minutes=minutes), after.replace(tzinfo=UTC)
    found = list(islice(due(Rule(every=60 * minutes), since), 3))
    assert all((at - EPOCH) % step == timedelta() for at in found)
    assert timedelta() < found[0] - since <= step
    assert {later - at for at, later in pairwise(found)} == {step}


def test_one_time_is_due_once_also_in_a_gap() -> None:
    once = Rule(at=datetime(2026, 3, 29, 2, 30), zone="Europe/Paris")
    (moment,) = due(once, START)
    assert moment == utc("2026-03-29 01:00")
    assert list(due(once, moment)) == []


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("30 2 * * SUB", "its day-of-week is wrong"),
        ("60 2 * * *", "its minute is wrong"),
        ("0 0 * * FRI#6", "its day-of-week is wrong"),
        ("0 0 30 2 *", "its day-of-month is wrong"),
        ("* * * * * *", "the five fields"),
        ("", "the five fields"),
    ],
)
def test_a_wrong_expression_is_refused_with_its_field(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_cron(text)


def test_jitter_is_the_same_every_time_and_differs_between_machines_and_jobs() -> None:
    assert offset("patch", "web1", 600) == offset("patch", "web1", 600)
    spread = {offset(job, f"web{n}", 600) for n in range(50) for job in ("patch", "tidy")}
    assert len(spread) > 80
    assert min(spread) >= 0 and max(spread) <= 600
    assert offset("patch", "web1", 0) == 0
