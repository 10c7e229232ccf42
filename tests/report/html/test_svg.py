"""Scales, ticks and the words at them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.report.html import svg

amounts = st.floats(0.001, 1e7)


@pytest.mark.parametrize(
    ("least", "found"), [(0.0, 1), (0.03, 0.05), (0.1, 0.1), (1.1, 2), (3, 5), (6, 10), (1000, 1000)]
)
def test_a_nice_number_is_one_two_or_five_times_a_power_of_ten(least: float, found: float) -> None:
    assert svg.nice(least) == pytest.approx(found)


@given(amounts, st.integers(1, 10))
def test_ticks_begin_at_nothing_stay_inside_and_are_few(high: float, most: int) -> None:
    found = svg.ticks(high, most)
    assert found[0] == 0
    assert len(found) <= most + 1
    assert found[-1] <= high * (1 + 1e-6)


@given(amounts)
def test_moments_are_few_and_stay_inside(high: float) -> None:
    found = svg.moments(high)
    assert 1 <= len(found) <= 7
    assert found[-1] <= high * (1 + 1e-6)


def test_moments_of_long_runs_are_whole_minutes_and_hours() -> None:
    assert svg.moments(300) == [0, 60, 120, 180, 240, 300]
    assert svg.moments(7200) == [0, 1800, 3600, 5400, 7200]


def test_decades_are_marked_in_three_places_while_there_are_few() -> None:
    assert svg.decades(0.1, 1) == pytest.approx([0.1, 0.2, 0.5, 1])
    assert svg.decades(0.01, 100) == pytest.approx([0.01, 0.1, 1, 10, 100])


@pytest.mark.parametrize(
    ("seconds", "words"),
    [(0, "0"), (0.25, "250 ms"), (1, "1 s"), (16.94, "16.9 s"), (120, "2 min"), (95, "95 s"), (3700, "1 h 01 min")],
)
def test_times_are_short(seconds: float, words: str) -> None:
    assert svg.took(seconds) == words


def test_a_box_is_as_wide_as_its_share_and_as_high_as_its_pixels() -> None:
    assert svg.rect(0.25, 0.5, 10, 20.04, "s-ok") == (
        '<rect class="s-ok" x="25%" width="50%" y="10" height="20"></rect>'
    )


def test_words_at_the_edges_are_kept_inside() -> None:
    anchors = [svg.label(x, 0, "x").split('text-anchor="')[1].split('"')[0] for x in (0, 0.5, 1)]
    assert anchors == ["start", "middle", "end"]


def test_words_that_would_touch_are_left_out() -> None:
    assert svg.apart([(0.0, "a"), (0.1, "b"), (0.2, "c")]) == [(0.0, "a"), (0.2, "c")]


def test_a_drawing_has_words_for_those_who_do_not_see_it() -> None:
    made = svg.chart("x", "Title", "what it shows", 10.0)
    assert '<title id="x-title">Title</title><desc id="x-desc">what it shows</desc>' in made
    assert 'aria-labelledby="x-title" aria-describedby="x-desc"' in made


def test_a_share_of_nothing_is_nothing() -> None:
    assert (svg.share(1, 1, 1), svg.share(-1, 0, 2), svg.share(1, 0, 2), svg.share(9, 0, 2)) == (0, 0, 0.5, 1)
