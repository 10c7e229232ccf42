"""How a run starts and stops is read as the person writes it, and is arithmetic."""

from collections.abc import Callable
from math import inf
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.rollout import Launch, Pace, Rollout, Share, Tail

shares = st.one_of(
    st.integers(0, 500).map(lambda number: Share(number * 1000)),
    st.integers(0, 100_000).map(lambda thousandths: Share(thousandths, percent=True)),
)

milliseconds = st.integers(0, 10_000).map(lambda number: number / 1000)
waits_and_hosts = st.lists(st.tuples(milliseconds, st.integers(1, 50)), min_size=1, max_size=5).map(tuple)


@pytest.mark.parametrize(
    ("text", "share"),
    [
        ("0", Share(0)),
        ("5", Share(5000)),
        ("10%", Share(10_000, percent=True)),
        ("2.5%", Share(2500, percent=True)),
        (" 100% ", Share(100_000, percent=True)),
    ],
)
def test_a_share_is_a_number_of_hosts_or_a_part_of_all(text: str, share: Share) -> None:
    assert Share.read(text) == share


@pytest.mark.parametrize("text", ["", "-1", "1.5", "101%", "five", "5 %", "%", "1,5%", "٣", "1e3"])
def test_anything_else_is_no_share(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        Share.read(text)


@pytest.mark.parametrize(
    ("text", "total", "up", "down"),
    [("2%", 500, 10, 10), ("1%", 50, 1, 0), ("33.3%", 10, 4, 3), ("100%", 7, 7, 7), ("3", 2, 3, 3), ("0%", 9, 0, 0)],
)
def test_a_part_of_all_hosts_is_rounded_up_for_a_wave_and_down_for_a_budget(
    text: str, total: int, up: int, down: int
) -> None:
    assert (Share.read(text).up(total), Share.read(text).down(total)) == (up, down)


@pytest.mark.parametrize(
    ("read", "text", "value"),
    [
        (Pace.rate, "5", Pace(((0, 5),))),
        (Pace.rate, "0.5/s", Pace(((0, 0.5),))),
        (Pace.rate, "30/m", Pace(((0, 0.5),))),
        (Pace.ramp, "0:5,10:20,30:100", Pace(((0, 5), (10, 20), (30, 100)))),
        (Pace.ramp, "0:0, 1m:60/m", Pace(((0, 0), (60, 1)))),
        (Launch.read, "0:50,1:20,1:500", Launch(((0, 50), (1, 20), (1, 500)))),
        (Launch.read, "500ms:1", Launch(((0.5, 1),))),
        (Tail.read, "95%:60s", Tail(Share(95_000, percent=True), 60)),
        (Tail.read, "90:1m", Tail(Share(90_000), 60)),
    ],
)
def test_paces_launches_and_tails_are_read(read: Callable[[str], Any], text: str, value: object) -> None:
    assert read(text) == value


@pytest.mark.parametrize(
    ("read", "text"),
    [
        *((Pace.rate, text) for text in ("0", "", "-1", "5/h", "1e9", "five")),
        *((Pace.ramp, text) for text in ("5", "1:5", "0:5,0:6", "0:0", "0:5,", "0:x")),
        *((Launch.read, text) for text in ("50", "0:0", "0:-1", "0:1.5", "0:5,", "x:5", "0:10%")),
        *((Tail.read, text) for text in ("95%", "95%:", "x:60s", "101%:1s")),
    ],
)
def test_what_makes_no_sense_is_refused_with_its_words(read: Callable[[str], Any], text: str) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        read(text)


def test_a_launch_is_kept_entry_by_entry_and_ends_in_freedom() -> None:
    launch = Launch.read("0:50,1:20,1:500")
    assert launch.hosts == 570
    assert [launch.allowed(t) for t in (0, 0.9, 1, 1.9, 2, 100)] == [50, 50, 70, 70, inf, inf]
    assert [launch.when(count) for count in (1, 50, 51, 70, 71, 570, 571, 9999)] == [0, 0, 1, 1, 2, 2, 2, 2]


@given(waits_and_hosts, st.integers(1, 300))
def test_a_launch_allows_a_start_when_it_says_so_and_not_before(
    entries: tuple[tuple[float, int], ...], count: int
) -> None:
    launch = Launch(entries)
    when = launch.when(count)
    assert launch.allowed(when) >= count
    assert when == 0 or launch.allowed(when * (1 - 1e-9)) < count or count > launch.hosts


@pytest.mark.parametrize(
    ("waves", "canary", "total", "sizes"),
    [
        ("", 0, 7, [7]),
        ("", 2, 7, [2, 5]),
        ("", 9, 7, [7]),
        ("1,10%,50%", 0, 100, [1, 10, 50, 39]),
        ("1,10%", 0, 25, [1, 3, 3, 3, 3, 3, 3, 3, 3]),
        ("10%", 1, 5, [1, 1, 1, 1, 1]),
        ("3", 2, 7, [2, 3, 2]),
        ("0", 0, 2, [1, 1]),
        ("5", 0, 0, []),
        ("5", 3, 0, []),
    ],
)
def test_waves_follow_one_another_and_the_last_repeats(waves: str, canary: int, total: int, sizes: list[int]) -> None:
    found = tuple(Share.read(text) for text in waves.split(",")) if waves else ()
    assert [size for size in Rollout(waves=found, canary=canary).sizes(total) if size] == sizes


@given(st.lists(shares, max_size=4).map(tuple), st.integers(0, 20), st.integers(0, 300))
def test_every_host_is_in_exactly_one_wave_and_no_wave_is_empty(
    waves: tuple[Share, ...], canary: int, total: int
) -> None:
    sizes = Rollout(waves=waves, canary=canary).sizes(total)
    assert sum(sizes) == total
    assert all(sizes) or not total
    if canary and total:
        assert sizes[0] == min(canary, total)


@given(st.lists(shares, max_size=4).map(tuple), st.integers(0, 20), st.integers(0, 300))
def test_each_host_has_the_number_of_its_wave_and_none_where_all_are_one(
    waves: tuple[Share, ...], canary: int, total: int
) -> None:
    rollout = Rollout(waves=waves, canary=canary)
    sizes, numbers = rollout.sizes(total), rollout.numbers(total)
    assert numbers == sorted(numbers)
    assert len(sizes) < 2 or [numbers.count(number) for number in range(1, len(sizes) + 1)] == sizes
    assert len(sizes) > 1 or not numbers
