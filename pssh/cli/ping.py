"""`pssh ping`: log in everywhere, and time each phase."""

from typing import Any

import click

from pssh.cli import early, options
from pssh.cli.help import Page
from pssh.ops.ping import Ping

EXAMPLES = """
  pssh ping @all
  pssh ping --connect-timeout 3 'web[01-20]'
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("targets", default="@all")
@options.together(options.inventory, options.narrowing, options.reach, options.login, options.pace)
@options.option(
    "Output",
    "-f",
    "--format",
    type=click.Choice(["table", "json", "ndjson", "csv", "md", "junit"]),
    default="table",
    help="How results are shown.  [table]",
)
@options.together(options.report, options.quiet, options.color, options.history)
def command(targets: str, **flags: Any) -> int:
    """Log in to every host of TARGETS (default: @all), run true there, and show how long each phase took.

    The phases are tcp, banner, kex, host key, auth and exec; the one that failed names its cause.
    """
    return early.launch(Ping(), targets, flags)
