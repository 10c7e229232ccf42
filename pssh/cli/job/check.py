"""`pssh job check`: everything that is wrong with job files, and their JSON Schema."""

import json
from pathlib import Path

import click

from pssh.cli.help import Page
from pssh.cli.options import option
from pssh.errors import JobError, UsageError
from pssh.report.safe import safe
from pssh.schedule.job import load
from pssh.schedule.jobfile import schema

EXAMPLES = """
  pssh job check jobs/*.toml
  pssh job check --schema > job.schema.json
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("files", nargs=-1, type=click.Path(path_type=Path), metavar="FILE...")
@option("Show", "--schema", "shows_schema", is_flag=True, help="Print the JSON Schema of a job file, and nothing else.")
def command(files: tuple[Path, ...], shows_schema: bool) -> int:
    """List everything that is wrong with job files, each with its line; exit with 2 if anything is."""
    if shows_schema:
        click.echo(json.dumps(schema(), indent=2))
        return 0
    if not files:
        raise UsageError("FILE is missing", hint="`pssh job check FILE...`, or `--schema`")
    findings: list[str] = []
    for file in files:
        try:
            job = load(file)
        except JobError as error:
            findings += error.findings or (error.message,)
        else:
            click.echo(f"{safe(str(file))}: {safe(job.name)} is right")
    if findings:
        number = "1 thing is" if len(findings) == 1 else f"{len(findings)} things are"
        raise JobError(f"{number} wrong", findings=tuple(findings))
    return 0
