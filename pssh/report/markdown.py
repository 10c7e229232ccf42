r"""A run in Markdown, for tickets and wikis: the table of distinct results, none of them left out or cut.

Every character that means something in Markdown or HTML is escaped with a backslash, so that a cell is text and
nothing else; a line end inside a cell is shown as `\n`.
"""

import re
from collections.abc import Iterable, Iterator, Sequence

from pssh.model.outcome import Result
from pssh.model.report import BY_WEIGHT, Report, spoken_for
from pssh.report import words
from pssh.report.safe import safe
from pssh.report.staged import told, waves
from pssh.report.summary import causes, counts

_SPECIAL = re.compile(r"[\\`*_\[\]<>|~&#]")
_RIGHT = ("N", "CODE", "TIME")


def render(report: Report, rows: str = "result") -> Iterator[str]:
    """Yield a pipe table; `rows` "host": one row per host."""
    alone = rows == "host"
    if alone:
        groups: Sequence[Sequence[Result]] = [[one] for one in sorted(report.results, key=_weight)]
    else:
        groups = report.groups()
    columns = ("HOST" if alone else "HOSTS", *(() if alone else ("N",)), "STATUS", "CODE", "TIME", "OUTPUT")
    yield _line(columns)
    yield _line(["---:" if name in _RIGHT else "---" for name in columns])
    for group in groups:
        first = group[0]
        names = words.hosts(result.host for result in group)
        cells = (names, *(() if alone else (str(len(group)),)), first.status, words.code(first), words.slowest(group))
        yield _line(map(escape, (*cells, words.first_line(spoken_for(group)))))


def page(report: Report) -> Iterator[str]:
    """Yield a whole document: what was run, how it ended, the table, and each cause with its hint."""
    run = report.run
    yield f"# {escape(run.text)}\n\n"
    said = (run.targets, ", ".join(run.inventory), words.moment(run.started), words.seconds(report.seconds))
    ended = f"exit {report.exit_code}" + (f", stopped: {report.stopped}" if report.stopped else "")
    facts = (f"{words.count(len(report.results))}: {counts(report)}", *said, run.id and f"run {run.id}", ended)
    yield f"{' · '.join(escape(safe(fact)) for fact in facts if fact)}\n\n"
    yield from _waves(report)
    yield from render(report)
    for number, line in enumerate(causes(report.results, run.given, run.id, run.job.file if run.job else "")):
        yield ("" if number else "\n") + f"- {escape(line.strip())}\n"


def _waves(report: Report) -> Iterator[str]:
    """Yield the table of the waves of a run that went in some, and why none followed."""
    if not (found := waves(report)):
        return
    columns = ("WAVE", "N", "RESULT", "BEGAN", "TIME")
    yield _line(columns)
    yield _line(["---:" if name in (*_RIGHT, "BEGAN") else "---" for name in columns])
    for wave in found:
        yield _line(map(escape, (str(wave.number), f"{wave.hosts:,}", *told(wave))))
    yield "\n" + "".join(f"Stopped after wave {wave.number}: {escape(wave.why)}\n\n" for wave in found if wave.why)


def escape(text: str) -> str:
    """Return text that Markdown shows as it is, in one line."""
    return _SPECIAL.sub(r"\\\g<0>", safe(text))


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(cells)} |\n"


def _weight(result: Result) -> int:
    return BY_WEIGHT.index(result.status)
