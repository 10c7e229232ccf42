"""CSV for spreadsheets: one row per host, in the order of the targets (RFC 4180).

A cell that a spreadsheet would take for a formula (it begins with `=`, `+`, `-`, `@` or a tab) gets a `'` in front.
Cells are text as it is shown elsewhere: what could act on a terminal, such as CR, is spelt out. For exact bytes there
is JSON.
"""

import csv
import io
from collections.abc import Iterator

from pssh.model.outcome import Result
from pssh.model.report import Report
from pssh.report import words
from pssh.report.safe import safe

COLUMNS = (
    *("host", "status", "state", "cause", "code", "signal", "changed", "remote_end", "attempts", "started", "seconds"),
    *("stdout_bytes", "stderr_bytes", "truncated", "message", "hint", "note", "stdout", "stderr"),
)
_FORMULA = ("=", "+", "-", "@", "\t")


def render(report: Report) -> Iterator[str]:
    """Yield the header, then each host's row; rows end with CR LF, line ends inside a cell are LF."""
    text = io.StringIO(newline="")
    write = csv.writer(text).writerow
    write(COLUMNS)
    for result in report.results:
        yield text.getvalue()
        text.seek(0)
        text.truncate()
        write(map(_inert, _cells(result)))
    yield text.getvalue()


def _cells(result: Result) -> tuple[str, ...]:
    end, reply, failure = result.end, result.reply, result.failure
    return (
        result.host,
        result.status,
        result.state,
        result.cause,
        words.code(result),
        reply.signal if reply else "",
        "" if result.changed is None else _yes(result.changed),
        failure.remote_end if failure else "",
        str(result.attempts),
        words.moment(result.started) if result.started else "",
        f"{result.seconds['total']:.3f}" if "total" in result.seconds else "",
        str(end.stdout_bytes),
        str(end.stderr_bytes),
        _yes(end.truncated),
        failure.words if failure else "",
        failure.hint if failure else "",
        end.note,
        words.text(end.stdout, end.stdout_cut).removesuffix("\n"),
        words.text(end.stderr, end.stderr_cut).removesuffix("\n"),
    )


def _yes(value: bool) -> str:
    return "true" if value else "false"


def _inert(cell: str) -> str:
    """Return a cell that is neither a formula nor anything but text on a terminal."""
    shown = safe(cell, newlines=True)
    return f"'{shown}" if shown.startswith(_FORMULA) else shown
