"""What is put on a host, by each shell that a host may have: the same trees, the same refusals, nothing left over."""

import os
import re
import stat
from pathlib import Path
from typing import Any

import pytest

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError
from pssh.ops.context import Context
from pssh.ops.files.decide import Attributes
from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.ops.files.streams import Sending
from tests.support.shells import SHELLS, Shell, becoming
from tests.support.trees import differences, leftovers, odd_tree

every_shell = pytest.mark.parametrize("words", SHELLS, ids=lambda words: words[0])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    (tmp_path / "ours").mkdir()
    return tmp_path / "ours"


async def put(home: Path, *paths: Path | str, words: list[str] | None = None, **how: Any) -> Reply:
    *sources, dest = map(str, paths)
    reply = await Put(tuple(sources), dest, **how).perform(Shell(home, words or ["/bin/sh"]))
    assert leftovers(home) == []
    return reply


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def refusal(home: Path, *paths: Path | str, **how: Any) -> Failure:
    with pytest.raises(TransportError) as caught:
        await put(home, *paths, **how)
    assert leftovers(home) == []
    return caught.value.failure


@every_shell
async def test_a_file_gets_its_path_its_content_and_its_mode(home: Path, ours: Path, words: list[str]):
    (ours / "a b'c").write_bytes(os.urandom(70_000))
    (ours / "a b'c").chmod(0o4751)
    reply = await put(home, ours / "a b'c", home / "it's", words=words)
    assert (reply.stdout, reply.changed) == (b"1 file, 68.4 KiB\n", True)
    assert (home / "it's").read_bytes() == (ours / "a b'c").read_bytes()
    assert stat.S_IMODE((home / "it's").stat().st_mode) == 0o751


@every_shell
async def test_what_is_the_same_is_left_alone(home: Path, ours: Path, words: list[str]):
    (ours / "x").write_bytes(b"content\n")
    await put(home, ours / "x", home / "x", words=words)
    before = (home / "x").stat()
    reply = await put(home, ours / "x", home / "x", words=words)
    assert (reply.stdout, reply.changed) == (b"same\n", False)
    after = (home / "x").stat()  # it was read, so its time of access may be another
    assert (after.st_ino, after.st_mtime_ns, after.st_ctime_ns) == (
        before.st_ino,
        before.st_mtime_ns,
        before.st_ctime_ns,
    )
    forced = await put(home, ours / "x", home / "x", words=words, force=True)
    assert (forced.changed, (home / "x").stat().st_ino != before.st_ino) == (True, True)


@every_shell
async def test_an_equal_size_does_not_pass_for_the_same(home: Path, ours: Path, words: list[str]):
    (ours / "x").write_bytes(b"new")
    (home / "x").write_bytes(b"old")
    assert (await put(home, ours / "x", home / "x", words=words)).changed
    assert (home / "x").read_bytes() == b"new"


async def test_a_file_goes_into_a_folder_under_its_own_name(home: Path, ours: Path):
    (ours / "x").write_bytes(b"1")
    (home / "d").mkdir()
    await put(home, ours / "x", home / "d")
    await put(home, ours / "x", f"{home}/e/", mkdir=True)
    assert ((home / "d/x").read_bytes(), (home / "e/x").read_bytes()) == (b"1", b"1")


@pytest.mark.parametrize("dest", ["no/x", "no/", "no/deeper/x"])
async def test_a_folder_that_is_missing_is_an_error_unless_it_is_to_be_made(home: Path, ours: Path, dest: str):
    (ours / "x").write_bytes(b"1")
    failure = await refusal(home, ours / "x", f"{home}/{dest}")
    assert (failure.cause, failure.hint) == ("transfer/remote-missing", "`--mkdir` makes it")
    await put(home, ours / "x", f"{home}/{dest}", mkdir=True)
    assert (home / dest / "x" if dest == "no/" else home / dest).read_bytes() == b"1"


async def test_several_sources_need_a_folder(home: Path, ours: Path):
    for name in "xy":
        (ours / name).write_bytes(name.encode())
    (home / "file").write_bytes(b"")
    assert (await refusal(home, ours / "x", ours / "y", home / "file")).cause == "transfer/is-directory"
    assert (await put(home, ours / "x", ours / "y", home)).stdout == b"2 files, 2 B\n"
    assert ((home / "x").read_bytes(), (home / "y").read_bytes()) == (b"x", b"y")


@every_shell
async def test_a_file_never_replaces_a_folder_nor_the_reverse(home: Path, ours: Path, words: list[str]):
    (ours / "x").write_bytes(b"1")
    (ours / "tree").mkdir()
    (ours / "tree/x").write_bytes(b"1")
    (home / "d/x").mkdir(parents=True)
    (home / "f").write_bytes(b"mine")
    assert (await refusal(home, ours / "x", home / "d", words=words)).cause == "transfer/is-directory"
    assert (await refusal(home, ours / "tree", home / "f", words=words)).cause == "transfer/is-directory"
    (home / "tree/x").mkdir(parents=True)
    assert (await refusal(home, ours / "tree", home, words=words)).cause == "transfer/is-directory"
    assert ((home / "f").read_bytes(), list((home / "tree/x").iterdir())) == (b"mine", [])


@every_shell
async def test_a_target_that_is_a_link_is_refused_unless_it_is_to_be_followed(home: Path, ours: Path, words: list[str]):
    (ours / "x").write_bytes(b"new")
    (home / "real").mkdir()
    (home / "real/file").write_bytes(b"old")
    (home / "link").symlink_to("real/file")
    assert (await refusal(home, ours / "x", home / "link", words=words)).cause == "transfer/symlink"
    assert (home / "real/file").read_bytes() == b"old"
    await put(home, ours / "x", home / "link", words=words, follow=True)
    assert ((home / "real/file").read_bytes(), (home / "link").is_symlink()) == (b"new", True)


async def test_what_is_there_keeps_its_mode_and_what_is_asked_for_wins(home: Path, ours: Path):
    (ours / "x").write_bytes(b"new")
    (home / "x").write_bytes(b"old")
    (home / "x").chmod(0o600)
    await put(home, ours / "x", home / "x")
    assert stat.S_IMODE((home / "x").stat().st_mode) == 0o600
    reply = await put(home, ours / "x", home / "x", attributes=Attributes(mode="4755"))
    assert (reply.changed, stat.S_IMODE((home / "x").stat().st_mode)) == (True, 0o4755)
    assert not (await put(home, ours / "x", home / "x", attributes=Attributes(mode="4755"))).changed


async def test_times_are_kept_where_that_is_asked_for(home: Path, ours: Path):
    (ours / "x").write_bytes(b"1")
    os.utime(ours / "x", (1_000_000_000, 1_000_000_000))
    await put(home, ours / "x", home / "x")
    assert (home / "x").stat().st_mtime > 1_000_000_001
    await put(home, ours / "x", home / "x", attributes=Attributes(times=True))
    assert (home / "x").stat().st_mtime == 1_000_000_000
    assert not (await put(home, ours / "x", home / "x", attributes=Attributes(times=True))).changed


async def test_a_backup_holds_what_was_there(home: Path, ours: Path):
    for content in (b"1", b"2", b"3"):
        (ours / "x").write_bytes(content)
        await put(home, ours / "x", home / "x", backup=True)
    assert ((home / "x").read_bytes(), (home / "x~").read_bytes()) == (b"3", b"2")


@every_shell
async def test_in_place_keeps_the_inode(home: Path, ours: Path, words: list[str]):
    (ours / "t").mkdir()
    (ours / "t/x").write_bytes(b"new")
    (home / "t").mkdir()
    (home / "t/x").write_bytes(b"older")
    inode = (home / "t/x").stat().st_ino
    await put(home, ours / "t/x", home / "t/x", words=words, inplace=True)
    (ours / "t/x").write_bytes(b"newest")
    await put(home, ours / "t", home, words=words, inplace=True)
    assert ((home / "t/x").read_bytes(), (home / "t/x").stat().st_ino) == (b"newest", inode)


@every_shell
async def test_a_tree_arrives_as_it_is_and_what_of_it_changed_is_all_that_moves(
    home: Path, ours: Path, words: list[str]
):
    tree = odd_tree(ours / "tree")
    reply = await put(home, tree, home / "copy", words=words)
    assert reply.note == "skipped: `tree/fifo`"
    (tree / "fifo").unlink()
    assert differences(tree, home / "copy") == ""
    assert (await put(home, tree, f"{home}/copy", words=words)).stdout.startswith(b"7 files")  # into it, by its name
    assert differences(tree, home / "copy/tree") == ""
    (tree / "sub/deep/é").write_bytes(b"changed")
    (tree / "sub/new").mkdir()
    (tree / "sub/new/file").write_bytes(b"1")
    reply = await put(home, tree, f"{home}/copy", words=words)
    assert reply.stdout == b"2 files, 8 B, 1 folder\n"
    assert differences(tree, home / "copy/tree") == ""
    assert (await put(home, tree, f"{home}/copy", words=words)).stdout == b"same\n"


async def test_a_tree_removes_nothing(home: Path, ours: Path):
    (ours / "t").mkdir()
    (ours / "t/x").write_bytes(b"1")
    (home / "t").mkdir()
    (home / "t/mine").write_bytes(b"2")
    await put(home, ours / "t", home)
    assert sorted(path.name for path in (home / "t").iterdir()) == ["mine", "x"]


async def test_links_are_copied_as_links_followed_or_left_out(home: Path, ours: Path):
    (ours / "t").mkdir()
    (ours / "t/x").write_bytes(b"1")
    (ours / "t/l").symlink_to("x")
    await put(home, ours / "t", home / "as-link")
    await put(home, ours / "t", home / "followed", follow=True)
    await put(home, ours / "t", home / "without", skip_links=True)
    assert (home / "as-link/l").readlink() == Path("x")
    assert ((home / "followed/l").is_symlink(), (home / "followed/l").read_bytes()) == (False, b"1")
    assert not (home / "without/l").exists()


async def test_a_link_on_the_way_in_a_tree_is_not_written_through(home: Path, ours: Path):
    (ours / "t/sub").mkdir(parents=True)
    (ours / "t/sub/x").write_bytes(b"1")
    (home / "t").mkdir()
    (home / "elsewhere").mkdir()
    (home / "t/sub").symlink_to("../elsewhere")
    assert (await refusal(home, ours / "t", home)).cause == "transfer/symlink"
    assert list((home / "elsewhere").iterdir()) == []


async def test_a_source_that_changes_while_it_is_sent_leaves_the_old_file(home: Path, ours: Path):
    (ours / "x").write_bytes(b"planned")
    (home / "x").write_bytes(b"old")
    operation = Put((str(ours / "x"),), str(home / "x"))
    operation = Put((str(ours / "x"),), str(home / "x"), tree=operation.gathered())
    for content in (b"changed", b"less"):
        (ours / "x").write_bytes(content)
        with pytest.raises(TransportError) as caught:
            await operation.perform(Shell(home))
        assert caught.value.failure.cause == "transfer/changed-while-read"
        assert ((home / "x").read_bytes(), leftovers(home)) == (b"old", [])


async def test_what_an_earlier_run_left_is_removed_and_what_another_is_writing_is_not(home: Path, ours: Path):
    (ours / "x").write_bytes(b"new")
    shell = Shell(home)
    await Put((str(ours / "x"),), str(home / "x")).perform(shell)
    said = re.search(r"(\.pssh-[0-9a-f]{8}-) ([0-9a-f]{32})", shell.asked[-1])
    assert said
    here = f"{os.uname().nodename}"
    dead, live, elsewhere = (
        f"{said[1]}{'0' * 32}.{name}" for name in (f"{here}.999999", f"{here}.{os.getpid()}", "n.1")
    )
    for name in (dead, live, elsewhere):
        (home / name).write_bytes(b"half")
    (ours / "x").write_bytes(b"newer")
    await Put((str(ours / "x"),), str(home / "x")).perform(shell)
    assert names(home) == sorted([live, elsewhere, "x"])


async def test_a_limited_rate_takes_its_time(ours: Path):
    (ours / "x").write_bytes(bytes(40_000))
    entry = Put((str(ours / "x"),), "x").gathered().entries[0]
    with Sending([entry], rate=100_000) as given:
        assert len(given.read(0, 20_000) or b"") == 20_000
        assert given.read(20_000, 20_000) is None


# ---- as somebody else


@pytest.mark.parametrize("password", ["", "become:me"])
async def test_sudo_sends_into_the_folder_of_the_target(home: Path, ours: Path, tmp_path: Path, password: str):
    tree = odd_tree(ours / "tree")
    (tree / "fifo").unlink()
    (tmp_path / "bin").mkdir()
    shell = Shell(home)
    shell.env, shell.answer = becoming(tmp_path / "bin"), b"right\n" if password else b""
    context = Context(become="sudo", become_user="somebody", become_password=password)
    await Put((str(tree),), str(home / "copy"), context=context).perform(shell)
    reply = await Put((str(tree),), f"{home}/copy/../", context=context).perform(shell)
    assert reply.changed
    assert differences(tree, home / "copy") == differences(tree, home / "tree") == ""
    got = await Get((str(home / "copy"),), str(tmp_path / "got"), host="h", links=True, context=context).perform(shell)
    assert got.changed
    assert differences(tree, tmp_path / "got/h/copy") == ""
    log = (tmp_path / "bin/log").read_text()
    assert log.count("sudo ") == len(shell.asked) == 5
    assert "right" not in log + "".join(shell.asked)
    assert leftovers(home) == []


@pytest.mark.parametrize("context", [{"become": "su"}, {"become": "doas", "become_password": "x"}])
def test_what_needs_a_terminal_carries_no_files(context: dict[str, Any]):
    with pytest.raises(UsageError, match="carries no files"):
        Put(("x",), "y", context=Context(**context))
    with pytest.raises(UsageError, match="carries no files"):
        Get(("x",), "y", context=Context(**context))


@every_shell
async def test_a_backup_of_what_is_written_in_place_is_a_copy(home: Path, ours: Path, words: list[str]):
    (ours / "t").mkdir()
    for name in ("x", "y"):
        (home / name).write_text("old")
        (ours / "t" / name).write_text("new")
    await put(home, ours / "t/x", home / "x", words=words, backup=True, inplace=True)
    assert ((home / "x").read_text(), (home / "x~").read_text()) == ("new", "old")
    (home / "x").write_text("old")
    await put(home, ours / "t/x", ours / "t/y", home, words=words, backup=True, inplace=True)
    for name in ("x", "y"):
        assert ((home / name).read_text(), (home / f"{name}~").read_text()) == ("new", "old")
