"""Two runs that fetch to the same name, and what a run that was killed left there."""

import fcntl
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pssh.ops.files.land import Ground
from pssh.ops.files.landing import Landing, Piecemeal, Whole

DIE = """
import os, sys
from pssh.ops.files.land import Ground
from pssh.ops.files.landing import Piecemeal
landing = Piecemeal(Ground(sys.argv[1]), (b"h", b"x"))
landing.write(memoryview(b"half of it"))
if sys.argv[2] == "closed":
    landing.close()
os.kill(os.getpid(), 9)
"""


def names(folder: Path) -> list[str]:
    return sorted(os.listdir(folder))  # noqa: PTH208


def written(ground: Ground, data: bytes) -> Piecemeal:
    landing = Piecemeal(ground, (b"h", b"x"))
    landing.write(memoryview(data))
    landing.close()
    return landing


def named(landing: Landing) -> None:
    landing.ready(0o644, None)
    landing.name()


def test_a_second_run_leaves_alone_what_the_first_has_still_to_name(tmp_path: Path) -> None:
    first, second = Ground(str(tmp_path)), Ground(str(tmp_path))
    one = written(first, b"one")
    two = written(second, b"two")
    named(two)
    assert (tmp_path / "h/x").read_bytes() == b"two"
    named(one)
    assert (tmp_path / "h/x").read_bytes() == b"one"
    assert names(tmp_path / "h") == ["x"]


@pytest.mark.parametrize("when", ["open", "closed"])
def test_what_a_killed_run_left_is_removed_by_the_next(tmp_path: Path, when: str) -> None:
    subprocess.run([sys.executable, "-c", DIE, tmp_path, when], check=False)
    assert len(names(tmp_path)) == 2
    ground = Ground(str(tmp_path))
    named(written(ground, b"all of it"))
    ground.close()
    assert (names(tmp_path), names(tmp_path / "h")) == (["h"], ["x"])


def test_a_folder_is_looked_through_once_however_many_files_come_into_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    looked = []
    listdir = os.listdir
    monkeypatch.setattr(os, "listdir", lambda folder: looked.append(folder) or listdir(folder))
    ground = Ground(str(tmp_path))
    for number in range(50):
        landing = Piecemeal(ground, (b"h", b"%d" % number))
        landing.close()
        named(landing)
    assert len(looked) <= 1


def test_a_folder_that_another_run_removed_before_it_was_locked_is_made_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    flock, others = fcntl.flock, []

    def slow(number: int, how: int) -> None:
        if not others:
            others.append(Ground(str(tmp_path)))
            named(written(others[0], b"other"))
        flock(number, how)

    monkeypatch.setattr(fcntl, "flock", slow)
    ground = Ground(str(tmp_path))
    named(written(ground, b"ours"))
    assert (tmp_path / "h/x").read_bytes() == b"ours"


def test_a_small_file_is_written_when_it_is_named_or_before_that_if_it_is_to_be_held_no_longer(tmp_path: Path) -> None:
    ground = Ground(str(tmp_path))
    early, late = (Whole(ground, (b"h", name), memoryview(name * 3)) for name in (b"a", b"b"))
    early.write()
    (stage,) = (path for path in tmp_path.iterdir() if path.name != "h")
    assert [path.read_bytes() for path in stage.iterdir()] == [b"aaa"]
    for landing in (early, late):
        named(landing)
    ground.close()
    assert {path.name: path.read_bytes() for path in (tmp_path / "h").iterdir()} == {"a": b"aaa", "b": b"bbb"}
    assert names(tmp_path) == ["h"]
