"""This machine as a host: what is its own, beside what every transport promises in tests/contract."""

import asyncio
import errno
import os
import signal
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from pssh.model.host import Connection
from pssh.model.outcome import Failure
from pssh.model.secret import Secret
from pssh.model.work import Limits, Prompt, TransportError
from pssh.transport import process
from pssh.transport.local import LocalSession, LocalTransport
from tests.support.inputs import Endless, Growing
from tests.support.listeners import Quiet


@asynccontextmanager
async def opened(limits: Limits | None = None) -> AsyncIterator[LocalSession]:
    here = Connection(address="local", user="", transport="local")
    async with LocalTransport({}, 1).open("local", here, limits or Limits(), Quiet()) as session:
        yield session


async def failure_of(session: LocalSession, command: str, stdin: bytes = b"") -> Failure:
    with pytest.raises(TransportError) as caught:
        await session.exec(command, stdin=stdin)
    return caught.value.failure


async def until(true: Callable[[], object]) -> None:
    """Wait for other processes to make something true."""
    while not true():  # noqa: ASYNC110  another process has no event of ours
        await asyncio.sleep(0.002)


async def told(file: Path) -> str:
    """Wait for a line in a file, and return it."""
    await until(lambda: file.exists() and file.read_text().endswith("\n"))
    return file.read_text().strip()  # noqa: ASYNC240  one short line


def alive(pid: str) -> bool:
    """Whether a process runs; one that only waits to be reaped does not."""
    try:
        return " Z " not in Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2][:3]
    except (FileNotFoundError, ProcessLookupError):
        return False


def descriptors() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


async def test_a_command_has_our_environment_and_folder(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("MARK", "here")
    async with opened() as session:
        assert (await session.exec('echo "$MARK"; pwd')).stdout == f"here\n{os.getcwd()}\n".encode()  # noqa: PTH109


async def test_a_command_leads_a_group_and_session_of_its_own():
    async with opened() as session:
        reply = await session.exec("ps -o pid=,pgid=,sid= -p $$")
        assert len(set(reply.stdout.split())) == 1


async def test_standard_input_can_be_opened_by_its_name():
    async with opened() as session:
        assert (await session.exec("cat /dev/stdin", stdin=b"text")).stdout == b"text"


async def test_a_command_that_reads_nothing_is_not_disturbed():
    async with opened() as session:
        assert (await session.exec("exit 3", stdin=bytes(1 << 20))).exit_code == 3


@pytest.mark.parametrize("command", [": " + "x" * (1 << 20), "echo \0"])
async def test_a_command_that_no_machine_can_run_is_denied(command: str):
    async with opened() as session:
        assert (await failure_of(session, command)).cause == "exec/denied"


@pytest.mark.parametrize(
    ("number", "cause"),
    [(errno.EAGAIN, "local/denied"), (errno.EMFILE, "local/denied"), (errno.ENOSPC, "local/disk-full")],
)
async def test_a_machine_that_cannot_start_it_says_why(monkeypatch: pytest.MonkeyPatch, number: int, cause: str):
    async def fail(*_: object, **__: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(asyncio.get_running_loop(), "subprocess_exec", fail)
    async with opened() as session:
        failure = await failure_of(session, "true", b"input")
        assert (failure.cause, os.strerror(number) in failure.message) == (cause, True)


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what was killed to be seen ending: on a busy machine half a second shows nothing."""
    monkeypatch.setattr(process, "_AFTER_KILL", 30)


async def ended_once_it_runs(command: str, file: Path, kill_after: float = 30) -> tuple[Failure, str]:
    """End a command once it has written a line to a file; return how that went, and the line."""
    async with opened(Limits(kill_after=kill_after)) as session:
        running = asyncio.ensure_future(failure_of(session, command))
        line = await told(file)
        running.cancel()
        return await running, line


async def test_a_limit_ends_a_command():
    async with opened(Limits(total=0.05, kill_after=30)) as session:
        failure = await failure_of(session, "sleep 60 & wait")
        assert (failure.cause, failure.remote_end) == ("exec/total", "killed")


async def test_term_ends_the_whole_group(tmp_path: Path):
    failure, pid = await ended_once_it_runs(f"sleep 60 & echo $! > {tmp_path}/pid; wait", tmp_path / "pid")
    assert (failure.remote_end, alive(pid)) == ("killed", False)


@pytest.mark.usefixtures("patient")
async def test_what_ignores_term_is_killed_after_the_grace_time(tmp_path: Path):
    command = f"trap '' TERM; echo $$ > {tmp_path}/pid; sleep 60; sleep 60"
    failure, pid = await ended_once_it_runs(command, tmp_path / "pid", 0.1)
    assert (failure.remote_end, alive(pid)) == ("killed", False)


@pytest.mark.usefixtures("patient")
async def test_a_member_of_the_group_that_ignores_term_is_killed_too(tmp_path: Path):
    deaf = f"(trap '' TERM; exec sh -c 'echo $$ > {tmp_path}/pid; exec sleep 60' >/dev/null 2>&1)"
    failure, pid = await ended_once_it_runs(f"{deaf} & wait", tmp_path / "pid", 0.1)
    assert (failure.remote_end, alive(pid)) == ("killed", False)


@pytest.mark.usefixtures("patient")
async def test_a_daemon_that_left_for_a_session_of_its_own_is_left_alone(tmp_path: Path):
    daemon = f"setsid sh -c 'echo $$ > {tmp_path}/pid; exec sleep 60' >/dev/null 2>&1 &"
    failure, pid = await ended_once_it_runs(f"trap '' TERM; {daemon} sleep 60; sleep 60", tmp_path / "pid", 0.1)
    assert (failure.remote_end, alive(pid)) == ("killed", True)
    os.kill(int(pid), signal.SIGKILL)


async def test_a_command_that_cleans_up_at_term_is_seen_to_exit_and_its_last_words_are_kept(tmp_path: Path):
    command = f"trap 'echo bye; exit 4' TERM; sleep 60 & echo $$ > {tmp_path}/pid; wait"
    failure, _ = await ended_once_it_runs(command, tmp_path / "pid")
    assert (failure.remote_end, failure.stdout) == ("exited", b"bye\n")


async def test_a_cancelled_command_is_ended_and_answers_with_what_it_printed(tmp_path: Path):
    async with opened() as session:
        running = asyncio.ensure_future(failure_of(session, f"echo hi; echo $$ > {tmp_path}/pid; sleep 60"))
        pid = await told(tmp_path / "pid")
        running.cancel()
        failure = await running
        assert (failure.cause, failure.stdout, failure.remote_end) == ("stop/interrupt", b"hi\n", "killed")
        assert not alive(pid)


@pytest.mark.parametrize("turns", range(6))
async def test_a_command_cancelled_while_it_starts_is_ended_whole(tmp_path: Path, turns: int):
    async with opened() as session:
        command = f"(sleep 60 & echo $! > {tmp_path}/pid; wait) & echo $! > {tmp_path}/other; wait"
        running = asyncio.ensure_future(failure_of(session, command))
        for _ in range(turns):
            await asyncio.sleep(0)
        if turns:  # else the task had not begun, and there is nothing to end
            running.cancel()
            assert (await running).cause == "stop/interrupt"
        else:
            session.end(Failure(stage="stop", kind="interrupt", message="stopped"))
            running.cancel()
            with pytest.raises(asyncio.CancelledError):
                await running
        assert not any(alive(file.read_text().strip() or "0") for file in tmp_path.iterdir())  # noqa: ASYNC240


async def test_a_second_cancel_kills_at_once(tmp_path: Path):
    async with opened(Limits(kill_after=60)) as session:
        command = f"trap 'echo told > {tmp_path}/term' TERM; echo $$ > {tmp_path}/pid; while :; do sleep 0.01; done"
        running = asyncio.ensure_future(session.exec(command))
        pid = await told(tmp_path / "pid")
        running.cancel()
        await told(tmp_path / "term")
        running.cancel()
        with pytest.raises(TransportError):
            await running
        await until(lambda: not alive(pid))


async def test_a_stop_during_the_drain_keeps_the_reply():
    async with opened(Limits(drain=60)) as session:
        running = asyncio.ensure_future(session.exec("sleep 1 & echo done; exit 3"))
        await until(lambda: session._running and session._running[0]._exited.done())
        running.cancel()
        reply = await running
        assert (reply.exit_code, reply.stdout, reply.note) == (3, b"done\n", "stream-left-open")


async def test_a_background_child_is_left_alone_after_the_drain(tmp_path: Path):
    async with opened(Limits(drain=0.05)) as session:
        assert (await session.exec(f"sleep 2 & echo $! > {tmp_path}/pid")).note == "stream-left-open"
        pid = await told(tmp_path / "pid")
        assert alive(pid)
        os.kill(int(pid), 9)


async def test_closing_kills_what_still_runs(tmp_path: Path):
    async with opened() as session:
        running = asyncio.ensure_future(failure_of(session, f"echo $$ > {tmp_path}/pid; sleep 60"))
        pid = await told(tmp_path / "pid")
    assert ((await running).remote_end, alive(pid)) == ("killed", False)
    assert (await failure_of(session, "true")).cause == "exec/connection-closed"


async def test_there_is_no_host_key_and_the_row_is_skipped():
    async with opened() as session:
        with pytest.raises(TransportError) as caught:
            await session.host_key()
        assert caught.value.failure.cause == "rule/condition"


async def test_no_descriptor_and_no_child_stays_behind():
    async with opened(Limits(total=0.05)) as session:
        await session.exec("true", stdin=b"x")
        before = descriptors()
        for command in ("true", "exit 3", "kill -KILL $$"):
            await session.exec(command, stdin=b"x")
        await failure_of(session, "sleep 60")
        await asyncio.sleep(0)
        assert descriptors() == before


def test_a_signal_without_a_name_is_a_number():
    assert (process._signal_name(11), process._signal_name(40)) == ("SEGV", "40")


async def test_input_through_a_pipe_can_be_opened_by_its_name_too():
    async with opened() as session:
        assert (await session.exec("cat /dev/stdin", stdin=Growing(b"text", ended=True))).stdout == b"text"


async def test_pipes_and_terminals_leave_no_descriptor_behind(tmp_path: Path):
    ask = Prompt(asks="never", mark="MARK")
    async with opened(Limits(total=0.3, kill_after=0.2)) as session:
        await session.exec("true", stdin=Growing(b"x"), tty=True)
        before = descriptors()
        for tty in (False, True):
            await session.exec("cat >/dev/null", stdin=Growing(b"x", ended=True), tty=tty)
            await session.exec("exec 0<&-; sleep 0.05", stdin=Endless(), tty=tty)
            with pytest.raises(TransportError):
                await session.exec("sleep 60", stdin=Growing(b"x"), tty=tty)
            with pytest.raises(TransportError):
                await session.exec("cat", tty=tty, prompt=ask)
            with pytest.raises(TransportError):
                await session.exec("echo \0", stdin=Growing(b"x"), tty=tty)
        await asyncio.sleep(0)
        assert descriptors() == before


async def test_where_no_mark_tells_the_input_ends_once_no_question_came(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(process, "UNASKED", 0.05)
    here = Connection(address="local", user="", transport="local")
    async with LocalTransport({"x": Secret("s3cret")}, 1).open("local", here, Limits(), Quiet()) as session:
        ask = Prompt(asks="never", mark="", secret="x")
        assert (await session.exec("cat; echo end", stdin=b"", prompt=ask)).stdout == b"end\n"


async def test_a_machine_without_terminals_says_so(monkeypatch: pytest.MonkeyPatch):
    def fail() -> tuple[int, int]:
        raise OSError(errno.ENOENT, "out of pty devices")

    monkeypatch.setattr(os, "openpty", fail)
    async with opened() as session:
        with pytest.raises(TransportError) as caught:
            await session.exec("true", tty=True)
        failure = caught.value.failure
        assert (failure.cause, "out of pty devices" in failure.message) == ("local/denied", True)
