"""The steps of a maintenance job on a page."""

import html5lib
from msgspec.structs import replace

from pssh.model.outcome import Result, StepResult
from pssh.report.html.page import page
from pssh.report.html.steps import ended_by, rows
from tests.support.runs import failed, ok, report


def step(name: str, status: str = "ok", seconds: float = 1.0, **fields: object) -> StepResult:
    return StepResult(name=name, status=status, seconds=seconds, **fields)  # type: ignore[arg-type]


def three() -> list[Result]:
    """Return three hosts: one through, one that failed in its second step, one that was never begun."""
    through = (step("drain"), step("upgrade", seconds=9.0, changed=True, attempts=2), step("drain", undo=True))
    broken = (step("drain", seconds=3.0), step("upgrade", "failed", cause="exit 1"), step("drain", "lost", undo=True))
    return [
        replace(failed("b", "exec/denied"), steps=broken),
        replace(ok("a"), steps=through),
        failed("c", "stop/budget", started=False),
    ]


def test_each_step_has_a_row_in_their_order_and_then_what_was_taken_back() -> None:
    found = rows(three())
    assert [(row.name, row.undo, row.counts) for row in found] == [
        ("drain", False, {"ok": 2}),
        ("upgrade", False, {"ok": 1, "failed": 1}),
        ("drain", True, {"ok": 1, "lost": 1}),
    ]
    assert [row.took for row in found] == [[1.0, 3.0], [1.0, 9.0], [1.0, 1.0]]
    assert [(row.changed, row.retried) for row in found] == [(0, 0), (1, 1), (0, 0)]


def test_the_order_is_that_of_whoever_came_furthest() -> None:
    short = replace(ok("a"), steps=(step("two"),))
    long = replace(ok("b"), steps=(step("one", "skipped"), step("two"), step("three")))
    assert [row.name for row in rows([short, long])] == ["one", "two", "three"]


def test_a_host_names_the_step_that_it_failed_in() -> None:
    assert [ended_by(result) for result in three()] == ["upgrade", "", ""]
    assert ended_by(replace(ok("a"), steps=(step("x"), step("x", "failed", undo=True)))) == "undo x"


def test_the_page_has_a_table_of_steps_if_there_are_any() -> None:
    tree = html5lib.HTMLParser(strict=True, namespaceHTMLElements=False).parse(page(report(three())))
    (table,) = (table for table in tree.iter("table") if table.attrib["class"] == "steps")
    said = [" ".join(" ".join(row.itertext()).split()) for row in table.iter("tr")]
    assert said[1].startswith("drain 2 hosts ok ok 2 1 not reached")
    assert said[2].endswith("1 changed 1 retried 9 s 9 s")
    assert said[3].startswith("undo drain")
    assert 'id="steps-title"' not in page(report([ok("a")]))
