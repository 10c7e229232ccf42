"""What `job tail`, `job kill` and `job collect` have in common: which run, which targets, and how they are reached."""

import re
from typing import Any

import click

from pssh.cli import early, options, past
from pssh.errors import NoHosts, UsageError
from pssh.ops.detached import Detached, Doing

_LAST = re.compile(r"last(~[0-9]{1,9})?", re.ASCII)
WORDS = click.argument("words", nargs=-1, required=True, metavar="[RUN] TARGETS")
REACHED = options.together(
    options.inventory,
    options.narrowing,
    options.reach,
    options.login,
    options.pace,
    options.stopping,
    options.privilege,
    options.output,
    options.folders,
    options.budget,
    options.history,
)


def launch(does: Doing, words: tuple[str, ...], flags: dict[str, Any], **more: Any) -> int:
    """Look after what `run --detach` began; returns the exit code."""
    if len(words) > 2:
        raise UsageError(
            f"`{words[2]}` is one word too many", hint=f"`pssh job {does} RUN TARGETS`, or TARGETS alone for the latest"
        )
    *run, targets = words
    if _LAST.fullmatch(words[0]):
        number = _detached(words[0])
        run, targets = [number], targets if run else f"@{number}"
    return early.launch(Detached(does=does, run=run[0] if run else "", **more), targets, flags)


def _detached(name: str) -> str:
    """Return the run that `last` or `last~1` means among those that were detached, as `r42`; raises NoHosts."""
    back = int(name.partition("~")[2] or 0)
    with past.history() as queries:
        found = [kept.name for kept in queries.runs() if kept.run.operation == "detach"]
    if back < len(found):
        return found[back]
    raise NoHosts(f"There is no detached run `{name}`: the history holds {len(found):,}", hint="`pssh log` lists them")
