"""`pssh job approve`: a second user agrees to a job as it is."""

from pathlib import Path

import click

from pssh.cli.help import Page
from pssh.cli.options import named
from pssh.errors import JobError
from pssh.report.safe import safe
from pssh.schedule.approval import approve, plan_hash
from pssh.schedule.job import load

EXAMPLES = """
  pssh job approve /srv/jobs/patch-web.toml
  pssh job approve --plan 1f0c5b0a9e7d4c2b8a6f3e1d5c7b9a80 /srv/jobs/patch-web.toml
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@named("Options", "--plan", metavar="HASH", default="", help="Only if this is its plan, as `explain` showed it.")
def command(file: Path, plan: str) -> int:
    """Approve of FILE, which belongs to another user, with all that it reads and sends.

    A change of any of these needs a new approval. Jobs with `approval = true` run only with one.
    """
    job = load(file, ours=False)
    found = plan_hash(job)
    if plan and plan != found:
        raise JobError(f"The plan of `{job.name}` is {found} now, and not `{plan}`; nothing was approved")
    approve(job)
    click.echo(f"{safe(job.name)}: plan {found} approved")
    return 0
