"""`pssh trust`: collect host keys, show them in one table, ask once, write once."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pssh import trust
from pssh.cli import options, start, terminal
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.ops.scan import Scan
from pssh.plan import Plan
from pssh.model.report import Report
from pssh.report.base import reporters
from pssh.report.safe import safe
from pssh.report.summary import Summary
from pssh.report.trust import key_table
from pssh.trust import ALARMS, Fingerprints, Found

EXAMPLES = """
  pssh trust @web
  pssh trust --from fingerprints.txt @all
  pssh trust --yes '^new-hosts.txt'
"""
_ORDER = (*ALARMS, "failed", "new", "known")


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("targets", default="@all")
@options.together(options.inventory, options.narrowing, options.reach, options.pace)
@options.option(
    "Host keys",
    "--from",
    "source",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Only keys whose fingerprint this file lists, with the host's name, as `ssh-keygen -l` writes it.",
)
@options.option("Host keys", "-y", "--yes", is_flag=True, help="Write new keys without asking.")
@options.together(options.quiet, options.color)
def command(targets: str, source: Path | None, yes: bool, **flags: Any) -> int:
    """Collect the keys of all hosts of TARGETS (default: @all), show them, and add new ones to known_hosts once you agree.

    A key that differs from a known one is never written.
    """
    return 0
