"""The page of a run: one file that loads nothing, runs nothing, and stays small however many hosts there were.

Everything that hosts, files or users chose is data in it (see `markup`), and a Content-Security-Policy forbids all but
the one style sheet, so that even a mistake here could not run a script.
"""

from collections.abc import Iterator

from pssh.model.report import Report
from pssh.report.html import charts, glyphs, headline, times
from pssh.report.html.causes import causes
from pssh.report.html.hosts import hosts
from pssh.report.html.markup import Markup, tag
from pssh.report.html.outputs import differences, outputs
from pssh.report.html.sheet import POLICY, SHEET
from pssh.report.html.steps import steps
from pssh.report.html.waves import waves


def page(report: Report) -> str:
    """Return a finished run as an HTML document, about 5 MB at the most."""
    return "".join(pieces(report))


def pieces(report: Report) -> Iterator[str]:
    """Yield the document of `page` a section at a time."""
    groups = report.groups()
    head = tag(
        "head",
        tag("meta", charset="utf-8"),
        tag("meta", http_equiv="Content-Security-Policy", content=Markup(POLICY)),
        tag("meta", name="viewport", content="width=device-width, initial-scale=1"),
        tag("meta", name="color-scheme", content="light dark"),
        tag("meta", name="referrer", content="no-referrer"),
        tag("title", headline.title(report)),
        tag("style", Markup(SHEET)),
    )
    yield f'<!DOCTYPE html>\n<html lang="en">{head}\n<body>{glyphs.defined()}'
    yield headline.headline(report)
    yield "\n<main>"
    yield causes(report)
    yield waves(report)
    yield steps(report.results)
    yield _times(report)
    yield outputs(groups)
    yield differences(groups)
    yield hosts(report)
    foot = tag("footer", tag("p", "Made by pssh. This file stands alone: it loads nothing and runs no script."))
    yield f"</main>\n{foot}</body></html>\n"


def _times(report: Report) -> Markup:
    """Return the drawings over time; empty if no host began."""
    found = times.spans(report)
    if not found:
        return Markup()
    small = [charts.durations(found), charts.launches(report, found)]
    wide = [charts.work(report, found), charts.timeline(report, found)]
    return tag(
        "section",
        tag("h2", "Times", id="times-title"),
        tag("div", *filter(None, small), class_="charts"),
        *(tag("div", drawing, class_="charts") for drawing in wide if drawing),
        *([glyphs.key(report.counts)] if len(report.counts) > 1 else []),
        aria_labelledby="times-title",
    )
