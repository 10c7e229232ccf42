"""The times in which a job is not begun: days that its file names, and calendars.

An event is a local time or day, a length, and perhaps a repetition; which moments it covers is worked out when asked.
"""

import re
from collections.abc import Iterator
from datetime import date, datetime, time, timedelta
from itertools import count
from typing import Literal
from zoneinfo import ZoneInfo

from msgspec import Struct

from pssh.schedule.when import instants

Frequency = Literal["", "DAILY", "WEEKLY", "YEARLY"]
_DAYS = re.compile(r"(\d{4}-\d\d-\d\d)(?:\.\.(\d{4}-\d\d-\d\d))?", re.ASCII)
_MOST_TIMES = 20_000  # of one event; more are not looked at


class Event(Struct, frozen=True, kw_only=True):
    """One time span, or one that comes again."""

    name: str
    start: datetime  # local, without a zone
    length: timedelta
    zone: str
    days: bool = False  # the length is whole days, whatever clock changes lie in them
    frequency: Frequency = ""
    interval: int = 1
    weekdays: tuple[int, ...] = ()  # of a week, 0 is Monday
    times: int = 0  # so often in all; 0: for ever
    until: datetime | None = None  # no start after it; local
    without: frozenset[datetime] = frozenset()  # starts that are left out; local

    def spans(self, since: datetime) -> Iterator[tuple[datetime, datetime]]:
        """Yield the spans that end after `since`, from their first moment to the one after their last, ascending."""
        zone = ZoneInfo(self.zone)
        for start in self._starts():
            if start in self.without:
                continue
            first = instants(start, zone)[0]
            end = instants(start + self.length, zone)[0] if self.days else first + self.length
            if end > since:
                yield first, end

    def _starts(self) -> Iterator[datetime]:
        for number, start in enumerate(self._candidates(), 1):
            if (self.times and number > self.times) or (self.until and start > self.until):
                return
            yield start

    def _candidates(self) -> Iterator[datetime]:
        if not self.frequency:
            yield self.start
            return
        for step in count(0, self.interval):
            if step > _MOST_TIMES:
                return
            if self.frequency == "YEARLY":
                year = self.start.year + step
                leap = year % 4 == 0 and (year % 100 != 0 or year % 400 == 0)
                if year > 9000:
                    return
                if leap or (self.start.month, self.start.day) != (2, 29):
                    yield self.start.replace(year=year)
            elif self.frequency == "WEEKLY" and self.weekdays:
                monday = self.start - timedelta(days=self.start.weekday()) + timedelta(weeks=step)
                days = (monday + timedelta(days=day) for day in sorted(self.weekdays))
                yield from (day for day in days if day >= self.start)
            else:
                yield self.start + timedelta(**{"weeks" if self.frequency == "WEEKLY" else "days": step})


class Blackouts(Struct, frozen=True):
    """All of a job's."""

    events: tuple[Event, ...] = ()

    def at(self, moment: datetime) -> str:
        """Return the name of what covers a moment; empty if nothing does."""
        for event in self.events:
            span = next(event.spans(moment), None)
            if span and span[0] <= moment:
                return event.name
        return ""

    def next(self, after: datetime) -> datetime | None:
        """Return when the next one after a moment begins."""
        return min(
            (first for event in self.events for first in [_first_after(event, after)] if first),
            default=None,
        )


def _first_after(event: Event, after: datetime) -> datetime | None:
    return next((first for first, _ in event.spans(after) if first > after), None)


def read_days(text: str, zone: str) -> Event:
    """Return what `2026-12-24` or `2026-12-20..2027-01-03` covers, both ends included; raises ValueError."""
    found = _DAYS.fullmatch(text.strip())
    if not found:
        raise ValueError(f"`{text}` is neither a day `2026-12-24`, nor days `2026-12-20..2027-01-03`, nor `file:x.ics`")
    try:
        first, last = date.fromisoformat(found[1]), date.fromisoformat(found[2] or found[1])
    except ValueError:
        raise ValueError(f"`{text}` names a day that does not exist") from None
    if last < first:
        raise ValueError(f"`{text}` ends before it begins")
    return Event(
        name=text.strip(),
        start=datetime.combine(first, time()),
        length=timedelta(days=(last - first).days + 1),
        zone=zone,
        days=True,
    )
