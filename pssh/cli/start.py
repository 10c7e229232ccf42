"""From the flags of a subcommand to a finished run and its exit code: what run, script, ping and trust have in common.

The first worker is started before the inventory is read, so that its imports overlap.
"""

import os
import sys
from collections.abc import Callable, Sequence
from contextlib import ExitStack, nullcontext
from dataclasses import replace
from functools import partial
from typing import Any

import click
from msgspec import structs

from pssh.cli import guard, options, terminal
from pssh.cli.keys import Keys
from pssh.cli.preview import preview
from pssh.engine.spawn import Spawned
from pssh.errors import NoHosts, UsageError
from pssh.history.queries import Queries
from pssh.history.store import History
from pssh.inventory.select import Selection
from pssh.keeping import begin, keeping
from pssh.model.event import Notice
from pssh.model.options import Format, RunOptions
from pssh.model.report import Report
from pssh.model.secret import Secret
from pssh.model.work import Operation
from pssh.ops.ping import Ping
from pssh.ops.scan import Scan
from pssh.plan import Plan
from pssh.prepare import Sources, prepare, with_credentials
from pssh.report import grid
from pssh.report.base import Display, Reporter, reporters
from pssh.report.forms import EVENTS
from pssh.report.ping import PingTable
from pssh.report.raw import Raw
from pssh.report.screen import Screen
from pssh.runner import Attend, pool, run

_TEXTS: tuple[Format, ...] = ("auto", "table", "gather", "lines")  # for people; the others are forms of a report


def launch(
    operation: Operation,
    targets: str,
    flags: dict[str, Any],
    workers: Sequence[Spawned] = (),
    again: RunOptions | None = None,
    first: int = 0,
) -> int:
    """Run an operation as the flags say, show it, and return the exit code; `workers` were started before.

    `again` are the options of an earlier run, in the place of those among the flags; `first` is its number.
    """
    how = display(flags)
    wanted = structs.replace(again or options.run_options(flags), say=how.says or bool(flags.get("raw")))
    how = replace(how, most=wanted.max_output, most_run=wanted.max_output_run)
    if terminal.is_typed(wanted.stdin):
        how = replace(how, live=False)  # a line that comes and goes takes what is typed off the screen
    if flags.get("dry_run"):
        if how.format not in _TEXTS:
            raise UsageError(
                f"`--dry-run` and `--format {how.format}` do not go together",
                hint="what would be done is shown as text",
            )
        plan = planned(operation, targets, flags, wanted)
        click.echo(preview(plan, wanted) if plan else "0 hosts\n", nl=False)
        return 0
    shows = raw(always=flags["raw_to"] == "always") if flags.get("raw") else own_table(operation, how, flags)
    screen = Screen(*terminal.streams(), terminal.size)
    hears, attend = attended(reporters(how, screen, shows=shows), screen, how, wanted)
    tables = how.format in _TEXTS
    finished = carried_out(operation, targets, flags, wanted, hears, workers, attend, first, tables=tables)
    return finished[1].exit_code if finished else 0


def raw(*, always: bool) -> Callable[[Screen], Reporter]:
    """Return what passes on a host's bytes. Raises UsageError where they would reach a terminal unasked."""
    if sys.stdout.isatty() and not always:
        raise UsageError(
            "`--raw` would let a host write to this terminal as it likes",
            hint="`> FILE` or `|` takes the bytes; `--raw=always` lets them through",
        )
    return partial(Raw, shows=sys.stderr.isatty() and not always)


def own_table(operation: Operation, how: Display, flags: dict[str, Any]) -> Callable[[Screen], Reporter] | None:
    """Return what makes the table of an operation that has one of its own, where no other form was asked for."""
    if how.format not in ("auto", "table"):
        return None
    if isinstance(operation, Ping):
        return partial(PingTable, width=how.width, color=how.color)
    if getattr(operation, "tells", False):  # a verb on files; its table is imported for it alone
        from pssh.report.files import FilesTable, Look

        order = {name: flags[name] for name in ("exact", "sort", "reverse")}
        return partial(FilesTable, look=Look(width=how.width, color=how.color, **order))
    return None


def attended(
    hears: Sequence[Reporter], screen: Screen, how: Display, wanted: RunOptions
) -> tuple[Sequence[Reporter], Attend]:
    """Return who hears the run, and how it is attended: by keys where a person can press some."""
    whole = how.live and wanted.stdin != "-" and terminal.is_ours()
    if not whole and wanted.pause != "ask":
        return hears, nullcontext
    keys = Keys(screen, wanted, width=how.beside or 80, whole=whole, shown=how.live)
    return [*hears, keys], keys.attend


def display(flags: dict[str, Any]) -> Display:
    """Return how the flags and the terminal want a run to be shown."""
    form = options.chosen_format(flags)
    return Display(
        format=form,
        rows=flags.get("rows", "result"),
        quiet=flags["quiet"],
        color=terminal.wants_color(flags["color"], os.environ, sys.stdout.isatty()),
        width=terminal.width(sys.stdout),
        err_width=terminal.width(sys.stderr),
        err_color=terminal.wants_color(flags["color"], os.environ, sys.stderr.isatty()),
        live=sys.stderr.isatty() and os.environ.get("TERM") != "dumb",
        labels=not flags.get("no_labels"),
        output=_wants_output(flags, form),
        **options.gathering(flags),
        **options.written(flags),
    )


def _wants_output(flags: dict[str, Any], form: Format) -> bool:
    """Return whether events are to hold what hosts print. Raises UsageError where nothing writes events."""
    wanted = bool(flags.get("events"))
    if wanted and form != "ndjson" and not any(name.endswith(EVENTS) for name in flags["reports"]):
        raise UsageError("`--events` goes with `--format ndjson`", hint="or with `--report FILE.ndjson`")
    return wanted


def planned(operation: Operation, targets: str, flags: dict[str, Any], wanted: RunOptions) -> Plan | None:
    """Return the run that the flags ask for; None if there are no hosts, and that was allowed."""
    sources = flags.get("sources") or Sources.found(flags["inventory"], wanted.config_file)
    if not (selection := _selected(sources, targets, flags, wanted)):
        return None
    return prepare(operation, targets, sources, selection, wanted, flags["seed"])


def _selected(sources: Sources, targets: str, flags: dict[str, Any], wanted: RunOptions) -> Selection | None:
    try:
        selection = sources.select(targets, **options.narrowed(flags), stdin=wanted.stdin != "-")
    except NoHosts:
        if flags["allow_empty"]:
            return None
        raise
    if flags.get("raw") and len(selection.hosts) > 1:
        raise UsageError(
            f"`--raw` is for one host, and the targets name {len(selection.hosts):,}",
            hint="`-o DIR` has a file for each",
        )
    return selection


def carried_out(
    operation: Operation,
    targets: str,
    flags: dict[str, Any],
    wanted: RunOptions,
    hear: Sequence[Reporter],
    workers: Sequence[Spawned] = (),
    attend: Attend = nullcontext,
    first: int = 0,
    *,
    tables: bool = True,
) -> tuple[Plan, Report] | None:
    """Run what the flags ask for and return what was planned and what came of it; None if there was nothing to do.

    `tables`: what hears it will want to draw some.
    """
    if wanted.pause == "ask" and not terminal.present():
        raise UsageError("`--pause ask` needs a terminal to ask on", hint="`--pause 30s` goes on by itself")
    if terminal.is_typed(wanted.stdin):
        if wanted.pause == "ask":
            raise UsageError(
                "`--pause ask` and `-I` both read this terminal", hint="`--stdin FILE` leaves it to the answers"
            )
        if not flags["quiet"]:
            click.echo("pssh: the commands read what you type here; Ctrl-D ends it", err=True)
    secrets: dict[str, Secret] = {}  # filled in once they are known: the workers are given them with their first job
    engine = pool(wanted, secrets)
    try:
        for worker in workers:
            engine.adopt(worker)
        engine.warm()
        sources = flags.get("sources") or Sources.found(flags["inventory"], wanted.config_file)
        history = None
        if not (flags.get("no_history") or isinstance(operation, Scan)):
            history = History.usual()  # closing it would wait for the disk, and this process ends soon
            sources.opened.append(Queries(history))
        if not (selection := _selected(sources, targets, flags, wanted)):
            return None
        with ExitStack() as stack:
            keeper = None
            if history:
                keeper = stack.enter_context(keeping(history, counts=not _only_looks(operation)))
            number = keeper.name if keeper else ""
            plan = prepare(operation, targets, sources, selection, wanted, flags["seed"], number, flags.get("job"))
            guard.confirm(plan, wanted)
            plan = with_credentials(plan, wanted, terminal.ask_secret)
            secrets.update(plan.secrets)
            if keeper and history:
                begin(keeper, plan, operation, plan.hosts, wanted, inventory=sources.explicit, first=first)
                engine.mark_in(str(keeper.marks))
                engine.spool_in(keeper.spool)
                plan = replace(plan, notices=[*plan.notices, *map(Notice, filter(None, [history.notice]))])
            return plan, run(plan, hear, engine, attend, keeper, grid.ready if tables else None)
    finally:
        engine.close()


def _only_looks(operation: Operation) -> bool:
    """Whether a run of it is not what somebody means by the last one."""
    return isinstance(operation, Ping) or bool(getattr(operation, "dry", False))
