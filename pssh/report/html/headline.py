"""What a reader wants first: what ran, where, when, how it ended, and why the exit code is what it is."""

from collections.abc import Iterator
from datetime import UTC, datetime

from pssh.model.report import Report
from pssh.report import words
from pssh.report.html import charts, svg
from pssh.report.html.markup import Markup, tag

_LONGEST = 400  # letters of what ran that a heading shows
_INTERRUPTED = {
    "interrupt": "the run was interrupted",
    "terminate": "the run was ended by SIGTERM",
    "hangup": "the run was ended by SIGHUP",
}
_WHY = {
    0: "every host is ok or was skipped",
    1: "something went wrong on our own side",
    3: "a host took too long, was lost, or was ended",
    4: "a host could not be reached, or let us not in",
    5: "the command failed on a host",
    6: "a rule stopped the run before every host was reached",
}
_RULES = {
    "any": "one host is ok, and `--exit any` asks for no more",
    "0": "`--exit 0` leaves the hosts out of it",
    "max": "the largest code of a host, by `--exit max`",
}


def why(report: Report) -> str:
    """Return in words why the exit code is what it is."""
    code = report.exit_code
    if report.stopped in _INTERRUPTED:
        return _INTERRUPTED[report.stopped]
    if any(result.status == "error" or result.cause.startswith("worker/") for result in report.results):
        return _WHY[1]
    usual = code in _WHY and report.exit_rule in ("all", "any") and (code or report.exit_rule == "all")
    if usual or all(result.status in ("ok", "skipped") for result in report.results):
        return _WHY[code]
    return _RULES[report.exit_rule]


def title(report: Report) -> str:
    """Return the name of the page: it must tell tabs and files apart."""
    run = report.run
    return " · ".join(filter(None, (clipped(run.text, 80), run.targets, run.id, when(run.started)[:16])))


def when(started: float) -> str:
    return f"{datetime.fromtimestamp(started, UTC):%Y-%m-%d %H:%M:%S} UTC"


def clipped(words: str, most: int) -> str:
    return words if len(words) <= most else f"{words[: most - 1]}…"


def headline(report: Report) -> Markup:
    """Return the head of the page, with the bar of outcomes."""
    run = report.run
    return tag(
        "header",
        tag(
            "div",
            tag("h1", tag("code", clipped(run.text, _LONGEST))),
            tag("p", *_verdict(report), class_="verdict"),
            charts.outcome(report),
            tag("dl", *(_fact(name, value) for name, value in _facts(report) if value)),
            *_options(report),
        ),
    )


def _verdict(report: Report) -> Iterator[str]:
    """Yield in a few words how the run went."""
    total = len(report.results)
    good = sum(report.counts.get(status, 0) for status in ("ok", "skipped"))
    if not total:
        yield tag("b", "No host was run on")
    elif good == total:
        yield tag("b", f"All {total:,} hosts are ok" if total > 1 else "The host is ok")
        if skipped := report.counts.get("skipped", 0):
            yield tag("span", f"{skipped:,} of them skipped")
    else:
        bad = total - good
        yield tag("b", f"{bad:,} of {words.count(total)} {'is' if bad == 1 else 'are'} not ok")
    yield tag("span", f"exit {report.exit_code}: {why(report)}")


def _facts(report: Report) -> Iterator[tuple[str, Markup | None]]:
    run = report.run
    yield "Targets", tag("code", clipped(run.targets, _LONGEST)) if run.targets else None
    yield "Operation", tag("span", run.operation)
    stamp = datetime.fromtimestamp(run.started, UTC).isoformat(timespec="seconds")
    yield "Started", tag("time", when(run.started), datetime=stamp)
    yield "Took", tag("span", svg.took(report.seconds))
    yield "Inventory", tag("span", ", ".join(run.inventory) or "none")
    yield "Run", tag("span", run.id) if run.id else None
    yield "By", tag("span", run.user) if run.user else None
    yield "Stopped", tag("span", report.stopped) if report.stopped else None
    if report.spread is not None:
        yield "Began within", tag("span", f"{report.spread * 1000:,.0f} ms")


def _fact(name: str, value: Markup | None) -> Markup:
    return tag("div", tag("dt", name), tag("dd", value or Markup()))


def _options(report: Report) -> Iterator[Markup]:
    """Yield the options of the run, and what ran in full where the heading has no room for it."""
    run = report.run
    if len(run.text) > _LONGEST:
        yield tag("details", tag("summary", "All that ran"), tag("pre", run.text))
    said = [tag("li", tag("code", f"{name} = {clipped(str(value), _LONGEST)}")) for name, value in run.options.items()]
    if said:
        yield tag("details", tag("summary", f"Options ({len(said)})"), tag("ul", *said))
