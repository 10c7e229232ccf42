"""What the verbs of `pssh fs` share: their flags, and how one is begun."""

import os
from typing import Any

import click

from pssh.cli import early, options
from pssh.ops.fs.base import FileOperation

_reaching = options.together(options.inventory, options.narrowing, options.reach, options.login, options.pace)
_running = options.together(options.starting, options.stopping, options.privilege)
_shown = options.together(
    options.option(
        "Output",
        "-f",
        "--format",
        type=click.Choice(["table", "json", "ndjson"]),
        default="table",
        help="How results are shown.  [table]",
    ),
    options.option("Output", "--exact", is_flag=True, help="Bytes and times as they are, not rounded."),
    options.option(
        "Output", "--sort", type=click.Choice(["name", "size", "age", "host"]), default="name", help="Order.  [name]"
    ),
    options.option("Output", "--reverse", is_flag=True, help="The other way round."),
    options.quiet,
    options.color,
)
shared = options.together(_reaching, _running, _shown)
text = options.together(_reaching, _running, options.output)

targets = click.argument("targets")
paths = click.argument("paths", nargs=-1, required=True, metavar="PATH...")
recursive = options.option("Safety", "-r", "--recursive", is_flag=True, help="Folders with all they hold.")
overwrite = options.option("Safety", "--overwrite", is_flag=True, help="Replace files that are there.")


def launch(operation: FileOperation, hosts: str, flags: dict[str, Any]) -> int:
    """Run a file operation as the flags say and return the exit code."""
    if getattr(operation, "dry", False):
        flags["dry_run"] = False  # the hosts themselves say what they would do
    if hosts.strip() == "@local" and not flags.get("parallel"):
        flags["parallel"] = 2 * (os.cpu_count() or 1)  # each works a processor and a disk, and waits for nobody
    return early.launch(operation, hosts, flags)
