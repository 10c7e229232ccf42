"""The client against a file server that works, and against one that misbehaves in every way there is a switch for."""

import asyncio
import os
import stat
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pssh.model.work import TransportError
from pssh.ops.sftp import Attributes, Flags, Refused, Sftp
from pssh.ops.sftp.requests import MOST_BYTES, MOST_REQUESTS
from pssh.transport.scripted import ScriptedSession
from tests.support.badsftp import DENIED, EVIL, NO_SUCH_FILE, READ, WRITE, BadDuplex, hexed
from tests.support.inputs import Growing

KB, MB = 1 << 10, 1 << 20
BIG = os.urandom(3 * MB + 12345)


class Whole:
    """A source of bytes that are all there."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, at: int, most: int) -> bytes:
        return self.data[at : at + most]

    def when_more(self, call: Callable[[], None]) -> None: ...


class Kept:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.data += data


@asynccontextmanager
async def opened(folder: Path, *, piece: int = 0, **switches: Any) -> AsyncIterator[tuple[Sftp, BadDuplex]]:
    duplex = BadDuplex(piece, root=str(folder), **switches)
    async with Sftp.open(ScriptedSession(subsystems={"sftp": duplex})) as sftp:
        yield sftp, duplex
    assert duplex.closed


async def cause(folder: Path, call: Callable[[Sftp], Any], **switches: Any) -> str:
    """Return what a call fails with, as stage and kind."""
    with pytest.raises(TransportError) as caught:
        async with opened(folder, **switches) as (sftp, _):
            await asyncio.wait_for(call(sftp), 10)
    return caught.value.failure.cause


async def put(sftp: Sftp, data: bytes = BIG) -> int:
    return await sftp.put(Whole(data), b"file", len(data))


async def get(sftp: Sftp, most: int = 1 << 30) -> bytes:
    sink = Kept()
    assert await sftp.get(b"file", sink, most) == len(sink.data)
    return bytes(sink.data)


# ---- what works


@pytest.mark.parametrize("piece", [0, 1])
@pytest.mark.parametrize("size", [0, 1, 32 * KB, 200 * KB + 1])
async def test_content_goes_there_and_back_in_whatever_pieces_it_comes(tmp_path: Path, size: int, piece: int):
    data = BIG[:size]
    async with opened(tmp_path, piece=piece) as (sftp, _):
        assert await put(sftp, data) == size
        assert (tmp_path / "file").read_bytes() == data
        assert stat.S_IMODE((tmp_path / "file").stat().st_mode) == 0o600
        assert await get(sftp) == data


@pytest.mark.parametrize("extensions", ["", "limits@openssh.com"])
async def test_much_content_goes_there_and_back(tmp_path: Path, extensions: str):
    async with opened(tmp_path, extensions=extensions) as (sftp, _):
        await put(sftp)
        assert (tmp_path / "file").read_bytes() == BIG
        assert await get(sftp) == BIG


async def test_no_more_is_under_way_than_is_allowed(tmp_path: Path):
    (tmp_path / "file").write_bytes(BIG)
    async with opened(tmp_path) as (sftp, duplex):
        await asyncio.gather(*(get(sftp) for _ in range(5)))
        assert duplex.most <= MOST_BYTES + MOST_REQUESTS * 32


async def test_a_put_does_not_overwrite_unless_it_is_told_to(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"old, and longer")
    async with opened(tmp_path) as (sftp, _):
        with pytest.raises(Refused) as caught:
            await put(sftp, b"new")
        assert caught.value.unexplained and (tmp_path / "file").read_bytes() == b"old, and longer"
        await sftp.put(Whole(b"new"), b"file", 3, flags=Flags.CREATE | Flags.TRUNCATE)
        assert (tmp_path / "file").read_bytes() == b"new"


async def test_a_source_that_grows_is_waited_for(tmp_path: Path):
    growing = Growing(b"first ")
    async with opened(tmp_path) as (sftp, _):
        putting = asyncio.ensure_future(sftp.put(growing, b"file", 12))
        while not growing.waiting:  # noqa: ASYNC110  another task of this loop gets there
            await asyncio.sleep(0)
        growing.grow(b"second", ended=True)
        assert await putting == 12
    assert (tmp_path / "file").read_bytes() == b"first second"


async def test_a_sink_that_is_slow_is_waited_for(tmp_path: Path):
    (tmp_path / "file").write_bytes(BIG)
    taken = bytearray()
    busy = False

    class Slow:
        async def _take(self, data: bytes) -> None:
            nonlocal busy
            assert not busy
            busy = True
            await asyncio.sleep(0)
            taken.extend(data)
            busy = False

        def write(self, data: bytes | bytearray | memoryview, /) -> Any:
            return self._take(bytes(data))

    async with opened(tmp_path) as (sftp, _):
        await sftp.get(b"file", Slow(), 1 << 30)
    assert taken == BIG


async def test_many_small_files_are_under_way_at_once(tmp_path: Path):
    async with opened(tmp_path) as (sftp, _):
        await asyncio.gather(*(sftp.put(Whole(b"%d" % n), b"f%d" % n, len(b"%d" % n)) for n in range(300)))
    assert all((tmp_path / f"f{n}").read_bytes() == b"%d" % n for n in range(300))


async def test_progress_is_what_the_other_side_has(tmp_path: Path):
    heard: list[int] = []
    pulled: list[tuple[int, int]] = []
    async with opened(tmp_path) as (sftp, _):
        await sftp.put(Whole(BIG), b"file", len(BIG), moved=heard.append)
        await sftp.get(b"file", Kept(), 1 << 30, moved=lambda done, total: pulled.append((done, total)))
    assert heard == sorted(heard) and heard[-1] == len(BIG) and pulled[-1] == (len(BIG), len(BIG))


async def test_each_request_does_what_its_name_says(tmp_path: Path):
    async with opened(tmp_path) as (sftp, _):
        await sftp.mkdir(b"folder", 0o750)
        assert stat.S_IMODE((tmp_path / "folder").stat().st_mode) == 0o750
        await put(sftp, b"x")
        await sftp.setstat(b"file", Attributes(mode=0o640, atime=5, mtime=7))
        found = await sftp.lstat(b"file")
        assert (found.type, found.size, stat.S_IMODE(found.mode or 0), found.mtime) == ("file", 1, 0o640, 7)
        await sftp.symlink(b"link", b"file")
        assert (await sftp.lstat(b"link")).type == "symlink"
        assert (await sftp.stat(b"link")).type == "file"
        assert await sftp.readlink(b"link") == b"file"
        assert await sftp.realpath(b".") == os.fsencode(tmp_path)
        await sftp.hardlink(b"second", b"file")
        assert (tmp_path / "second").stat().st_nlink == 2
        await sftp.rename(b"second", b"file2")
        (tmp_path / "taken").write_bytes(b"old")
        with pytest.raises(Refused):
            await sftp.rename(b"file2", b"taken", replace=False)
        await sftp.rename(b"file2", b"taken")
        assert sorted([name.name async for name in sftp.names(b".")]) == [b"file", b"folder", b"link", b"taken"]
        await sftp.remove(b"taken")
        await sftp.rmdir(b"folder")
        space = await sftp.space(b".")
        assert space is not None and space.free > 0
        handle = await sftp.open_file(b"file", Flags.READ | Flags.WRITE)
        await sftp.fsetstat(handle, Attributes(size=0))
        assert (await sftp.fstat(handle)).size == 0
        await sftp.close(handle)
    assert sorted(os.listdir(tmp_path)) == ["file", "link"]  # noqa: PTH208  a Path would be refused here


async def test_a_large_folder_is_listed_whole(tmp_path: Path):
    for number in range(500):
        (tmp_path / f"f{number}").touch()
    async with opened(tmp_path) as (sftp, _):
        assert len([name async for name in sftp.names(b".")]) == 500


# ---- what does not


SEVERAL = 4 * 128 * KB


@pytest.mark.parametrize("at", range(5))
async def test_a_write_that_fails_is_never_a_success(tmp_path: Path, at: int):
    data = BIG[: 5 * 128 * KB]
    for code, kind in (
        (4, "remote-failed"),
        (DENIED, "remote-denied"),
        (14, "remote-disk-full"),
        (2, "remote-missing"),
    ):
        assert await cause(tmp_path, lambda sftp: put(sftp, data), fail_at=at, code=code) == f"transfer/{kind}"
        (tmp_path / "file").unlink()


async def test_a_disk_that_is_full_names_no_reason_and_says_so(tmp_path: Path):
    with pytest.raises(Refused) as caught:
        async with opened(tmp_path, full_at=MB) as (sftp, _):
            await put(sftp)
    assert (caught.value.code, caught.value.unexplained, caught.value.path) == (4, True, b"file")
    assert caught.value.failure.message == "write `file`: the host could not"


async def test_a_last_write_that_was_dropped_in_silence_is_seen(tmp_path: Path):
    assert await cause(tmp_path, lambda sftp: put(sftp, BIG[:SEVERAL]), drop_at=3) == "transfer/verify"


@pytest.mark.parametrize("size", [len(BIG) - 1, len(BIG) + 1])
async def test_a_source_of_another_size_than_was_said_is_seen(tmp_path: Path, size: int):
    found = await cause(tmp_path, lambda sftp: sftp.put(Whole(BIG), b"file", size))
    assert found == "transfer/changed-while-read"


@pytest.mark.parametrize("short", [1000, 700, 32 * KB - 1])
async def test_reads_that_come_short_are_asked_on(tmp_path: Path, short: int):
    data = BIG[: 300 * KB]
    (tmp_path / "file").write_bytes(data)
    async with opened(tmp_path, short_read=short) as (sftp, duplex):
        assert await get(sftp) == data
        assert duplex.server.seen.count(READ) <= 2 * len(data) // short + MOST_REQUESTS


async def test_a_file_that_ends_early_or_goes_on_is_seen(tmp_path: Path):
    (tmp_path / "file").write_bytes(BIG)
    for switches in ({"end_at": 0}, {"end_at": 100 * KB}, {"size": len(BIG) + 1}, {"size": 10}, {"grows": True}):
        assert await cause(tmp_path, get, **switches) == "transfer/changed-while-read", switches


async def test_a_size_that_no_file_has_costs_nothing(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"x")
    assert await cause(tmp_path, get, size=1 << 62) == "transfer/too-large"


async def test_a_file_whose_size_is_not_said_is_read_to_its_end_and_no_further_than_allowed(tmp_path: Path):
    (tmp_path / "file").write_bytes(BIG)
    async with opened(tmp_path, no_attributes=True) as (sftp, _):
        assert await get(sftp) == BIG
        assert await get(sftp, most=len(BIG)) == BIG
    assert await cause(tmp_path, lambda sftp: get(sftp, len(BIG) - 1), no_attributes=True) == "transfer/too-large"
    assert await cause(tmp_path, lambda sftp: get(sftp, MB), no_attributes=True, grows=True) == "transfer/too-large"


@pytest.mark.parametrize(
    ("mode", "kind"),
    [(0o010644, "not-a-file"), (0o020666, "not-a-file"), (0o040755, "is-directory"), (0o120777, "symlink")],
)
async def test_only_regular_files_are_opened(tmp_path: Path, mode: int, kind: str):
    (tmp_path / "file").write_bytes(b"x")
    with pytest.raises(TransportError) as caught:
        async with opened(tmp_path, mode=mode) as (sftp, duplex):
            await get(sftp)
    assert caught.value.failure.cause == f"transfer/{kind}" and 3 not in duplex.server.seen


async def test_a_link_is_followed_unless_it_is_told_not_to(tmp_path: Path):
    (tmp_path / "target").write_bytes(b"x")
    (tmp_path / "file").symlink_to("target")
    async with opened(tmp_path) as (sftp, _):
        assert await get(sftp) == b"x"
        with pytest.raises(TransportError) as caught:
            await sftp.get(b"file", Kept(), 10, follow=False)
    assert caught.value.failure.cause == "transfer/symlink"


@pytest.mark.parametrize("name", EVIL)
async def test_names_that_are_none_are_refused_and_others_are_bytes(tmp_path: Path, name: bytes):
    async def listed(sftp: Sftp) -> list[bytes]:
        return [found.name async for found in sftp.names(b".")]

    if name in (b"..", b"a\x1b[2Jb", b"\xff\xfe"):
        async with opened(tmp_path, names=hexed([name])) as (sftp, _):
            assert await listed(sftp) == ([] if name == b".." else [name])
    else:
        assert await cause(tmp_path, listed, names=hexed([name])) == "transfer/name-refused"


async def test_a_folder_without_an_end_is_left(tmp_path: Path):
    async def listed(sftp: Sftp) -> None:
        assert [found async for found in sftp.names(b".", 1000)]

    assert await cause(tmp_path, listed, endless=True) == "transfer/name-refused"


@pytest.mark.parametrize("path", [b"", b"a\0b"])
async def test_a_path_that_is_none_is_never_sent(tmp_path: Path, path: bytes):
    for call in (Sftp.stat, Sftp.remove, Sftp.mkdir, Sftp.readlink, Sftp.rmdir, Sftp.realpath):
        assert await cause(tmp_path, lambda sftp, call=call: call(sftp, path)) == "transfer/name-refused"


@pytest.mark.parametrize(
    ("code", "kind"), [(NO_SUCH_FILE, "remote-missing"), (DENIED, "remote-denied"), (4, "remote-failed")]
)
async def test_what_a_host_refuses_is_named(tmp_path: Path, code: int, kind: str):
    for call in (Sftp.lstat, Sftp.remove, Sftp.mkdir, Sftp.readlink):
        found = await cause(tmp_path, lambda sftp, call=call: call(sftp, b"secret"), deny="secret", code=code)
        assert found == f"transfer/{kind}"


WRONG = ("wrong_id", "twice", "wrong_type", "cut", "trailing", "huge")


@pytest.mark.parametrize("switch", WRONG)
@pytest.mark.parametrize("at", range(0, 9))
async def test_a_reply_that_is_wrong_ends_the_session(tmp_path: Path, switch: str, at: int):
    (tmp_path / "file").write_bytes(BIG[:SEVERAL])
    found = await cause(tmp_path, get, **{switch: at})
    # A status in the place of bytes says `ok`, which is no bytes either.
    assert found == "transfer/protocol"
    (tmp_path / "file").unlink()
    if (switch, at) != ("twice", 8):  # the last of all, after which nobody listens
        assert await cause(tmp_path, lambda sftp: put(sftp, BIG[:SEVERAL]), **{switch: at}) == "transfer/protocol"


async def test_more_bytes_than_were_asked_for_end_the_session(tmp_path: Path):
    (tmp_path / "file").write_bytes(BIG)
    assert await cause(tmp_path, get, long_read=True) == "transfer/protocol"


@pytest.mark.parametrize("at", [0, 1, 2, 5, 20])
async def test_a_server_that_leaves_is_a_connection_that_closed(tmp_path: Path, at: int):
    assert await cause(tmp_path, put, close_at=at) == "transfer/connection-closed"


async def test_a_server_that_is_gone_fails_what_waits_and_what_comes_later(tmp_path: Path):
    async with opened(tmp_path, close_at=30) as (sftp, _):
        found = await asyncio.gather(*(put_one(sftp, n) for n in range(200)), return_exceptions=True)
        assert any(isinstance(one, TransportError) for one in found)
        with pytest.raises(TransportError):
            await sftp.stat(b".")


async def put_one(sftp: Sftp, number: int) -> int:
    return await sftp.put(Whole(b"x" * 1000), b"f%d" % number, 1000)


async def test_a_server_that_says_nothing_can_be_left(tmp_path: Path):
    (tmp_path / "file").write_bytes(BIG)
    async with opened(tmp_path, mute_at=6) as (sftp, duplex):
        getting = asyncio.ensure_future(get(sftp))
        while duplex.server.seen.count(READ) < 3:  # noqa: ASYNC110  another task of this loop gets there
            await asyncio.sleep(0)
        getting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await getting
    with pytest.raises(TransportError):
        await sftp.stat(b".")


async def test_a_file_that_is_cancelled_is_closed_and_others_go_on(tmp_path: Path):
    growing = Growing(b"x")
    async with opened(tmp_path) as (sftp, duplex):
        putting = asyncio.ensure_future(sftp.put(growing, b"first", 10))
        while not growing.waiting:  # noqa: ASYNC110  another task of this loop gets there
            await asyncio.sleep(0)
        putting.cancel()
        with pytest.raises(asyncio.CancelledError):
            await putting
        await put(sftp, b"second")
        assert not duplex.server._handles
        assert duplex.server.seen.count(WRITE) == 2


@pytest.mark.parametrize("noise", ["hello, you have mail\n", "x" * 100_000, "\x00\x00\x00\x05\x01"])
async def test_what_a_login_file_prints_is_named_with_its_first_bytes(tmp_path: Path, noise: str):
    with pytest.raises(TransportError) as caught:
        async with opened(tmp_path, noise=noise):
            pytest.fail("it was not seen")
    assert caught.value.failure.cause == "transfer/noisy-login"
    assert noise.strip()[:20] in caught.value.failure.message


@pytest.mark.parametrize("version", [0, 2, 4, 6])
async def test_another_version_of_the_protocol_is_refused(tmp_path: Path, version: int):
    async def nothing(sftp: Sftp) -> None: ...

    assert await cause(tmp_path, nothing, version=version) == "transfer/no-sftp"


async def test_a_host_without_a_file_server_says_so():
    with pytest.raises(TransportError) as caught:
        async with Sftp.open(ScriptedSession()):
            pytest.fail("there is none")
    assert caught.value.failure.cause == "transfer/no-sftp"
