"""`pssh rerun`: the same operation with the same options, on those hosts that are not done yet."""

import os
from collections.abc import Sequence
from typing import Any

import click
from msgspec.structs import replace

from pssh.cli import options, past, start
from pssh.cli.help import Page
from pssh.errors import HistoryError, UsageError
from pssh.history.queries import Newest, picks
from pssh.model.report import Run
from pssh.report import words
from pssh.report.hints import again as rest_of
from pssh.report.safe import safe
from pssh.schedule.state import State

EXAMPLES = """
  pssh rerun
  pssh rerun -n
  pssh rerun --only unreachable,auth r42
  pssh rerun --unknown r42
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("run", default="last")
@options.named("Targets", "--only", metavar="STATUS,...", default="", help="Only hosts of these statuses.")
@options.option("Targets", "--unknown", is_flag=True, help="Also hosts where the command may have run, or still runs.")
@options.option("Targets", "--all", "everything", is_flag=True, help="All hosts of the run, also those that are ok.")
@options.option("Safety", "-n", "--dry-run", is_flag=True, help="Show what would be done, and connect nowhere.")
@options.option("Safety", "-y", "--yes", is_flag=True, help="Do not ask whether it is meant.")
@options.together(options.output, options.folders)
def command(run: str, only: str, unknown: bool, everything: bool, yes: bool, **flags: Any) -> int:
    """Run RUN (default: last) again on the hosts that are not ok yet, with the same operation and options.

    It joins that run: repeated, it comes to an end. Hosts whose end is not known are left aside, unless --unknown says
    otherwise. Passwords and secrets are asked for again.
    """
    if only and everything:
        raise UsageError("`--only` and `--all` do not go together")
    statuses = past.statuses(only, "--only") if only else ["all"] if everything else ["todo"]
    with past.history() as queries:
        number, newest = queries.newest(run)
        again = queries.again(number)
        kept = queries.run(number)
    _of_no_job(number, kept.run)
    first = kept.first
    terms = [f"@r{number}:{status}" for status in statuses]
    meant = [one for one in newest if unknown or not only or _any(statuses, one)]
    doubtful = [one for one in meant if one.state == "end-unknown"]
    taken = [one for one in newest if _any(statuses, one) and one not in doubtful]
    if unknown:
        taken += doubtful
    if doubtful:
        _show(f"r{number}", doubtful, unknown)
    if not taken:
        click.echo(f"pssh: Nothing is left of r{number}: {_counts(newest)}", err=True)
        return 0
    targets = ",".join(terms)
    if doubtful:
        targets += f"{',' if unknown else '!'}@r{number}:state=end-unknown"
    operation = past.operation(again)
    if operation is None:
        raise UsageError(
            f"The operation of r{number} cannot be had again: "
            + (f"`{again.path}` cannot be found" if again.path else "it was made in a program")
        )
    _enter(again.folder)
    given = {**_NOTHING, "inventory": again.inventory, **flags}
    return start.launch(operation, targets, given, again=replace(again.options, yes=yes), first=first)


_NOTHING = {"exclude": "", "first": None, "pick": None, "slice": "", "seed": None, "allow_empty": False, **past.FILES}


def _of_no_job(number: int, run: Run) -> None:
    """Refuse a run of a job, whose lock, window and clean environment belong to it."""
    if run.operation != "steps":
        return
    known = [run.job.file] if run.job else [str(path) for path, name in State().known() if name == run.text]
    if known:
        hint = f"`{rest_of(f'r{number}', known[0])}`"
        raise UsageError(f"The run r{number} is one of the job `{run.text}`, which has a lock and a window", hint=hint)


def _any(statuses: Sequence[str], one: Newest) -> bool:
    return any(picks(status, "", one) for status in statuses)


def _show(run: str, doubtful: Sequence[Newest], unknown: bool) -> None:
    hosts = words.hosts(one.host.name for one in doubtful)
    said = "are run again" if unknown else "are left aside; look there, then `--unknown` takes them as well"
    click.echo(f"pssh: What became of the command of {run} is not known on {hosts}; they {said}", err=True)


def _counts(newest: Sequence[Newest]) -> str:
    found: dict[str, int] = {}
    for one in newest:
        found[one.status or "no result"] = found.get(one.status or "no result", 0) + 1
    return ", ".join(f"{number:,} {safe(status)}" for status, number in found.items())


def _enter(folder: str) -> None:
    """Go to the folder in which the run was started: its paths are relative to it."""
    if not folder:
        return
    try:
        os.chdir(folder)
    except OSError as error:
        hint = "the paths of the run are relative to it"
        raise HistoryError(f"The folder of the run `{folder}` cannot be entered: {error.strerror}", hint=hint) from None
