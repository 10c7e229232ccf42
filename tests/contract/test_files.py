"""What both ways of moving files promise, over every transport: the same trees, and nothing but whole files."""

import os
from pathlib import Path

import pytest
from msgspec.structs import replace

from pssh.model.work import TransportError
from pssh.ops.files.get import Get
from pssh.ops.files.names import LEFT, tag
from pssh.ops.files.put import Put
from pssh.ops.files.ways import Via
from pssh.ops.sync.pull import Pull
from pssh.ops.sync.push import Sync
from tests.contract.test_transport import Ear, Open, demo, local, opened, sshd
from tests.support.trees import differences, leftovers, odd_tree

__all__ = ["opened"]  # a fixture

WAYS: list[Via] = ["stream", "sftp"]
by_every_way = pytest.mark.parametrize("via", WAYS)
everywhere = pytest.mark.parametrize("opened", [local, demo, sshd], indirect=True, ids=lambda way: way.__name__)


@pytest.fixture
def home(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Where a host of this test has its files: a demo host serves none but those of its home."""
    transport = request.node.callspec.params["opened"]
    if transport is not demo:
        (tmp_path / "home").mkdir()
        return tmp_path / "home"
    fleet = request.getfixturevalue("demo_fleet")
    folder: Path = fleet.home(fleet.host().name) / tmp_path.name
    folder.mkdir()
    return folder


@everywhere
@by_every_way
async def test_a_tree_goes_there_and_comes_back_as_it_was(opened: Open, home: Path, tmp_path: Path, via: Via):
    text_only = via == "sftp" and "hosts" in home.parts  # the library behind the demo's file server knows only text
    tree = odd_tree(tmp_path / "tree", odd=b"*" if text_only else b"\xff\xfe*")
    (tree / "large").write_bytes(os.urandom(3 << 20))
    (tree / "fifo").unlink()
    ear = Ear()
    async with opened(ear) as session:
        sent = await Put((str(tree),), f"{home}/copy", via=via).perform(session)
        again = await Put((str(tree),), f"{home}/copy/../copy/", via=via).perform(session)
        got = await Get((f"{home}/copy",), str(tmp_path / "got"), host="h", links=True, via=via).perform(session)
        same = await Get((f"{home}/copy",), str(tmp_path / "got"), host="h", links=True, via=via).perform(session)
    assert sent.stdout.startswith(b"8 files, 3.0 MiB, 1 link, 4 folders")
    assert again.stdout == sent.stdout  # a folder into a folder is that folder in it
    assert (got.changed, same.stdout) == (True, b"same\n")
    assert differences(tree, home / "copy/tree") == ""
    assert differences(home / "copy", tmp_path / "got/h/copy") == ""
    assert leftovers(home) == leftovers(tmp_path) == []


@everywhere
@by_every_way
@pytest.mark.parametrize("checksum", [False, True])
async def test_a_folder_becomes_the_same_and_is_then_left_alone(
    opened: Open, home: Path, tmp_path: Path, via: Via, checksum: bool
):
    tree = odd_tree(tmp_path / "tree", odd=b"*")
    (tree / "fifo").unlink()
    (home / "there/old").mkdir(parents=True)
    (home / "there/old/file").write_text("old")
    wanted = Sync(folder=str(tree), dest=f"{home}/there", delete=True, max_delete=100, checksum=checksum, via=via)
    pulling = Pull(folder=f"{home}/there", dest=str(tmp_path / "got"), host="h", checksum=checksum, via=via)
    async with opened() as session:
        dry = await replace(wanted, dry=True).perform(session)
        assert [path.name for path in (home / "there").iterdir()] == ["old"]
        assert (await wanted.perform(session)).changed
        same = await wanted.perform(session)
        pulled, again = await pulling.perform(session), await pulling.perform(session)
    assert b"\nremove  old\n" in dry.stdout
    assert (same.changed, same.stdout) == (False, b"same\n")
    assert (pulled.changed, again.changed) == (True, False)
    assert differences(tree, home / "there") == differences(tree, tmp_path / "got/h") == ""
    assert leftovers(home) == []


@everywhere
@by_every_way
async def test_what_a_run_left_that_was_cut_behind_its_last_file_goes_though_nothing_is_to_be_sent(
    opened: Open, home: Path, tmp_path: Path, via: Via
):
    (tmp_path / "tree").mkdir()
    (tmp_path / "tree/x").write_bytes(b"x")
    ours = [Put((str(tmp_path / "tree/x"),), f"{home}/there/x", mkdir=True, via=via)]
    ours += [Sync(folder=str(tmp_path / "tree"), dest=f"{home}/there", via=via)]
    (home / "there").mkdir()
    other = home / "there" / f"{LEFT} x"  # no name of ours: a shell would read two words, the second a file's
    for operation in ours:
        async with opened() as session:
            await operation.perform(session)
            left = home / "there" / f"{tag(b'x')}{'0' * 32}"
            for folder in (left, other):
                folder.mkdir(exist_ok=True)
            await replace(operation, dry=True).perform(session)
            assert left.exists()
            same = await operation.perform(session)
        assert (left.exists(), other.exists()) == (False, True)
        assert same.stdout in (b"same\n", b"modes and times of 1\n")  # a folder is newer for what was put into it
        assert (home / "there/x").read_bytes() == b"x"


@everywhere
@by_every_way
@pytest.mark.parametrize("size", [0, 1, 32 << 10, (32 << 10) + 1, 5 << 20])
async def test_a_file_of_any_size_goes_there_and_comes_back(
    opened: Open, home: Path, tmp_path: Path, via: Via, size: int
):
    (tmp_path / "x").write_bytes(os.urandom(size))
    async with opened() as session:
        sent = await Put((str(tmp_path / "x"),), f"{home}/x", via=via).perform(session)
        same = await Put((str(tmp_path / "x"),), f"{home}/x", via=via).perform(session)
        await Get((f"{home}/x",), str(tmp_path), host="h", via=via).perform(session)
    assert (sent.changed, same.changed, same.stdout) == (True, False, b"same\n")
    assert (tmp_path / "h/x").read_bytes() == (tmp_path / "x").read_bytes() == (home / "x").read_bytes()


@everywhere
@by_every_way
async def test_what_may_not_be_replaced_stays_and_has_its_cause(opened: Open, home: Path, tmp_path: Path, via: Via):
    (tmp_path / "x").write_bytes(b"new")
    (tmp_path / "t").mkdir()
    (home / "d").mkdir()
    (home / "f").write_bytes(b"old")
    (home / "l").symlink_to("f")
    (home / "in").mkdir()
    (home / "in/x").mkdir()
    cases = [
        ("x", "l", "transfer/symlink"),
        ("x", "in", "transfer/is-directory"),
        ("t", "f", "transfer/is-directory"),
        ("x", "no/x", "transfer/remote-missing"),
    ]
    async with opened() as session:
        for source, dest, cause in cases:
            with pytest.raises(TransportError) as caught:
                await Put((str(tmp_path / source),), f"{home}/{dest}", via=via).perform(session)
            assert caught.value.failure.cause == cause
        with pytest.raises(TransportError) as caught:
            await Get((f"{home}/no",), str(tmp_path), host="h", via=via).perform(session)
        assert caught.value.failure.cause == "transfer/remote-missing"
    assert ((home / "f").read_bytes(), leftovers(home)) == (b"old", [])


@everywhere
@by_every_way
async def test_a_backup_and_a_write_in_place_never_lose_what_was_there(
    opened: Open, home: Path, tmp_path: Path, via: Via
):
    (tmp_path / "x").write_bytes(b"new")
    (home / "x").write_bytes(b"old")
    kept = "x~"
    async with opened() as session:
        try:
            await Put((str(tmp_path / "x"),), f"{home}/x", backup=True, inplace=True, via=via).perform(session)
        except TransportError as error:
            assert (via, error.failure.hint) == ("sftp", "leave out `--in-place`, or `--backup`")
            kept = "x"
    assert ((home / kept).read_bytes(), leftovers(home)) == (b"old", [])


@pytest.mark.parametrize("opened", [local, sshd], indirect=True, ids=lambda way: way.__name__)
async def test_what_a_file_server_refuses_is_told_by_the_name_that_all_hosts_share(opened: Open, tmp_path: Path):
    (tmp_path / "t").mkdir()
    (tmp_path / "t/x").write_bytes(b"x")
    proc = "/proc/sys"  # where nobody may make anything
    async with opened() as session:
        for source, shown in (("t/x", f"{proc}/x"), ("t", proc)):
            with pytest.raises(TransportError) as caught:
                await Put((str(tmp_path / source),), f"{proc}/", via="sftp").perform(session)
            assert f"`{shown}`: " in caught.value.failure.message


@everywhere
@by_every_way
async def test_patterns_find_what_a_shell_would(opened: Open, home: Path, tmp_path: Path, via: Via):
    for name in ("a1", "a2", "b1", ".a3"):
        (home / name).write_bytes(name.encode())
    async with opened() as session:
        await Get((f"{home}/[a-b]?", f"{home}/.a*"), str(tmp_path), host="h", via=via).perform(session)
    assert sorted(path.name for path in (tmp_path / "h").iterdir()) == [".a3", "a1", "a2", "b1"]
