"""Why hosts are not ok: one row per cause, worst first, with its hosts folded and what to do about it."""

from collections.abc import Iterator
from itertools import chain

from pssh.model.outcome import Result, Status
from pssh.model.report import BY_WEIGHT, Report, Run, spoken_for
from pssh.report import words
from pssh.report.hints import hint
from pssh.report.html.glyphs import badge
from pssh.report.html.headline import clipped
from pssh.report.html.markup import Markup, heads, join, tag

_MOST = 60  # causes
_FEW = 160  # letters of folded hosts that are shown at once
_LONGEST = 40_000  # letters of folded hosts
_MESSAGE = 300


def causes(report: Report) -> Markup:
    """Return the section; empty if every host is ok."""
    found: dict[tuple[Status, str], list[Result]] = {}
    for result in report.results:
        if not result.ok:
            found.setdefault((result.status, result.cause), []).append(result)
    if not found:
        return Markup()
    ordered = sorted(found.items(), key=lambda item: (BY_WEIGHT.index(item[0][0]), -len(item[1])))
    head = heads((name, "n" if name == "Hosts" else "") for name in _COLUMNS)
    body = [_row(status, results, report.run) for (status, _), results in ordered[:_MOST]]
    left = sum(len(results) for _, results in ordered[_MOST:])
    return tag(
        "section",
        tag("h2", "Causes", id="causes-title"),
        tag("table", head, tag("tbody", *body), class_="causes"),
        *([tag("p", f"{len(ordered) - _MOST:,} more causes of {words.count(left)}", class_="rest")] if left else []),
        aria_labelledby="causes-title",
    )


_COLUMNS = ("Status", "Cause", "Hosts", "Which, and what to do")


def _row(status: Status, results: list[Result], run: Run) -> Markup:
    return tag(
        "tr",
        tag("td", badge(status), class_="short"),
        tag("th", tag("code", results[0].cause), scope="row", class_="short"),
        tag("td", f"{len(results):,}", class_="n", data_of="hosts" if len(results) > 1 else "host"),
        tag("td", *_about(results, run), class_="wide"),
    )


def _about(results: list[Result], run: Run) -> Iterator[Markup]:
    yield folded([result.host for result in results])
    said = {result.failure.message: result.host for result in reversed(results) if result.failure}
    if said:
        message, host = next(reversed(said.items()))  # of the first host
        if len(said) == 1 and (failure := spoken_for(results).failure):
            message = failure.words
        yield tag("div", ticked(clipped(message, _MESSAGE)), *([f" ({host})"] if len(said) > 1 else []))
    elif first := words.first_line(results[0]):
        yield tag("div", tag("code", clipped(first, _MESSAGE)), class_="soft")
    if what := hint(results, run.given, run.id, run.job.file if run.job else ""):
        yield tag("div", ticked(what), class_="hint")


def folded(names: list[str]) -> Markup:
    """Return folded hosts; many are behind a summary that shows the first of them."""
    said = words.hosts(names)
    if len(said) <= _FEW:
        return tag("div", said)
    cut = said.rfind(",", 0, _FEW)
    short = f"{said[: cut if cut > 0 else _FEW]},…"
    return tag("details", tag("summary", short), tag("div", clipped(said, _LONGEST), class_="mono"))


def ticked(said: str) -> Markup:
    """Return a text whose words in backticks are commands."""
    parts = said.split("`")
    if len(parts) % 2 == 0:
        return join([said])
    return join(
        chain.from_iterable(
            (part, tag("code", code)) for part, code in zip(parts[::2], [*parts[1::2], ""], strict=True)
        )
    )
