"""What every transport promises, held against each of them: adding one is one line in `WAYS`.

All of them reach this machine, so a test can see with its own eyes what became of a command.
"""

import asyncio
import hashlib
import os
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from msgspec.structs import replace

from pssh import plugins
from pssh.model.host import Connection
from pssh.model.outcome import Failure
from pssh.model.secret import Secret
from pssh.model.work import Limits, Session, Transport, TransportError
from pssh.ops.script import Script
from tests.support import processes
from tests.support.listeners import Quiet

MB = 1 << 20
SECRETS: dict[str, Secret] = {}
STOP = Failure(stage="stop", kind="interrupt", message="stopped")


def local(request: pytest.FixtureRequest) -> Connection:
    return Connection(address="local", user="", transport="local")


def demo(request: pytest.FixtureRequest) -> Connection:
    fleet = request.getfixturevalue("demo_fleet")
    return Connection(
        address=fleet.address,
        port=fleet.host().port,
        user=fleet.user,
        identity=(str(fleet.identity),),
        known_hosts=(str(fleet.known_hosts),),
    )


def sshd(request: pytest.FixtureRequest) -> Connection:
    daemon = request.getfixturevalue("sshd")
    return Connection(
        address="127.0.0.1",
        port=daemon.port,
        user=daemon.user,
        identity=(str(daemon.identity),),
        known_hosts=(str(daemon.known_hosts()),),
    )


def speculating(request: pytest.FixtureRequest) -> Connection:
    return replace(sshd(request), speculate=True)


def scripted(request: pytest.FixtureRequest) -> Connection:
    return Connection(address="scripted", user="", transport="scripted")


WAYS = (local, demo, sshd, speculating)  # where a real shell answers
everywhere = pytest.mark.parametrize("opened", (*WAYS, scripted), indirect=True, ids=lambda way: way.__name__)


@dataclass
class Ear(Quiet):
    """A listener that remembers, and may make the session wait."""

    calls: list[str] = field(default_factory=list)
    heard: dict[str, bytearray] = field(default_factory=lambda: {"stdout": bytearray(), "stderr": bytearray()})
    at_connected: Callable[[], object] = lambda: None
    wait: Callable[[], Awaitable[None] | None] = lambda: None

    def connected(self) -> None:
        self.at_connected()
        self.calls.append("connected")

    def said(self, stream: str, data: bytes) -> Awaitable[None] | None:
        self.calls.append("said")
        self.heard[stream] += data
        return self.wait()

    def learned(self, line: str) -> None:
        self.calls.append("learned")


Open = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture(params=WAYS, ids=lambda way: way.__name__)
def opened(request: pytest.FixtureRequest) -> Open:
    """Open a session with these limits; all sessions of one test share a transport."""
    connection: Connection = request.param(request)
    made: list[Transport] = []

    @asynccontextmanager
    async def open_one(ear: Ear | None = None, **limits: object) -> AsyncIterator[Session]:
        if not made:  # a transport is made inside the loop it serves
            made.append(plugins.find("pssh.transports", connection.transport)(SECRETS, 8))
        async with made[0].open("here", connection, Limits(**limits), ear or Ear()) as session:
            yield session

    return open_one


async def failure_of(session: Session, command: str) -> Failure:
    with pytest.raises(TransportError) as caught:
        await session.exec(command)
    return caught.value.failure


async def until(true: Callable[[], object]) -> None:
    """Wait for other processes to make something true."""
    while not true():  # noqa: ASYNC110  another process has no event of ours
        await asyncio.sleep(0.005)


def alive(file: Path) -> bool:
    """Whether the process named in a file runs; one that only waits to be reaped does not."""
    try:
        return Path(f"/proc/{file.read_text().strip()}/stat").read_text().rpartition(") ")[2][0] not in "ZX"
    except (FileNotFoundError, ProcessLookupError):
        return False


def written(file: Path) -> bool:
    return file.exists() and file.read_text().endswith("\n")


async def as_it_says(failure: Failure, pid: Path) -> None:
    """Hold what a failure says of its command against what is true; what is left running is ended."""
    if failure.remote_end == "left running":
        assert alive(pid)
        os.kill(int(pid.read_text()), 9)  # noqa: ASYNC240  one short line
    else:
        assert failure.remote_end in ("killed", "exited")
        await until(lambda: not alive(pid))


# ---- how a command ends


@everywhere
@pytest.mark.parametrize(("command", "code"), [("true", 0), ("exit 3", 3), ("exit 255", 255)])
async def test_the_exit_code_is_the_commands(opened: Open, command: str, code: int):
    async with opened() as session:
        reply = await session.exec(command)
        assert (reply.exit_code, reply.signal) == (code, "")


async def test_a_command_that_is_not_there_is_the_shells_127(opened: Open):
    async with opened() as session:
        reply = await session.exec("no-such-tool")
        assert (reply.exit_code, b"no-such-tool" in reply.stderr) == (127, True)


@pytest.mark.parametrize("name", ["TERM", "KILL", "USR1"])
async def test_a_command_ended_by_a_signal_has_its_name_and_no_code(opened: Open, name: str):
    async with opened() as session:
        reply = await session.exec(f"kill -{name} $$")
        assert (reply.exit_code, reply.signal) == (None, name)


@everywhere
async def test_a_connection_that_was_left_is_made_anew_by_the_next_command_and_told_of_once(opened: Open):
    ear = Ear()
    async with opened(ear) as session:
        for code in (1, 0, 7):
            assert (await session.exec(f"exit {code}")).exit_code == code
            await session.again()
        assert ear.calls.count("connected") == 1


@everywhere
async def test_several_commands_run_one_after_the_other(opened: Open):
    async with opened() as session:
        codes = [(await session.exec(f"exit {code}")).exit_code for code in (1, 0, 7)]
        assert codes == [1, 0, 7]


async def test_a_child_that_holds_a_stream_open_costs_the_drain_time_and_a_note(opened: Open):
    async with opened(drain=0.2) as session:
        began = time.monotonic()
        reply = await session.exec("sleep 3 & echo out; exit 3")
        assert (reply.exit_code, reply.stdout, reply.note) == (3, b"out\n", "stream-left-open")
        assert time.monotonic() - began < 2


async def test_a_drain_time_of_0_waits_for_all_that_a_child_prints(opened: Open):
    async with opened(drain=0.0) as session:
        reply = await session.exec("(sleep 0.1; echo late) & echo out; exit 3")
        assert (reply.exit_code, reply.stdout, reply.note) == (3, b"out\nlate\n", "")


# ---- its streams


async def test_both_streams_are_read_at_once(opened: Open):
    async with opened(keep=8 * MB) as session:
        command = f"head -c {4 * MB} /dev/zero & head -c {4 * MB} /dev/zero >&2; wait"
        reply = await session.exec(command)
        assert (reply.stdout, reply.stderr) == (bytes(4 * MB), bytes(4 * MB))


async def test_bytes_stay_bytes(opened: Open, tmp_path: Path):
    content = bytes(range(256)) * 50 + b"\r\n\0\xff"
    (tmp_path / "x").write_bytes(content)
    async with opened() as session:
        assert (await session.exec(f"cat {tmp_path}/x")).stdout == content
        assert (await session.exec("printf %s '\udce9'")).stdout == b"\xe9"


async def test_only_the_ends_of_a_long_stream_are_kept_and_the_rest_is_counted(opened: Open):
    async with opened(keep=1000) as session:
        reply = await session.exec(f"echo first; head -c {3 * MB} /dev/zero; echo last")
        assert (reply.stdout[:6], reply.stdout[-5:], len(reply.stdout)) == (b"first\n", b"last\n", 2000)
        assert (reply.stdout_bytes, reply.stderr_bytes) == (3 * MB + 11, 0)


async def test_standard_input_arrives_whole(opened: Open):
    data = os.urandom(10 * MB)
    async with opened(keep=10 * MB) as session:
        assert hashlib.sha256((await session.exec("cat", stdin=data)).stdout).digest() == hashlib.sha256(data).digest()


async def test_without_standard_input_a_command_reads_its_end_at_once(opened: Open):
    async with opened() as session:
        assert (await session.exec("cat; echo end")).stdout == b"end\n"


async def test_a_command_need_not_read_its_input(opened: Open):
    async with opened() as session:
        assert (await session.exec("exit 3", stdin=bytes(4 * MB))).exit_code == 3


# ---- who listens


async def test_connected_is_told_once_and_before_the_command_can_run(opened: Open, tmp_path: Path):
    mark = tmp_path / "mark"
    ear = Ear(at_connected=lambda: ear.calls.append("early" if not mark.exists() else "late"))
    async with opened(ear) as session:
        assert ear.calls == []
        await session.exec(f"touch {mark}")
        await session.exec("true")
    assert ear.calls == ["early", "connected"]


async def test_output_is_said_as_it_comes(opened: Open, tmp_path: Path):
    ear = Ear()
    async with opened(ear, say=True) as session:
        running = asyncio.ensure_future(
            session.exec(f"echo 1; echo 2 >&2; until [ -e {tmp_path}/go ]; do sleep 0.01; done")
        )
        await until(lambda: ear.heard == {"stdout": b"1\n", "stderr": b"2\n"})
        (tmp_path / "go").touch()
        assert (await running).stdout == b"1\n"


async def test_nothing_is_said_of_a_quiet_command_or_when_nobody_asked(opened: Open):
    for say, quiet in ((True, True), (False, False)):
        ear = Ear()
        async with opened(ear, say=say) as session:
            assert (await session.exec("echo x", quiet=quiet)).stdout == b"x\n"
        assert ear.calls == ["connected"]


async def test_who_is_slow_to_listen_holds_the_command_back(opened: Open, tmp_path: Path):
    shown = asyncio.get_running_loop().create_future()
    ear = Ear(wait=lambda: None if shown.done() else asyncio.shield(shown))
    async with opened(ear, say=True, stall=5) as session:
        running = asyncio.ensure_future(session.exec(f"head -c {32 * MB} /dev/zero; echo > {tmp_path}/done"))
        await until(lambda: ear.heard["stdout"])
        await asyncio.sleep(0.3)  # for what must not happen there is nothing to wait for
        assert not written(tmp_path / "done")
        assert len(ear.heard["stdout"]) <= 8 * MB
        shown.set_result(None)
        assert (await running).stdout_bytes == 32 * MB
        assert len(ear.heard["stdout"]) == 32 * MB


# ---- limits and stops


async def test_a_command_over_its_time_is_ended_and_its_output_kept(opened: Open, tmp_path: Path):
    async with opened(total=0.3, kill_after=0.5) as session:
        began = time.monotonic()
        failure = await failure_of(session, f"echo $$ > {tmp_path}/pid; echo hi; exec sleep 60")
        assert (failure.cause, failure.stdout) == ("exec/total", b"hi\n")
        assert time.monotonic() - began < 3
        await as_it_says(failure, tmp_path / "pid")


async def test_a_silent_command_is_ended(opened: Open, tmp_path: Path):
    async with opened(stall=0.3, kill_after=0.5) as session:
        failure = await failure_of(session, f"echo $$ > {tmp_path}/pid; echo hi; exec sleep 60")
        assert (failure.cause, failure.stdout) == ("exec/stall", b"hi\n")
        await as_it_says(failure, tmp_path / "pid")


async def test_a_command_that_goes_on_talking_is_not_stalled(opened: Open):
    async with opened(stall=0.5) as session:
        assert (await session.exec("for i in 1 2 3 4 5 6 7 8; do echo $i; sleep 0.1; done")).exit_code == 0


async def test_a_stop_ends_the_command_and_says_what_became_of_it(opened: Open, tmp_path: Path):
    async with opened(kill_after=0.5) as session:
        running = asyncio.ensure_future(failure_of(session, f"echo hi; echo $$ > {tmp_path}/pid; exec sleep 60"))
        await until(lambda: written(tmp_path / "pid"))
        session.end(STOP)
        failure = await running
        assert (failure.cause, failure.stdout) == ("stop/interrupt", b"hi\n")
        await as_it_says(failure, tmp_path / "pid")


async def test_a_cancelled_command_answers_with_what_it_has(opened: Open, tmp_path: Path):
    async with opened(kill_after=0.5) as session:
        running = asyncio.ensure_future(failure_of(session, f"echo hi; echo $$ > {tmp_path}/pid; exec sleep 60"))
        await until(lambda: written(tmp_path / "pid"))
        running.cancel()
        failure = await running
        assert (failure.stage, failure.stdout) == ("stop", b"hi\n")
        await as_it_says(failure, tmp_path / "pid")


GROUPS = {
    "pipeline": "sleep {m} | sleep {m}",
    "double fork": "(sleep {m} &); sleep {m}; true",
    "ignores TERM": "trap '' TERM; (sleep {m} &); while :; do sleep {m}; done",
}


@pytest.mark.parametrize("command", GROUPS.values(), ids=GROUPS)
async def test_a_stop_ends_all_that_stayed_in_the_commands_group(
    opened: Open, command: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.setattr("pssh.transport.process._AFTER_KILL", 30)  # on a busy machine half a second shows nothing
    monkeypatch.setattr("pssh.transport.ssh.ending.AFTER_KILL", 30)
    mark = f"6{time.monotonic_ns() % 10**10}"  # seconds that no other process sleeps
    async with opened(kill_after=0.3) as session:
        running = asyncio.ensure_future(failure_of(session, command.format(m=mark)))
        await until(lambda: len(processes.named(f"sleep\0{mark}")) == 2)
        session.end(STOP)
        assert (await running).remote_end == "killed"
        assert processes.gone(processes.named(f"sleep\0{mark}"))


async def test_a_second_stop_waits_for_nothing(opened: Open, tmp_path: Path):
    async with opened(kill_after=60) as session:
        running = asyncio.ensure_future(failure_of(session, f"trap '' TERM; echo $$ > {tmp_path}/pid; exec sleep 60"))
        await until(lambda: written(tmp_path / "pid"))
        session.end(STOP)
        await asyncio.sleep(0.5)  # for what must not happen there is nothing to wait for
        assert not running.done()
        session.end(STOP)
        assert (await running).cause == "stop/interrupt"
    await until(lambda: not alive(tmp_path / "pid"))


@everywhere
async def test_a_stop_without_a_command_does_nothing(opened: Open):
    async with opened() as session:
        session.end(STOP)
        assert (await session.exec("exit 3")).exit_code == 3
        session.end(STOP)
        assert (await session.exec("exit 4")).exit_code == 4


async def test_phases_are_timed(opened: Open):
    async with opened() as session:
        await session.exec("sleep 0.2")
        assert 0.1 <= session.seconds["run"] < 5
        assert all(seconds >= 0 for seconds in session.seconds.values())


@everywhere
async def test_many_sessions_share_one_transport(opened: Open):
    async def one(code: int) -> int | None:
        async with opened() as session:
            return (await session.exec(f"exit {code}")).exit_code

    assert await asyncio.gather(*map(one, range(10))) == list(range(10))


# ---- what operations rest on


async def test_a_script_runs_with_its_arguments_and_leaves_nothing(opened: Open):
    async with opened() as session:
        reply = await Script("tidy.sh", b'echo "$0" "$@"; exit 3', ("a b", "=c")).perform(session)
        path, _, args = reply.stdout.decode().partition(" ")
        assert (reply.exit_code, args, path.endswith("/tidy.sh")) == (3, "a b =c\n", True)
        assert not Path(path).parent.exists()


async def test_a_script_over_its_time_leaves_nothing(opened: Open, tmp_path: Path):
    async with opened(total=0.3, kill_after=0.5) as session:
        with pytest.raises(TransportError) as caught:
            await Script("t", f'echo "$0"; echo $$ > {tmp_path}/pid; exec sleep 60'.encode()).perform(session)
        failure = caught.value.failure
        assert (failure.cause, failure.note) == ("exec/total", "")
        await as_it_says(failure, tmp_path / "pid")
        assert not Path(failure.stdout.decode().strip()).parent.exists()
