"""What `show`, `rerun` and `diff` have in common: an earlier run by its name, and words that pick some of its hosts."""

from collections.abc import Iterator
from contextlib import closing, contextmanager

import click

from pssh.errors import UsageError
from pssh.history.queries import STATUSES, Queries
from pssh.history.store import History
from pssh.report.safe import safe


@contextmanager
def history() -> Iterator[Queries]:
    """Open the history of this user, and say if it had to be begun anew."""
    with closing(History.usual()) as opened:
        if opened.notice:
            click.echo(f"pssh: {safe(opened.notice)}", err=True)
        yield Queries(opened)


def statuses(text: str, option: str) -> list[str]:
    """Return the statuses that a list with commas names; raises UsageError."""
    words = [word.strip() for word in text.split(",")]
    if unknown := [word for word in words if word not in (*STATUSES, "bad", "changed")]:
        hint = f"there are: {', '.join(STATUSES)}, bad, changed"
        raise UsageError(f"`{option} {text}`: there is no status `{unknown[0]}`", hint=hint)
    return words
