"""When hosts were at work, as it is counted for drawings."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.model.outcome import Result
from pssh.report.html import times
from pssh.report.html.times import Span
from tests.support.runs import failed, ok, report

pieces = st.lists(st.tuples(st.floats(0, 100), st.floats(0, 50), st.integers(0, 2)), min_size=1, max_size=40)


def made(parts: list[tuple[float, float, int]]) -> list[Span]:
    """Return spans of so many seconds from a start, each by a worker."""
    found = [Span(start, start + long, 0.0, ok("a", worker=worker)) for start, long, worker in parts]
    return sorted(found, key=lambda span: (span.start, span.end))


def begun(one: Result, at: float) -> Result:
    return replace(one, started=at)


def test_spans_are_counted_from_the_beginning_of_the_run_and_the_earliest_is_first() -> None:
    results = [begun(ok("b", seconds=2.0), 105.0), begun(ok("a", seconds=1.0), 101.0), ok("c")]
    found = times.spans(report(results, started=100.0))
    assert [(span.start, span.end, span.result.host) for span in found] == [(1.0, 2.0, "a"), (5.0, 7.0, "b")]


def test_a_host_that_never_began_its_command_has_no_time_before_it() -> None:
    (span,) = times.spans(report([begun(failed("a", "connect/timeout", seconds=10.0), 5.0)], started=1.0))
    assert (span.start, span.end, span.setup) == (4.0, 14.0, 0.0)


def test_the_time_before_a_command_is_told_apart() -> None:
    one = replace(ok("a"), started=5.0, seconds={"connect": 0.25, "auth": 0.5, "run": 1.0, "total": 1.75})
    assert [span.setup for span in times.spans(report([one], started=5.0))] == [0.75]


@given(pieces)
def test_a_lane_holds_one_host_at_a_time_and_belongs_to_one_worker(parts: list[tuple[float, float, int]]) -> None:
    found = made(parts)
    until: dict[tuple[int, int], float] = {}
    for span, place in zip(found, times.lanes(found), strict=True):
        assert place[0] == span.result.worker
        assert until.get(place, 0.0) <= span.start + 1e-5
        until[place] = span.end


def test_the_lowest_free_lane_is_taken() -> None:
    found = made([(0, 3, 0), (1, 1, 0), (2.5, 1, 0), (3.5, 1, 0)])
    assert [lane for _, lane in times.lanes(found)] == [0, 1, 1, 0]


def test_rows_go_worker_after_worker() -> None:
    assert times.rows([(1, 0), (0, 1), (0, 0)]) == {(0, 0): 0, (0, 1): 1, (1, 0): 2}


@given(pieces, st.integers(1, 50))
def test_no_time_at_work_is_lost_or_counted_twice(parts: list[tuple[float, float, int]], number: int) -> None:
    found = made(parts)
    width = max(span.end for span in found) / number + 0.01
    counted = sum(map(sum, times.at_work(found, width, number).values())) * width
    assert counted == pytest.approx(sum(span.end - span.start for span in found), abs=1e-6)


def test_a_slice_has_the_average_of_those_at_work_in_it() -> None:
    found = made([(0, 2, 0), (0.5, 1, 0)])
    assert times.at_work(found, 1.0, 3) == {"ok": [1.5, 1.5, 0.0]}


@given(pieces)
def test_every_start_is_counted_once(parts: list[tuple[float, float, int]]) -> None:
    assert sum(times.started(made(parts), 7.0, 20)) == len(parts)


def test_the_most_at_once_is_not_the_most_in_a_slice() -> None:
    assert times.most_at_once(made([(0, 1, 0), (1, 1, 0), (1.5, 1, 0), (2, 1, 0)])) == 2


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=50))
def test_every_time_lies_within_the_edges_of_the_bars(values: list[float]) -> None:
    edges = times.edges(values, 24)
    assert edges == sorted(set(edges))
    assert edges[0] <= max(min(values), 0.001) * (1 + 1e-9)
    assert edges[-1] * (1 + 1e-6) >= max(values)
    assert len(edges) <= 28


def test_slices_are_round_and_not_below_a_tenth_of_a_second() -> None:
    assert times.slices(0.4, 100) == (0.1, 4)
    assert times.slices(50.0, 100) == (0.5, 100)


def test_the_median_and_the_slowest() -> None:
    assert [times.quantile([1, 2, 3, 4], portion) for portion in (0, 0.5, 1)] == [1, 3, 4]
