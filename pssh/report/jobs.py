"""The table of maintenance jobs: last and next time, how it went, and where each is; one line each.

On a narrow screen the years go first, then the beginnings of paths, then the paths; what is then too long is clipped.
"""

import re
from collections.abc import Mapping, Sequence

from pssh.report.grid import GAP, clip, grid, width_of

COLUMNS = ("JOB", "LAST", "NEXT", "STATUS", "TREND", "FILE")
_YEAR = re.compile(r"^[0-9]{4}-(?=[0-9]{2}-)")
_PATH = 16  # columns that the end of a path should have
_READABLE = 6  # columns that a clipped cell should have


def jobs_table(rows: Sequence[Mapping[str, str]], *, width: int = 0) -> str:
    """Return the table of rows with all `COLUMNS`, whose cells are safe; `width` 0: as wide as it gets."""
    columns = list(COLUMNS)
    if width and _over(rows, columns, width):
        rows = [{**row, **{name: _YEAR.sub("", row[name]) for name in ("LAST", "NEXT")}} for row in rows]
        if over := _over(rows, columns, width):
            room = _wide(rows, "FILE") - over
            if room >= _PATH:
                rows = [{**row, "FILE": _end(row["FILE"], room)} for row in rows]
            else:
                columns.remove("FILE")
        while over := _over(rows, columns, width):
            longest = max(columns, key=lambda name: _wide(rows, name))
            room = max(_wide(rows, longest) - over, _READABLE)
            if room >= _wide(rows, longest):
                break  # it is as narrow as can be read
            second = sorted(_wide(rows, name) for name in columns)[-2]
            rows = [{**row, longest: clip(row[longest], max(room, second - 1, _READABLE))} for row in rows]
    return grid(columns, [[row[name] for name in columns] for row in rows])


def _over(rows: Sequence[Mapping[str, str]], columns: Sequence[str], width: int) -> int:
    """Return by how many columns the table is too wide; 0 if it fits."""
    return max(sum(_wide(rows, name) + GAP for name in columns) - GAP - width, 0)


def _wide(rows: Sequence[Mapping[str, str]], name: str) -> int:
    return max(len(name) + GAP, *(width_of(row[name]) for row in rows))


def _end(path: str, width: int) -> str:
    """Return a path cut to so many columns, from its beginning."""
    return path if width_of(path) <= width else "…" + clip(path[::-1], width)[-2::-1]
