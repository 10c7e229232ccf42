"""Two runs compared: hosts whose status changed, then those whose output changed, then those in only one of them.

Hosts with the same change share a row or a block. What is compared is what each host did last in its run.
"""

import difflib
from collections.abc import Iterable, Mapping

from pssh.model.outcome import Result
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words
from pssh.report.grid import clip, grid, wrap

_LARGEST = 256 << 10  # bytes of an output whose lines are compared; of a larger one only that it differs is said
_MOST_LINES = 200  # of one comparison
_HOSTS_WIDTH = 60

Pair = tuple[Result, Result]


def difference(old: Report, new: Report, *, width: int = 0) -> str:
    """Return what changed from one run to the other; empty if nothing did."""
    before = {result.host: result for result in old.results}
    after = {result.host: result for result in new.results}
    pairs = [(before[host], after[host]) for host in before if host in after]
    parts = (
        _statuses([pair for pair in pairs if _said(pair[0]) != _said(pair[1])], old, new, width),
        *_outputs([pair for pair in pairs if _said(pair[0]) == _said(pair[1])], old, new),
        _alone(old, before, after),
        _alone(new, after, before),
    )
    return "\n".join(filter(None, parts))


def _said(result: Result) -> tuple[str, str]:
    return result.status, result.cause


def _word(result: Result) -> str:
    return f"{result.status}  {words.cause(result)}".rstrip()


def _statuses(pairs: Iterable[Pair], old: Report, new: Report, width: int) -> str:
    found: dict[tuple[str, str], list[Pair]] = {}
    for pair in pairs:
        found.setdefault((_word(pair[0]), _word(pair[1])), []).append(pair)
    if not found:
        return ""
    groups = sorted(found.items(), key=lambda item: (BY_WEIGHT.index(item[1][0][1].status), -len(item[1])))
    room = max((width - _HOSTS_WIDTH // 2) // 2, 20) if width else 1000
    rows = [
        [
            wrap(words.hosts(one.host for one, _ in group), _HOSTS_WIDTH if not width else max(width // 3, 10), 10),
            str(len(group)),
            clip(was, room),
            clip(became, room),
        ]
        for (was, became), group in groups
    ]
    return grid(["HOSTS", "N", words.hosts([old.run.id]), words.hosts([new.run.id])], rows, right=["N"])


def _outputs(pairs: Iterable[Pair], old: Report, new: Report) -> Iterable[str]:
    """Yield a block for each change of output, the most frequent first."""
    found: dict[tuple[object, object], list[Pair]] = {}
    for was, became in pairs:
        if (before := _printed(was)) != (now := _printed(became)):
            found.setdefault((before, now), []).append((was, became))
    for group in sorted(found.values(), key=len, reverse=True):
        hosts = words.hosts(one.host for one, _ in group)
        head = f"{words.RULE}\n{hosts}{f' ({len(group)})' if len(group) > 1 else ''}\n{words.RULE}\n"
        yield head + _lines(*group[0], old.run.id, new.run.id)


def _printed(result: Result) -> tuple[bytes, int, bytes, int]:
    end = result.end
    return end.stdout, end.stdout_cut, end.stderr, end.stderr_cut


def _lines(was: Result, became: Result, old: str, new: str) -> str:
    if max(len(one.end.stdout) + len(one.end.stderr) for one in (was, became)) > _LARGEST:
        sizes = (f"{one.end.stdout_bytes + one.end.stderr_bytes:,} bytes" for one in (was, became))
        return f"{' and '.join(sizes)} that differ\n"
    before, now = (words.block(one.end).splitlines() for one in (was, became))
    lines = list(difflib.unified_diff(before, now, fromfile=old, tofile=new, lineterm=""))
    shown = lines[:_MOST_LINES]
    if len(lines) > _MOST_LINES:
        shown.append(f"… {len(lines) - _MOST_LINES:,} more lines")
    return "".join(f"{line}\n" for line in shown)


def _alone(report: Report, ours: Mapping[str, Result], theirs: Mapping[str, Result]) -> str:
    alone = [host for host in ours if host not in theirs]
    return f"only in {report.run.id}: {words.hosts(alone)}\n" if alone else ""
