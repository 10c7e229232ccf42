"""When a rule is due: pure arithmetic on the wall clock of its zone, without any clock.

Promises: the times ascend and none comes twice. A local time that a clock change skips is due once, at the moment after
the gap; one that comes twice is due once, the first time. A rule whose minute or hour begins with `*` means a distance
and not a time of day, as in Debian's cron: it goes through both passes of a doubled hour, and a skipped one has none.

Why not cronsim's own walk through a zone: where a clock changes by half an hour it loses its place. It reads the
expression and knows the calendar; which moment a local time means is decided here.
"""

from collections import deque
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, tzinfo
from hashlib import sha256
from zoneinfo import ZoneInfo

from cronsim import CronSim, CronSimError
from msgspec import Struct

_MARGIN = timedelta(days=2)  # longer than any clock was ever changed by
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Rule(Struct, frozen=True, kw_only=True):
    """One of three: a cron expression, a distance in seconds from 1970 on, or one local time."""

    cron: str = ""
    every: int = 0
    at: datetime | None = None  # without a zone
    zone: str = "UTC"

    @property
    def clock(self) -> tzinfo:
        return ZoneInfo(self.zone)

    @property
    def free(self) -> bool:
        """Whether it means a distance, and not a time of day."""
        fields = self.cron.split()
        return bool(self.every) or (bool(fields) and (fields[0].startswith("*") or fields[1].startswith("*")))


def zone_of(name: str) -> ZoneInfo:
    """Return a time zone; raises ValueError for one that is not known here."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        raise ValueError(f"no time zone `{name}` is known here; write it as `Europe/Paris`") from None


def read_cron(text: str) -> str:
    """Return a cron expression of five fields; raises ValueError for one that is wrong or never due."""
    if len(text.split()) != 5:
        raise ValueError(f"`{text}` has not the five fields of cron: minute, hour, day, month, weekday")
    try:
        next(CronSim(text, datetime(2024, 1, 1)))
    except CronSimError as error:
        raise ValueError(f"`{text}` is no cron expression: its {str(error).removeprefix('Bad ')} is wrong") from None
    except (StopIteration, ValueError, AssertionError, OverflowError):
        raise ValueError(f"`{text}` is due on no day") from None
    return " ".join(text.split()).upper()


def due(rule: Rule, after: datetime) -> Iterator[datetime]:
    """Yield the moments after `after` at which the rule is due, in UTC, ascending; without end for most rules."""
    if rule.every:
        return _every(rule.every, after)
    if rule.at:
        return iter([moment] if (moment := instants(rule.at, rule.clock)[0]) > after else [])
    return _cron(rule, after)


def _every(seconds: int, after: datetime) -> Iterator[datetime]:
    step = timedelta(seconds=seconds)
    moment = EPOCH + ((after - EPOCH) // step + 1) * step
    while True:
        yield moment
        moment += step


def _cron(rule: Rule, after: datetime) -> Iterator[datetime]:
    zone, here = rule.clock, after.astimezone(rule.clock)
    first = here.replace(tzinfo=None)
    if (after - _MARGIN).astimezone(zone).utcoffset() != here.utcoffset():
        first -= _MARGIN  # an earlier local time may be a later moment
    times = CronSim(rule.cron, first)
    found = _passes(times, zone) if rule.free else (instants(local, zone)[0] for local in times)
    last = after
    for moment in found:
        if moment > last:
            yield moment
            last = moment


def _passes(times: Iterator[datetime], zone: tzinfo) -> Iterator[datetime]:
    """Yield the moments of local times that there are, ascending; of a doubled hour both passes."""
    again: deque[datetime] = deque()  # the second pass, until the first is over
    for local in times:
        moments = instants(local, zone)
        while again and again[0] < moments[0]:
            yield again.popleft()
        if moments[0].astimezone(zone).replace(tzinfo=None) != local:
            continue  # in a gap
        yield moments[0]
        again.extend(moments[1:])


def instants(local: datetime, zone: tzinfo) -> list[datetime]:
    """Return the moments that a local time means: one, two where it comes twice, or the one after its gap."""
    early, late = (local.replace(tzinfo=zone, fold=fold).astimezone(UTC) for fold in (0, 1))
    if early == late:
        return [early]
    if early < late:
        return [early, late]
    # In a gap the offset before it gives a moment behind the change, and the offset after it one before.
    low, high = late, early
    before = low.astimezone(zone).utcoffset()
    while high - low > timedelta(seconds=1):
        middle = low + timedelta(seconds=(high - low) // timedelta(seconds=2))
        low, high = (middle, high) if middle.astimezone(zone).utcoffset() == before else (low, middle)
    return [high]


def offset(job: str, machine: str, most: int) -> int:
    """Return how many seconds of a jitter of at most `most` this job has on this machine: always the same."""
    return int.from_bytes(sha256(f"{job}\0{machine}".encode()).digest()[:8]) % (most + 1)
