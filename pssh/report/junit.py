"""JUnit's XML, as build servers read it: the run is a test suite, each host a test case.

A host that is not `ok` is a failure; what went wrong on our own side is an error; `not-run` and `skipped` are skipped.
Characters that XML cannot hold, and those that could act on a terminal, are spelt out.
"""

import re
from collections.abc import Iterator
from html import escape  # why not xml.sax.saxutils: it imports half of urllib

from pssh.model.outcome import Result
from pssh.model.report import Report
from pssh.report import words
from pssh.report.safe import safe

_NO_CHARACTER = re.compile("[\ufffe\uffff]")  # the rest that XML 1.0 leaves out is what `safe` spells out
_SKIPPED = ("not-run", "skipped")


def render(report: Report) -> Iterator[str]:
    """Yield the document, one host after the other."""
    run, kinds = report.run, [_kind(result) for result in report.results]
    numbers = {
        "tests": len(kinds),
        "failures": kinds.count("failure"),
        "errors": kinds.count("error"),
        "skipped": kinds.count("skipped"),
    }
    counted = " ".join(f'{name}="{number}"' for name, number in numbers.items())
    seconds = f'time="{report.seconds:.3f}"'
    yield f'<?xml version="1.0" encoding="UTF-8"?>\n<testsuites {counted} {seconds}>\n'
    yield f'<testsuite name={_value(run.text)} {counted} {seconds} timestamp="{words.moment(run.started)[:19]}">\n'
    yield "<properties>\n"
    said = {"run": run.id, "targets": run.targets, "inventory": ", ".join(run.inventory), "stopped": report.stopped}
    for name, value in {**said, "exit": str(report.exit_code)}.items():
        if value:
            yield f"<property name={_value(name)} value={_value(value)}/>\n"
    yield "</properties>\n"
    for result, kind in zip(report.results, kinds, strict=True):
        yield "".join(_case(result, kind, run.operation))
    yield "</testsuite>\n</testsuites>\n"


def _kind(result: Result) -> str:
    if result.status in _SKIPPED:
        return "skipped"
    if result.status == "error" or result.cause.startswith("worker/"):
        return "error"
    return "" if result.ok else "failure"


def _case(result: Result, kind: str, operation: str) -> Iterator[str]:
    end = result.end
    seconds = result.seconds.get("total", 0.0)
    yield f'<testcase classname={_value(operation)} name={_value(result.host)} time="{seconds:.3f}">\n'
    if kind:
        why = f" type={_value(f'{result.status}: {result.cause}')}" if kind != "skipped" else ""
        yield f"<{kind}{why} message={_value(words.first_line(result))}/>\n"
    for name, data, cut in (("out", end.stdout, end.stdout_cut), ("err", end.stderr, end.stderr_cut)):
        if data or cut:
            yield f"<system-{name}>{escape(_legal(words.text(data, cut)), quote=False)}</system-{name}>\n"
    yield "</testcase>\n"


def _value(text: str) -> str:
    """Return an attribute's value with its quotes."""
    return f'"{escape(_legal(safe(text.expandtabs())))}"'


def _legal(text: str) -> str:
    return _NO_CHARACTER.sub(lambda found: f"\\u{ord(found[0]):04x}", text)
