"""Days and calendars in which nothing begins."""

from datetime import UTC, datetime, timedelta
from itertools import islice
from textwrap import dedent

import pytest

from pssh.schedule.blackout import Blackouts, Event, read_days
from pssh.schedule.ics import read

PARIS = "Europe/Paris"


def calendar(body: str) -> str:
    return "BEGIN:VCALENDAR\r\nVERSION:2.0\r\n" + body.strip().replace("\n", "\r\n") + "\r\nEND:VCALENDAR\r\n"


def event(body: str) -> str:
    return calendar(f"BEGIN:VEVENT\n{body}\nEND:VEVENT")


def events(text: str) -> list[Event]:
    found, wrong = read(text, PARIS)
    assert not wrong
    return found


def spans(one: Event, number: int = 3) -> list[str]:
    found = islice(one.spans(datetime(2020, 1, 1, tzinfo=UTC)), number)
    return [f"{first:%Y-%m-%dT%H:%M}/{end:%Y-%m-%dT%H:%M}" for first, end in found]


def test_days_are_whole_days_of_the_zone_both_ends_included() -> None:
    days = Blackouts((read_days("2026-12-20..2027-01-03", PARIS),))
    assert days.at(datetime(2026, 12, 19, 22, 59, tzinfo=UTC)) == ""
    assert days.at(datetime(2026, 12, 19, 23, 0, tzinfo=UTC)) == "2026-12-20..2027-01-03"
    assert days.at(datetime(2027, 1, 3, 22, 59, tzinfo=UTC)) != ""
    assert days.at(datetime(2027, 1, 3, 23, 0, tzinfo=UTC)) == ""
    assert days.next(datetime(2026, 1, 1, tzinfo=UTC)) == datetime(2026, 12, 19, 23, tzinfo=UTC)
    assert days.next(datetime(2026, 12, 25, tzinfo=UTC)) is None


def test_a_day_on_which_the_clock_changes_ends_at_its_own_midnight() -> None:
    assert spans(read_days("2026-03-29", PARIS)) == ["2026-03-28T23:00/2026-03-29T22:00"]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("2026-12-32", "does not exist"),
        ("2026-12-20..2026-12-19", "ends before it begins"),
        ("christmas", "neither a day"),
        ("2026-12-20...2026-12-22", "neither a day"),
    ],
)
def test_days_that_are_none_are_refused(text: str, said: str) -> None:
    with pytest.raises(ValueError, match=said):
        read_days(text, PARIS)


@pytest.mark.parametrize(
    ("body", "span"),
    [
        ("DTSTART;VALUE=DATE:20261224\nDTEND;VALUE=DATE:20261227", "2026-12-23T23:00/2026-12-26T23:00"),
        ("DTSTART;VALUE=DATE:20260501", "2026-04-30T22:00/2026-05-01T22:00"),
        (
            "DTSTART;TZID=America/New_York:20260704T090000\nDTEND;TZID=America/New_York:20260704T170000",
            "2026-07-04T13:00/2026-07-04T21:00",
        ),
        ("DTSTART:20260704T090000Z\nDURATION:PT2H30M", "2026-07-04T09:00/2026-07-04T11:30"),
        ("DTSTART:20260704T090000\nDTEND:20260704T100000", "2026-07-04T07:00/2026-07-04T08:00"),
    ],
)
def test_events_of_a_calendar_are_days_or_times_in_their_own_zone(body: str, span: str) -> None:
    (one,) = events(event(body))
    assert spans(one) == [span]


@pytest.mark.parametrize(
    ("body", "days"),
    [
        ("DTSTART;VALUE=DATE:20240229\nRRULE:FREQ=YEARLY", "2024-02-28 2028-02-28 2032-02-28"),
        ("DTSTART:20240714T120000Z\nRRULE:FREQ=YEARLY;BYMONTH=7;BYMONTHDAY=14", "2024-07-14 2025-07-14 2026-07-14"),
        ("DTSTART:20260105T180000Z\nRRULE:FREQ=WEEKLY;COUNT=2", "2026-01-05 2026-01-12"),
        (
            "DTSTART:20260105T180000Z\nRRULE:FREQ=WEEKLY;INTERVAL=2;BYDAY=MO,WE;COUNT=3",
            "2026-01-05 2026-01-07 2026-01-19",
        ),
        (
            "DTSTART:20260105T180000Z\nRRULE:FREQ=DAILY;UNTIL=20260108T180000Z\nEXDATE:20260106T180000Z",
            "2026-01-05 2026-01-07 2026-01-08",
        ),
    ],
)
def test_simple_repetitions_are_followed_to_their_end(body: str, days: str) -> None:
    (one,) = events(event(f"{body}\nDURATION:PT1H" if "VALUE=DATE" not in body else body))
    assert [span[:10] for span in spans(one, len(days.split()) + ("COUNT" in body or "UNTIL" in body))] == days.split()


def test_an_event_of_long_ago_that_still_repeats_is_found() -> None:
    (daily,) = events(event("DTSTART:19900101T000000Z\nDURATION:PT1H\nRRULE:FREQ=DAILY\nSUMMARY:Backup\\, all"))
    assert Blackouts((daily,)).at(datetime(2036, 5, 5, 0, 30, tzinfo=UTC)) == "Backup, all"


def test_folded_lines_alarms_and_called_off_events_are_read_as_meant() -> None:
    text = calendar(
        dedent(
            """
            BEGIN:VEVENT
            DTSTART;VALUE=DATE:20261224
            SUMMARY:Chri
             stmas
            BEGIN:VALARM
            TRIGGER:-PT15M
            DURATION:PT5M
            END:VALARM
            END:VEVENT
            BEGIN:VEVENT
            DTSTART;VALUE=DATE:20261225
            STATUS:CANCELLED
            END:VEVENT
            """
        )
    )
    (one,) = events(text)
    assert (one.name, one.length) == ("Christmas", timedelta(days=1))


@pytest.mark.parametrize(
    ("body", "line", "said"),
    [
        ("DTSTART:20261224T1\nSUMMARY:x", 4, "no date such as"),
        ("SUMMARY:x", 3, "no DTSTART"),
        ("DTSTART;TZID=Mars/Olympus:20261224T100000", 4, "no time zone `Mars/Olympus`"),
        ("DTSTART:20261224T100000Z\nRRULE:FREQ=MONTHLY", 5, "DAILY, WEEKLY or YEARLY"),
        ("DTSTART:20261224T100000Z\nRRULE:FREQ=YEARLY;BYDAY=1MO", 5, "`BYDAY=1MO`"),
        ("DTSTART:20261224T100000Z\nRRULE:FREQ=DAILY;BYSETPOS=1", 5, "`BYSETPOS=1`"),
        ("DTSTART:20261224T100000Z\nRDATE:20261225T100000Z", 5, "`RDATE` is not understood"),
        ("DTSTART:20261224T100000Z\nDTEND:20261223T100000Z", 5, "ends before it begins"),
        ("DTSTART:20261224T100000Z\nDURATION:soon", 5, "no DURATION"),
    ],
)
def test_what_is_not_understood_is_refused_with_its_line(body: str, line: int, said: str) -> None:
    ((found, text),) = read(event(body), PARIS)[1]
    assert found == line
    assert said in text


def test_a_file_that_is_no_calendar_is_refused() -> None:
    assert read("<html>", PARIS)[1] == [(1, "this is no calendar: it does not begin with BEGIN:VCALENDAR")]
    assert "no end" in read("BEGIN:VCALENDAR\nBEGIN:VEVENT\n", PARIS)[1][0][1]
