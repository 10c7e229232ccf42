"""Pace is arithmetic; what is left to say of it is said for every pace."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.engine.pacing import Pacer
from pssh.model.rollout import Launch, Pace

rates = st.floats(0, 1000).map(lambda rate: round(rate, 3))


@st.composite
def paces(draw: st.DrawFn) -> Pace:
    seconds = sorted(draw(st.sets(st.integers(1, 1000), max_size=4)))
    last = draw(rates.filter(bool))
    return Pace(tuple(zip([0, *seconds], [*(draw(rates) for _ in seconds), last], strict=True)))


def test_from_second_0_one_a_second_and_from_second_10_five() -> None:
    pace = Pace(((0, 1), (10, 5)))
    assert [pace.allowed(t) for t in (-1, 0, 0.5, 1, 9.99, 10, 11, 12)] == [0, 1, 1, 2, 10, 11, 16, 21]
    assert [pace.when(count) for count in (1, 2, 11, 12, 21)] == [0, 1, 10, 10.2, 12]


@given(paces(), st.integers(1, 100_000))
def test_a_start_is_allowed_when_it_is_said_to_be_and_not_before(pace: Pace, count: int) -> None:
    when = pace.when(count)
    assert pace.allowed(when + 1e-6 * max(when, 1)) >= count
    assert pace.allowed(when - 1e-6 * max(when, 1)) < count


launches = st.lists(st.tuples(st.floats(0, 10), st.integers(1, 20)), min_size=1, max_size=5).map(tuple).map(Launch)


@given(st.one_of(paces(), launches), st.lists(st.tuples(st.floats(0, 10), st.booleans()), max_size=200))
def test_no_more_is_taken_by_any_second_than_the_pace_allows(
    pace: Pace | Launch, steps: list[tuple[float, bool]]
) -> None:
    pacer, now, taken = Pacer(pace), 0.0, 0
    for seconds, full in steps:
        now += seconds
        if full:
            pacer.full()
        taken += pacer.take(now)
        assert taken <= pace.allowed(now)


def test_what_a_full_engine_could_not_use_is_not_saved_up() -> None:
    pacer = Pacer(Pace(((0, 10),)))
    assert pacer.take(0)
    pacer.full()
    assert [pacer.take(5), pacer.take(5)] == [True, False]


def test_what_a_launch_allowed_a_full_engine_is_kept() -> None:
    pacer = Pacer(Launch(((0, 2), (1, 3))))
    assert pacer.take(0)
    pacer.full()
    assert [pacer.take(0.5), pacer.take(0.5)] == [True, False]
    assert pacer.due(0.5) == 0.5
    pacer.full()
    assert all(pacer.take(1) for _ in range(100))


def test_what_was_not_wanted_at_once_is_still_there_when_nothing_was_full() -> None:
    pacer = Pacer(Pace(((0, 10),)))
    assert [pacer.take(0.31) for _ in range(5)] == [True] * 4 + [False]
    assert pacer.due(0.31) == pytest.approx(0.09)


@pytest.mark.parametrize("wrong", [(), ((1, 1),), ((0, 0),), ((0, 1), (5, 0)), ((0, -1), (1, 1)), ((0, 1), (0, 2))])
def test_a_pace_that_never_ends_or_makes_no_sense_is_refused(wrong: tuple[tuple[float, float], ...]) -> None:
    with pytest.raises(ValueError, match="pace"):
        Pace(wrong)
