"""How the steps of a maintenance job went over all hosts: a row for each, in their order, then what was taken back."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from pssh.model.outcome import Result, Status, StepResult
from pssh.model.report import BY_WEIGHT
from pssh.report import words
from pssh.report.html import svg, times
from pssh.report.html.glyphs import badge
from pssh.report.html.markup import Markup, heads, join, tag

_ORDER: tuple[Status, ...] = ("ok", *BY_WEIGHT[:-1])
_HIGH = 14  # pixels of a bar


class Row(NamedTuple):
    """One step over all hosts."""

    name: str
    undo: bool
    counts: dict[Status, int]
    took: list[float]  # seconds of those that were begun, the shortest first
    changed: int
    retried: int


def rows(results: Sequence[Result]) -> list[Row]:
    """Return a row for each step that any host came to."""
    found: dict[tuple[bool, str], list[StepResult]] = {}
    # Whoever came furthest knows the order of most steps.
    for result in sorted(results, key=lambda result: -len(result.steps)):
        for step in result.steps:
            found.setdefault((step.undo, step.name), []).append(step)
    return [_row(name, undo, steps) for (undo, name), steps in sorted(found.items(), key=lambda item: item[0][0])]


def _row(name: str, undo: bool, steps: Sequence[StepResult]) -> Row:
    seen = Counter(step.status for step in steps)
    return Row(
        name,
        undo,
        {status: seen[status] for status in _ORDER if seen[status]},
        sorted(step.seconds for step in steps if step.status != "skipped"),
        sum(bool(step.changed) for step in steps),
        sum(step.attempts > 1 for step in steps),
    )


def ended_by(result: Result) -> str:
    """Return the name of the step that a host failed in; empty if there is none."""
    bad = (step for step in result.steps if step.status not in ("ok", "skipped"))
    return next((f"undo {step.name}" if step.undo else step.name for step in bad), "")


def steps(results: Sequence[Result]) -> Markup:
    """Return the section; empty for a run that had no steps."""
    found = rows(results)
    if not found:
        return Markup()
    columns = [("Step", ""), ("Hosts", "wide"), ("Median", "n"), ("Slowest", "n")]
    return tag(
        "section",
        tag("h2", "Steps", id="steps-title"),
        tag(
            "table",
            heads(columns),
            tag("tbody", *(_shown(row, len(results)) for row in found)),
            class_="steps",
        ),
        aria_labelledby="steps-title",
    )


def _shown(row: Row, total: int) -> Markup:
    reached = sum(row.counts.values())
    counts = [tag("li", badge(status), " ", tag("b", f"{number:,}")) for status, number in row.counts.items()]
    if (left := total - reached) and not row.undo:
        counts.append(tag("li", tag("span", f"{left:,} not reached", class_="soft")))
    said = [f"{row.changed:,} changed" if row.changed else "", f"{row.retried:,} retried" if row.retried else ""]
    counts += [tag("li", tag("span", words, class_="soft")) for words in said if words]
    shown = {"median": times.quantile(row.took, 0.5), "slowest": row.took[-1]} if row.took else {}
    cells = [tag("td", svg.took(seconds), class_="n", data_of=which) for which, seconds in shown.items()]
    cells = cells or [tag("td", class_="n")] * 2
    name = join([tag("span", "undo ", class_="soft"), row.name]) if row.undo else row.name
    return tag(
        "tr",
        tag("th", name, scope="row"),
        tag("td", bar(row.counts, total), tag("ul", *counts, class_="legend"), class_="wide"),
        *cells,
    )


def bar(counts: Mapping[Status, int], total: int) -> Markup:
    """Return the bar of a step or a wave; it is as long as the hosts that came to it are many."""
    x, parts = 0.0, []
    for status, number in counts.items():
        wide = number / total
        title = f"{words.count(number)} {status}"
        parts.append(svg.rect(min(x, 0.996), max(wide - 0.001, 0.004), 0, _HIGH, f"s-{status}", title))
        x += wide
    return tag("svg", *parts, width="100%", height=_HIGH, aria_hidden="true")
