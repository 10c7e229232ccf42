"""Whoever swaps folders and links while we work moves nothing of it elsewhere."""

import os
import threading
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pssh.ops.fs.here import changing
from pssh.ops.fs.here.folders import Refused, hold
from pssh.ops.fs.here.say import Out

SWAPS = 10_000


class Silent(Out):
    """Says nothing, and remembers what could not be done."""

    def __init__(self) -> None:
        super().__init__()
        self.trouble: list[bytes] = []

    def say(self, *strings: bytes) -> None: ...

    def no(self, path: bytes, words: object) -> None:
        self.trouble.append(path)


class Swapper(threading.Thread):
    """Puts a link to somewhere else in a folder's place and takes it away again, as often as it can."""

    def __init__(self, folder: Path, outside: Path, ground: Path) -> None:
        super().__init__()
        self.folder, self.outside, self.times = folder, outside, 0
        self.ground = ground  # where what waits for its turn lies, and nobody removes anything

    def run(self) -> None:
        name, aside, link = (os.fspath(path) for path in (self.folder, self.ground / "aside", self.ground / "link"))
        while self.times < SWAPS:
            self.times += 1
            with suppress(OSError):
                os.symlink(self.outside, link)  # the one before was removed in its place
            with suppress(OSError):
                os.rename(name, aside)
            with suppress(OSError):
                os.rename(link, name)
            with suppress(OSError):
                os.rename(name, link)
            with suppress(OSError):
                os.rename(aside, name)


def tree(folder: Path) -> None:
    with suppress(OSError):
        (folder / "deep").mkdir(parents=True, exist_ok=True)
        (folder / "deep" / "victim").touch()
        (folder / "victim").touch()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    folder = tmp_path / "outside"
    tree(folder)
    (folder / "deep" / "victim").chmod(0o640)
    return folder


def content(folder: Path) -> dict[str, tuple[int, int]]:
    return {
        str(path.relative_to(folder)): (path.lstat().st_mode, path.lstat().st_mtime_ns) for path in folder.rglob("*")
    }


@pytest.mark.parametrize("where", ["data", "data/inner", "data/inner/deep"])
def test_rm_touches_nothing_outside_while_links_come_and_go(tmp_path: Path, outside: Path, where: str) -> None:
    before = content(outside)
    data = tmp_path / "data"
    tree(data / "inner")
    swapper = Swapper(tmp_path / where, outside, tmp_path)
    swapper.start()
    rounds = 0
    while swapper.is_alive():
        tree(data / "inner")
        with suppress(OSError):
            changing.rm(Silent(), os.fsencode(data / "inner"), {"recursive": True})
        rounds += 1
    swapper.join()
    assert swapper.times == SWAPS and rounds > 20
    assert before.keys() <= content(outside).keys()  # what this test itself makes may go through the link


def test_modes_are_set_of_nothing_outside_while_links_come_and_go(tmp_path: Path, outside: Path) -> None:
    before = content(outside)
    data = tmp_path / "data"
    tree(data / "inner")
    swapper = Swapper(data / "inner" / "deep", outside / "deep", tmp_path)
    swapper.start()
    modes = ("700", "755")
    rounds = 0
    while swapper.is_alive():
        rounds += 1
        with suppress(OSError):
            changing.chmod(Silent(), os.fsencode(data), {"recursive": True, "mode": modes[rounds % 2]})
    swapper.join()
    assert rounds > 20 and content(outside) == before


def test_a_folder_that_was_replaced_is_not_entered(tmp_path: Path) -> None:
    from pssh.ops.fs.here import folders

    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    above = os.open(tmp_path, folders.FOLDER)
    try:
        seen = folders.look(b"a", above)
        os.rename(tmp_path / "b", tmp_path / "a")
        with pytest.raises(Refused, match="replaced"):
            folders.enter(b"a", above, seen)
    finally:
        os.close(above)


def test_a_link_on_the_way_is_followed_only_where_nobody_else_could_have_put_it(tmp_path: Path) -> None:
    (tmp_path / "real" / "x").mkdir(parents=True)
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "ours").symlink_to("real")
    (tmp_path / "open" / "planted").symlink_to("../real")
    with hold(os.fsencode(tmp_path / "ours" / "x")) as (_, name, at):
        assert (name, at) == (b"x", os.fsencode(tmp_path / "real"))
    for path, links in ((tmp_path / "open" / "planted" / "x", True), (tmp_path / "ours" / "x", False)):
        with pytest.raises(Refused, match="is a link"), hold(os.fsencode(path), links=links):
            pass


def test_rm_stays_on_one_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree(tmp_path / "data")
    real: Any = os.stat

    class Elsewhere:
        """A folder that says it lies on another device."""

        def __init__(self, seen: os.stat_result) -> None:
            self._seen = seen

        def __getattr__(self, name: str) -> Any:
            return 4711 if name == "st_dev" else getattr(self._seen, name)

    def stat(path: Any, **how: Any) -> Any:
        seen = real(path, **how)
        return Elsewhere(seen) if path == b"deep" else seen

    monkeypatch.setattr(os, "stat", stat)
    out = Silent()
    changing.rm(out, os.fsencode(tmp_path / "data"), {"recursive": True})
    assert (tmp_path / "data" / "deep" / "victim").exists() and not (tmp_path / "data" / "victim").exists()
    assert out.trouble


@pytest.mark.parametrize("victim", [b"deep", b"inner", b"data"])
@pytest.mark.parametrize("with_link", [True, False])
def test_a_swap_between_looking_and_entering_gains_nothing(
    tmp_path: Path, outside: Path, monkeypatch: pytest.MonkeyPatch, victim: bytes, with_link: bool
) -> None:
    """The worst moment there is, and not by chance: the very next step after the look."""
    from pssh.ops.fs.here import folders

    before = content(outside)
    tree(tmp_path / "data" / "inner")
    real = folders.look

    def look(name: bytes, above: int) -> os.stat_result:
        seen = real(name, above)
        if name == victim and not os.path.lexists(tmp_path / "aside"):
            os.rename(name, os.fsencode(tmp_path / "aside"), src_dir_fd=above)
            if with_link:
                os.symlink(outside, name, dir_fd=above)
            else:
                os.rename(os.fsencode(outside), name, dst_dir_fd=above)  # another folder altogether
        return seen

    monkeypatch.setattr(folders, "look", look)
    monkeypatch.setattr(changing, "look", look)
    out = Silent()
    with suppress(OSError):
        changing.rm(out, os.fsencode(tmp_path / "data" / "inner"), {"recursive": True})
        assert out.trouble
    assert os.path.lexists(tmp_path / "aside")
    place = {b"deep": "data/inner/deep", b"inner": "data/inner", b"data": "data"}[victim]
    assert content(outside if with_link else tmp_path / place) == before


def test_a_mode_meant_for_a_pipe_is_not_given_to_what_a_link_in_its_place_leads_to(
    tmp_path: Path, outside: Path
) -> None:
    pipe, victim = tmp_path / "pipe", outside / "deep" / "victim"
    os.mkfifo(pipe)
    above = os.open(tmp_path, os.O_RDONLY)
    seen = os.lstat(pipe)
    pipe.unlink()
    pipe.symlink_to(victim)
    with pytest.raises(OSError):
        changing._set_mode(b"pipe", above, seen, 0o666)
    os.close(above)
    assert victim.stat().st_mode & 0o777 == 0o640


def test_a_pipe_gets_its_mode(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    changing.chmod(Silent(), os.fsencode(tmp_path / "pipe"), {"mode": "640"})
    assert (tmp_path / "pipe").lstat().st_mode & 0o777 == 0o640


@pytest.mark.parametrize("dest", ["a/b", "a/x/b", "a"])
def test_a_folder_is_not_copied_into_itself(tmp_path: Path, dest: str) -> None:
    (tmp_path / "a" / "x").mkdir(parents=True)
    (tmp_path / "a" / "file").touch()
    before = content(tmp_path)
    with pytest.raises(Refused):
        changing.place(Silent(), os.fsencode(tmp_path / "a"), {"dest": f"{tmp_path}/{dest}"})
    assert content(tmp_path).keys() == before.keys()
