"""`pssh log`: earlier runs, the newest first."""

import sys
import time
from collections.abc import Iterable
from contextlib import closing
from datetime import datetime
from fnmatch import fnmatchcase
from typing import Any

import click

from pssh.cli import options, terminal
from pssh.cli.help import Page
from pssh.cli.types import COUNT
from pssh.errors import UsageError
from pssh.history.queries import Queries
from pssh.history.records import KeptRun
from pssh.history.store import History
from pssh.model.duration import seconds
from pssh.model.names import elements, spread
from pssh.report.jsonout import encode, run_fields
from pssh.report.log import Line, log_table
from pssh.report.records import VERSION
from pssh.report.safe import safe

EXAMPLES = """
  pssh log
  pssh log --since 2d --targets 'web*'
  pssh log --json -n 1 | jq .runs[0].counts
"""
_SHOWN = 20
_FS = "pssh.ops.fs."  # where the operations of `pssh fs` are


@click.command(cls=Page, examples=EXAMPLES)
@options.option("Show", "-n", "limit", type=COUNT, metavar="N", help="The newest N runs.  [20; with --since: all]")
@options.named("Show", "--since", metavar="WHEN", default="", help="Runs since then: `2d`, `90m`, or `2026-11-28`.")
@options.named("Show", "--targets", metavar="TARGETS", default="", help="Runs on any of these hosts.")
@options.option("Show", "--json", "as_json", is_flag=True, help="One JSON document.")
@options.option("Show", "--schema", "as_schema", is_flag=True, help="The JSON Schema of `-f json` and `-f ndjson`.")
@options.inventory
def command(
    limit: int | None, since: str, targets: str, as_json: bool, as_schema: bool, inventory: tuple[str, ...]
) -> int:
    """List earlier runs, the newest first: when, what, on which hosts, and how it ended."""
    if as_schema:
        from pssh.report.schema import schema

        click.echo(encode(schema()).decode())
        return 0
    began = _since(since, time.time()) if since else 0.0
    most = limit or (-1 if since or targets else _SHOWN)
    with closing(History.usual()) as history:
        queries = Queries(history)
        runs = queries.runs(since=began, limit=-1 if targets else most)
        if targets:
            wanted = _Wanted(targets, inventory)
            runs = [run for run in runs if wanted.meets(host.name for host in queries.hosts(run.number))]
            runs = runs[: most if most > 0 else None]
        verbs = [queries.path(run.number).startswith(_FS) for run in runs]
        _tell(history)
    if as_json:
        click.echo(encode({"v": VERSION, "runs": [_fields(run) for run in runs]}).decode())
    elif runs:
        click.echo(
            log_table([_line(run, fs) for run, fs in zip(runs, verbs, strict=True)], width=terminal.width(sys.stdout)),
            nl=False,
        )
    else:
        click.echo("pssh: There is no such run" if since or targets else "pssh: There is no run yet", err=True)
    return 0


class _Wanted:
    """The hosts of which one must be in a run: also such as no inventory has any more."""

    def __init__(self, targets: str, inventory: tuple[str, ...]) -> None:
        self._globs: list[str] = []
        self._names: set[str] = set()
        if any(letter in targets for letter in "@&!()/^="):
            from pssh.prepare import Sources  # all readers of inventories, which a plain list does not need

            found = Sources.found(inventory).select(targets)
            self._names = {host.name for host in found.hosts}
        else:
            self._globs = [name for element, _ in elements(targets) for name in spread(element)]

    def meets(self, names: Iterable[str]) -> bool:
        if self._names:
            return not self._names.isdisjoint(names)
        return any(fnmatchcase(name, glob) for name in names for glob in self._globs)


def _since(text: str, now: float) -> float:
    """Return when that was, in seconds since 1970: so long ago, or at that date and time of here."""
    try:
        return now - seconds(text)
    except ValueError:
        pass
    try:
        return datetime.fromisoformat(text).timestamp()
    except (ValueError, OverflowError, OSError):
        hint = "write `2d`, `90m`, `2026-11-28` or `2026-11-28T14:00`"
        raise UsageError(f"`--since {text}` is no time", hint=hint) from None


def _line(kept: KeptRun, is_fs: bool) -> Line:
    return Line(
        run=kept.run,
        words="fs" if is_fs else "",
        repeats=f"r{kept.first}" if kept.first != kept.number else "",
        hosts=kept.hosts,
        counts=kept.counts,
        state=kept.state,
        seconds=kept.seconds,
        exit=kept.exit,
    )


def _fields(kept: KeptRun) -> dict[str, Any]:
    return {
        **run_fields(kept.run),
        "hosts": kept.hosts,
        "state": kept.state,
        "rerun_of": f"r{kept.first}" if kept.first != kept.number else None,
        "counts": kept.counts,
        "seconds": kept.seconds,
        "stopped": kept.stopped or None,
        "exit": kept.exit,
    }


def _tell(history: History) -> None:
    """Say what became of a history that could not be read."""
    if history.notice:
        click.echo(f"pssh: {safe(history.notice)}", err=True)
