"""`pssh hosts`: which hosts some targets mean, and what the inventory says of them."""

import json
from typing import Any

import click

from pssh.cli import options
from pssh.cli.help import Page
from pssh.errors import NoHosts, UsageError
from pssh.inventory.select import groups
from pssh.model.host import Host
from pssh.prepare import Sources
from pssh.report import words
from pssh.report.grid import grid
from pssh.report.safe import safe

EXAMPLES = """
  pssh hosts
  pssh hosts -e '@web&@prod'
  pssh hosts --vars db1
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("targets", default="@all")
@options.together(options.inventory, options.narrowing, options.config_file)
@options.option("Show", "-e", "--expand", is_flag=True, help="One host per line.")
@options.option("Show", "--count", is_flag=True, help="How many they are.")
@options.option("Show", "--groups", is_flag=True, help="Every group, with those of its hosts that are among them.")
@options.option("Show", "--vars", "variables", is_flag=True, help="The variables of each host.")
def command(targets: str, expand: bool, count: bool, groups: bool, variables: bool, **flags: Any) -> int:
    """Show the hosts that TARGETS (default: @all) mean, folded into one line."""
    if expand + count + groups + variables > 1:
        raise UsageError("`-e`, `--count`, `--groups` and `--vars` do not go together")
    sources = Sources.found(flags["inventory"], flags["config_file"])
    try:
        selection = sources.select(targets, **options.narrowed(flags))
        hosts, notices, conflicts = selection.hosts, selection.notices, selection.conflicts
    except NoHosts:
        if not flags["allow_empty"]:
            raise
        hosts, notices, conflicts = (), (), ()
    for notice in (*notices, *(map(str, conflicts) if variables else ())):
        click.echo(f"pssh: {safe(notice)}", err=True)
    if expand:
        text = "".join(f"{safe(host.name)}\n" for host in hosts)
    elif count:
        text = f"{len(hosts)}\n"
    elif groups:
        text = _groups(sources, {host.name for host in hosts})
    elif variables:
        text = "".join(map(_variables, hosts))
    else:
        text = f"{words.hosts(host.name for host in hosts)}\n" if hosts else ""
    click.echo(text, nl=False)
    return 0


def _groups(sources: Sources, wanted: set[str]) -> str:
    rows = []
    for name, members in groups(sources.inventory):
        kept = [member for member in members if member in wanted]
        rows.append([safe(f"@{name}"), str(len(kept)), words.hosts(kept) if kept else ""])
    return grid(["GROUP", "N", "HOSTS"], rows, right=["N"])


def _variables(host: Host) -> str:
    said = "".join(
        f"  {name} = {json.dumps(value, default=str, ensure_ascii=False)}\n"
        for name, value in sorted(host.vars.items())
    )
    return f"{safe(host.name)}\n{safe(said, newlines=True)}"
