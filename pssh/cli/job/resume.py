"""`pssh job resume`: run a job at its times again."""

from datetime import UTC, datetime
from pathlib import Path

import click

from pssh.cli.help import Page
from pssh.report.safe import safe
from pssh.schedule.job import load
from pssh.schedule.state import State

EXAMPLES = """
  pssh job resume jobs/patch-web.toml
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> int:
    """Run FILE's job at its times again; those that passed meanwhile are not made up."""
    job, state = load(file), State()
    known = state.job(job.path, job.name, datetime.now(UTC))
    state.pause(job.path, "")
    click.echo(f"{safe(job.name)}: {'resumed' if known.paused else 'was not paused'}")
    return 0
