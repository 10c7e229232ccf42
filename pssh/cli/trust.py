"""`pssh trust`: collect host keys, show them in one table, ask once, write once."""

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click

from pssh import trust
from pssh.cli import options, start, terminal
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.ops.scan import Scan
from pssh.report.base import reporters
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.report.summary import Summary
from pssh.report.table import Table
from pssh.report.trust import key_table
from pssh.trust import ALARMS, Fingerprints, Found

EXAMPLES = """
  pssh trust @web
  pssh trust --from fingerprints.txt @all
  pssh trust --yes '^new-hosts.txt'
"""
ALARM, DECLINED = 4, 2  # as a host whose key is refused, and as a run that did not happen
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
    """Collect the host keys of TARGETS (default: @all), show them, and add new ones to known_hosts once you agree.

    A key that differs from a known one is never written.
    """
    listed = _fingerprints(source) if source else None
    how = start.display({**flags, "format": "table"})
    hears = [
        one
        for one in reporters(how, Screen(*terminal.streams(), terminal.size))
        if not isinstance(one, Summary | Table)
    ]
    finished = start.carried_out(Scan(), targets, flags, options.run_options(flags), hears)
    if not finished:
        return 0
    plan, report = finished
    found = trust.judge(report.results, plan.jobs, listed)
    _show(found)
    alarm = any(one.word in ALARMS for one in found)
    new = [one for one in found if one.word == "new"]
    if report.stopped or not new:
        return report.exit_code or (ALARM if alarm else 0)
    if not (yes or _agreed(new)):
        click.echo("pssh: No key was written", err=True)
        return DECLINED
    for file, number in trust.write(new).items():
        click.echo(f"{_keys(number)} written to {safe(file)}", err=True)
    return report.exit_code or (ALARM if alarm else 0)


def _fingerprints(source: Path) -> Fingerprints:
    try:
        listed = Fingerprints(source.read_text("utf-8", "replace"))
    except OSError as error:
        raise UsageError(f"The fingerprints in `{source}` cannot be read: {error.strerror}") from error
    if not listed:
        raise UsageError(
            f"`{source}` has no fingerprint", hint="a line is `SHA256:... HOST`, or as `ssh-keygen -l` writes it"
        )
    return listed


def _show(found: Sequence[Found]) -> None:
    """Show one row per host, alarms first, and what to type where a changed key is known to be right."""
    ordered = sorted(found, key=lambda one: _ORDER.index(one.word))
    rows = [(one.host, one.key_type, one.fingerprint, one.word, one.why) for one in ordered]
    click.echo(key_table(rows, terminal.width(sys.stdout)), nl=False)
    for one in ordered:
        if one.remedy:
            click.echo(
                f"  {safe(one.host)}: if it was set up anew: `{safe(one.remedy)}`, then `pssh trust` again", err=True
            )


def _agreed(new: Sequence[Found]) -> bool:
    files = ", ".join(dict.fromkeys(safe(one.file) for one in new))
    answer = terminal.ask_yes(f"Write {_keys(len(new))} to {files}? [y/N] ")
    if answer is None:
        raise UsageError(
            "There is no terminal to ask whether these keys are right",
            hint="`--from FILE` compares fingerprints, `--yes` takes the keys as they are",
        )
    return answer


def _keys(number: int) -> str:
    return "1 new key" if number == 1 else f"{number:,} new keys"
