"""What is fetched from a host, and what a host that lies can make of it: nothing outside its own folder."""

import asyncio
import errno
import fcntl
import os
import shutil
import stat
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError
from pssh.ops.files import tar
from pssh.ops.files.get import Get, kept_apart
from pssh.ops.files.landing import Whole
from pssh.ops.files.names import tag
from pssh.ops.files.pull import _made_up
from tests.support.shells import SHELLS, Shell
from tests.support.trees import differences, leftovers, odd_tree

every_shell = pytest.mark.parametrize("words", SHELLS, ids=lambda words: words[0])


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "home").mkdir()
    return tmp_path / "home"


@pytest.fixture
def here(tmp_path: Path) -> Path:
    return tmp_path / "here"


def everything(folder: Path) -> list[str]:
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


def files(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


async def get(home: Path, *paths: Path | str, words: list[str] | None = None, **how: Any) -> Reply:
    *sources, dest = map(str, paths)
    shell = Shell(home, words or ["/bin/sh"])
    try:
        return await Get(tuple(sources), dest, host="web1", **how).perform(shell)
    finally:
        assert leftovers(Path(dest).parent) == []


async def refusal(home: Path, *paths: Path | str, **how: Any) -> Failure:
    with pytest.raises(TransportError) as caught:
        await get(home, *paths, **how)
    return caught.value.failure


@every_shell
async def test_a_file_comes_into_the_folder_of_its_host(home: Path, here: Path, words: list[str]):
    (home / "it's").write_bytes(os.urandom(70_000))
    (home / "it's").chmod(0o4640)
    reply = await get(home, home / "it's", here, words=words)
    assert (reply.stdout, reply.changed) == (b"1 file, 68.4 KiB\n", True)
    assert (here / "web1/it's").read_bytes() == (home / "it's").read_bytes()
    assert stat.S_IMODE((here / "web1/it's").stat().st_mode) == 0o640
    assert (await get(home, home / "it's", here, words=words)).stdout == b"same\n"


@every_shell
async def test_a_tree_comes_as_it_is(home: Path, here: Path, words: list[str]):
    tree = odd_tree(home / "tree")
    reply = await get(home, tree, here, words=words, links=True)
    assert "`" + str(tree / "fifo") + "`" in reply.note
    (tree / "fifo").unlink()
    assert differences(tree, here / "web1/tree") == ""
    assert (await get(home, tree, here, words=words, links=True)).stdout == b"same\n"
    (tree / "sub/deep/é").write_bytes(b"changed")
    assert (await get(home, tree, here, words=words, links=True)).stdout == b"1 file, 7 B\n"
    assert differences(tree, here / "web1/tree") == ""


@every_shell
async def test_patterns_are_expanded_there_and_nothing_else_is(home: Path, here: Path, words: list[str]):
    for name in ("a1", "a2", "b", "$(touch pwned)1", "a b", "[x]"):
        (home / name).write_bytes(name.encode())
    await get(home, f"{home}/a?", f"{home}/$(touch pwned)*", f"{home}/[x]", here, words=words)
    assert sorted(os.listdir(here / "web1")) == ["$(touch pwned)1", "[x]", "a1", "a2"]  # noqa: PTH208
    assert not (home / "pwned").exists()


async def test_what_is_not_there_is_named(home: Path, here: Path):
    failure = await refusal(home, home / "no*", here)
    assert (failure.cause, f"`{home}/no*`" in failure.message) == ("transfer/remote-missing", True)


async def test_flat_names_end_with_the_host_and_a_path_decides_all(home: Path, here: Path):
    (home / "x.log").write_bytes(b"1")
    await get(home, home / "x.log", here, flat=True)
    await get(home, home / "x.log", here, path=str(here / "logs/web1.log"))
    assert ((here / "x.log.web1").read_bytes(), (here / "logs/web1.log").read_bytes()) == (b"1", b"1")
    (home / "y.log").write_bytes(b"2")
    failure = await refusal(home, f"{home}/*.log", here, path=str(here / "logs/web1.log"))
    assert failure.cause == "transfer/name-refused"


async def test_two_sources_of_one_name_are_refused(home: Path, here: Path):
    for folder in "ab":
        (home / folder).mkdir()
        (home / folder / "x").write_bytes(b"")
    assert (await refusal(home, home / "a/x", home / "b/x", here)).cause == "transfer/name-refused"
    with pytest.raises(UsageError):
        Get((), "x")


async def test_a_file_here_is_never_replaced_by_a_folder_nor_the_reverse(home: Path, here: Path):
    (home / "x").write_bytes(b"1")
    (home / "d").mkdir()
    (here / "web1/x").mkdir(parents=True)
    (here / "web1/d").write_bytes(b"mine")
    assert (await refusal(home, home / "x", here)).cause == "transfer/is-directory"
    assert (await refusal(home, home / "d", here)).cause == "transfer/is-directory"


async def test_a_link_here_is_not_written_through(home: Path, here: Path, tmp_path: Path):
    (home / "t").mkdir()
    (home / "t/x").write_bytes(b"new")
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside/x").write_bytes(b"old")
    (here / "web1").mkdir(parents=True)
    (here / "web1/t").symlink_to(tmp_path / "outside")
    assert (await refusal(home, home / "t", here)).cause in ("transfer/symlink", "transfer/is-directory")
    (here / "web1/t").unlink()
    (here / "web1/t").mkdir()
    (here / "web1/t/x").symlink_to(tmp_path / "outside/x")
    assert (await refusal(home, home / "t", here)).cause == "transfer/symlink"
    assert (tmp_path / "outside/x").read_bytes() == b"old"


async def test_links_that_lead_outside_are_left_out(home: Path, here: Path):
    (home / "t/sub").mkdir(parents=True)
    for name, target in {"in": "sub", "up": "../x", "root": "/etc/passwd", "sub/back": "../in"}.items():
        (home / "t" / name).symlink_to(target)
    reply = await get(home, home / "t", here, links=True)
    found = sorted(str(path.relative_to(here)) for path in (here / "web1/t").rglob("*") if path.is_symlink())
    assert found == ["web1/t/in", "web1/t/sub/back"]
    assert ("/up`" in reply.note, "/root`" in reply.note) == (True, True)
    assert (await get(home, home / "t", here.with_name("else"))).stdout == b"2 folders\n"


def small(folder: Path) -> Path:
    """Return a folder of small files, one of them in a folder of its own, and one without content."""
    (folder / "t/sub").mkdir(parents=True)
    for number in range(5):
        (folder / f"t/f{number}").write_bytes(os.urandom(3000))
    (folder / "t/sub/-it's").write_bytes(b"x")
    (folder / "t/none").write_bytes(b"")
    return folder / "t"


@every_shell
async def test_small_files_that_are_not_here_come_with_the_listing(home: Path, here: Path, words: list[str]):
    tree, shell = small(home), Shell(home, words)
    assert (await Get((str(tree),), str(here), host="web1").perform(shell)).stdout == b"7 files, 14.6 KiB, 2 folders\n"
    assert (differences(tree, here / "web1/t"), len(shell.asked)) == ("", 1)
    assert (await Get((str(tree),), str(here), host="web1").perform(shell)).stdout == b"same\n"
    assert len(shell.asked) == 3  # what is there, and what it holds
    (tree / "f1").write_bytes(b"new")
    await Get((str(tree),), str(here), host="web1", force=True).perform(shell)
    assert (differences(tree, here / "web1/t"), len(shell.asked)) == ("", 4)


async def test_a_large_file_beside_small_ones_is_asked_for_by_its_name(home: Path, here: Path):
    tree, shell = small(home), Shell(home)
    (tree / "large").write_bytes(os.urandom(200_000))
    await Get((f"{home}/t*",), str(here), host="web1").perform(shell)
    assert (differences(tree, here / "web1/t"), len(shell.asked)) == ("", 2)


async def test_a_dry_run_is_sent_no_content(home: Path, here: Path):
    tree, shell = small(home), Lying(home)
    lengths: list[int] = []
    shell.change = lambda data: lengths.append(len(data)) or data
    await Get((str(tree),), str(here), host="web1", dry=True).perform(shell)
    assert (len(lengths), lengths[0] < 2000, everything(here)) == (1, True, [])


@pytest.mark.parametrize(("what", "commands"), [("unpack._LONG", 1), ("pull._MOST_HELD", 1), ("stream._MOST_PATHS", 3)])
async def test_a_tree_comes_whole_where_any_of_it_is_too_much_at_once(
    home: Path, here: Path, what: str, commands: int, monkeypatch: pytest.MonkeyPatch
):
    tree, shell = small(home), Shell(home)
    (home / "other").write_bytes(os.urandom(5000))
    monkeypatch.setattr(f"pssh.ops.files.{what}", 0)
    written: list[Whole] = []
    write = Whole.write
    monkeypatch.setattr(Whole, "write", lambda whole: written.append(whole) or write(whole))
    await Get((str(tree), str(home / "other")), str(here), host="web1").perform(shell)
    assert differences(tree, here / "web1/t") == ""
    assert (here / "web1/other").read_bytes() == (home / "other").read_bytes()
    assert (len(shell.asked), len(written), leftovers(here)) == (commands, 8 if "HELD" in what else 0, [])


async def test_nothing_gets_its_name_before_all_of_it_is_on_the_disk(
    home: Path, here: Path, monkeypatch: pytest.MonkeyPatch
):
    tree, done = small(home), []
    (tree / "large").write_bytes(os.urandom(200_000))
    for name in ("fsync", "rename"):
        call = getattr(os, name)

        def noted(*args: Any, call: Callable[..., Any] = call, name: str = name, **how: Any) -> Any:
            done.append(name)
            return call(*args, **how)

        monkeypatch.setattr(os, name, noted)
    await get(home, tree, here)
    assert done == ["fsync"] * 8 + ["rename"] * 8


async def test_where_the_disk_here_is_full_no_file_of_a_tree_gets_its_name(
    home: Path, here: Path, monkeypatch: pytest.MonkeyPatch
):
    tree, write, written = small(home), os.write, []

    def full(file: int, data: memoryview) -> int:
        if Path(f"/proc/self/fd/{file}").resolve().is_relative_to(here):
            written.append(len(data))
            if len(written) == 5:
                raise OSError(errno.ENOSPC, "No space left on device")
        return write(file, data)

    monkeypatch.setattr(os, "write", full)
    failure = await refusal(home, tree, here)
    assert (failure.cause, files(here)) == ("local/disk-full", [])


def tool(home: Path, name: str, code: str) -> dict[str, str]:
    """Return an environment in which a tool is a script; `$REAL` is what it is otherwise."""
    folder = home.parent / "tools"
    folder.mkdir(exist_ok=True)
    (folder / name).write_text(f"#!/bin/sh\nREAL={shutil.which(name)}\n{code}\n")
    (folder / name).chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


@pytest.mark.parametrize("instead", ["", "mkfifo"])
async def test_a_file_that_goes_away_before_it_is_hashed_is_refused_and_so_is_the_rest(
    home: Path, here: Path, instead: str
):
    tree, gone, asked = small(home), home / "gone", home / "asked"
    tool(home, "tar", f'$REAL "$@"; rm -f {tree}/f3; {instead} {tree}/f3; : > {gone}')
    late = f"[ -e {asked} ] || {{ : > {asked}; until [ -e {gone} ]; do sleep 0.01; done; exit 1; }}"
    shell = Shell(home, env=tool(home, "sha256sum", f'[ $# -gt 0 ] && {late}\nexec $REAL "$@"'))
    with pytest.raises(TransportError) as caught:
        await Get((str(tree),), str(here), host="web1").perform(shell)
    assert (caught.value.failure.cause, files(here)) == ("transfer/remote-denied", [])


async def test_a_name_of_two_lines_comes_where_the_tool_that_hashes_prints_it_as_it_is(home: Path, here: Path):
    tree = small(home)
    (tree / "two\nlines").write_bytes(b"x")
    code = """[ $# -gt 0 ] || exec $REAL
for x do sum=$($REAL < "$x"); printf '%s  %s\\n' "${sum%% *}" "$x"; done"""
    shell = Shell(home, env=tool(home, "sha256sum", code))
    await Get((str(tree),), str(here), host="web1").perform(shell)
    assert (differences(tree, here / "web1/t"), len(shell.asked)) == ("", 1)


async def test_small_files_come_no_faster_than_the_rate(home: Path, here: Path):
    tree, loop = small(home), asyncio.get_running_loop()
    began = loop.time()
    await get(home, tree, here, rate=100_000.0)
    assert loop.time() - began > 0.1


@pytest.mark.parametrize(
    ("paths", "may"),
    [
        ([b"/etc"], False),
        ([b"./proc/x", b"./*"], False),
        ([b"/etc/*"], False),
        ([b"/etc", b"/proc/version"], True),
        ([b"/proc"], True),
        ([b"/sys/kernel"], True),
        ([b"/"], True),
        ([b"//proc/version"], True),
        ([b"/./proc"], True),
        ([b"/p*/version"], True),
    ],
)
def test_what_the_kernel_makes_up_is_read_by_name_only(paths: list[bytes], may: bool):
    assert _made_up(paths) is may


async def test_a_hole_stays_a_hole(home: Path, here: Path):
    with (home / "x").open("wb") as file:
        file.seek(8 << 20)
        file.write(b"end")
    await get(home, home / "x", here)
    got = here / "web1/x"
    assert got.read_bytes() == (home / "x").read_bytes()
    assert got.stat().st_blocks * 512 < 1 << 20


async def test_a_disk_here_that_is_full_is_our_own_side(home: Path, here: Path):
    (home / "x").write_bytes(b"1")
    here.parent.joinpath("file").write_bytes(b"")
    failure = await refusal(home, home / "x", here.parent / "file")
    assert failure.stage in ("local", "transfer")


# ---- hosts that lie


class Lying(Shell):
    """A host whose answers are changed on their way."""

    change: Callable[[bytes], bytes] = staticmethod(lambda data: data)

    async def exec(self, command: str, **how: Any) -> Reply:
        sink = how.get("sink")
        if sink is None:
            return await super().exec(command, **how)
        how["sink"] = heard = _Heard()
        reply = await super().exec(command, **how)
        wait = sink.write(self.change(bytes(heard.data)))
        if wait is not None:
            await wait
        return reply


def plain_find(folder: Path) -> dict[str, str]:
    """Return an environment whose `find` prints in no form of ours, as that of busybox and the BSDs."""
    folder.mkdir()
    (folder / "find").write_text(
        f'#!/bin/sh\nfor x do [ "$x" != -printf ] || exit 1; done\nexec {shutil.which("find")} "$@"\n'
    )
    (folder / "find").chmod(0o755)
    return {"PATH": f"{folder}:{os.environ['PATH']}"}


class _Heard:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes) -> None:
        self.data += data


@every_shell
@pytest.mark.parametrize("plain", [False, True], ids=["GNU find", "a find without -printf"])
@pytest.mark.parametrize("dry", [False, True])
async def test_what_may_not_be_looked_into_is_a_failure_and_nothing_is_taken_for_all_of_it(
    home: Path, here: Path, words: list[str], plain: bool, dry: bool
):
    env, tree = plain_find(home / "bin"), small(home)
    find = (home / "bin/find").read_text() if plain else f'#!/bin/sh\n{shutil.which("find")} "$@"\n'
    says = "echo \"find: '/shut': Permission denied\" >&2"
    find = find.replace("exec ", "") + f'[ "$1" != . ] || exit 0\n{says}\nexit 1\n'
    (home / "bin/find").write_text(find)
    with pytest.raises(TransportError) as caught:
        await Get((str(tree),), str(here), host="web1", dry=dry).perform(Shell(home, words, env=env))
    assert caught.value.failure.kind == "remote-denied"
    assert caught.value.failure.message == "find: '/shut': Permission denied"
    assert everything(here) == []


@pytest.mark.parametrize(
    "name", [b"../evil", b"/etc/passwd", b"/x", b"a/../../evil", b"", b".", b"..", b"sub/x/y", b"\x1b]0;x\x07/.."]
)
@pytest.mark.parametrize("plain", [False, True], ids=["GNU find", "a find without -printf"])
async def test_a_name_that_leads_elsewhere_is_refused_by_name_and_the_rest_comes(
    home: Path, here: Path, name: bytes, plain: bool
):
    (home / "t").mkdir()
    (home / "t/good").write_bytes(b"1")
    (home / "t/REPLACED").write_bytes(b"2")
    shell = Lying(home, env=plain_find(home.parent / "tools") if plain else {})
    inside = os.fsencode(home) + b"/t/" if plain else b"\0"
    shell.change = lambda data: data.replace(inside + b"REPLACED\0", inside + name + b"\0")
    reply = await Get((str(home / "t"),), str(here), host="web1").perform(shell)
    assert everything(here) == ["web1", "web1/t", "web1/t/good"]
    assert reply.note.startswith("names refused: `")
    assert not (here.parent / "evil").exists()


async def test_an_archive_with_more_or_other_than_was_asked_for_makes_nothing_of_it(home: Path, here: Path):
    (home / "x").write_bytes(b"good")
    shell = Lying(home)
    evil = tar.header(b"../../evil", "file", 0o644, size=4) + b"evil" + bytes(508)
    evil += tar.header(b"web1", "link", 0o777, target=b"/etc")
    evil += tar.header(b"/etc/evil", "file", 0o644, size=4) + b"evil" + bytes(508)
    first = tar.header(os.fsencode(home)[1:] + b"/x", "file", 0o644, size=4)

    def change(data: bytes) -> bytes:
        at = data.find(first[:100])
        return data[:at] + evil + data[at:] if at > 0 else data

    shell.change = change
    await Get((str(home / "x"),), str(here), host="web1").perform(shell)
    assert everything(here) == ["web1", "web1/x"]
    assert (here / "web1/x").read_bytes() == b"good"


@pytest.mark.parametrize("cut", [200, 700, 1100, 3000])
async def test_what_is_cut_or_garbled_on_the_way_has_no_final_name(home: Path, here: Path, cut: int):
    (home / "x").write_bytes(os.urandom(2000))
    (here / "web1").mkdir(parents=True)
    (here / "web1/x").write_bytes(b"old")
    shell = Lying(home)
    shell.change = lambda data: data if b"\nroot\0/" in data else data[:cut]
    with pytest.raises(TransportError):
        await Get((str(home / "x"),), str(here), host="web1").perform(shell)
    assert [path.read_bytes() for path in files(here)] == [b"old"]


@pytest.mark.parametrize("cut", [0, 40, 600, 2600, 10_300])
async def test_what_is_cut_behind_the_listing_is_asked_for_by_its_name(home: Path, here: Path, cut: int):
    (home / "t").mkdir()
    for name in "ab":
        (home / "t" / name).write_bytes(os.urandom(700))
    shell = Lying(home)

    def change(data: bytes) -> bytes:
        at = data.find(b"end pssh-")
        return data[: at + 42 + cut] if b"\nroot\0/" in data else data

    shell.change = change
    await Get((str(home / "t"),), str(here), host="web1").perform(shell)
    assert differences(home / "t", here / "web1/t") == ""
    assert len(shell.asked) == 2


async def test_content_that_is_changed_on_the_way_is_refused(home: Path, here: Path):
    content = os.urandom(2000)
    (home / "x").write_bytes(content)
    shell = Lying(home)
    shell.change = lambda data: data.replace(content[500:510], bytes(10))
    with pytest.raises(TransportError) as caught:
        await Get((str(home / "x"),), str(here), host="web1").perform(shell)
    assert caught.value.failure.cause == "transfer/changed-while-read"
    assert files(here) == []


async def test_names_that_differ_in_case_only_come_where_that_makes_a_difference(home: Path, here: Path):
    (home / "t").mkdir()
    for name in ("readme", "README"):
        (home / "t" / name).write_text(name)
    await get(home, home / "t", here)
    assert sorted(path.read_text() for path in (here / "web1/t").iterdir()) == ["README", "readme"]


async def test_a_file_that_the_kernel_makes_up_comes_whole(home: Path, here: Path):
    shell = Shell(home)
    await Get(("/proc/sys/kernel/ostype", "/proc/version"), str(here), host="web1").perform(shell)
    assert " '' /proc/sys" in shell.asked[0]  # and not with what is small
    assert (here / "web1/ostype").read_text() == "Linux\n"
    assert (here / "web1/version").read_text().startswith("Linux version")


async def test_what_a_killed_run_left_here_goes_with_the_next_and_what_another_writes_stays(home: Path, here: Path):
    (home / "x").write_bytes(b"1")
    await get(home, home / "x", here)
    dead, live = (here / f"{tag(b'')}{letter * 32}" for letter in "ab")
    for folder in (dead, live):
        folder.mkdir()
        (folder / "1").write_bytes(b"half")
    (home / "x").write_bytes(b"2")
    with ExitStack() as stack:
        number = os.open(live, os.O_RDONLY)
        stack.callback(os.close, number)
        fcntl.flock(number, fcntl.LOCK_EX)
        await Get((str(home / "x"),), str(here), host="web1").perform(Shell(home))
    assert [name for name in everything(here) if "/" not in name] == sorted([live.name, "web1"])
    assert (here / "web1/x").read_bytes() == b"2"


def flat(host: str, *sources: str, dest: str = "/d") -> Get:
    return Get(sources, dest, flat=True, host=host)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (flat("b.example", "/a", "/a.b"), flat("example", "/a", "/a.b")),
        (flat("x.y.b", "/l/*"), flat("b", "/l/*")),
        (flat("x.y.b", "/l/*"), flat("b", "/l/a.x.y")),
        (flat("x.b", "/l/a"), flat("b", "/l/?.x")),
        (flat("err.b", "/l/*.err"), flat("b", "/l/*.err")),
    ],
)
def test_two_hosts_whose_files_may_get_one_flat_name_are_refused_before_anything_is_fetched(one: Get, other: Get):
    for gets in ([one, other], [other, one]):
        with pytest.raises(UsageError, match="one name"):
            kept_apart(gets)


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (flat("b.example", "/a"), flat("example", "/a")),
        (flat("web1", "/l/*"), flat("web10", "/l/*")),
        (flat("www.b", "/l/*.err"), flat("b", "/l/*.err")),
        (flat("x.b", "/l/*"), flat("b", "/l/*", dest="/other")),
        (Get(("*",), "/d", host="x.b"), Get(("*",), "/d", host="b")),
    ],
)
def test_flat_names_that_cannot_be_one_are_let(one: Get, other: Get):
    kept_apart([one, other])
