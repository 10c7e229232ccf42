"""The seam to tabulate: cells of text in, aligned lines out.

Cells must have passed `safe`; a cell is shown as it is, so `1.10` stays `1.10`. Widths are counted in terminal columns,
two for a wide character. tabulate is imported when the first grid is made, or when there is time for it, and wcwidth,
which takes longer than the first connections, when the first letter comes that may be wide.
"""

from bisect import bisect_right
from collections.abc import Sequence
from importlib import import_module
from types import ModuleType

from pssh import lean

GAP = 2  # blanks between columns, and what tabulate adds to a header


def ready() -> None:
    """Import what a grid needs, while there is nothing else to do."""
    _tabulate()


def _tabulate() -> ModuleType:
    with lean.without("wcwidth"):
        return import_module("tabulate")


def grid(headers: Sequence[str], rows: Sequence[Sequence[str]], *, right: Sequence[str] = ()) -> str:
    """Return a table with a final newline; the columns named in `right` are aligned there."""
    tabulate = _tabulate()
    if not tabulate.WIDE_CHARS_MODE and not all(cell.isascii() for cells in (headers, *rows) for cell in cells):
        vars(tabulate).update(wcwidth=import_module("wcwidth"), WIDE_CHARS_MODE=True)  # as if it had found it itself
    text: str = tabulate.tabulate(
        rows,
        headers=headers,
        tablefmt="simple",
        disable_numparse=True,
        preserve_whitespace=True,
        colalign=["right" if header in right else "left" for header in headers] if rows else None,
    )
    return "".join(f"{line.rstrip()}\n" for line in text.split("\n"))


def width_of(text: str) -> int:
    """Return how many columns the text takes."""
    if text.isascii():
        return len(text)
    from wcwidth import wcswidth

    return max(wcswidth(text), 0)


def clip(text: str, width: int) -> str:
    """Return the text cut to so many columns, at least 1, the last of them `…` if anything was left out."""
    if width_of(text) <= width and len(text) <= 4 * width:
        return text
    text = text[: 4 * width]  # a letter may carry any number of marks that take no column
    return text[: bisect_right(range(1, len(text) + 1), width - 1, key=lambda end: width_of(text[:end]))] + "…"


def wrap(text: str, width: int, most: int) -> str:
    """Return a folded list of hosts in lines of so many columns, broken after commas; `most` lines, then `…`."""
    if width_of(text) <= width:
        return text
    lines = [""]
    for part in text.replace(",", ",\n").split("\n"):
        if lines[-1] and width_of(lines[-1] + part) > width:
            lines.append("")
        lines[-1] += part
        while width_of(lines[-1]) > width:
            cut = len(clip(lines[-1], width)) - 1 or 1
            lines[-1:] = [lines[-1][:cut], lines[-1][cut:]]
        if len(lines) > most:
            return "\n".join([*lines[:most], "…"])
    return "\n".join(lines)
