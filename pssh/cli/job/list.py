"""`pssh job list`: every job that was seen, with its last and next time, and how it went."""

import sys
from datetime import UTC, datetime, tzinfo
from pathlib import Path

import click

from pssh.cli import terminal
from pssh.cli.help import Page
from pssh.errors import JobError
from pssh.report.jobs import COLUMNS, jobs_table
from pssh.report.safe import safe
from pssh.schedule import outlook
from pssh.schedule.job import MaintenanceJob, load
from pssh.schedule.lock import Lock
from pssh.schedule.state import Answer, State

EXAMPLES = """
  pssh job list
"""
_TREND = 10


@click.command(cls=Page, examples=EXAMPLES)
def command() -> int:
    """Show every job that was run or installed: LAST and NEXT in the job's own zone, and its last ten times.

    In TREND, oldest first, `+` is a run that was ok, `-` one that was not, `.` a time that was skipped.
    """
    state, now = State(), datetime.now(UTC)
    rows = [_row(state, path, name, now) for path, name in state.known()]
    if not rows:
        click.echo("pssh: no job was run or installed so far", err=True)
        return 0
    click.echo(jobs_table(rows, width=terminal.width(sys.stdout)), nl=False)
    return 0


def _row(state: State, path: Path, name: str, now: datetime) -> dict[str, str]:
    answers, known = state.answers(path, _TREND), state.look(path)
    job: MaintenanceJob | None
    try:
        job, coming = load(path), ""
    except JobError as error:
        job, coming = None, "no file" if not path.exists() else f"refused: {error.message}"
    zone: tzinfo = job.entry.rule.clock if job and job.entry else UTC
    if job and job.entry:
        # No time that was answered comes again, wherever the clock went.
        since = max(now, known.last + job.entry.jitter) if known else now
        following = outlook.times(job.entry, since, 1)
        coming = _local(following[0][0], zone) if following else "never"
    elif job:
        coming = "by hand"
    status = _status(state, path, answers[0]) if answers else "never ran"
    if known and known.paused:
        status, coming = f"{status}, paused", f"paused by {known.paused}"
    last = _local(answers[0].decided, zone) if answers else ""
    trend = "".join(map(_mark, reversed(answers)))
    return dict(zip(COLUMNS, map(safe, (name, last, coming, status, trend, str(path))), strict=True))


def _status(state: State, path: Path, answer: Answer) -> str:
    if answer.word != "running" or Lock(state.folder, str(path)).held():
        return answer.word
    return "interrupted"


def _mark(answer: Answer) -> str:
    if answer.what == "skipped":
        return "."
    return "+" if answer.status == "ok" else "-" if answer.status else "?"


def _local(moment: datetime, zone: tzinfo) -> str:
    return f"{moment.astimezone(zone):%Y-%m-%d %H:%M %Z}"
