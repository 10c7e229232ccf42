"""What every verb does, by GNU's tools, by busybox alone, and by our own program: the same."""

import asyncio
import os
import shutil
import stat
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pssh.model.files import Act, Answer, Digest, Entry, Space, Sum, read
from pssh.model.outcome import Reply
from pssh.ops.fs import change, look, pack
from pssh.ops.fs.base import FileOperation
from tests.support.shells import Shell

HOSTILE = [b"plain", b"two words", b"line\nend", b"'quote", b'"double', b"-rf", b"$(id)", b"`id`", b"back\\slash",
           b"caf\xe9", b"\x1b[31m", b"*", b"[a-z]", b"%s%n", b"tab\tend ", b"\n", b"a\n100644 5 5", b";:"]  # fmt: skip


@dataclass
class Way:
    """One way in which file operations are done."""

    session: Shell
    here: bool
    folder: Path

    async def do(self, operation: FileOperation) -> Reply:
        return await replace(operation, here=self.here).perform(self.session)

    async def answers(self, operation: FileOperation, code: int = 0) -> list[Answer]:
        reply = await self.do(operation)
        assert reply.exit_code == code, reply.stderr
        return list(read(reply.stdout))

    async def did(self, operation: FileOperation, code: int = 0) -> list[str]:
        return [act.did for act in await self.answers(operation, code) if isinstance(act, Act)]


def busybox(folder: Path) -> dict[str, str]:
    """Return an environment in which there is nothing but busybox."""
    tools = folder / "tools"
    tools.mkdir()
    subprocess.run([shutil.which("busybox") or "", "--install", "-s", tools], check=True)
    return {"PATH": str(tools)}


@pytest.fixture(params=["dash", "bash", "busybox", "ours"])
def way(request: pytest.FixtureRequest, tmp_path: Path) -> Way:
    if request.param != "ours" and not shutil.which(request.param):
        pytest.skip(f"there is no {request.param} on this machine")
    folder = tmp_path / "with 'blank"
    folder.mkdir()
    words = {"busybox": [shutil.which("busybox") or "", "sh"], "ours": ["sh"]}.get(request.param, [request.param])
    env = busybox(tmp_path) if request.param == "busybox" else {}
    return Way(Shell(folder, words, env=env), request.param == "ours", folder)


def hostile(folder: Path) -> Path:
    """Make a tree whose names are as odd as they can be, with a link and a FIFO in it."""
    tree = folder / "tree"
    (tree / "deep" / "er").mkdir(parents=True)
    for number, name in enumerate(HOSTILE):
        for at in (os.fsencode(tree), os.fsencode(tree / "deep" / "er")):
            with open(at + b"/" + name, "wb") as file:  # noqa: PTH123  names that are no text
                file.write(b"x" * number)
    (tree / "link").symlink_to("two\nlines // and ./x")
    os.mkfifo(tree / "fifo")
    return tree


def truth(tree: Path) -> dict[bytes, os.stat_result]:
    found = {}
    for folder, names, files in os.walk(os.fsencode(tree)):
        found.update({folder + b"/" + name: os.lstat(folder + b"/" + name) for name in names + files})
    return found


async def test_a_listing_has_every_name_as_it_is(way: Way) -> None:
    tree = hostile(way.folder)
    answers = await way.answers(look.Find(paths=(str(tree),)))
    entries = {entry.exact: entry for entry in answers if isinstance(entry, Entry)}
    real = truth(tree) | {os.fsencode(tree): tree.lstat()}
    assert entries.keys() == real.keys()
    for path, seen in real.items():
        found = entries[path]
        assert (found.size, found.mode, found.mtime) == (seen.st_size, stat.S_IMODE(seen.st_mode), int(seen.st_mtime))
        assert found.links == seen.st_nlink
    link = entries[os.fsencode(tree / "link")]
    assert (link.type, link.target) == ("link", "two\nlines // and ./x")
    assert entries[os.fsencode(tree / "fifo")].type == "fifo"


async def test_ls_shows_what_is_in_a_folder_and_no_hidden_names(way: Way) -> None:
    for name in ("b", "a", ".hidden"):
        (way.folder / name).touch()
    (way.folder / "sub").mkdir()
    (way.folder / "sub" / "deeper").touch()
    shown = await way.answers(look.Ls(paths=(str(way.folder),)))
    assert [Path(entry.path).name for entry in shown] == ["a", "b", "sub"]
    everything = await way.answers(look.Ls(paths=(str(way.folder),), all=True))
    assert [Path(entry.path).name for entry in everything] == [".hidden", "a", "b", "sub"]


async def test_stat_does_not_follow_a_link(way: Way) -> None:
    (way.folder / "link").symlink_to("/")
    (entry,) = await way.answers(look.Stat(paths=(f"{way.folder}/link",)))
    assert isinstance(entry, Entry) and (entry.type, entry.target) == ("link", "/")


async def test_what_is_missing_is_a_line_and_the_rest_is_done(way: Way) -> None:
    (way.folder / "there").touch()
    reply = await way.do(look.Stat(paths=(f"{way.folder}/not", f"{way.folder}/there", f"{way.folder}/no*")))
    assert reply.exit_code == 1
    assert [Path(entry.path).name for entry in read(reply.stdout)] == ["there"]
    assert b"not: No such file" in reply.stderr and b"no*: nothing matches" in reply.stderr


async def test_a_pattern_is_matched_and_the_rest_of_a_path_is_text(way: Way) -> None:
    for name in ("a.log", "b.log", "c.txt", "$(touch hacked).log", "d.lo*"):
        (way.folder / name).touch()
    shown = await way.answers(look.Stat(paths=(f"{way.folder}/*.log",)))
    assert [Path(entry.path).name for entry in shown] == ["$(touch hacked).log", "a.log", "b.log"]
    (one,) = await way.answers(look.Stat(paths=(rf"{way.folder}/d.lo\*",)))
    assert Path(one.path).name == "d.lo*"
    few = await way.answers(look.Stat(paths=(f"{way.folder}/[ab].*",)))
    assert [Path(entry.path).name for entry in few] == ["a.log", "b.log"]
    assert not (way.folder / "hacked").exists()


async def test_find_passes_what_passes_all_tests(way: Way) -> None:
    tree = way.folder / "tree"
    (tree / "empty").mkdir(parents=True)
    (tree / "big.gz").write_bytes(b"x" * 3000)
    (tree / "small.gz").write_bytes(b"x")
    (tree / "none").touch()
    os.utime(tree / "big.gz", (0, 0))

    async def found(**tests: Any) -> list[str]:
        answers = await way.answers(look.Find(paths=(str(tree),), **tests))
        return [str(Path(entry.path).relative_to(tree)) for entry in answers]

    assert await found(name="*.gz") == ["big.gz", "small.gz"]
    assert await found(size="+2K") == ["big.gz"]
    assert await found(size="-2") == ["none", "small.gz"]
    assert await found(empty=True) == ["empty", "none"]
    assert await found(type="d") == [".", "empty"]
    assert await found(older=86400.0) == ["big.gz"]
    assert await found(newer=86400.0, type="f") == ["none", "small.gz"]
    assert await found(max_depth=0) == ["."]
    assert await found(name="[!b]*.gz") == ["small.gz"]


async def test_size_counts_a_file_with_two_names_once(way: Way) -> None:
    tree = way.folder / "tree"
    (tree / "sub").mkdir(parents=True)
    (tree / "a").write_bytes(b"x" * 5000)
    os.link(tree / "a", tree / "sub" / "again")
    (tree / "link").symlink_to("a")
    (total,) = await way.answers(look.Size(paths=(str(tree),)))
    assert isinstance(total, Sum) and (total.size, total.files) == (5000, 1)
    blocks = tree.lstat().st_blocks + sum((tree / name).lstat().st_blocks for name in ("a", "sub", "link"))
    assert total.disk == blocks * 512


async def test_checksum_is_that_of_sha256sum(way: Way) -> None:
    (way.folder / "back\\slash").write_bytes(b"content")
    (file,) = await way.answers(look.Checksum(paths=(f"{way.folder}/back\\\\slash",)))
    assert isinstance(file, Digest) and file.sha256 == sha256(b"content").hexdigest()


async def test_equal_trees_have_one_digest_and_a_change_shows_where(way: Way) -> None:
    one = hostile(way.folder)
    two = way.folder / "two"
    shutil.copytree(one, two, symlinks=True, ignore=shutil.ignore_patterns("fifo"))
    os.mkfifo(two / "fifo")
    first, second = await way.answers(look.Checksum(paths=(str(one), str(two))))
    assert isinstance(first, Digest) and isinstance(second, Digest)
    assert first.sha256 == second.sha256 and first.files == 2 * len(HOSTILE)
    (two / "deep" / "er" / "plain").write_bytes(b"other")
    (third,) = await way.answers(look.Checksum(paths=(str(two),)))
    assert isinstance(third, Digest) and third.sha256 != first.sha256
    assert {name for name in first.parts if first.parts[name] != third.parts.get(name)} == {"deep/er/plain"}


async def test_df_names_the_file_system_of_a_path(way: Way) -> None:
    (space,) = await way.answers(look.Df(paths=(str(way.folder),)))
    real = os.statvfs(way.folder)
    assert isinstance(space, Space) and space.size == real.f_blocks * real.f_frsize


async def test_cat_and_tail_print_what_files_hold(way: Way) -> None:
    (way.folder / "a").write_bytes(b"1\n2\n3\n\x00")
    assert (await way.do(look.Cat(paths=(f"{way.folder}/a",)))).stdout == b"1\n2\n3\n\x00"
    (way.folder / "a").write_bytes(b"1\n2\n3\n")
    assert (await way.do(look.Tail(paths=(f"{way.folder}/a",), lines=2))).stdout == b"2\n3\n"


async def test_what_is_no_regular_file_is_named_and_never_opened(way: Way) -> None:
    os.mkfifo(way.folder / "fifo")
    (way.folder / "file").write_text("text")
    paths = (str(way.folder / "fifo"), str(way.folder / "file"))
    following = look.Tail(paths=paths[:1], follow=True)
    for operation in (look.Cat(paths=paths), look.Tail(paths=paths), look.Checksum(paths=paths), following):
        async with asyncio.timeout(5):
            reply = await way.do(operation)
        assert (reply.exit_code, b"fifo: it is no regular file\n" in reply.stderr) == (1, True)
        assert isinstance(operation, look.Checksum) or len(operation.paths) == 1 or reply.stdout == b"text"


async def test_mkdir_is_done_once(way: Way) -> None:
    deep = change.Mkdir(paths=(f"{way.folder}/a/b c",), parents=True, mode="750")
    assert await way.did(deep) == ["made"]
    assert stat.S_IMODE((way.folder / "a" / "b c").stat().st_mode) == 0o750
    reply = await way.do(deep)
    assert [act.did for act in read(reply.stdout) if isinstance(act, Act)] == ["same"] and reply.changed is False
    assert (await way.do(change.Mkdir(paths=(f"{way.folder}/no/parent",)))).exit_code == 1


async def test_rm_removes_names_and_never_what_a_link_leads_to(way: Way) -> None:
    tree = hostile(way.folder)
    kept = way.folder / "kept"
    kept.mkdir()
    (kept / "file").touch()
    (tree / "out").symlink_to(kept)
    (tree / "deep" / "out").symlink_to(kept)
    assert await way.did(change.Rm(paths=(str(tree),)), code=1) == []
    assert tree.exists()
    assert await way.did(change.Rm(paths=(str(tree),), recursive=True)) == ["removed"]
    assert not tree.exists() and (kept / "file").exists()
    reply = await way.do(change.Rm(paths=(str(tree),), recursive=True))
    assert [act.did for act in read(reply.stdout) if isinstance(act, Act)] == ["absent"] and reply.changed is False


async def test_rm_of_a_link_removes_the_link(way: Way) -> None:
    (way.folder / "dir").mkdir()
    (way.folder / "link").symlink_to("dir")
    assert await way.did(change.Rm(paths=(f"{way.folder}/link",), recursive=True)) == ["removed"]
    assert (way.folder / "dir").exists() and not (way.folder / "link").is_symlink()


async def test_rm_follows_no_link_on_the_way(way: Way) -> None:
    (way.folder / "dir").mkdir()
    (way.folder / "dir" / "file").touch()
    (way.folder / "link").symlink_to("dir")
    reply = await way.do(change.Rm(paths=(f"{way.folder}/link/file",)))
    assert reply.exit_code == 1 and b"link" in reply.stderr
    assert (way.folder / "dir" / "file").exists()


async def test_a_dry_rm_says_what_would_go_and_touches_nothing(way: Way) -> None:
    tree = hostile(way.folder)
    before = truth(tree).keys()
    answers = await way.answers(change.Rm(paths=(str(tree),), recursive=True, dry=True))
    assert {act.exact for act in answers} == before | {os.fsencode(tree)}
    assert {act.did for act in answers if isinstance(act, Act)} == {"would remove"}
    assert truth(tree).keys() == before


async def test_what_a_home_or_a_system_lives_in_is_refused_on_the_host_too(way: Way) -> None:
    operation = change.Rm(paths=(f"{way.folder.parent}/{way.folder.name}",), recursive=True)
    if not way.here:  # the home of the shells is that folder
        assert await way.did(operation, code=1) == []
        assert way.folder.exists()


async def test_chmod_says_whether_anything_changed(way: Way) -> None:
    tree = way.folder / "tree"
    tree.mkdir(mode=0o755)
    (tree / "file").touch(mode=0o644)
    (tree / "link").symlink_to("/etc/passwd")
    passwd = Path("/etc/passwd").stat().st_mode  # noqa: ASYNC240
    assert await way.did(change.Chmod(paths=(f"{tree}/file",), mode="u+x")) == ["set"]
    assert stat.S_IMODE((tree / "file").stat().st_mode) == 0o744
    assert await way.did(change.Chmod(paths=(f"{tree}/file",), mode="744")) == ["same"]
    (did,) = await way.did(change.Chmod(paths=(str(tree),), mode="a=rX,u+w", recursive=True))
    assert did.startswith("set")
    assert stat.S_IMODE(tree.stat().st_mode) == 0o755
    assert await way.did(change.Chmod(paths=(str(tree),), mode="a=rX,u+w", recursive=True)) == ["same"]
    assert Path("/etc/passwd").stat().st_mode == passwd  # noqa: ASYNC240
    assert (await way.do(change.Chmod(paths=(f"{tree}/link",), mode="600"))).exit_code == 1


async def test_chown_to_whom_it_belongs_is_the_same(way: Way) -> None:
    (way.folder / "file").touch()
    mine = f"{os.getuid()}:{os.getgid()}"
    assert await way.did(change.Chown(paths=(f"{way.folder}/file",), owner=mine)) == ["same"]


async def test_mv_replaces_nothing_unasked(way: Way) -> None:
    for name in ("a", "b", "c"):
        (way.folder / name).write_text(name)
    (way.folder / "dir").mkdir()

    def move(*words: str, **options: Any) -> change.Mv:
        *paths, dest = (f"{way.folder}/{word}" for word in words)
        return change.Mv(paths=tuple(paths), dest=dest, **options)

    assert await way.did(move("a", "b"), code=1) == []
    assert (way.folder / "b").read_text() == "b"
    assert await way.did(move("a", "b", overwrite=True)) == ["moved"]
    assert (way.folder / "b").read_text() == "a" and not (way.folder / "a").exists()
    assert await way.did(move("b", "c", "dir/")) == ["moved", "moved"]
    assert (way.folder / "dir" / "b").exists() and (way.folder / "dir" / "c").exists()
    assert await way.did(move("dir", "new")) == ["moved"]
    assert await way.did(move("new/*", "nowhere"), code=1) == []


async def test_cp_copies_trees_with_modes_times_and_links(way: Way) -> None:
    tree = hostile(way.folder)
    (tree / "fifo").unlink()
    os.utime(tree / "plain", (1, 1))
    (tree / "plain").chmod(0o640)
    copy = change.Cp(paths=(str(tree),), dest=f"{way.folder}/copy")
    assert await way.did(copy) == ["copied"]
    done = way.folder / "copy"
    before = {path[len(os.fsencode(tree)) :]: seen for path, seen in truth(tree).items()}
    after = {path[len(os.fsencode(done)) :]: seen for path, seen in truth(done).items()}
    kept: Callable[[os.stat_result], tuple[int, int, int]] = lambda s: (s.st_mode, s.st_size, int(s.st_mtime))  # noqa: E731
    assert {name: kept(seen) for name, seen in before.items()} == {name: kept(seen) for name, seen in after.items()}
    assert await way.did(copy) == ["copied"]  # into it, by its name
    assert (done / "tree" / "plain").exists()
    assert [name for name in os.listdir(way.folder) if name.startswith(".pssh")] == []  # noqa: PTH208  names alone


async def test_a_link_is_made_once_and_replaced_when_asked(way: Way) -> None:
    path = f"{way.folder}/current"
    link = change.Link(paths=(path,), target="releases/1 a")
    assert await way.did(link) == ["linked"]
    assert await way.did(link) == ["same"]
    assert await way.did(replace(link, target="releases/2"), code=1) == []
    assert await way.did(replace(link, target="releases/2", overwrite=True)) == ["linked"]
    assert str(Path(path).readlink()) == "releases/2"  # noqa: ASYNC240


async def test_a_hard_link_is_another_name(way: Way) -> None:
    (way.folder / "a").touch()
    link = change.Link(paths=(f"{way.folder}/b",), target=f"{way.folder}/a", hard=True)
    assert await way.did(link) == ["linked"]
    assert (way.folder / "a").samefile(way.folder / "b")
    assert await way.did(link) == ["same"]


async def test_touch_makes_what_is_missing(way: Way) -> None:
    touch = change.Touch(paths=(f"{way.folder}/new",))
    assert await way.did(touch) == ["made"]
    os.utime(way.folder / "new", (1, 1))
    assert await way.did(touch) == ["touched"]
    assert (way.folder / "new").stat().st_mtime > 1000


async def test_a_tree_comes_out_of_its_archive_as_it_went_in(way: Way) -> None:
    tree = hostile(way.folder)
    (tree / "fifo").unlink()
    (tree / "link").unlink()
    (tree / "link").symlink_to("deep/er")
    archive = pack.Archive(paths=(str(tree),))
    assert await way.did(archive) == ["packed"]
    assert await way.did(archive, code=1) == []
    assert await way.did(replace(archive, overwrite=True)) == ["packed"]
    unpack = pack.Extract(paths=(f"{tree}.tar.gz",), to=f"{way.folder}/out")
    assert await way.did(unpack) == ["unpacked"]
    first, second = await way.answers(look.Checksum(paths=(str(tree), f"{way.folder}/out/tree")))
    assert isinstance(first, Digest) and isinstance(second, Digest) and first.sha256 == second.sha256
    assert await way.did(unpack, code=1) == []
    assert [name for name in os.listdir(way.folder) if name.startswith(".pssh")] == []  # noqa: PTH208  names alone
