"""What every transport promises of content that goes through a sink or a subsystem, held against each of them."""

import asyncio
import hashlib
import os
from collections.abc import Callable
from pathlib import Path

import pytest

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from tests.contract.test_transport import MB, STOP, Ear, Open, everywhere, opened, until, written
from tests.support.inputs import Growing

__all__ = ["opened"]  # a fixture

FULL = Failure(stage="local", kind="disk-full", message="no room for it")
INIT = bytes.fromhex("00000005 01 00000003")


class Kept:
    """A sink that keeps what it gets, and may make the session wait or raise."""

    def __init__(self, before: Callable[[], None] = lambda: None) -> None:
        self.data = bytearray()
        self.before = before

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.before()
        self.data += data


class Slow(Kept):
    """A sink that takes its time for each piece."""

    async def _later(self, data: bytes) -> None:
        await asyncio.sleep(0.05)
        self.data += data

    def write(self, data: bytes | bytearray | memoryview, /) -> asyncio.Future[None]:  # type: ignore[override]
        return asyncio.ensure_future(self._later(bytes(data)))


class Broken:
    """Input that cannot be read any further."""

    def __init__(self, error: Exception, after: bytes = b"") -> None:
        self._error, self._after = error, after

    def read(self, at: int, most: int) -> bytes | None:
        if at < len(self._after):
            return self._after[at : at + most]
        raise self._error

    def when_more(self, call: Callable[[], None]) -> None: ...


def raiser(error: Exception) -> Callable[[], None]:
    def raises() -> None:
        raise error

    return raises


# ---- sinks


@everywhere
async def test_stdout_goes_into_the_sink_and_neither_into_the_reply_nor_to_the_listener(opened: Open):
    sink, ear = Kept(), Ear()
    async with opened(ear, say=True) as session:
        reply = await session.exec("echo content; exit 3", sink=sink)
        assert (bytes(sink.data), reply.stdout, reply.truncated, reply.exit_code) == (b"content\n", b"", False, 3)
        assert ear.heard["stdout"] == b""
        assert (await session.exec("echo words")).stdout == b"words\n"


async def test_stderr_is_kept_beside_a_sink(opened: Open):
    sink = Kept()
    async with opened() as session:
        reply = await session.exec("echo content; echo words >&2", sink=sink)
        assert (bytes(sink.data), reply.stderr) == (b"content\n", b"words\n")


async def test_much_content_comes_whole_whatever_the_sink_takes_for_it(opened: Open):
    data = os.urandom(3 * MB)
    for sink in (Kept(), Slow()):
        async with opened(keep=1) as session:
            reply = await session.exec("cat", stdin=data, sink=sink)
            assert (reply.exit_code, reply.truncated) == (0, False)
        assert hashlib.sha256(sink.data).digest() == hashlib.sha256(data).digest()


async def test_a_sink_that_is_slow_holds_the_host_back(opened: Open, tmp_path: Path):
    gone = asyncio.Event()

    class Stuck(Kept):
        def write(self, data: bytes | bytearray | memoryview, /) -> asyncio.Future[None] | None:  # type: ignore[override]
            self.data += data
            return None if gone.is_set() else asyncio.ensure_future(gone.wait())  # type: ignore[arg-type]

    sink = Stuck()
    async with opened(stall=0.3) as session:
        running = asyncio.ensure_future(
            session.exec(f"head -c {16 * MB} /dev/zero; echo done > {tmp_path}/done", sink=sink)
        )
        await until(lambda: sink.data)
        await asyncio.sleep(0.6)  # for what must not happen there is nothing to wait for
        assert not written(tmp_path / "done") and len(sink.data) <= 8 * MB and not running.done()
        gone.set()
        assert (await running).exit_code == 0
        assert len(sink.data) == 16 * MB


@everywhere
async def test_what_a_sink_raises_ends_the_command_and_is_raised(opened: Open):
    async with opened(kill_after=0.5) as session:
        with pytest.raises(OSError, match="no room"):
            await session.exec("echo x; cat", sink=Kept(raiser(OSError("no room"))))
        with pytest.raises(TransportError) as caught:
            await session.exec("echo x", sink=Kept(raiser(TransportError(FULL))))
        assert caught.value.failure.cause == "local/disk-full"
        assert (await session.exec("exit 4")).exit_code == 4


async def test_what_a_slow_sink_raises_ends_the_command_and_is_raised(opened: Open):
    class Breaks(Kept):
        async def _fail(self) -> None:
            await asyncio.sleep(0.05)
            raise OSError("no room")

        def write(self, data: bytes | bytearray | memoryview, /) -> asyncio.Future[None]:  # type: ignore[override]
            return asyncio.ensure_future(self._fail())

    async with opened(kill_after=0.5) as session:
        for command in ("echo x", "echo x; exec sleep 60"):
            with pytest.raises(OSError, match="no room"):
                await session.exec(command, sink=Breaks())


@everywhere
async def test_what_the_input_raises_ends_the_command_which_never_sees_an_end(opened: Open, tmp_path: Path):
    async with opened(kill_after=0.5) as session:
        with pytest.raises(OSError, match="went away"):
            await session.exec(f"cat; echo > {tmp_path}/end", stdin=Broken(OSError("went away"), b"first\n"))
        assert not (tmp_path / "end").exists()
        with pytest.raises(TransportError) as caught:
            await session.exec("cat", stdin=Broken(TransportError(FULL)))
        assert caught.value.failure.cause == "local/disk-full"


async def test_a_stop_of_a_command_with_a_sink_is_never_taken_for_its_end(opened: Open, tmp_path: Path):
    sink = Kept()
    async with opened(kill_after=0.5) as session:
        running = asyncio.ensure_future(session.exec(f"echo x; echo $$ > {tmp_path}/pid; sleep 60", sink=sink))
        await until(lambda: written(tmp_path / "pid") and sink.data)
        session.end(STOP)
        with pytest.raises(TransportError) as caught:
            await running
        assert (caught.value.failure.cause, caught.value.failure.stdout) == ("stop/interrupt", b"")


# ---- subsystems


async def version(session: Session) -> bytes:
    """Return what a file server answers first."""
    duplex = await session.subsystem("sftp")
    duplex.send(INIT)
    data = b""
    while len(data) < 9:
        data += await duplex.receive()
    await duplex.close()
    return data[4:9]


async def test_a_file_server_answers(opened: Open):
    async with opened() as session:
        assert await version(session) == bytes.fromhex("02 00000003")


async def test_commands_run_beside_a_file_server(opened: Open):
    async with opened() as session:
        duplex = await session.subsystem("sftp")
        assert (await session.exec("exit 3")).exit_code == 3
        replies = await asyncio.gather(*(session.exec(f"exit {code}") for code in range(3)), version(session))
        assert [reply.exit_code for reply in replies[:3]] == [0, 1, 2]  # type: ignore[union-attr]
        duplex.send(INIT)
        assert (await duplex.receive())[4:5] == b"\2"
        await duplex.close()


@everywhere
async def test_a_subsystem_that_a_host_does_not_have_is_a_failure_of_its_own(opened: Open):
    async with opened() as session:
        with pytest.raises(TransportError) as caught:
            await session.subsystem("no-such")
        assert caught.value.failure.cause == "transfer/no-sftp"
        assert (await session.exec("exit 3")).exit_code == 3


async def test_a_file_server_that_is_left_open_ends_with_the_session(opened: Open):
    async with opened() as session:
        duplex = await session.subsystem("sftp")
    with pytest.raises(TransportError):
        await duplex.receive()


async def test_a_stop_ends_a_file_server(opened: Open):
    async with opened(kill_after=0.5) as session:
        duplex = await session.subsystem("sftp")
        waiting = asyncio.ensure_future(duplex.receive())
        await asyncio.sleep(0)
        session.end(STOP)
        with pytest.raises(TransportError) as caught:
            await waiting
        assert caught.value.failure.cause == "stop/interrupt"


async def test_a_file_server_that_says_nothing_is_stalled_only_while_it_is_waited_for(opened: Open):
    async with opened(stall=0.3, kill_after=0.5) as session:
        duplex = await session.subsystem("sftp")
        await asyncio.sleep(0.5)  # nobody waits for it
        duplex.send(INIT)
        assert (await duplex.receive())[4:5] == b"\2"
        with pytest.raises(TransportError) as caught:
            await duplex.receive()
        assert caught.value.failure.cause == "transfer/stall"


async def test_a_subsystem_is_heard_of_before_its_first_byte_and_once(opened: Open):
    ear = Ear()
    async with opened(ear) as session:
        await version(session)
        await session.exec("true")
        assert ear.calls == ["connected"]


@everywhere
async def test_how_far_content_has_come_is_handed_on(opened: Open):
    ear = Ear()
    heard: list[tuple[int, int]] = []
    ear.moved = lambda done, total: heard.append((done, total))  # type: ignore[method-assign]
    async with opened(ear) as session:
        session.moved(1, 2)
        assert heard == [(1, 2)]


async def test_input_and_sink_flow_at_once(opened: Open):
    growing, sink = Growing(os.urandom(8 * MB), ended=True), Kept()
    async with opened() as session:
        assert (await session.exec("cat", stdin=growing, sink=sink)).exit_code == 0
        assert sink.data == growing.data
