"""`pssh show`: what came of an earlier run, as it was shown then or in another form."""

import dataclasses
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import click
from msgspec.structs import replace

from pssh.cli import options, past, start, terminal
from pssh.cli.help import Page
from pssh.errors import NoHosts, TargetsError, UsageError
from pssh.history.records import KeptRun
from pssh.model.names import elements, spread
from pssh.model.report import Report
from pssh.ops.shellwords import quote
from pssh.report.base import Display, Reporter, reporters
from pssh.report.hints import again
from pssh.report.replay import Then, replay
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.report.summary import ending, explained

EXAMPLES = """
  pssh show
  pssh show --failed last~1
  pssh show r42 web07
  pssh show r42 web07 --raw > core
  pssh show -f json r42 | jq .counts
"""
_AT_ONCE = 64 << 20  # bytes that are put together for a report; `--raw` and `-o` take any number


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("run", default="last")
@click.argument("hosts", nargs=-1, metavar="[HOST]...")
@options.option("Show", "--failed", is_flag=True, help="Only hosts that are neither ok nor skipped.")
@options.named("Show", "--host", metavar="HOST", multiple=True, help="Only this host, and all of its output.")
@options.named("Show", "--status", metavar="STATUS,...", default="", help="Only hosts of these statuses.")
@options.together(options.output, options.folders, options.compare, options.raw)
def command(run: str, hosts: tuple[str, ...], failed: bool, host: tuple[str, ...], status: str, **flags: Any) -> int:
    """Show what came of RUN (default: last), as it was shown then or in another form.

    With HOST: only of that host, or of `web[01-03]`, and all that it printed, as far as it was kept.

    Runs are `last`, `last~1` and so on, and numbers such as r42; `pssh log` lists them.
    """
    how = start.display(flags)
    with past.history() as queries:
        try:
            number = queries.number(run)
        except TargetsError as error:
            hint = f"{error.hint}; a host stands behind its run: `pssh show last {quote(run)}`"
            raise TargetsError(error.message, hint=hint) from None
        kept = queries.run(number)
        report = queries.report(number)
        operation = past.operation_of(queries, number)
    named = [*host, *(name for text in hosts for element, _ in elements(text) for name in spread(element))]
    chosen = _chosen(report, failed, named, past.statuses(status, "--status") if status else [])
    if flags["raw"] and len(chosen.results) > 1:
        raise UsageError(
            f"`--raw` is for one host, and these are {len(chosen.results):,}", hint="`--host HOST` picks one"
        )
    whole = len(chosen.results) == len(report.results)
    screen = Screen(*terminal.streams())
    shows = None
    if flags["raw"]:
        shows = start.raw(always=flags["raw_to"] == "always")
    elif operation:
        shows = start.own_table(operation, how, past.FILES)
    printed = partial(queries.printed, number) if how.says or flags["raw"] else None
    if named and not flags["raw"]:
        most = _AT_ONCE // (2 * len(chosen.results) or 1)
        chosen = replace(chosen, results=tuple(queries.filled(number, one, most) for one in chosen.results))
        how = dataclasses.replace(how, format="gather" if how.format == "auto" and not shows else how.format)
    replay(chosen, partial(_reporters, _still(how, whole), screen, shows), printed=printed)
    if not how.quiet:
        if not whole:
            screen.say(f"\n{len(chosen.results):,} of {ending(report)}\n{explained(chosen)}")
        if kept.state != "ended":
            screen.say(f"pssh: {_left(kept)}\n")
    return 0


def _still(how: Display, whole: bool) -> Display:
    """Return the display of a replay: nothing moves, and the last lines are those of the whole run."""
    return dataclasses.replace(how, live=False, quiet=how.quiet or not whole)


def _reporters(
    how: Display, screen: Screen, shows: Callable[[Screen], Reporter] | None, then: Then
) -> Sequence[Reporter]:
    return reporters(how, screen, now=then, shows=shows)


def _chosen(report: Report, failed: bool, hosts: Sequence[str], statuses: Sequence[str]) -> Report:
    """Return the report of the hosts that were asked for; raises NoHosts for one that was not in the run."""
    known = set(report.run.hosts)
    if unknown := [name for name in hosts if name not in known]:
        raise NoHosts(f"The run `{report.run.id}` had no host `{unknown[0]}`", hint=f"`pssh show {report.run.id}`")
    results = tuple(
        one
        for one in report.results
        if (not hosts or one.host in hosts)
        and (not failed or one.status not in ("ok", "skipped"))
        and (not statuses or _has(one, statuses))
    )
    return replace(report, results=results)


def _has(one: Any, statuses: Sequence[str]) -> bool:
    bad = one.status not in ("ok", "skipped")
    return one.status in statuses or ("bad" in statuses and bad) or ("changed" in statuses and bool(one.changed))


def _left(kept: KeptRun) -> str:
    if kept.state == "running":
        return f"{kept.name} goes on; this is what there is so far"
    rest = safe(again(kept.name, kept.run.job.file if kept.run.job else ""))
    return f"{kept.name} was ended from outside; `{rest}` runs what had not begun"
