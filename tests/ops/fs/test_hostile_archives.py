"""Archives made to reach what lies outside: nothing there changes, and no device or setuid file comes out of any."""

import os
import stat
import tarfile
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest

from pssh.ops.fs import pack
from tests.ops.fs.test_verbs import Way, way
from tests.support.shells import Shell

__all__ = ["way"]

Member = tuple[str, bytes, str | bytes]  # name, type, target or content
FILE, LINK, HARD, FOLDER = tarfile.REGTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.DIRTYPE


def absolute(out: Path) -> list[Member]:
    return [(f"{out}/evil", FILE, b"1"), (f"{out}/kept", FILE, b"1")]


def upwards(out: Path) -> list[Member]:
    return [("../outside/evil", FILE, b"1"), ("a/../../outside/kept", FILE, b"1"), ("..", FILE, b"1")]


def through_a_link(out: Path) -> list[Member]:
    return [("l", LINK, str(out)), ("l/evil", FILE, b"1"), ("l/kept", FILE, b"1")]


def through_a_link_upwards(out: Path) -> list[Member]:
    return [("l", LINK, "../outside"), ("l/evil", FILE, b"1"), ("l/kept", FILE, b"1")]


def through_a_chain_of_links(out: Path) -> list[Member]:
    links: list[Member] = [("d", FOLDER, b""), ("d/a", LINK, ".."), ("b", LINK, "d/a/../outside"), ("c", LINK, "b")]
    return [*links, ("b/evil", FILE, b"1"), ("c/kept", FILE, b"1")]


def through_a_folder_that_became_a_link(out: Path) -> list[Member]:
    return [("d", FOLDER, b""), ("d", LINK, str(out)), ("d/evil", FILE, b"1"), ("d/kept", FILE, b"1")]


def through_the_file_that_a_link_means(out: Path) -> list[Member]:
    return [("x", LINK, str(out / "kept")), ("x", FILE, b"1")]


def through_a_hard_link(out: Path) -> list[Member]:
    return [("x", HARD, str(out / "kept")), ("x", FILE, b"1"), ("y", HARD, "../outside/kept"), ("y", FILE, b"1")]


def through_a_hard_link_to_a_link(out: Path) -> list[Member]:
    return [("s", LINK, str(out / "kept")), ("h", HARD, "s"), ("h", FILE, b"1")]


def twice(out: Path) -> list[Member]:
    return [("x", FILE, b"1"), ("x", FOLDER, b""), ("x", LINK, str(out)), ("x/evil", FILE, b"1"), ("x", FILE, b"2")]


def devices(out: Path) -> list[Member]:
    return [("null", tarfile.CHRTYPE, b""), ("disk", tarfile.BLKTYPE, b""), ("pipe", tarfile.FIFOTYPE, b"")]


def names_of_two_lines(out: Path) -> list[Member]:
    return [(f"a\n{out}/evil", FILE, b"1"), ("b\n../outside/evil", FILE, b"1")]


def setuid(out: Path) -> list[Member]:
    return [("shell", FILE, b"#!"), ("d", FOLDER, b"")]


CORPUS: list[Callable[[Path], list[Member]]] = [
    absolute, upwards, through_a_link, through_a_link_upwards, through_a_chain_of_links,
    through_a_folder_that_became_a_link, through_the_file_that_a_link_means, through_a_hard_link,
    through_a_hard_link_to_a_link, twice, devices, names_of_two_lines, setuid,
]  # fmt: skip


def made(path: Path, members: list[Member]) -> None:
    with tarfile.open(path, "w") as archive:
        for name, kind, what in members:
            info = tarfile.TarInfo(name)
            info.type, info.mode, info.devmajor, info.devminor = kind, 0o6755, 1, 3
            if isinstance(what, str):
                info.linkname = what
                archive.addfile(info)
            else:
                info.size = len(what)
                archive.addfile(info, BytesIO(what))


def state(folder: Path) -> dict[str, tuple[object, ...]]:
    """Return all that is below a folder, as far as somebody may have changed it."""
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        seen = path.lstat()
        content = path.read_bytes() if stat.S_ISREG(seen.st_mode) else b""
        found[str(path)] = (seen.st_mode, seen.st_ino, seen.st_nlink, seen.st_uid, content)
    return found


@pytest.mark.parametrize("members", CORPUS, ids=lambda members: members.__name__.replace("_", " "))
async def test_nothing_lands_outside(way: Way, members: Callable[[Path], list[Member]]) -> None:
    outside = way.folder / "outside"
    outside.mkdir()
    (outside / "kept").write_text("kept")
    made(way.folder / "evil.tar", members(outside))
    before = state(outside)
    await way.do(pack.Extract(paths=(f"{way.folder}/evil.tar",)))
    assert state(outside) == before
    names = sorted(os.listdir(way.folder))  # noqa: PTH208  names alone
    assert [name for name in names if name not in ("evil", "evil.tar", "outside")] == []
    for path in (way.folder / "evil").rglob("*"):
        mode = path.lstat().st_mode
        assert stat.S_ISREG(mode) or stat.S_ISDIR(mode) or stat.S_ISLNK(mode), path
        assert not mode & 0o6000, path


@pytest.mark.parametrize("size", [10**6, 1 << 40, (1 << 62) - 1])
async def test_a_size_that_nothing_has_ends_it_at_once_and_leaves_nothing(way: Way, size: int) -> None:
    info = tarfile.TarInfo("large")
    info.size = size
    (way.folder / "evil.tar").write_bytes(info.tobuf() + b"x" * 2000)
    assert (await way.do(pack.Extract(paths=(f"{way.folder}/evil.tar",)))).exit_code == 1
    assert os.listdir(way.folder) == ["evil.tar"]  # noqa: PTH208  names alone


async def test_a_host_says_why_and_nothing_before_it(tmp_path: Path) -> None:
    made(tmp_path / "evil.tar", [("/etc/x", FILE, b"1")])
    end = await pack.Extract(paths=(f"{tmp_path}/evil.tar",)).perform(Shell(tmp_path))
    assert end.stderr == f"{tmp_path}/evil.tar: holds a name that leads outside\n".encode()
