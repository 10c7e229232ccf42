"""A job as one line of a crontab, marked, and rewritten as a whole.

cron knows neither time zones, nor the second Sunday, nor what was missed; so it asks every hour, at the minutes at
which the job can be due by this machine's clock, and `job run --scheduled` decides.
"""

import subprocess
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta, tzinfo
from itertools import islice
from pathlib import Path

from pssh.errors import JobError
from pssh.ops.shellwords import join
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.oncalendar import between, changes
from pssh.schedule.when import Rule
from pssh.schedule.written import write

_MARK = "# pssh job "
_LOOKED_AT = 1_000  # times from now on
_YEARS = 5


def line(job: MaintenanceJob, argv: Sequence[str], now: datetime, clock: tzinfo, *, state: str = "") -> str:
    """Return the crontab's line; `clock` is the zone of this machine, by which cron goes."""
    if job.entry is None:
        raise JobError(f"The job `{job.name}` has no schedule", hint="`pssh job run` runs it by hand")
    minutes = _minutes(job.entry.rule, now, clock)
    when = "*" if len(minutes) == 60 else ",".join(map(str, sorted(minutes)))
    words = [*(["env", f"PSSH_STATE={state}"] if state else []), *argv, "job", "run", "--scheduled", str(job.path)]
    command = join(words)
    if "\n" in command:
        raise JobError(f"The path of `{job.path}` cannot stand in a crontab")
    return f"{when} * * * * {command} {_marked(job.path)}".replace("%", "\\%")


def with_line(text: str, path: Path, new: str) -> str:
    """Return a crontab with this job's line, in its old place if it has one; without, for an empty `new`."""
    mark, lines, done = _marked(path).replace("%", "\\%"), [], False
    for old in text.splitlines():
        if not old.endswith(f" {mark}"):
            lines.append(old)
        elif new and not done:
            lines.append(new)
            done = True
    if new and not done:
        lines.append(new)
    return "".join(f"{said}\n" for said in lines)


def change(path: Path, new: str, file: Path | None = None, run: Callable[..., str] | None = None) -> bool:
    """Put the line into the user's crontab, or into `file`; an empty one removes it. Returns whether that changed it.

    Raises JobError.
    """
    if file is not None:
        try:
            before = file.read_text("utf-8", "surrogateescape") if file.exists() else ""
            after = with_line(before, path, new)
            return after != before and write(file, after, 0o600)
        except OSError as error:
            raise JobError(f"The crontab `{file}` cannot be changed: {error.strerror}") from None
    program = run or _crontab
    before = program("-l")
    after = with_line(before, path, new)
    if after == before:
        return False
    program("-", given=after)
    return True


def _crontab(what: str, given: str | None = None) -> str:
    try:
        done = subprocess.run(
            ["crontab", what], input=given, capture_output=True, text=True, errors="surrogateescape", timeout=30
        )
    except (OSError, subprocess.SubprocessError) as error:
        why = getattr(error, "strerror", None) or str(error)
        raise JobError(f"`crontab` cannot be run: {why}", hint="`--systemd`, or `--into FILE`") from None
    if done.returncode and not (what == "-l" and "no crontab" in done.stderr.lower()):
        raise JobError(f"`crontab {what}` failed: {' '.join(done.stderr.split())[:200]}")
    return done.stdout if not done.returncode else ""


def _minutes(rule: Rule, now: datetime, clock: tzinfo) -> set[int]:
    until, around = now + timedelta(days=366 * _YEARS), timedelta(hours=4)
    found = {at.astimezone(clock).minute for at in islice(between(rule, now, until), _LOOKED_AT)}
    for change in changes(rule, now, until):
        found |= {at.astimezone(clock).minute for at in between(rule, change - around, change + around)}
    return found


def _marked(path: Path) -> str:
    return f"{_MARK}{path}"
