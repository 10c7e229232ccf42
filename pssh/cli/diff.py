"""`pssh diff`: what changed from one run to another."""

import os
import sys
from typing import Any

import click

from pssh.cli import options, past, terminal
from pssh.cli.help import Page
from pssh.report.diff import difference
from pssh.report.files import listing
from pssh.report.safe import safe

EXAMPLES = """
  pssh diff r41 r42
  pssh diff last~1 last
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("old", metavar="RUN")
@click.argument("new", metavar="RUN")
@options.together(options.color)
def command(old: str, new: str, color: str) -> int:
    """Compare two runs: hosts whose status changed, then whose output did, then those in only one of them."""
    with past.history() as queries:
        numbers = [queries.number(name) for name in (old, new)]
        before, after = (queries.report(number) for number in numbers)
        files = all(past.tells(queries, number) for number in numbers)
    if before.run.text != after.run.text:
        click.echo(f"pssh: {_ran(before.run.id, before.run.text)}; {_ran(after.run.id, after.run.text)}", err=True)
    how: dict[str, Any] = {"told": listing} if files else {}
    colored = terminal.wants_color(color, os.environ, sys.stdout.isatty())
    text = difference(before, after, width=terminal.width(sys.stdout), color=colored, **how)
    click.echo(text, nl=False, color=colored)
    if not text:
        click.echo(f"pssh: {before.run.id} and {after.run.id} do not differ", err=True)
    return 0


def _ran(name: str, text: str) -> str:
    return f"{name} was `{safe(text)}`"
