"""What differs: between two texts, line by line, in the form of `diff -u`, and between two runs, host by host.

What hosts print stands behind its gutter here too. Texts that are too long to be compared in a moment are told apart
by their beginning and end alone. Of two runs, hosts whose status changed come first, then those whose output did, then
those in only one of them; hosts with the same change share a row or a block.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from difflib import unified_diff

from pssh.model.outcome import Result
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words
from pssh.report.grid import clip, grid, wrap

MOST_LINES = 200  # of one comparison that are shown
MOST_DIFFS = 200  # comparisons that are shown
_CONTEXT = 3
_COMPARED = 1500  # lines of a text, without what both begin and end with
_COLORS = {"+": "32", "-": "31", "@": "36"}
_HOSTS_WIDTH = 60

Pair = tuple[Result, Result]
Told = Callable[[Result], str]  # what a host printed, as lines to compare


def unified(ours: str, theirs: str) -> Iterator[str]:
    """Yield the lines that turn our text into theirs, without newlines; none if they are the same."""
    if ours == theirs:
        return
    before, after = ours.splitlines(), theirs.splitlines()
    start, end = _alike(before, after)
    head = max(start - _CONTEXT, 0)
    foot = max(end - _CONTEXT, 0)
    left, right = before[head : len(before) - foot], after[head : len(after) - foot]
    if max(len(left), len(right)) > _COMPARED:
        changed = (len(before) - start - end, len(after) - start - end)
        yield f"@@ from line {start + 1:,}: {changed[0]:,} lines are {changed[1]:,} others @@"
        return
    lines = unified_diff(left, right, lineterm="", n=_CONTEXT)
    for line in list(lines)[2:]:
        yield _moved(line, head) if line.startswith("@@") else line


def drawn(lines: Iterator[str], *, width: int = 0, color: bool = False, whole: bool = False) -> Iterator[str]:
    """Yield lines as they are shown: the first of them only, coloured by their sign, and clipped to so many columns.

    `whole`: they are broken instead.
    """
    for number, line in enumerate(lines):
        if number == MOST_LINES:
            yield f"… {1 + sum(1 for _ in lines):,} more lines\n"
            return
        text = line.replace(words.OURS, "")
        room = max(width - len(words.GUTTER) - 1, 2)
        shown = words.behind(text if whole or not width else clip(text.expandtabs(), room), width)
        if color and (code := _COLORS.get(line[:1])):
            head = len(words.GUTTER) + 1
            shown = "\n".join(f"{part[:head]}\x1b[{code}m{part[head:]}\x1b[0m" for part in shown.split("\n"))
        yield f"{shown}\n"


def _alike(before: Sequence[str], after: Sequence[str]) -> tuple[int, int]:
    """Return how many lines both begin with, and how many of the others both end with."""
    most = min(len(before), len(after))
    start = next((place for place in range(most) if before[place] != after[place]), most)
    end = next((place for place in range(most - start) if before[-1 - place] != after[-1 - place]), most - start)
    return start, end


def _moved(line: str, by: int) -> str:
    """Return a heading `@@ -1,4 +1,5 @@` for texts that begin so many lines before."""
    signs = [part for part in line.split(" ") if part[:1] in ("-", "+")]
    moved = []
    for part in signs:
        first, comma, count = part[1:].partition(",")
        moved.append(f"{part[0]}{int(first) + by}{comma}{count}")
    return f"@@ {' '.join(moved)} @@"


def _block(result: Result) -> str:
    return words.block(result.end)


def difference(old: Report, new: Report, *, width: int = 0, color: bool = False, told: Told = _block) -> str:
    """Return what changed from one run to the other; empty if nothing did. `told`: what is compared, as lines."""
    before = {result.host: result for result in old.results}
    after = {result.host: result for result in new.results}
    pairs = [(before[host], after[host]) for host in before if host in after]
    parts = (
        _statuses([pair for pair in pairs if _said(pair[0]) != _said(pair[1])], old, new, width),
        "".join(_outputs([pair for pair in pairs if _said(pair[0]) == _said(pair[1])], width, color, told)),
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


def _outputs(pairs: Iterable[Pair], width: int, color: bool, told: Told) -> Iterator[str]:
    """Yield a block for each change of output, the most frequent first."""
    found: dict[tuple[object, object], list[Pair]] = {}
    for was, became in pairs:
        if (before := _printed(was)) != (now := _printed(became)):
            found.setdefault((before, now), []).append((was, became))
    groups = sorted(found.values(), key=len, reverse=True)
    for group in groups[:MOST_DIFFS]:
        hosts = words.hosts(one.host for one, _ in group)
        yield f"{words.RULE}\n{hosts}{f' ({len(group):,})' if len(group) > 1 else ''}\n{words.RULE}\n"
        lines = "".join(drawn(unified(*map(told, group[0])), width=width, color=color, whole=True))
        yield lines or f"{' and '.join(map(_size, group[0]))} that differ in what was not kept\n"
    if rest := groups[MOST_DIFFS:]:
        yield f"{words.RULE}\n… {len(rest):,} more changes, {words.count(sum(map(len, rest)))}\n"


def _size(result: Result) -> str:
    return f"{result.end.stdout_bytes + result.end.stderr_bytes:,} bytes"


def _printed(result: Result) -> tuple[bytes, int, bytes, int]:
    end = result.end
    return end.stdout, end.stdout_cut, end.stderr, end.stderr_cut


def _alone(report: Report, ours: Mapping[str, Result], theirs: Mapping[str, Result]) -> str:
    alone = [host for host in ours if host not in theirs]
    return f"only in {report.run.id}: {words.hosts(alone)}\n" if alone else ""
