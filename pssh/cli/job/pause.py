"""`pssh job pause`: let a job's times pass."""

import os
from datetime import UTC, datetime
from pathlib import Path

import click

from pssh.cli.help import Page
from pssh.report.safe import safe
from pssh.schedule.job import load
from pssh.schedule.state import State
from pssh.settings import login_name

EXAMPLES = """
  pssh job pause jobs/patch-web.toml
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> int:
    """Skip every time at which FILE's job is due, until it is resumed; what runs goes on."""
    job, state, now = load(file), State(), datetime.now(UTC)
    state.job(job.path, job.name, now)
    state.pause(job.path, f"{login_name(os.environ)} since {now.astimezone():%Y-%m-%d %H:%M %Z}")
    click.echo(f"{safe(job.name)}: paused")
    return 0
