"""How much at once, over how many processes."""

import resource

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.engine.base import EngineOptions, files_for, fitting, share, worker_count


@pytest.mark.parametrize(
    ("jobs", "cores", "more", "count"),
    [
        (149, 8, {}, 1),
        (150, 8, {}, 2),
        (1000, 1, {}, 1),
        (1000, 2, {}, 1),
        (1000, 4, {"parallel": 1000}, 3),
        (1000, 64, {"parallel": 1000}, 31),
        (1000, 8, {"parallel": 16}, 1),
        (10, 8, {"workers": 3}, 3),
        (2, 8, {"workers": 3}, 2),
        (100, 8, {"workers": 8, "parallel": 4}, 4),
        (100, 8, {"workers": 8, "connect_limit": 2}, 2),
        (0, 8, {}, 1),
    ],
)
def test_a_process_is_added_where_it_pays_for_itself(jobs: int, cores: int, more: dict[str, int], count: int) -> None:
    assert worker_count(EngineOptions(**more), jobs, cores) == count  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("jobs", "warm", "more", "count"),
    [(7, 2, {}, 1), (8, 2, {}, 2), (20, 1, {}, 1), (20, 2, {"workers": 1}, 1), (1000, 2, {"parallel": 1000}, 7)],
)
def test_processes_that_wait_are_used_where_there_is_something_to_do_for_each(
    jobs: int, warm: int, more: dict[str, int], count: int
) -> None:
    assert worker_count(EngineOptions(**more), jobs, 8, warm) == count  # type: ignore[arg-type]


@given(st.integers(1, 10_000), st.integers(1, 64))
def test_shares_are_whole_equal_and_add_up(total: int, parts: int) -> None:
    shares = share(total, parts)
    assert sum(shares) == total and len(shares) == parts and max(shares) - min(shares) <= 1


def test_parallel_is_lowered_to_what_the_open_files_hold_and_never_to_nothing() -> None:
    assert fitting(64, 1, 1024) == 64
    assert fitting(64, 1, 64) == 8
    assert fitting(64, 2, 64) == 16
    assert fitting(64, 1, 10) == 1
    assert files_for(fitting(64, 1, 300)) <= 300
    assert fitting(64, 1, resource.RLIM_INFINITY) == 64


@pytest.mark.parametrize("wrong", [{"parallel": 0}, {"connect_limit": 0}, {"workers": -1}])
def test_less_than_one_at_once_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(ValueError, match="at least"):
        EngineOptions(**wrong)  # type: ignore[arg-type]
