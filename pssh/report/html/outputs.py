"""What the hosts printed: equal outputs once, and what sets the others apart from the most frequent one.

A page is for reading: long outputs are cut in their middle, and there is an end to how many are shown. What is left
out is counted, and stays in the history of the run.
"""

import re
from collections.abc import Iterator, Sequence
from itertools import islice

from pssh.model.outcome import Result
from pssh.model.report import spoken_for
from pssh.report import words
from pssh.report.diff import unified
from pssh.report.html.glyphs import badge
from pssh.report.html.headline import clipped
from pssh.report.html.markup import Markup, lines, tag

MOST_BLOCKS = 200
MOST_TEXT = 1_500_000  # letters of HTML for all outputs, and as many again for differences
_LONGEST = 48_000  # letters of one output
_OPEN = 3  # blocks that are open from the start
_SHORT = 12  # lines of a block that may be
_FIRST = 160  # letters of a first line
_NAMES = 90  # letters of folded hosts in a summary
_DIFF_LINES = 400
_MOST_DIFFS = 50

Groups = Sequence[Sequence[Result]]


def outputs(groups: Groups) -> Markup:
    """Return the section of folded outputs; empty if nothing was printed."""
    said = [group for group in groups if group[0].end.stdout or group[0].end.stderr]
    if not said:
        return Markup()
    shown: list[Markup] = []
    used = 0
    for group in said[:MOST_BLOCKS]:
        block = _block(group, is_open=len(shown) < _OPEN)
        used += len(block)
        if used > MOST_TEXT:
            break
        shown.append(block)
    rest = said[len(shown) :]
    silent = sum(len(group) for group in groups) - sum(len(group) for group in said)
    lead = f"{_different(len(said))} from {words.count(sum(map(len, said)))}"
    lead += f"; {words.count(silent)} printed nothing" if silent else ""
    return tag(
        "section",
        tag("h2", "Outputs", id="outputs-title"),
        tag("p", lead, class_="soft"),
        *shown,
        *_left(rest, "outputs"),
        aria_labelledby="outputs-title",
    )


def _different(number: int) -> str:
    return "One output" if number == 1 else f"{number:,} different outputs"


def _left(rest: Groups, what: str) -> Iterator[Markup]:
    if rest:
        hosts = words.count(sum(len(group) for group in rest))
        yield tag("p", f"{len(rest):,} more {what} of {hosts} are not on this page", class_="rest")


def _block(group: Sequence[Result], *, is_open: bool) -> Markup:
    first = group[0]
    said = words.block(first.end)
    names = words.hosts(result.host for result in group)
    return tag(
        "details",
        tag("summary", *_who(group), "  ", tag("code", clipped(words.first_line(spoken_for(group)), _FIRST))),
        *([_all(names, len(group))] if len(names) > _NAMES else []),
        tag("pre", Markup("\n"), *_printed(shortened(said, _LONGEST)), tabindex=0),
        open=is_open and said.count("\n") <= _SHORT,
    )


def shortened(said: str, most: int) -> str:
    """Return the text, its middle left out if it is longer than so many letters."""
    if len(said) <= most:
        return said
    half = most // 2
    ours = f"{words.OURS}… {len(said) - 2 * half:,} characters left out of this page …"
    return f"{said[:half]}\n{ours}\n{said[-half:]}"


def _printed(block: str) -> Iterator[Markup]:
    """Yield what hosts printed as it is, and lines of ours as such."""
    for number, part in enumerate(re.split(rf"^{words.OURS}(.*)\n", block, flags=re.MULTILINE)):
        yield tag("i", lines(part)) if number % 2 else lines(part)


def differences(groups: Groups) -> Markup:
    """Return unified diffs of outputs against that of the largest group; empty if there is nothing to compare."""
    said = [group for group in groups if group[0].end.stdout or group[0].end.stderr]
    if len(said) < 2:
        return Markup()
    base = max(said, key=len)
    before = words.block(base[0].end)
    if before.count("\n") < 2:
        return Markup()  # of single lines, the list of outputs is the difference
    others = [group for group in said if group is not base]
    shown: list[Markup] = []
    used = 0
    for group in others[:_MOST_DIFFS]:
        block = _difference(before, group)
        used += len(block)
        if used > MOST_TEXT:
            break
        shown.append(block)
    return tag(
        "section",
        tag("h2", "Differences", id="differences-title"),
        tag(
            "p",
            "against what ",
            tag("b", _shown(words.hosts(one.host for one in base))),
            " printed",
            class_="soft",
        ),
        *shown,
        *_left(others[len(shown) :], "differences"),
        aria_labelledby="differences-title",
    )


def _difference(before: str, group: Sequence[Result]) -> Markup:
    found = unified(before, words.block(group[0].end))
    changed = list(islice(found, _DIFF_LINES + 1))
    more = [tag("i", "… the rest is left out of this page")] if len(changed) > _DIFF_LINES else []
    plus, minus = (sum(line.startswith(sign) for line in changed) for sign in "+-")
    alike = any(line.startswith(" ") for line in changed)
    said = f"  +{plus} −{minus}" if alike else "  nothing in common" if plus or minus else ""
    return tag(
        "details",
        tag("summary", *_who(group), said),
        tag("pre", *map(_changed, changed[:_DIFF_LINES]), *more, tabindex=0),
        open=alike and len(changed) <= _SHORT,
    )


def _who(group: Sequence[Result]) -> Iterator[str]:
    """Yield the hosts of a group, as far as a summary has room for them."""
    first = group[0]
    if not first.ok:
        yield badge(first.status)
        yield " "
    yield tag("b", _shown(words.hosts(result.host for result in group)))
    if len(group) > 1:
        yield f" ({len(group):,})"


def _all(names: str, number: int) -> Markup:
    """Return what a summary had no room for."""
    return tag("details", tag("summary", f"all {number:,} hosts"), tag("div", clipped(names, _LONGEST), class_="mono"))


def _shown(names: str) -> str:
    """Return folded names cut after a comma if they are many."""
    if len(names) <= _NAMES:
        return names
    cut = names.rfind(",", 0, _NAMES)
    return f"{names[: cut if cut > 0 else _NAMES]},…"


def _changed(line: str) -> Markup:
    """Return a line of a diff; its first letter tells what colour tells besides."""
    said = lines(clipped(line.replace(words.OURS, ""), 2000))
    kind = {"+": "ins", "-": "del", "@": "i"}.get(line[:1])
    return tag(kind, said) if kind else Markup(f"{said}\n")
