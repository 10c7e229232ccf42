"""What is ahead of a job, in words: its next times, its waves, and how long it takes against its window."""

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice
from statistics import median

from pssh.model.options import RunOptions
from pssh.schedule.decide import Entry
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.state import Answer
from pssh.schedule.when import due

TIMES = 5


def times(entry: Entry, now: datetime, number: int = TIMES) -> list[tuple[datetime, str]]:
    """Return when the job begins next, in UTC, and the blackout that a time falls into."""
    coming = (at + entry.jitter for at in due(entry.rule, now - entry.jitter))
    return [(at, entry.blackouts.at(at)) for at in islice(coming, number)]


def estimate(
    job: MaintenanceJob, hosts: int, options: RunOptions, before: Sequence[Answer]
) -> tuple[float | None, str]:
    """Return how many seconds a run takes, and how that is known; None if nothing says it."""
    took = [(run.seconds or 0.0) / max(run.hosts or 1, 1) for run in before if run.status == "ok" and run.hosts]
    if took:
        runs = "the last run" if len(took) == 1 else f"{len(took)} earlier runs"
        return median(took) * hosts, f"as {runs} took"
    limits = [step.timeout * (1 + step.retries) or step.retry_for for step in job.steps.steps]
    if not all(limits):
        return None, "no run so far, and not every step has a `timeout`"
    waves = options.rollout.sizes(hosts)
    turns = sum(-(-size // options.parallel) for size in waves)
    return turns * sum(limits) + (len(waves) - 1) * options.rollout.pause, "at most, by the timeouts of its steps"


def fits(entry: Entry | None, seconds: float | None) -> str:
    """Return how an estimate compares with the window; empty where one of them is missing."""
    if entry is None or entry.window is None or seconds is None:
        return ""
    left = entry.window - entry.jitter - timedelta(seconds=seconds)
    return "" if left >= timedelta() else f"{duration(-left.total_seconds())} longer than its window"


def schedule_lines(entry: Entry, now: datetime) -> Iterator[tuple[str, str, str]]:
    """Yield the next times: in the job's zone, in UTC, and what speaks against them."""
    for at, blackout in times(entry, now):
        local = at.astimezone(entry.rule.clock)
        yield f"{local:%a %Y-%m-%d %H:%M:%S %Z}", f"{at.astimezone(UTC):%Y-%m-%d %H:%M:%S}", blackout


def duration(seconds: float) -> str:
    """Return a length of time as `1h05m`, `2m30s` or `12s`."""
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    if days:
        return f"{days}d{hours:02}h"
    if hours:
        return f"{hours}h{minutes:02}m"
    return f"{minutes}m{rest:02}s" if minutes else f"{rest}s"
