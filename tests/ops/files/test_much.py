"""Much is hashed on a host by openssl where it is there and right, and by what else there is where it is not."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from pssh.model.work import TransportError
from pssh.ops.files.get import Get
from pssh.ops.files.programs import MUCH
from pssh.ops.files.put import Put
from tests.support.shells import Shell
from tests.support.trees import leftovers

BROKEN = {"gone": "exit 127", "wrong": "echo deadbeef '*x'", "nothing": "exit 0"}
NOTES = 'echo "$*" >> "$HOME/openssl.log"; PATH=${PATH#*:} exec openssl "$@"'


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a home on whose host `openssl` is what a test says."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("PATH", f"{tmp_path / 'bin'}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", f"{tmp_path / 'home'}")
    return tmp_path / "home"


def openssl(home: Path, code: str) -> None:
    program = home.parent / "bin/openssl"
    program.write_text(f"#!/bin/sh\n{code}\n")
    program.chmod(0o755)


def source(folder: Path, size: int) -> Path:
    """Return a folder with an odd name in it, of so many bytes."""
    (folder / "src").mkdir()
    (folder / "src/a\\b 'c").write_bytes(os.urandom(size))
    (folder / "src/new\nline").write_bytes(b"x")
    (folder / "src/plain").write_bytes(b"y")
    return folder / "src"


async def there_and_back(home: Path, size: int):
    """Send one large file, a folder, and fetch the folder."""
    tree, back = source(home.parent, size), home.parent / "back"
    one = tree / "a\\b 'c"
    await Put((str(one),), str(home / "one")).perform(Shell(home))
    await Put((str(tree),), str(home / "tree")).perform(Shell(home))
    await Get((str(home / "tree"),), str(back), host="h").perform(Shell(home))
    assert (home / "one").read_bytes() == one.read_bytes()
    for path in tree.iterdir():
        assert (
            (home / "tree" / path.name).read_bytes() == (back / "h/tree" / path.name).read_bytes() == path.read_bytes()
        )
    assert leftovers(home) == []


async def test_a_large_file_and_a_tree_are_hashed_by_openssl_there_and_back(home: Path):
    openssl(home, NOTES)
    await there_and_back(home, MUCH)
    assert (home / "openssl.log").read_text().count("dgst -sha256 -r ./") >= 1


async def test_little_is_not_given_to_openssl(home: Path):
    openssl(home, NOTES)
    await there_and_back(home, MUCH >> 1)
    assert not (home / "openssl.log").exists()


@pytest.mark.parametrize("how", BROKEN)
async def test_an_openssl_that_is_not_right_is_not_used(home: Path, how: str):
    openssl(home, BROKEN[how])
    await there_and_back(home, MUCH)


async def test_what_arrives_wrong_is_refused_whoever_hashes(home: Path):
    openssl(home, NOTES)
    file = source(home.parent, MUCH) / "a\\b 'c"
    put = Put((str(file),), str(home / "one"))
    tree = put.gathered()
    held = file.stat()
    file.write_bytes(os.urandom(MUCH))
    os.utime(file, ns=(held.st_atime_ns, held.st_mtime_ns))
    with pytest.raises(TransportError):
        await Put(put.sources, put.dest, tree=tree).perform(Shell(home))
    assert not (home / "one").exists() and leftovers(home) == []


@pytest.mark.parametrize("size", [3000, MUCH], ids=["a little", "much"])
async def test_of_a_tree_that_arrives_wrong_nothing_gets_its_name(home: Path, size: int):
    openssl(home, NOTES)
    tree = source(home.parent, size)
    put = Put((str(tree),), str(home))
    right = put.gathered()
    for name in (b"src/plain", b"src/new\nline"):
        wrong = (replace(one, content=b"z") if one.path == name else one for one in right.entries)
        with pytest.raises(TransportError) as caught:
            await Put(put.sources, put.dest, tree=replace(right, entries=tuple(wrong))).perform(Shell(home))
        assert caught.value.failure.cause == "transfer/verify"
        assert not (home / "src").exists() and leftovers(home) == []
    await Put(put.sources, put.dest, tree=right).perform(Shell(home))
    assert (home / "src/plain").read_bytes() == (tree / "plain").read_bytes()


async def test_a_small_file_that_changes_after_it_was_planned_ends_it_and_is_not_kept_for_the_next(home: Path):
    tree = source(home.parent, 3000)
    put = Put((str(tree),), str(home))
    put = Put(put.sources, put.dest, tree=put.gathered())
    (tree / "plain").write_bytes(b"z")
    with pytest.raises(TransportError) as caught:
        await put.perform(Shell(home))
    assert caught.value.failure.cause == "transfer/changed-while-read"
    assert not (home / "src").exists() and leftovers(home) == []
    (tree / "plain").write_bytes(b"y")
    await put.perform(Shell(home))
    assert (home / "src/plain").read_bytes() == b"y"
