"""What becomes of a transfer when its host fails it: the old file whole, nothing left behind, and the cause by name."""

import hashlib
import os
import shutil
import subprocess
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pssh import plugins
from pssh.model.host import Connection
from pssh.model.outcome import Failure
from pssh.model.work import Limits, Session, Transport, TransportError
from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.ops.sync.push import Sync
from tests.support.badsftp import EVIL, hexed, subsystem
from tests.support.listeners import Quiet
from tests.support.passage import opened_to_all
from tests.support.shells import Shell
from tests.support.sshd import Sshd
from tests.support.trees import differences, leftovers


def mounts() -> bool:
    """Whether we may mount a file system of our own."""
    return (
        bool(shutil.which("unshare")) and not subprocess.run(["unshare", "-rm", "true"], capture_output=True).returncode
    )


needs_mounts = pytest.mark.skipif(not mounts(), reason="this system lets nobody mount a file system of their own")


@pytest.fixture
def ours(tmp_path: Path) -> Path:
    """A folder with two files, of which one is large; and beside it a host's folder with a file of the same name."""
    (tmp_path / "ours").mkdir()
    (tmp_path / "ours/x").write_bytes(os.urandom(200_000))
    (tmp_path / "ours/y").write_bytes(b"1")
    (tmp_path / "home/ours").mkdir(parents=True)
    (tmp_path / "home/x").write_bytes(b"old")
    (tmp_path / "home/ours/x").write_bytes(b"old")
    return tmp_path / "ours"


async def failure_of(operation: Put | Get, session: Session) -> Failure:
    with pytest.raises(TransportError) as caught:
        await operation.perform(session)
    return caught.value.failure


def one(ours: Path) -> Put:
    return Put((str(ours / "x"),), str(ours.parent / "home/x"), via="stream")


def many(ours: Path) -> Put:
    return Put((str(ours),), str(ours.parent / "home"), via="stream")


both = pytest.mark.parametrize("operation", [one, many])


def is_untouched(ours: Path) -> bool:
    home = ours.parent / "home"
    return (home / "x").read_bytes() == (home / "ours/x").read_bytes() == b"old" and leftovers(home) == []


@both
async def test_a_file_that_may_not_grow_so_large_is_left_as_it_was(ours: Path, operation: Callable[[Path], Put]):
    shell = Shell(ours.parent, ["sh", "-c", 'ulimit -f 100; exec sh -c "$1"'])
    failure = await failure_of(operation(ours), shell)
    assert (failure.cause, is_untouched(ours)) == ("transfer/remote-disk-full", True)


@needs_mounts
@both
@pytest.mark.parametrize(("options", "kind"), [("size=64k", "remote-disk-full"), ("size=64k,ro", "remote-denied")])
async def test_a_disk_without_room_or_that_is_read_only_is_named(
    ours: Path, operation: Callable[[Path], Put], options: str, kind: str
):
    mount = f'mount -t tmpfs -o {options} none {ours.parent}/home && exec sh -c "$1"'
    failure = await failure_of(operation(ours), Shell(ours.parent, ["unshare", "-rm", "sh", "-c", mount]))
    assert (failure.kind, "/home`: " in failure.message, is_untouched(ours)) == (kind, True, True)


@pytest.mark.skipif(os.geteuid() == 0 and not shutil.which("setpriv"), reason="root may write everywhere")
@both
async def test_a_folder_that_may_not_be_written_to_is_named(ours: Path, operation: Callable[[Path], Put]):
    (ours.parent / "home").chmod(0o555)
    words = ["setpriv", "--reuid=65534", "--clear-groups", "sh"] if os.geteuid() == 0 else ["sh"]
    opened_to_all(ours.parent)
    failure = await failure_of(operation(ours), Shell(ours.parent, words))
    assert (failure.cause, is_untouched(ours)) == ("transfer/remote-denied", True)


def tools(folder: Path, *without: str) -> dict[str, str]:
    """Return an environment in which a host has only what our programs need, without some of it."""
    folder.mkdir()
    for name in "sh cat rm mv chmod uname id stat mkdir xargs wc readlink ls cut sed find touch ln cp tar".split():
        if name not in without and (path := shutil.which(name)):
            (folder / name).symlink_to(path)
    return {"PATH": str(folder)}


async def test_without_a_tool_for_hashes_sizes_are_compared_and_that_is_said(ours: Path):
    shell = Shell(ours.parent)
    shell.env = tools(ours.parent / "bin")
    reply = await one(ours).perform(shell)
    assert reply.note == "only sizes compared: the host has no tool for SHA-256"
    assert (ours.parent / "home/x").read_bytes() == (ours / "x").read_bytes()


@pytest.mark.parametrize("missing", ["tar", "xargs"])
async def test_a_tool_that_is_missing_is_named(ours: Path, missing: str):
    shell = Shell(ours.parent)
    shell.env = tools(ours.parent / "bin", missing)
    failure = await failure_of(many(ours), shell)
    assert (failure.cause, failure.message) == ("transfer/remote-missing", f"the host has no `{missing}`")
    assert is_untouched(ours)


# ---- over a real sshd


@asynccontextmanager
async def session_to(daemon: Sshd) -> AsyncIterator[Session]:
    connection = Connection(
        address="127.0.0.1",
        port=daemon.port,
        user=daemon.user,
        identity=(str(daemon.identity),),
        known_hosts=(str(daemon.known_hosts()),),
    )
    transport: Transport = plugins.find("pssh.transports", "ssh")({}, 8)
    async with transport.open("here", connection, Limits(), Quiet()) as session:
        yield session


@pytest.mark.parametrize("command", ["/bin/false", "/usr/sbin/nologin", "echo hello", "internal-sftp"])
async def test_a_host_that_runs_none_of_our_commands_is_told_apart(
    start_sshd: Callable[..., Sshd], ours: Path, command: str
):
    async with session_to(start_sshd(f"ForceCommand {command}\n")) as session:
        failure = await failure_of(one(ours), session)
    assert (failure.cause, is_untouched(ours)) == ("exec/denied", True)


async def test_what_a_login_prints_first_is_never_content(start_sshd: Callable[..., Sshd], ours: Path, tmp_path: Path):
    noise = 'ForceCommand printf "Welcome to\\\\nthe host"; echo; echo more >&2; eval "$SSH_ORIGINAL_COMMAND"\n'
    async with session_to(start_sshd(noise)) as session:
        await one(ours).perform(session)
        await Get((str(ours),), str(tmp_path / "got"), host="h", via="stream").perform(session)
    assert (ours.parent / "home/x").read_bytes() == (ours / "x").read_bytes()
    assert (tmp_path / "got/h/ours/x").read_bytes() == (ours / "x").read_bytes()


# ---- a file server that misbehaves, behind a real sshd that runs commands or none


@pytest.mark.parametrize("operation", [one, many])
async def test_a_host_that_serves_files_only_gets_them_by_sftp(
    start_sshd: Callable[..., Sshd], ours: Path, operation: Callable[[Path], Put], tmp_path: Path
):
    async with session_to(start_sshd("ForceCommand internal-sftp\n")) as session:
        sent = await replace(operation(ours), via="auto").perform(session)
        same = await replace(operation(ours), via="auto").perform(session)
        await Get((str(ours),), str(tmp_path / "got"), host="h").perform(session)
    assert (sent.changed, same.stdout) == (True, b"same\n")
    assert differences(ours, tmp_path / "got/h/ours") == ""
    assert leftovers(tmp_path) == []


async def test_a_folder_of_a_host_that_serves_files_only_becomes_the_same(
    start_sshd: Callable[..., Sshd], ours: Path, tmp_path: Path
):
    async with session_to(start_sshd("ForceCommand internal-sftp\n")) as session:
        sync = Sync(folder=str(ours), dest=str(tmp_path / "there"))
        assert [(await sync.perform(session)).changed for _ in range(2)] == [True, False]
        with pytest.raises(TransportError) as caught:
            await replace(sync, via="stream").perform(session)
    assert caught.value.failure.cause == "exec/denied"
    assert differences(ours, tmp_path / "there") == ""


async def test_without_a_file_server_the_stream_serves_and_sftp_alone_is_refused(
    start_sshd: Callable[..., Sshd], ours: Path
):
    async with session_to(start_sshd("Subsystem sftp /bin/false\n")) as session:
        failure = await failure_of(replace(one(ours), via="sftp"), session)
        assert (failure.cause, is_untouched(ours)) == ("transfer/no-sftp", True)
        await replace(one(ours), via="auto").perform(session)


async def test_names_that_lead_elsewhere_are_named_and_the_rest_of_the_folder_is_fetched(
    start_sshd: Callable[..., Sshd], ours: Path, tmp_path: Path
):
    bad = [name for name in EVIL if b"/" in name or b"\0" in name]
    async with session_to(start_sshd(subsystem(names=hexed(bad)))) as session:
        reply = await Get((str(ours),), str(tmp_path / "got"), host="h", via="sftp").perform(session)
    assert differences(ours, tmp_path / "got/h/ours") == ""
    assert [path.name for path in (tmp_path / "got").iterdir()] == ["h"]
    assert [path.name for path in (tmp_path / "got/h").iterdir()] == ["ours"]
    assert reply.note.startswith("names refused: ") and all(word in reply.note for word in ("evil", "etc/x", "a/b"))


SWITCHES: list[dict[str, Any]] = [
    {"fail_at": 2},
    {"drop_at": 3},
    {"full_at": 70_000},
    {"lies_open": True},
    {"close_at": 9},
    {"no_rename": True},
    {"wrong_id": 8},
]


@pytest.mark.parametrize("shell", [True, False], ids=["commands", "files only"])
@pytest.mark.parametrize("switches", SWITCHES, ids=lambda switches: next(iter(switches)))
async def test_a_file_server_that_fails_or_lies_leaves_the_old_file(
    start_sshd: Callable[..., Sshd], ours: Path, switches: dict[str, Any], shell: bool
):
    server = subsystem(most=16 << 10, **switches)
    forced = "" if shell else server.replace("Subsystem sftp", "ForceCommand", 1)
    async with session_to(start_sshd(forced + server)) as session:
        failure = await failure_of(replace(one(ours), via="sftp"), session)
    assert failure.stage in ("transfer", "exec")
    assert (ours.parent / "home/x").read_bytes() == b"old"
    assert len(leftovers(ours.parent)) <= 1
    async with session_to(start_sshd("ForceCommand internal-sftp\n")) as session:
        await replace(one(ours), via="sftp").perform(session)
    assert (ours.parent / "home/x").read_bytes() == (ours / "x").read_bytes()
    assert leftovers(ours.parent) == []


@needs_mounts
async def test_what_lies_on_another_file_system_of_a_tree_is_renamed_there_too(ours: Path):
    (ours / "sub/new").mkdir(parents=True)
    for name in ("sub/x", "sub/new/y"):
        (ours / name).write_bytes(os.urandom(70_000))
    mounted = ours.parent / "home/ours/sub"
    mounted.mkdir()
    # What is mounted is seen by one command only: it tells of what was renamed, and that nothing was written otherwise.
    tool = ours.parent / "bin"
    tool.mkdir()
    (tool / "mv").write_text(f'#!/bin/sh\necho "$*" >> {ours.parent}/log\nexec /bin/mv "$@"\n')
    (tool / "mv").chmod(0o755)
    sums, names = ours.parent / "sums", ours.parent / "ls"
    look = f"sha256sum {mounted}/x {mounted}/new/y | cut -c 1-64 > {sums}; ls -A {mounted} > {names}"
    mount = f'mount -t tmpfs none {mounted} && echo old > {mounted}/x && sh -c "$1"; c=$?; {look}; exit $c'
    shell = Shell(ours.parent, ["unshare", "-rm", "sh", "-c", mount])
    shell.env = {"PATH": f"{tool}:{os.environ['PATH']}"}
    await many(ours).perform(shell)
    renamed = [line for line in (ours.parent / "log").read_text().splitlines() if "sub/" in line]
    assert all("/sub/.pssh-" in line for line in renamed)
    assert sums.read_text().split() == [
        hashlib.sha256((ours / name).read_bytes()).hexdigest() for name in ("sub/x", "sub/new/y")
    ]
    assert names.read_text().split() == ["new", "x"]
