"""What `show`, `rerun` and `diff` have in common: an earlier run by its name, and words that pick some of its hosts."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from pssh import plugins
from pssh.errors import HistoryError, UsageError
from pssh.history.codec import unpack
from pssh.history.queries import STATUSES, Queries
from pssh.history.records import Again
from pssh.history.store import History
from pssh.model.work import Operation
from pssh.report.safe import safe

FILES = {"exact": False, "sort": "name", "reverse": False}  # how a table of files looks where nothing is said of it


@contextmanager
def history() -> Iterator[Queries]:
    """Open the history of this user, and say if it had to be begun anew."""
    with closing(History.usual()) as opened:
        if opened.notice:
            click.echo(f"pssh: {safe(opened.notice)}", err=True)
        yield Queries(opened)


def operation(again: Again) -> Operation | None:
    """Return the operation of a run; None if it cannot be found any more."""
    try:
        found: Operation = unpack(again.operation, plugins.resolve(again.path))
    except (ImportError, AttributeError, ValueError, TypeError, UsageError):
        return None
    return found


def operation_of(queries: Queries, number: int) -> Operation | None:
    """Return the operation of a run; None if it cannot be had, which is no reason not to show what came of it."""
    try:
        return operation(queries.again(number))
    except HistoryError:
        return None


def tells(queries: Queries, number: int) -> bool:
    """Whether what a run printed are answers on files, which have a form for people of their own."""
    return bool(getattr(operation_of(queries, number), "tells", False))


def statuses(text: str, option: str) -> list[str]:
    """Return the statuses that a list with commas names; raises UsageError."""
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in (*STATUSES, "bad", "changed")]:
        hint = f"there are: {', '.join(STATUSES)}, bad, changed"
        raise UsageError(f"`{option} {text}`: there is no status `{unknown[0]}`", hint=hint)
    return words
