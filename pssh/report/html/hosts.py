"""The table of hosts: each in one row, what needs a look first; of very many, the rest is folded by result."""

from collections.abc import Iterator, Sequence

from pssh.model.outcome import Result
from pssh.model.report import BY_WEIGHT, Report, grouped, spoken_for
from pssh.report import words
from pssh.report.html.causes import folded
from pssh.report.html.glyphs import badge
from pssh.report.html.headline import clipped
from pssh.report.html.markup import Markup, heads, tag
from pssh.report.html.steps import ended_by

MOST_ROWS = 1_500  # hosts with a row of their own
_MOST_FOLDED = 100  # rows of the rest
_OPEN = 60  # rows of hosts that are ok which need not be unfolded
_LONGEST = 240  # letters of an output

Column = tuple[str, str]  # its head and its class


def hosts(report: Report) -> Markup:
    """Return the section of all hosts; empty if there are none."""
    if not report.results:
        return Markup()
    ordered = sorted(report.results, key=lambda result: (BY_WEIGHT.index(result.status), -_total(result)))
    shown, rest = ordered[:MOST_ROWS], ordered[MOST_ROWS:]
    bad = [result for result in shown if not result.ok]
    good = [result for result in shown if result.ok]
    columns = _columns(report.results)
    parts = []
    if bad:
        parts.append(_table(bad, columns, f"{words.count(len(bad))} other than ok, worst first"))
    if good:
        table = _table(good, columns, f"{words.count(len(good))} ok, slowest first")
        parts.append(
            table if len(good) <= _OPEN else _behind(f"{words.count(len(good))} ok, slowest first", good, columns)
        )
    return tag(
        "section",
        tag("h2", "Hosts", id="hosts-title"),
        *parts,
        *_rest(rest),
        aria_labelledby="hosts-title",
    )


def _behind(said: str, results: Sequence[Result], columns: Sequence[Column]) -> Markup:
    return tag("details", tag("summary", said), _table(results, columns, ""))


def _total(result: Result) -> float:
    return result.seconds.get("total", 0.0)


def _columns(results: Sequence[Result]) -> list[Column]:
    """Return the columns that say something in this run."""
    wanted = [("Host", ""), ("Status", "short")]
    if any(not result.ok for result in results):
        wanted.append(("Cause", "short"))
    if any(map(ended_by, results)):
        wanted.append(("Step", "short"))
    wanted.append(("Time", "n"))
    if any(result.attempts > 1 for result in results):
        wanted.append(("Tries", "n"))
    if any(result.changed is not None for result in results):
        wanted.append(("Changed", "short"))
    return [*wanted, ("Output", "wide")]


def _table(results: Sequence[Result], columns: Sequence[Column], caption: str) -> Markup:
    head = heads(columns)
    body = tag("tbody", *(_row(result, columns) for result in results))
    return tag("table", *([tag("caption", caption)] if caption else []), head, body, class_="hosts")


def _row(result: Result, columns: Sequence[Column]) -> Markup:
    cells = [tag("th", result.host, scope="row")]
    for name, class_ in columns[1:]:
        cells.append(tag("td", _cell(result, name), class_=class_))
    return tag("tr", *cells)


def _cell(result: Result, name: str) -> str:
    match name:
        case "Status":
            return badge(result.status)
        case "Cause":
            return result.cause
        case "Step":
            return ended_by(result)
        case "Time":
            return words.seconds(_total(result)) if _total(result) else ""
        case "Tries":
            return str(result.attempts) if result.attempts > 1 else ""
        case "Changed":
            return "" if result.changed is None else "changed" if result.changed else "same"
    said = words.first_line(result)
    if result.failure:
        said = said.removeprefix(f"{words.named_cause(result.failure)}: ")
    return tag("code", clipped(said, _LONGEST)) if said else Markup()


def _rest(rest: Sequence[Result]) -> Iterator[Markup]:
    """Yield the hosts without a row of their own: equal results together."""
    if not rest:
        return
    groups = grouped(rest)
    yield tag("p", f"{words.count(len(rest))} more, folded by result:", class_="rest")
    head = ((name, "n" if name == "Hosts" else "") for name in ("Which", "Status", "Hosts", "Time", "Output"))
    body = []
    for group in groups[:_MOST_FOLDED]:
        body.append(
            tag(
                "tr",
                tag("td", folded([result.host for result in group]), class_="wide"),
                tag("td", badge(group[0].status), class_="short"),
                tag("td", f"{len(group):,}", class_="n", data_of="hosts" if len(group) > 1 else "host"),
                tag("td", words.slowest(group), class_="n"),
                tag("td", tag("code", clipped(words.first_line(spoken_for(group)), _LONGEST)), class_="wide"),
            )
        )
    yield tag(
        "table",
        heads(head),
        tag("tbody", *body),
        class_="hosts rest-of",
    )
    if left := groups[_MOST_FOLDED:]:
        hosts_left = words.count(sum(len(group) for group in left))
        yield tag("p", f"{len(left):,} more results of {hosts_left} are not on this page", class_="rest")
