"""Whatever two folders hold, after a sync rsync and our own eyes see no difference."""

import os
import shutil
import stat
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.host import Connection
from pssh.model.outcome import Reply
from pssh.model.work import Duplex, Limits, TransportError
from pssh.ops.files.served import Served
from pssh.ops.sync import push
from pssh.ops.sync.plan import Plan
from pssh.ops.sync.push import Sync
from pssh.ops.sync.served import Folder
from pssh.transport.local import LocalTransport
from tests.support.listeners import Quiet
from tests.support.shells import Shell

NAMES = [b"a", b"b", b"-rf", b"$(id)", b"new\nline", b"caf\xe9", b"'", b" x", b"*", b"back\\slash"]
needs_rsync = pytest.mark.skipif(not shutil.which("rsync"), reason="rsync is the judge, and is not on this machine")

Spec = dict[tuple[int, ...], tuple[str, int, int, int]]  # path of names: kind, mode, content, time

specs = st.dictionaries(
    st.lists(st.integers(0, len(NAMES) - 1), min_size=1, max_size=3).map(tuple),
    st.tuples(
        st.sampled_from(["file", "dir", "link"]),
        st.sampled_from([0o644, 0o755, 0o600, 0o750]),
        st.integers(0, 3),
        st.sampled_from([0, 1, 10**9, 10**9 + 1]),
    ),
    max_size=10,
)


def build(top: Path, spec: Spec) -> Path:
    """Make a folder that holds what is said, as far as it can be together."""
    root = os.fsencode(top)
    os.mkdir(root)
    for parts, (kind, mode, content, _) in sorted(spec.items()):
        path = b"/".join([root, *(NAMES[part] for part in parts)])
        above = path.rpartition(b"/")[0]
        try:
            os.makedirs(above, exist_ok=True)
            if os.path.lexists(path) or os.path.islink(above):
                continue
            if kind == "dir":
                os.mkdir(path, mode)
            elif kind == "link":
                os.symlink(b"to %d" % content, path)
            else:
                with open(path, "wb") as file:
                    file.write(b"%d" % content * content * 1000)
                os.chmod(path, mode)
        except OSError:  # what is above is no folder
            continue
    for parts, (_, _, _, time) in sorted(spec.items(), reverse=True):
        path = b"/".join([root, *(NAMES[part] for part in parts)])
        if os.path.lexists(path) and not any(os.path.islink(up) for up in ups(path, root)):
            os.utime(path, (time, time), follow_symlinks=False)
    os.utime(root, (5, 5))
    return top


def ups(path: bytes, root: bytes) -> Iterator[bytes]:
    while (path := path.rpartition(b"/")[0]) != root:
        yield path


def state(top: Path) -> dict[bytes, tuple[object, ...]]:
    """Return all that a sync makes the same."""
    root, found = os.fsencode(top), {}
    for folder, names, files in os.walk(root):
        for path in [folder] * (folder == root) + [folder + b"/" + name for name in names + files]:
            seen = os.lstat(path)
            content: object = b""
            if stat.S_ISREG(seen.st_mode):
                with open(path, "rb") as file:
                    content = file.read()
            elif stat.S_ISLNK(seen.st_mode):
                content = os.readlink(path)
            mode = 0 if stat.S_ISLNK(seen.st_mode) else seen.st_mode & 0o777
            found[path[len(root) :]] = stat.S_IFMT(seen.st_mode), mode, int(seen.st_mtime), content
    return found


def judged(ours: Path, theirs: Path) -> str:
    """Return what rsync would still do."""
    words = ["rsync", "-an", "--checksum", "--delete", "--itemize-changes", f"{ours}/", f"{theirs}/"]
    return subprocess.run(words, capture_output=True, text=True, check=True).stdout


class FilesOnly(Shell):
    """A login that gets a file server, whatever it asks for."""

    async def exec(self, command: str, **_: object) -> Reply:  # type: ignore[override]
        self.asked.append(command)
        return Reply(exit_code=1, stdout=b"This service allows sftp connections only.\n")

    async def subsystem(self, name: str) -> Duplex:
        here = LocalTransport({}).open("h", Connection(address="local", user="", transport="local"), Limits(), Quiet())
        return await here.subsystem(name)


@pytest.fixture(params=["dash", "busybox", "sftp"])
def shell(request: pytest.FixtureRequest, tmp_path: Path) -> Shell:
    if request.param == "sftp":
        return FilesOnly(tmp_path, [])
    if not shutil.which(request.param):
        pytest.skip(f"there is no {request.param} on this machine")
    home = tmp_path / "home"
    home.mkdir()
    if request.param == "dash":
        return Shell(home, ["dash"])
    tools = tmp_path / "tools"
    tools.mkdir()
    subprocess.run([shutil.which("busybox") or "", "--install", "-s", tools], check=True)
    return Shell(home, [str(shutil.which("busybox")), "sh"], env={"PATH": str(tools)})


async def synced(shell: Shell, ours: Path, dest: Path | str, **options: object) -> Reply:
    shell.asked.clear()
    push._hash.cache_clear()  # it is that of one run
    return await Sync(folder=str(ours), dest=str(dest), **options).looked().perform(shell)  # type: ignore[arg-type]


@needs_rsync
@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],  # an example takes half a second: none is made smaller
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(ours=specs, theirs=specs)
async def test_after_a_sync_rsync_sees_no_difference(shell: Shell, tmp_path: Path, ours: Spec, theirs: Spec) -> None:
    for name in ("ours", "theirs"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    one, two = build(tmp_path / "ours", ours), build(tmp_path / "theirs", theirs)
    before = state(one)
    await synced(shell, one, two, delete=True, max_delete=100)
    assert state(one) == before
    assert state(two) == before
    assert judged(one, two) == ""
    reply = await synced(shell, one, two, delete=True)
    assert (reply.stdout, reply.changed, len(shell.asked)) == (b"same\n", False, 1)


async def test_a_folder_that_is_not_there_is_made(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(0,): ("file", 0o640, 2, 7), (1, 2): ("file", 0o644, 1, 8)})
    reply = await synced(shell, ours, tmp_path / "new")
    assert reply.changed and state(tmp_path / "new") == state(ours)


async def test_an_empty_folder_is_made_too(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {})
    assert (await synced(shell, ours, tmp_path / "new")).changed
    assert state(tmp_path / "new") == state(ours)


async def test_a_new_folder_comes_with_its_mode_and_time_whoever_may_write_to_it(shell: Shell, tmp_path: Path) -> None:
    spec: Spec = {(0,): ("dir", 0o755, 0, 7), (0, 1): ("file", 0o644, 1, 8), (1, 2): ("file", 0o600, 2, 9)}
    ours, theirs = build(tmp_path / "ours", spec), build(tmp_path / "theirs", {})
    (ours / "b").chmod(0o555)
    os.utime(ours / "b", (11, 11))
    await synced(shell, ours, theirs)
    assert state(theirs) == state(ours)
    shutil.rmtree(theirs / "a")
    await synced(shell, ours, theirs)
    assert state(theirs) == state(ours)


async def test_what_is_not_there_is_not_asked_for_again_before_it_is_sent(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(0, 1): ("file", 0o644, 1, 7), (0, 2): ("file", 0o644, 2, 7)})
    theirs = build(tmp_path / "theirs", {(0, 1): ("file", 0o644, 1, 7)})
    await synced(shell, ours, theirs)
    # What is there; the file; the time of its folder. Where files are only served: a shell, twice.
    assert len(shell.asked) == (2 if isinstance(shell, FilesOnly) else 3)
    assert state(theirs) == state(ours)


async def test_what_is_no_file_is_named_and_passed_over(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(0,): ("file", 0o644, 1, 7)})
    os.mkfifo(ours / "fifo")
    for stdout in (b"1 file, 1.0 KiB, 1 folder\n", b"same\n"):
        reply = await synced(shell, ours, tmp_path / "new", delete=True)
        assert (reply.stdout[-5:], reply.note) == (stdout[-5:], "skipped: `fifo`")
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["a"]


async def test_without_delete_what_is_only_there_stays(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(0,): ("file", 0o644, 1, 7)})
    theirs = build(tmp_path / "theirs", {(1,): ("file", 0o644, 1, 7)})
    await synced(shell, ours, theirs)
    assert sorted(path.name for path in theirs.iterdir()) == ["a", "b"]


async def test_what_is_left_out_is_neither_sent_nor_removed(shell: Shell, tmp_path: Path) -> None:
    ours, theirs = tmp_path / "ours", tmp_path / "theirs"
    for folder in (ours, theirs):
        (folder / "cache").mkdir(parents=True)
        (folder / "app").mkdir()
    (ours / "cache" / "ours").touch()
    (ours / "app" / "x.log").touch()
    (ours / "app" / "code").touch()
    (theirs / "cache" / "theirs").touch()
    (theirs / "app" / "y.log").touch()
    (theirs / "gone").touch()
    (theirs / "old").mkdir()
    (theirs / "old" / "z.log").touch()
    (theirs / "old" / "z").touch()
    await synced(shell, ours, theirs, delete=True, exclude=("*.log", "/cache/"), max_delete=100)
    left = sorted(str(path.relative_to(theirs)) for path in theirs.rglob("*"))
    assert left == ["app", "app/code", "app/y.log", "cache", "cache/theirs", "old", "old/z.log"]


async def test_more_than_a_share_is_not_removed(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(0,): ("file", 0o644, 1, 7)})
    theirs = build(
        tmp_path / "theirs", {(0,): ("file", 0o644, 1, 7), (1,): ("file", 0o644, 1, 7), (6,): ("dir", 0o755, 0, 7)}
    )
    with pytest.raises(TransportError) as caught:
        await synced(shell, ours, theirs, delete=True)
    assert caught.value.failure.cause == "transfer/max-delete" and "2 of 3" in caught.value.failure.message
    dry = await synced(shell, ours, theirs, delete=True, dry=True)  # as the hint says
    assert dry.stdout.count(b"remove  ") == 2 and dry.stdout.endswith(
        b"refused 2 of 3 names would be removed, more than 50 %\n"
    )
    assert len(list(theirs.iterdir())) == 3
    assert b"refused" not in (await synced(shell, ours, theirs, delete=True, dry=True, max_delete=70)).stdout
    await synced(shell, ours, theirs, delete=True, max_delete=70)
    assert [path.name for path in theirs.iterdir()] == ["a"]


async def test_with_checksum_content_decides_and_not_time(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(number,): ("file", 0o644, number, 7) for number in range(len(NAMES))})
    theirs = tmp_path / "theirs"
    shutil.copytree(ours, theirs, symlinks=True)
    (theirs / "b").write_bytes(b"other" * 200)
    (theirs / "b").write_bytes(b"2" * (ours / "b").stat().st_size)
    os.utime(theirs / "b", (7, 7))
    assert (await synced(shell, ours, theirs)).stdout in (b"same\n", b"modes and times of 1\n")
    reply = await synced(shell, ours, theirs, checksum=True)
    assert reply.stdout.startswith(b"1 file")
    assert state(ours) == state(theirs)


async def test_a_dry_run_says_what_a_run_does_and_touches_nothing(shell: Shell, tmp_path: Path) -> None:
    ours = build(
        tmp_path / "ours", {(0,): ("file", 0o644, 1, 7), (1, 0): ("file", 0o644, 1, 7), (6,): ("link", 0, 0, 7)}
    )
    theirs = build(tmp_path / "theirs", {(0,): ("file", 0o644, 2, 7), (7,): ("file", 0o644, 1, 7)})
    before = state(theirs)
    reply = await synced(shell, ours, theirs, delete=True, dry=True, max_delete=100)
    assert state(theirs) == before
    assert reply.stdout.splitlines() == [
        b"mkdir   b", b"replace a", b"send    b/a", b"link    '".removesuffix(b"'") + b"'", b"remove   x", b"touch   .",
    ]  # fmt: skip


async def test_a_link_in_the_place_of_a_folder_is_replaced_and_not_followed(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(0, 1): ("file", 0o644, 1, 7)})
    outside = build(tmp_path / "outside", {(6,): ("file", 0o644, 1, 7)})
    theirs = build(tmp_path / "theirs", {})
    (theirs / "a").symlink_to(outside)
    before = state(outside)
    await synced(shell, ours, theirs, delete=True, max_delete=100)
    assert state(outside) == before and state(theirs) == state(ours)


@pytest.mark.parametrize("what", [Plan(remove=(b"a/b",)), Plan(times=((b"a/b", 9),)), Plan(chmod=((b"a/b", 0o600),))])
async def test_a_folder_that_becomes_a_link_meanwhile_is_not_gone_into_by_sftp(tmp_path: Path, what: Plan) -> None:
    outside = build(tmp_path / "outside", {(1,): ("file", 0o644, 1, 7)})
    theirs = build(tmp_path / "theirs", {(0, 1): ("file", 0o644, 1, 7)})
    async with Served.open(FilesOnly(tmp_path, [])) as way:
        folder = Folder.of(way, os.fsencode(theirs))
        assert await folder.items(checksum=False)
        shutil.rmtree(theirs / "a")
        (theirs / "a").symlink_to(outside)
        before = state(outside)
        with pytest.raises(TransportError, match="replaced by a link"):
            await folder.settle(what)
    assert state(outside) == before


async def test_a_folder_in_the_place_of_a_file_stays_unless_things_may_go(shell: Shell, tmp_path: Path) -> None:
    ours = build(tmp_path / "ours", {(0,): ("file", 0o644, 1, 7)})
    theirs = build(tmp_path / "theirs", {(0, 1): ("file", 0o644, 1, 7)})
    with pytest.raises(TransportError, match="folder"):
        await synced(shell, ours, theirs)
    await synced(shell, ours, theirs, delete=True, max_delete=100)
    assert state(theirs) == state(ours)


@pytest.mark.parametrize(
    ("dest", "delete"), [("/", False), ("", False), ("/etc", True), ("~", True), ("a/../b", False)]
)
def test_what_a_system_lives_in_is_no_destination(dest: str, delete: bool) -> None:
    with pytest.raises(UsageError):
        Sync(folder=".", dest=dest, delete=delete)


def test_a_folder_that_cannot_be_read_ends_it_before_anything_connects(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        Sync(folder=str(tmp_path / "none"), dest="x").looked()


def test_a_pattern_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(UsageError):
        replace(Sync(folder=".", dest="x"), exclude=("[z-a]\\",))
