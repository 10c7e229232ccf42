"""What differs between two texts, line by line, in the form of `diff -u`.

Texts that are too long to be compared in a moment are told apart by their beginning and end alone.
"""

from collections.abc import Iterator, Sequence
from difflib import unified_diff

from pssh.report.grid import clip

MOST_LINES = 200  # of one comparison that are shown
_CONTEXT = 3
_COMPARED = 1500  # lines of a text, without what both begin and end with
_COLORS = {"+": "32", "-": "31", "@": "36"}


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


def drawn(lines: Iterator[str], *, width: int = 0, color: bool = False) -> Iterator[str]:
    """Yield lines as they are shown: clipped to so many columns, the first of them only, and coloured by their sign."""
    for number, line in enumerate(lines):
        if number == MOST_LINES:
            yield f"… {1 + sum(1 for _ in lines):,} more lines\n"
            return
        text = clip(line.expandtabs(), width) if width else line
        code = _COLORS.get(line[:1])
        yield f"\x1b[{code}m{text}\x1b[0m\n" if color and code else f"{text}\n"


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
