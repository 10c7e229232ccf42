"""A rule as systemd's calendar events (systemd.time(7)), which are due at least as often as the rule is.

The first lines say the rule in its own zone, and follow changes of the zone's law. systemd leaves out a local time that
a clock change skips, and the second pass of a doubled hour (seen in 252 and read in its source); so on the weekdays and
in the months of such changes one line more asks every hour, in UTC. `job run --scheduled` decides then.
"""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from itertools import takewhile
from math import gcd

from cronsim import CronSim

from pssh.schedule.when import Rule, due, instants

_DAYS = ("Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat")
_YEARS = 20
_AROUND = timedelta(hours=4)


def calendar(rule: Rule, now: datetime) -> list[str]:
    """Return the values of OnCalendar=."""
    if rule.every:
        return [_every(rule.every)]
    if rule.at:
        return [f"{instants(rule.at, rule.clock)[0]:%Y-%m-%d %H:%M:%S} UTC"]
    return [*dict.fromkeys(f"{said} {rule.zone}" for said in _cron(rule.cron)), *_changes(rule, now)]


def _every(seconds: int) -> str:
    """Return an even division of the day on which all multiples of that many seconds since 1970 lie."""
    step = gcd(seconds, 86400)
    if step % 3600 == 0:
        return f"*-*-* 00/{step // 3600}:00:00 UTC" if step < 86400 else "*-*-* 00:00:00 UTC"
    step = gcd(step, 3600)
    if step % 60 == 0:
        return f"*-*-* *:00/{step // 60}:00 UTC"
    return f"*-*-* *:*:00/{gcd(step, 60)} UTC"


def _cron(text: str) -> Iterator[str]:
    known = CronSim(text, datetime(2024, 1, 1))
    time = f"{_some(known.hours, 24)}:{_some(known.minutes, 60)}:00"
    months = _some(known.months, 12)
    days = [day for day in known.days if day > 0]
    everyday = len(days) == 31
    dates = [] if everyday or not days else [_some(set(days), 31)]
    dates += ["28..31"] if CronSim.LAST in known.days else []
    dates += ["26..31"] if CronSim.LAST_WEEKDAY in known.days else []
    names = {day % 7 for day in known.weekdays if isinstance(day, int)}
    nth = [day for day in known.weekdays if not isinstance(day, int)]
    anyday = len(names) == 7
    weekdays = [(",".join(_DAYS[day] for day in sorted(names)), "*")] if names and not anyday else []
    weekdays += [(_DAYS[day % 7], _nth(number)) for day, number in sorted(nth)]
    if anyday or not known.day_and:
        for date in dates or (["*"] if anyday else []):
            yield f"*-{months}-{date} {time}"
    if not anyday and (everyday or not known.day_and):
        for day, date in weekdays:
            yield f"{day} *-{months}-{date} {time}"
    if not anyday and known.day_and and not everyday:
        for day, _ in weekdays:
            for date in dates:
                yield f"{day} *-{months}-{date} {time}"


def _some(numbers: set[int], most: int) -> str:
    return "*" if len(numbers) == most else ",".join(f"{number:02}" for number in sorted(numbers))


def _nth(number: int) -> str:
    if number == CronSim.LAST:
        return "22..31"
    first = 7 * (number - 1) + 1
    return f"{first:02}..{min(first + 6, 31):02}"


def _changes(rule: Rule, now: datetime) -> list[str]:
    """Return the line that asks around the changes of the zone's clock in the next 20 years."""
    days: set[int] = set()
    months: set[int] = set()
    minutes: set[int] = set()
    for change in changes(rule, now, now + timedelta(days=366 * _YEARS)):
        for at in between(rule, change - _AROUND, change + _AROUND):
            days.add((at.weekday() + 1) % 7)
            months.add(at.month)
            minutes.add(at.minute)
    if not days:
        return []
    return [f"{','.join(_DAYS[day] for day in sorted(days))} *-{_some(months, 12)}-* *:{_some(minutes, 60)}:00 UTC"]


def between(rule: Rule, since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield when the rule is due after `since` and before `until`."""
    return takewhile(lambda at: at < until, due(rule, since))


def changes(rule: Rule, since: datetime, until: datetime) -> Iterator[datetime]:
    """Yield the moments at which the clock of the rule's zone is changed, to the hour."""
    moment = since.astimezone(UTC).replace(minute=0, second=0, microsecond=0)
    day, offset = timedelta(days=1), moment.astimezone(rule.clock).utcoffset()
    while moment < until:
        if (after := (moment + day).astimezone(rule.clock).utcoffset()) != offset:
            hours = (moment + timedelta(hours=hour) for hour in range(1, 25))
            yield next(hour for hour in hours if hour.astimezone(rule.clock).utcoffset() != offset)
            offset = after
        moment += day
