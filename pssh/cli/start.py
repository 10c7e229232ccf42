"""From the flags of a subcommand to a finished run and its exit code: what run, script, ping and trust have in common.

The workers are started first, so that their imports overlap reading the inventory.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import click

from pssh.cli import options, terminal
from pssh.cli.preview import preview
from pssh.engine.base import EngineOptions
from pssh.engine.pool import Pool
from pssh.errors import NoHosts
from pssh.model.report import Report
from pssh.model.secret import Secret
from pssh.model.work import Operation
from pssh.plan import Plan, RunOptions
from pssh.prepare import Sources, prepare, with_credentials
from pssh.report.base import Display, Reporter, reporters
from pssh.runner import run

Hearers = Callable[[Display], Sequence[Reporter]]


def launch(operation: Operation, targets: str, flags: dict[str, Any], how: Display) -> int:
    """Run an operation as the flags say, show it, and return the exit code."""
    wanted = replace_say(options.run_options(flags), how)
    if flags.get("dry_run"):
        plan = planned(operation, targets, flags, wanted)
        if plan:
            click.echo(preview(plan, wanted), nl=False)
        return 0
    out, err = terminal.streams()
    report = carried_out(operation, targets, flags, wanted, reporters(how, out, err))
    return report.exit_code if report else 0


def planned(operation: Operation, targets: str, flags: dict[str, Any], wanted: RunOptions) -> Plan | None:
    """Return the run that the flags ask for, None if there are no hosts and that was allowed."""
    sources = Sources.found(flags["inventory"], wanted.config_file)
    try:
        selection = sources.select(targets, options.narrowed(flags))
    except NoHosts:
        if flags["allow_empty"]:
            return None
        raise
    return prepare(operation, targets, sources, selection, wanted)
