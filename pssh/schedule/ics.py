"""Calendars (RFC 5545) as blackouts: the events of an `.ics` file, whole days or times, simple repetitions included.

What is not understood is refused with its line, never passed over: an event that is left out is a night on which a
fleet is touched. Why no library: the common ones expand what they do not know to nothing, or guess.
"""

import re
from collections.abc import Iterator
from datetime import UTC, date, datetime, time, timedelta
from typing import Any
from zoneinfo import ZoneInfo

from pssh.schedule.blackout import Event
from pssh.schedule.when import zone_of

_WEEKDAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_LENGTH = re.compile(r"\+?P(?:(\d+)W)?(?:(\d+)D)?(?:T(?:(\d+)H)?(?:(\d+)M)?(?:(\d+)S)?)?", re.ASCII)
_REFUSED = ("RDATE", "EXRULE", "RECURRENCE-ID")
_MOST_EVENTS = 5_000


class _Wrong(Exception):
    pass


def read(text: str, zone: str) -> tuple[list[Event], list[tuple[int, str]]]:
    """Return the events, and what is wrong as pairs of line and text; times without a zone are in `zone`."""
    events: list[Event] = []
    wrong: list[tuple[int, str]] = []
    block: dict[str, tuple[dict[str, str], str, int]] | None = None
    exdates: list[tuple[dict[str, str], str, int]] = []
    inner, begun = 0, 0
    lines = list(_unfolded(text))
    if not lines or lines[0][1].strip().upper() != "BEGIN:VCALENDAR":
        return [], [(1, "this is no calendar: it does not begin with BEGIN:VCALENDAR")]
    for line, said in lines:
        name, parameters, value = _taken_apart(said)
        if name == "BEGIN" and value.upper() == "VEVENT":
            block, exdates, begun = {}, [], line
        elif name == "END" and value.upper() == "VEVENT" and block is not None:
            try:
                if event := _event(block, exdates, zone):
                    events.append(event)
            except _Wrong as error:
                at = error.args[1] if len(error.args) > 1 else begun
                wrong.append((at, str(error.args[0])))
            block = None
        elif block is not None and name in ("BEGIN", "END"):
            inner += 1 if name == "BEGIN" else -1  # an alarm in an event
        elif block is not None and not inner:
            if name == "EXDATE":
                exdates.append((parameters, value, line))
            else:
                block.setdefault(name, (parameters, value, line))
    if block is not None:
        wrong.append((begun, "an event has no end"))
    if len(events) > _MOST_EVENTS:
        wrong.append((1, f"there are more than {_MOST_EVENTS:,} events"))
    return events, wrong


def _unfolded(text: str) -> Iterator[tuple[int, str]]:
    """Yield each content line with its number; a line that begins with a blank goes on with the one before."""
    whole, first = "", 0
    for number, line in enumerate(text.splitlines(), 1):
        if line[:1] in (" ", "\t") and whole:
            whole += line[1:]
            continue
        if whole:
            yield first, whole
        whole, first = line.rstrip(), number
    if whole:
        yield first, whole


def _taken_apart(line: str) -> tuple[str, dict[str, str], str]:
    head, value, quoted = line, "", False
    for place, letter in enumerate(line):
        quoted ^= letter == '"'
        if letter == ":" and not quoted:
            head, value = line[:place], line[place + 1 :]
            break
    name, *said = head.split(";")
    parameters = (part.partition("=") for part in said)
    return name.upper(), {key.upper(): text.strip('"') for key, _, text in parameters}, value.strip()


def _event(
    block: dict[str, tuple[dict[str, str], str, int]], exdates: list[tuple[dict[str, str], str, int]], zone: str
) -> Event | None:
    """Return what a VEVENT says; None for one that was called off."""
    if block.get("STATUS", ({}, "", 0))[1].upper() == "CANCELLED":
        return None
    if refused := next((name for name in _REFUSED if name in block), ""):
        raise _Wrong(f"`{refused}` is not understood; give the days in `blackout`", block[refused][2])
    if "DTSTART" not in block:
        raise _Wrong("an event has no DTSTART")
    start, days, zone = _moment(block["DTSTART"], zone)
    more: dict[str, Any] = _repetition(block["RRULE"], start, zone) if "RRULE" in block else {}
    without = frozenset(
        _moment((parameters, one, line), zone)[0] for parameters, value, line in exdates for one in value.split(",")
    )
    name = block.get("SUMMARY", ({}, "", 0))[1].replace("\\,", ",").replace("\\;", ";").replace("\\n", " ")
    length = _length(block, start, days, zone)
    return Event(name=name or "calendar", start=start, length=length, zone=zone, days=days, without=without, **more)


def _length(block: dict[str, tuple[dict[str, str], str, int]], start: datetime, days: bool, zone: str) -> timedelta:
    if "DTEND" in block:
        end, _, its = _moment(block["DTEND"], zone)
        clock = ZoneInfo(zone)
        if days:
            length = end - start
        else:
            length = end.replace(tzinfo=ZoneInfo(its)).astimezone(UTC) - start.replace(tzinfo=clock).astimezone(UTC)
        where = block["DTEND"][2]
    elif "DURATION" in block:
        found = _LENGTH.fullmatch(block["DURATION"][1])
        if not found or not any(found.groups()):
            raise _Wrong(f"`{block['DURATION'][1]}` is no DURATION", block["DURATION"][2])
        names = ("weeks", "days", "hours", "minutes", "seconds")
        length = timedelta(**{name: int(number or 0) for name, number in zip(names, found.groups(), strict=True)})
        where = block["DURATION"][2]
    else:
        return timedelta(days=1 if days else 0)  # RFC 5545, 3.6.1
    if length < timedelta():
        raise _Wrong("an event ends before it begins", where)
    return length


def _moment(said: tuple[dict[str, str], str, int], zone: str) -> tuple[datetime, bool, str]:
    """Return a local time, whether it is a whole day, and its zone."""
    parameters, value, line = said
    if "TZID" in parameters:
        zone = parameters["TZID"]
        try:
            zone_of(zone)
        except ValueError as error:
            raise _Wrong(str(error), line) from None
    try:
        if len(value) == 8:
            day = date.fromisoformat(value)
            return datetime.combine(day, time()), True, zone
        moment = datetime.strptime(value.removesuffix("Z"), "%Y%m%dT%H%M%S")
    except ValueError:
        raise _Wrong(f"`{value}` is no date such as 20261224 and no time such as 20261224T180000", line) from None
    return moment, False, "UTC" if value.endswith("Z") else zone


def _repetition(said: tuple[dict[str, str], str, int], start: datetime, zone: str) -> dict[str, Any]:
    """Return the fields of an event that an RRULE fills."""
    _, text, line = said
    parts = {key.upper(): value.upper() for key, _, value in (part.partition("=") for part in text.split(";"))}
    frequency = parts.pop("FREQ", "")
    if frequency not in ("DAILY", "WEEKLY", "YEARLY"):
        raise _Wrong(f"the repetition `{text}` is not understood: FREQ is DAILY, WEEKLY or YEARLY", line)
    found: dict[str, Any] = {"frequency": frequency}
    parts.pop("WKST", "")
    for key, value in parts.items():
        if key in ("INTERVAL", "COUNT") and value.isdecimal() and 0 < int(value) < 100_000:
            found["interval" if key == "INTERVAL" else "times"] = int(value)
        elif key == "UNTIL":
            found["until"] = _until(value, line, zone)
        elif key == "BYDAY" and frequency == "WEEKLY" and all(day in _WEEKDAYS for day in value.split(",")):
            found["weekdays"] = tuple(map(_WEEKDAYS.index, value.split(",")))
        elif (frequency, key, value) in (
            ("YEARLY", "BYMONTH", str(start.month)),
            ("YEARLY", "BYMONTHDAY", str(start.day)),
        ):
            continue  # says what DTSTART says
        else:
            raise _Wrong(f"the repetition `{text}` is not understood: `{key}={value}`", line)
    return found


def _until(value: str, line: int, zone: str) -> datetime:
    moment, days, its = _moment(({}, value, line), zone)
    if days:
        return moment + timedelta(days=1, seconds=-1)
    return moment.replace(tzinfo=ZoneInfo(its)).astimezone(ZoneInfo(zone)).replace(tzinfo=None)
