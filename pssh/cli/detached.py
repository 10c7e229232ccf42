"""What `job tail`, `job kill` and `job collect` have in common: which run, which targets, and how they are reached."""

from typing import Any

import click

from pssh.cli import early, options
from pssh.errors import UsageError
from pssh.ops.detached import Detached, Doing

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
    return early.launch(Detached(does=does, run=run[0] if run else "", **more), targets, flags)
