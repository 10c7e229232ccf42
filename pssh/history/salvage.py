"""Reads what can still be read of a damaged history, so that a torn page costs some rows and not all of them.

A row is taken only if everything in it can be understood, and a result only with what its host printed. Nothing of the
damaged file is changed: a copy is read, of which no page is left that is not there whole, since SQLite would take one
for zeros.
"""

import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

from pssh.history.codec import unpack
from pssh.history.place import open_file
from pssh.history.records import Again, KeptHost
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.report import Run

_PAGES_AT = 28  # where the header says how many pages there are, in four bytes; https://sqlite.org/fileformat2.html
_RUNS = "number, first, state, counts, started, hosts, about, targets, again, seconds, stopped, exit, spread"
_RESULTS = "run, job, status, state, cause, changed, end, about"
_ENDS = "run, number, data"


def salvage(damaged: Path, database: sqlite3.Connection) -> int:
    """Put into a new history what can be read of a damaged one, and return how many runs that is."""
    copy = damaged.with_name(f"{damaged.name}.reading")
    try:
        with suppress(sqlite3.DatabaseError, OSError):
            _whole_pages(damaged, copy)
            with closing(sqlite3.connect(copy)) as old:
                return _taken(old, database)
    finally:
        for suffix in ("", "-wal", "-shm"):
            Path(f"{copy}{suffix}").unlink(missing_ok=True)
    return 0


def _whole_pages(damaged: Path, copy: Path) -> None:
    for suffix in ("", "-wal"):
        if Path(f"{damaged}{suffix}").exists():
            os.close(open_file(Path(f"{copy}{suffix}")))  # so that it is ours alone before anything is in it
            shutil.copyfile(f"{damaged}{suffix}", f"{copy}{suffix}")
    size = copy.stat().st_size
    with copy.open("r+b") as file:
        header = file.read(100)
        page = int.from_bytes(header[16:18], "big")
        page = 1 << 16 if page == 1 else page
        if page and size < page * int.from_bytes(header[_PAGES_AT : _PAGES_AT + 4], "big"):
            file.truncate(size - size % page)
            file.seek(_PAGES_AT)
            file.write((size // page).to_bytes(4, "big"))


def _taken(old: sqlite3.Connection, new: sqlite3.Connection) -> int:
    runs = {row[0]: row for row in _rows(old, "runs", _RUNS, "number") if _is_run(row)}
    ends = {row[:2]: row for row in _rows(old, "ends", _ENDS, "run, number") if _is(row[2], Reply | Failure)}
    results = {
        row[:2]: row
        for row in _rows(old, "results", _RESULTS, "run, job")
        if row[0] in runs and (row[0], row[6]) in ends and _is(row[7], Result)
    }
    wanted = {(row[0], row[6]) for row in results.values()}
    new.execute("begin immediate")
    for table, rows in (
        ("runs", runs.values()),
        ("results", results.values()),
        ("ends", [ends[key] for key in wanted]),
    ):
        for row in rows:
            new.execute(f"insert into {table} values ({', '.join('?' * len(row))})", row)
    new.execute("commit")
    return len(runs)


def _rows(old: sqlite3.Connection, table: str, columns: str, order: str) -> Iterator[tuple[Any, ...]]:
    """Yield the rows up to the first that cannot be read, and those behind the last such."""
    last = None
    for direction in ("asc", "desc"):
        by = ", ".join(f"{name} {direction}" for name in order.split(", "))
        try:
            for row in old.execute(f"select {columns} from {table} order by {by}"):
                key = row[: order.count(",") + 1]
                if direction == "desc" and key == last:
                    return
                if direction == "asc":
                    last = key
                yield row
        except sqlite3.DatabaseError:
            continue
        return


def _is_run(row: tuple[Any, ...]) -> bool:
    state, about, targets, again = row[2], *row[6:9]
    return state != "preparing" and _is(about, Run) and _is(targets, list[KeptHost]) and _is(again, Again)


def _is(raw: Any, kind: Any) -> bool:
    try:
        unpack(raw, kind)
    except (ValueError, TypeError):
        return False
    return True
