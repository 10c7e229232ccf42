"""The waves of a run: how many hosts went in each, how they did, when it was, and why none followed."""

from pssh.model.report import Report
from pssh.report import words
from pssh.report.html import svg
from pssh.report.html.causes import ticked
from pssh.report.html.glyphs import badge
from pssh.report.html.markup import Markup, heads, tag
from pssh.report.html.steps import bar
from pssh.report.staged import Wave
from pssh.report.staged import waves as staged

_MOST = 60  # waves with a row of their own


def waves(report: Report) -> Markup:
    """Return the section; empty for a run that went in one wave."""
    found = staged(report)
    if not found:
        return Markup()
    columns = [("Wave", ""), ("Hosts", "wide"), ("Began", "n"), ("Took", "n")]
    widest = max(wave.hosts for wave in found)
    begun = [wave for wave in found if wave.results]
    left = found[len(begun) :]
    return tag(
        "section",
        tag("h2", "Waves", id="waves-title"),
        tag(
            "table",
            heads(columns),
            tag("tbody", *(_row(wave, widest) for wave in begun[-_MOST:])),
            class_="steps waves",
        ),
        *([tag("p", f"{len(begun) - _MOST:,} waves before them went as well", class_="rest")] * (len(begun) > _MOST)),
        *([tag("p", _rest(left), class_="rest")] if left else []),
        aria_labelledby="waves-title",
    )


def _rest(left: list[Wave]) -> str:
    hosts = words.count(sum(wave.hosts for wave in left))
    return f"{'1 wave' if len(left) == 1 else f'{len(left):,} waves'} of {hosts} did not begin"


def _row(wave: Wave, widest: int) -> Markup:
    counts = [tag("li", badge(status), " ", tag("b", f"{number:,}")) for status, number in wave.counts.items()]
    if wave.missed:
        counts.append(tag("li", tag("span", f"{wave.missed:,} not reached", class_="soft")))
    return tag(
        "tr",
        tag("th", f"{wave.number:,} of {wave.of:,}", scope="row"),
        tag(
            "td",
            bar(wave.counts, widest),
            tag("ul", *counts, class_="legend"),
            *([tag("div", ticked(f"The run stopped here: {wave.why}"), class_="hint")] if wave.why else []),
            class_="wide",
        ),
        tag("td", svg.took(wave.began), class_="n", data_of="after the start"),
        tag("td", svg.took(wave.seconds), class_="n", data_of="long"),
    )
