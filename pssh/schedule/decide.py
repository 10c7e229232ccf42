"""Whether a job begins now: one pure decision from its schedule, the time, and what was decided before.

Promises: every time at which the job is due is answered once, by a run or by a skip with its reason; none twice. A time
is on time for two minutes, so that a busy machine is not taken for one that was off; later it is missed, and `catch_up`
says what becomes of it. A window is a promise to the hosts: nothing is made up after it has closed.
"""

from datetime import datetime, timedelta
from typing import Literal

from msgspec import Struct

from pssh.schedule.blackout import Blackouts
from pssh.schedule.when import Rule, due

LATE = timedelta(minutes=2)
_APART = timedelta(minutes=1)  # no rule is due more often
CatchUp = Literal["none", "once", "all"]
Overlap = Literal["skip", "queue", "stop-old"]
Reason = Literal["missed", "window", "blackout", "paused", "overlap", "approval", "failed"]


class Entry(Struct, frozen=True, kw_only=True):
    """All about a job that its times depend on."""

    rule: Rule
    jitter: timedelta = timedelta()  # of this job on this machine
    window: timedelta | None = None  # from the time it is due, without jitter
    blackouts: Blackouts = Blackouts()
    catch_up: CatchUp = "none"
    grace: timedelta = timedelta()  # how late a missed time may be made up
    overlap: Overlap = "skip"

    def closes(self, at: datetime, now: datetime) -> datetime | None:
        """Return when no host may begin any more of a run that is due `at` and begins now."""
        window = at + self.window if self.window is not None else None
        return min(filter(None, (window, self.blackouts.next(now))), default=None)


class Run(Struct, frozen=True):
    """Begin now, what was due `at`."""

    at: datetime
    reason: Literal["due", "catch-up"]
    until: datetime | None = None  # no new host from then on
    replaces: bool = False  # end the run that is still under way


class Skip(Struct, frozen=True):
    """Do not run what was due `at`, nor anything before it; `first` is the earliest of these."""

    at: datetime
    reason: Reason
    first: datetime
    detail: str = ""


class Wait(Struct, frozen=True):
    """Nothing is due before `until`; None: never again, or not before the run that is under way has ended."""

    until: datetime | None
    at: datetime | None = None  # what is then due, or waits


Decision = Run | Skip | Wait


def decide(entry: Entry, now: datetime, last: datetime, *, running: bool = False, paused: bool = False) -> Decision:
    """Return what to do; `last` is the newest time that was answered, or when the job was first seen. All in UTC."""
    times = due(entry.rule, last)
    first = next(times, None)
    if first is None:
        return Wait(None)
    if first + entry.jitter > now:
        return Wait(first + entry.jitter, first)
    if first + entry.jitter < (horizon := now - max(entry.grace, LATE)):
        return Skip(horizon - entry.jitter, "missed", first)
    newer = False
    if now - first - entry.jitter >= _APART and (second := next(times, None)) is not None:
        newer = second + entry.jitter <= now
    late = newer or now - first - entry.jitter > LATE
    if late and (entry.catch_up == "none" or (entry.catch_up == "once" and newer)):
        return Skip(first, "missed", first)
    if paused:
        return Skip(first, "paused", first)
    if why := forbidden(entry, first, now):
        return why
    if running and entry.overlap == "skip":
        return Skip(first, "overlap", first)
    if running and entry.overlap == "queue":
        return Wait(None, first)
    return Run(first, "catch-up" if late else "due", entry.closes(first, now), replaces=running)


def forbidden(entry: Entry, at: datetime, now: datetime) -> Skip | None:
    """Return why what was due `at` may not begin now: its window has closed, or a blackout covers one of the two."""
    if entry.window is not None and now >= at + entry.window:
        return Skip(at, "window", at)
    for moment in (at + entry.jitter, now):
        if name := entry.blackouts.at(moment):
            return Skip(at, "blackout", at, name)
    return None
