"""What a long run has stored is forced to the disk, beside the work."""

import threading
from itertools import count
from pathlib import Path

import pytest

from pssh.history.disk import Forced


class Marks:
    """Notes by which thread it was forced."""

    def __init__(self) -> None:
        self.by: list[str] = []

    def __call__(self) -> None:
        self.by.append(threading.current_thread().name)


@pytest.fixture
def marks() -> Marks:
    return Marks()


def test_a_run_that_is_over_at_once_does_not_wait_for_the_disk(tmp_path: Path, marks: Marks) -> None:
    files = Forced(tmp_path / "log", marks, lambda: 0.0)
    files.soon()
    files.last()
    assert marks.by == []


@pytest.mark.parametrize("there", [True, False])
def test_a_long_run_is_forced_in_a_thread_and_at_its_end(tmp_path: Path, marks: Marks, there: bool) -> None:
    if there:
        (tmp_path / "log").touch()
    seconds = count()
    files = Forced(tmp_path / "log", marks, lambda: float(next(seconds)))
    files.soon()
    files.last()
    assert marks.by == ["pssh-disk", "MainThread"]
