"""The client against the file servers that there are: OpenSSH's behind sshd and by itself, and that of a demo host."""

import asyncio
import os
from pathlib import Path

import pytest

from pssh.model.work import TransportError
from pssh.ops.sftp import Refused, Sftp
from tests.contract.test_transport import Open, opened
from tests.ops.sftp.test_client import BIG, Kept, Whole
from tests.support.badsftp import subsystem
from tests.support.sshd import Sshd

__all__ = ["opened"]  # a fixture


@pytest.fixture
def folder(request: pytest.FixtureRequest, tmp_path: Path) -> bytes:
    """A folder that the server may write to."""
    way = request.node.callspec.params.get("opened")
    if way is not None and way.__name__ == "demo":
        fleet = request.getfixturevalue("demo_fleet")
        return os.fsencode(fleet.folder / "hosts" / fleet.host().name)
    return os.fsencode(tmp_path)


async def test_content_goes_there_and_back(opened: Open, folder: bytes):
    path = folder + b"/file"
    async with opened() as session, Sftp.open(session) as sftp:
        assert await sftp.put(Whole(BIG), path, len(BIG)) == len(BIG)
        sink = Kept()
        assert await sftp.get(path, sink, len(BIG)) == len(BIG)
        assert sink.data == BIG
        await sftp.rename(path, folder + b"/other")
        with pytest.raises(Refused) as caught:
            await sftp.stat(path)
        assert caught.value.failure.cause == "transfer/remote-missing"
        await sftp.remove(folder + b"/other")


async def test_many_small_files_at_once_beside_a_command(opened: Open, folder: bytes):
    async with opened() as session, Sftp.open(session) as sftp:
        await sftp.mkdir(folder + b"/many")
        puts = [sftp.put(Whole(b"%d" % n), folder + b"/many/%d" % n, len(b"%d" % n)) for n in range(150)]
        reply, *_ = await asyncio.gather(session.exec("exit 3"), *puts)
        assert reply.exit_code == 3
        names = {found.name async for found in sftp.names(folder + b"/many")}
        assert names == {b"%d" % n for n in range(150)}
        await asyncio.gather(*(sftp.remove(folder + b"/many/" + name) for name in names))
        await sftp.rmdir(folder + b"/many")


async def test_relative_names_begin_where_a_command_does(opened: Open):
    async with opened() as session, Sftp.open(session) as sftp:
        here = (await session.exec("pwd")).stdout.strip()
        assert await sftp.realpath(b".") == os.path.realpath(here)  # noqa: ASYNC240  one look


async def test_a_file_that_is_there_is_not_written_over(opened: Open, folder: bytes):
    async with opened() as session, Sftp.open(session) as sftp:
        await sftp.put(Whole(b"old"), folder + b"/there", 3)
        with pytest.raises(Refused):
            await sftp.put(Whole(b"new"), folder + b"/there", 3)
        sink = Kept()
        await sftp.get(folder + b"/there", sink, 3)
        assert sink.data == b"old"
        await sftp.remove(folder + b"/there")


@pytest.mark.parametrize(
    ("line", "kind"),
    [
        (subsystem(noise="You have new mail.\n"), "noisy-login"),
        ("Subsystem sftp /no/such/server\n", "no-sftp"),
        ("Subsystem other /bin/cat\n", "no-sftp"),
        ("Subsystem sftp /bin/true\n", "no-sftp"),
        (subsystem(close_at=5), "connection-closed"),
        (subsystem(mute_at=5), "stall"),
        (subsystem(fail_at=3), "remote-failed"),
    ],
)
async def test_what_is_wrong_behind_a_real_sshd_is_named(start_sshd, tmp_path: Path, line: str, kind: str):  # type: ignore[no-untyped-def]
    from pssh.model.host import Connection
    from pssh.model.work import Limits
    from pssh.transport.ssh.connect import SSHTransport
    from tests.support.listeners import Quiet

    daemon: Sshd = start_sshd(line)
    connection = Connection(
        address="127.0.0.1",
        port=daemon.port,
        user=daemon.user,
        identity=(str(daemon.identity),),
        known_hosts=(str(daemon.known_hosts()),),
    )
    limits = Limits(stall=1.0 if kind == "stall" else 20.0, kill_after=0.5)
    async with SSHTransport({}, 8).open("h", connection, limits, Quiet()) as session:
        with pytest.raises(TransportError) as caught:
            async with Sftp.open(session) as sftp:
                await sftp.put(Whole(BIG), os.fsencode(tmp_path / "file"), len(BIG))
        assert caught.value.failure.cause == f"transfer/{kind}"
        assert (await session.exec("exit 3")).exit_code == 3
