"""The drawings of a page: how the hosts ended, how long they took, and when they were at work.

Each says in words what it shows. Every status has a colour and a pattern of its own, so that neither is needed alone.
"""

from bisect import bisect_right
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise
from math import log

from pssh.model.outcome import Status
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words
from pssh.report.html import svg, times
from pssh.report.html.glyphs import legend
from pssh.report.html.markup import Markup, join, tag
from pssh.report.html.times import Span

_ORDER: tuple[Status, ...] = ("ok", *BY_WEIGHT[:-1])
_HIGH = 150  # pixels of a plot
_NAMED = 30  # hosts that each have a row with their name
_DRAWN = 2_000  # hosts that each have a bar
_MOST_ROWS = 160
_SLICES = 100
_BARS = 24
_GAP = 0.0015  # of the width, between bars
_NAME = 24  # letters of a name in its row; the whole of it is in the table
_ROOM = 0.45  # of the width: a part as wide as that has room for words
_LEAST = 0.004  # of the width: what happened can be seen, however short or rare


def outcome(report: Report) -> Markup:
    """Return one bar of all hosts by status, and what its parts mean."""
    total = len(report.results)
    counts = {status: report.counts[status] for status in _ORDER if status in report.counts}
    if not total:
        return Markup()
    least = {status: max(number / total, 0.008) for status, number in counts.items()}
    whole = sum(least.values())
    x, parts = 0.0, []
    for status, number in counts.items():
        wide = least[status] / whole
        title = f"{number:,} {status}, {_share(number, total)}"
        parts.append(svg.rect(x, max(wide - 0.002, 0.004), 0, 34, f"s-{status}", title))
        if wide > _ROOM:
            # Twice: first as a broad edge in the bar's own colour, so that no pattern disturbs the letters.
            for class_ in (f"under k-{status}", "on"):
                parts.append(svg.label(x + wide / 2, 22, f"{number:,} {status}", class_, "middle"))
        x += wide
    said = ", ".join(f"{number:,} {status}" for status, number in counts.items())
    drawing = svg.chart("outcome", "Outcome", f"{words.count(total)}: {said}", 34, *parts)
    return join([drawing, legend((status, f"{n:,}", _share(n, total)) for status, n in counts.items())])


def _share(number: int, total: int) -> str:
    value = number / total * 100
    if number in (0, total):
        return f"{value:.0f} %"
    return "< 0.1 %" if value < 0.1 else f"{min(value, 99.9):.1f} %"


def durations(found: Sequence[Span]) -> Markup:
    """Return how many hosts took how long; empty if none began."""
    took = sorted(span.end - span.start for span in found)
    if not took:
        return Markup()
    edges = times.edges(took, _BARS)
    columns = [Counter[Status]() for _ in edges[1:]]
    for span in found:
        columns[min(max(bisect_right(edges, span.end - span.start) - 1, 0), len(columns) - 1)][span.result.status] += 1
    highest = max(column.total() for column in columns)
    titles = [
        f"{svg.took(low)} to {svg.took(high)}: {words.count(column.total())}"
        for (low, high), column in zip(pairwise(edges), columns, strict=True)
    ]
    bars = _stacks(columns, highest, titles)
    growing = edges[0] > 0 and edges[-1] / edges[0] >= 20
    marks = svg.decades(edges[0], edges[-1]) if growing else _ticks_between(edges)
    places = [(_place(value, edges, growing), svg.took(value)) for value in marks]
    said = (
        f"median {svg.took(times.quantile(took, 0.5))}, 95 % within {svg.took(times.quantile(took, 0.95))}, "
        f"slowest {svg.took(took[-1])}"
    )
    axis = svg.across(svg.apart(places), _HIGH)
    title = "How long the hosts took"
    drawing = svg.chart(
        "durations", title, said, _HIGH + svg.TOP + svg.FOOT, svg.upward(highest, _HIGH), *bars, axis, margin=True
    )
    slowest = max(found, key=lambda span: span.end - span.start).result.host
    return _figure(drawing, title, f"{said}: ", slowest, f"hosts; time {'grows by factors' if growing else 'in all'}")


def _ticks_between(edges: Sequence[float]) -> list[float]:
    step = svg.nice((edges[-1] - edges[0]) / 4)
    first = int(edges[0] / step)
    found = [step * number for number in range(first, first + 12)]
    return [value for value in found if edges[0] - 1e-9 <= value <= edges[-1] + 1e-9]


def _place(value: float, edges: Sequence[float], growing: bool) -> float:
    """Return where a value stands among bars of equal width."""
    if not growing:
        return svg.share(value, edges[0], edges[-1])
    return svg.share(log(value), log(edges[0]), log(edges[-1]))


def launches(report: Report, found: Sequence[Span]) -> Markup:
    """Return how many hosts were started a second, over time; empty for a run too short to have a pace."""
    width, number = times.slices(times.length(report, found), _SLICES)
    counts = times.started(found, width, number)
    if sum(map(bool, counts)) < 3:
        return Markup()
    rates = [count / width for count in counts]
    highest = max(rates)
    one = 1 / number
    bars = [
        svg.rect(
            place * one,
            max(one - _GAP, one / 2),
            svg.TOP + _HIGH * (1 - rate / highest),
            _HIGH * rate / highest,
            "plain",
            f"{svg.took(place * width)}: {words.count(counts[place])} started",
        )
        for place, rate in enumerate(rates)
        if rate
    ]
    title = "How fast the hosts were started"
    said = f"{words.count(len(found))} started, at most {highest:,.4g} a second"
    drawing = svg.chart(
        "launches",
        title,
        said,
        _HIGH + svg.TOP + svg.FOOT,
        svg.upward(highest, _HIGH, "/s"),
        *bars,
        _time_axis(width * number, _HIGH),
        margin=True,
    )
    return _figure(drawing, title, said, "", "hosts a second; seconds from the beginning")


def work(report: Report, found: Sequence[Span]) -> Markup:
    """Return how many hosts were at work at each time; empty for a run too short or small."""
    width, number = times.slices(times.length(report, found), _SLICES)
    if number < 3 or len(found) <= _NAMED:
        return Markup()
    by_status = times.at_work(found, width, number)
    columns = [{status: values[place] for status, values in by_status.items()} for place in range(number)]
    highest = max(sum(column.values()) for column in columns)
    titles = [
        f"{svg.took(place * width)}: {sum(column.values()):,.3g} hosts at work" for place, column in enumerate(columns)
    ]
    bars = _stacks(columns, highest, titles)
    title = "Hosts at work"
    said = f"at most {words.count(times.most_at_once(found))} at once"
    drawing = svg.chart(
        "work",
        title,
        said,
        _HIGH + svg.TOP + svg.FOOT,
        svg.upward(highest, _HIGH),
        *bars,
        _time_axis(width * number, _HIGH),
        margin=True,
    )
    return _figure(drawing, title, said, "", "hosts, by how they ended; seconds from the beginning")


def timeline(report: Report, found: Sequence[Span]) -> Markup:
    """Return a bar for each host from its start to its end; empty where they are too many to be told apart."""
    if not found or len(found) > _DRAWN:
        return Markup()
    longest = times.length(report, found)
    named = len(found) <= _NAMED
    placed = [(0, number) for number in range(len(found))] if named else times.lanes(found)
    rows = times.rows(placed)
    if len(rows) > _MOST_ROWS:
        return Markup()
    step = 26.0 if named else max(min(480 / len(rows), 14), 4)
    high = step * len(rows)
    bars = [
        _host(span, svg.TOP + rows[place] * step, step, longest, named)
        for span, place in zip(found, placed, strict=True)
    ]
    title = "When each host was at work"
    workers = len({span.result.worker for span in found})
    where = f"{len(rows)} lanes" + (f" of {workers} worker processes" if workers > 1 else "")
    said = words.count(len(found)) + ("" if named else f" in {where}")
    drawing = svg.chart("timeline", title, said, high + svg.TOP + svg.FOOT, _time_axis(longest, high, grid=True), *bars)
    return _figure(drawing, title, said, "", "the pale part is connecting and login; seconds from the beginning")


def _host(span: Span, y: float, step: float, longest: float, named: bool) -> Markup:
    """Return the bar of one host: pale until its command began."""
    x, end = span.start / longest, span.end / longest
    middle = x + span.setup / longest
    if end - x < _LEAST:
        middle, end = x, x + _LEAST
    x = min(x, 1 - _LEAST)
    high = 9.0 if named else step - (2 if step > 8 else 1)
    top = y + (15 if named else 0)
    title = f"{span.result.host}: {span.result.status}, {svg.took(span.end - span.start)}"
    parts = [svg.rect(middle, max(end - middle, _LEAST), top, high, f"s-{span.result.status}", title)]
    if middle - x >= _LEAST / 2:
        parts.append(svg.rect(x, middle - x, top, high, f"s-{span.result.status} pale", title))
    if named:
        late = x > 0.6
        host = span.result.host
        said = f"{host if len(host) <= _NAME else f'{host[: _NAME - 1]}…'}  {svg.took(span.end - span.start)}"
        said += "" if span.result.ok else f"  {span.result.status}"
        parts.append(svg.label(end if late else x, y + 11, said, "name", "end" if late else "start"))
    return join(parts)


def _stacks(columns: Sequence[Mapping[Status, float]], highest: float, titles: Sequence[str]) -> Iterator[Markup]:
    """Yield bars of equal width, each of parts by status with `ok` at the bottom."""
    one = 1 / len(columns)
    for place, (column, title) in enumerate(zip(columns, titles, strict=True)):
        bottom = float(svg.TOP + _HIGH)
        parts = []
        for status in _ORDER:
            high = column.get(status, 0.0) / highest * _HIGH
            if high < 0.05:
                continue
            bottom -= high
            parts.append(svg.rect(place * one, max(one - _GAP, one / 2), bottom, max(high, 1.0), f"s-{status}"))
        if parts:
            yield tag("g", tag("title", title), *parts)


def _time_axis(longest: float, high: float, *, grid: bool = False) -> Markup:
    places = [(value / longest, svg.took(value)) for value in svg.moments(longest)]
    lines = [svg.line(x, x, svg.TOP, svg.TOP + high, "grid") for x, _ in places] if grid else []
    return join([*lines, svg.across(svg.apart(places, 0.16), high)])


def _figure(drawing: Markup, title: str, said: str, host: str, axes: str) -> Markup:
    name = [tag("b", host)] if host else []
    return tag("figure", tag("h3", title), tag("p", said, *name, class_="said"), drawing, tag("figcaption", axes))
