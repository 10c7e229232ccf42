"""How commands end: the words in memory, and on a real sshd the process table as the judge."""

import asyncio
import os
import shutil
import subprocess
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from paramiko import common

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply
from pssh.model.work import Limits, TransportError
from pssh.transport.ssh import ending
from pssh.transport.ssh.connect import SSHSession, SSHTransport
from pssh.transport.ssh.exec import Exec
from pssh.transport.ssh.failures import Closed
from pssh.transport.ssh.wire import ProtocolError, text, u32
from tests.support import processes
from tests.support.peer import STOP, Pair, Silent, command_of
from tests.support.sshd import Sshd

HELPER = 1  # the number of the second channel, on our side and here on theirs
TERM = text("TERM") + b"\0" + text("") + text("")


class Command:
    """A command that runs on a server in memory, and what that saw of its end."""

    def __init__(self, *, before: Callable[[Pair], None] = lambda pair: None, banner: str = "", **limits: Any) -> None:
        self.pair = Pair(single=True, **({"banner": banner} if banner else {}))
        self.exec = Exec(self.pair.client, "uname", b"", Limits(**limits), Silent(), quiet=False)
        self.pair.move()
        before(self.pair)
        self.pair.up()
        self.server = self.pair.server
        self.server.open(0)
        self.pair.move()
        self.says(b"\x63" + u32(0))
        self.seen = len(self.server.got)

    def says(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.server.send(payload)
        self.pair.move()

    def stopped(self) -> "Command":
        self.exec.end(STOP)
        self.pair.move()
        return self

    def helped(self) -> "Command":
        """Stop it, and let the second channel open."""
        self.stopped()
        self.server.open(HELPER, HELPER)
        self.pair.move()
        return self

    def answers(self, left: int, before: bytes = b"") -> None:
        self.server.data(HELPER, before + b"pssh-left %d\n" % left)
        self.pair.move()

    def ends(self, *, close: bool = True) -> None:
        self.server.request(0, "exit-signal", TERM)
        if close:
            self.server.close_channel(0)
        self.pair.move()

    @property
    def asked(self) -> list[str]:
        """What came since the command runs: words of the helper, and requests."""
        told = []
        for kind, body in self.server.got[self.seen :]:
            if kind == common.MSG_CHANNEL_DATA:
                told.append(body[8:].decode().strip())
            elif kind == common.MSG_CHANNEL_REQUEST:
                told.append(" ".join(command_of(body)).replace(ending.COMMAND, "HELPER"))
            elif kind == common.MSG_CHANNEL_OPEN:
                told.append("open")
        return told

    async def until(self, *asked: str) -> None:
        """Carry bytes until this was asked."""
        while self.asked != list(asked):
            await asyncio.sleep(0.001)
            self.pair.move()

    async def end(self) -> Failure:
        while not self.exec.done.done():
            await asyncio.sleep(0.001)
            self.pair.move()
        with pytest.raises(TransportError) as caught:
            await self.exec.done
        return caught.value.failure


# ---- in memory


async def test_a_command_that_ends_by_itself_costs_nothing_to_be_able_to_stop() -> None:
    command = Command()
    command.server.request(0, "exit-status", u32(0))
    command.server.close_channel(0)
    command.pair.move()
    assert await command.exec.done == Reply(exit_code=0)
    assert [kind for kind in command.server.types if kind >= 80] == [90, 98, 96, 97]


async def test_towards_openssh_a_second_channel_is_told_term_and_no_signal_is_requested() -> None:
    command = Command().helped()
    assert command.asked == ["open", "exec HELPER", "TERM"]
    command.answers(1)
    command.ends()
    await command.until("open", "exec HELPER", "TERM", "0")
    command.answers(0)
    assert (await command.end()).remote_end == "killed"


async def test_a_command_that_ended_and_left_nothing_is_not_waited_for() -> None:
    command = Command(kill_after=60).helped()
    command.ends(close=False)
    command.answers(0)
    assert (await asyncio.wait_for(command.end(), 5)).remote_end == "killed"


async def test_a_command_that_left_its_group_running_is_killed_after_the_grace_and_not_called_ended_before() -> None:
    command = Command(kill_after=0.05).helped()
    command.answers(1)
    command.ends()
    while "KILL" not in command.asked:
        assert not command.exec.done.done()
        if command.asked[-1] == "0":
            command.answers(1)
        await asyncio.sleep(0.001)
        command.pair.move()
    command.answers(0)
    command.answers(0)
    assert (await command.end()).remote_end == "killed"


async def test_what_cannot_be_seen_to_end_is_called_left_running() -> None:
    command = Command(kill_after=0.01).helped()
    command.ends()
    assert (await command.end()).remote_end == "left running"


async def test_what_login_files_print_is_not_taken_for_an_answer() -> None:
    command = Command(kill_after=60).helped()
    command.ends()
    command.server.data(HELPER, b"Welcome!\nleft 7\npssh-left x\n> pssh-left 0\npssh-left ")
    command.pair.move()
    assert not command.exec.done.done()
    command.answers(0, before=b"\n")
    assert (await command.end()).remote_end == "killed"


async def test_an_answer_may_come_in_pieces() -> None:
    command = Command(kill_after=60).helped()
    command.ends()
    for piece in (b"pssh-", b"left ", b"0", b"\n"):
        assert not command.exec.done.done()
        command.server.data(HELPER, piece)
        command.pair.move()
    assert (await command.end()).remote_end == "killed"


@pytest.mark.parametrize("banner", ["SSH-2.0-dropbear_2022.83", "SSH-2.0-Go"])
async def test_towards_other_servers_there_is_the_signal_request_only(banner: str) -> None:
    command = Command(banner=banner, kill_after=0.01).stopped()
    assert command.asked == ["signal TERM"]
    await command.until("signal TERM", "signal KILL")
    command.ends()
    assert (await command.end()).remote_end == "killed"


async def test_a_key_with_a_command_of_its_own_gets_no_second_channel() -> None:
    def said(pair: Pair) -> None:
        words = "/root/.ssh/authorized_keys:1: key options: agent-forwarding command pty"
        pair.server.send(b"\4\0" + text(words) + text(""))

    command = Command(before=said).stopped()
    assert command.asked == ["signal TERM"]


@pytest.mark.parametrize(
    "answer",
    [
        b"\x5c" + u32(HELPER) + u32(1) + text("MaxSessions") + text(""),
        b"\x5b" + u32(HELPER) + u32(HELPER) + u32(1 << 20) + u32(1 << 15),
    ],
    ids=["no session", "no shell"],
)
async def test_where_there_is_no_helper_the_signal_request_takes_its_place(answer: bytes) -> None:
    command = Command(kill_after=0.05).stopped()
    command.says(answer)
    if HELPER in command.pair.client.channels:
        command.says(b"\x64" + u32(HELPER), b"\x61" + u32(HELPER))
    assert command.asked[-1] == "signal TERM"
    while command.asked[-1] != "signal KILL":
        await asyncio.sleep(0.001)
        command.pair.move()
    command.ends()
    assert (await command.end()).remote_end == "killed"


async def test_a_helper_that_does_not_answer_is_not_relied_on(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ending, "_PATIENCE", 0.01)
    command = Command(kill_after=0.05).helped()
    await command.until("open", "exec HELPER", "TERM", "signal TERM")
    await command.until("open", "exec HELPER", "TERM", "signal TERM", "KILL", "signal KILL")
    assert (await command.end()).remote_end == "left running"


async def test_a_helper_that_ends_while_something_is_left_did_not_see_it_end() -> None:
    command = Command(kill_after=0.05).helped()
    command.answers(1)
    command.server.close_channel(HELPER)
    command.ends()
    assert (await command.end()).remote_end == "left running"
    assert command.asked == ["open", "exec HELPER", "TERM", "signal TERM"]


async def test_a_helper_that_found_nothing_looks_again() -> None:
    command = Command(kill_after=60).helped()
    command.answers(0)
    await command.until("open", "exec HELPER", "TERM", "0")
    command.answers(1)
    command.ends()
    await command.until("open", "exec HELPER", "TERM", "0", "0")
    command.answers(0)
    assert (await command.end()).remote_end == "killed"


async def test_a_second_stop_sends_kill_and_waits_for_nothing() -> None:
    command = Command(kill_after=60).helped()
    command.exec.end(STOP)
    assert command.exec.done.done()
    command.pair.move()
    assert (await command.end()).remote_end == "left running"
    assert command.asked[:4] == ["open", "exec HELPER", "TERM", "KILL"]


async def test_a_stop_after_a_limit_is_the_first_stop() -> None:
    command = Command(kill_after=60, total=0.01)
    await asyncio.sleep(0.03)
    command.exec.end(STOP)
    assert not command.exec.done.done()
    command.exec.end(STOP)
    assert (await command.end()).cause == "exec/total"


async def test_without_a_grace_kill_is_sent_at_once() -> None:
    command = Command(kill_after=0)
    command.exec.end(STOP)
    await asyncio.sleep(0.01)
    command.server.open(HELPER, HELPER)
    command.pair.move()
    assert command.asked[:1] == ["signal KILL"] or command.asked[-1] == "KILL"
    assert "KILL" in command.asked
    assert "TERM" not in command.asked


async def test_a_stop_while_only_the_streams_are_open_gives_the_reply() -> None:
    command = Command(drain=60)
    command.server.request(0, "exit-status", u32(3))
    command.pair.move()
    command.stopped()
    reply = await command.exec.done
    assert (reply.exit_code, reply.note, command.asked) == (3, "stream-left-open", [])


async def test_a_connection_that_is_lost_meanwhile_leaves_it_running() -> None:
    command = Command(kill_after=60).helped()
    for channel in list(command.pair.client.channels.values()):
        channel.fail(Closed())
    assert (await command.end()).remote_end == "left running"


async def test_a_command_sent_with_the_login_is_ended_once_that_is_accepted() -> None:
    pair = Pair(speculate=True)
    command = Exec(pair.client, "uname", b"", Limits(), Silent(), quiet=False)
    pair.client.on_phase = lambda phase: command.logged_in() if phase == "run" else None
    pair.move()
    command.end(STOP)
    pair.move()
    assert pair.server.types[-3:] == [90, 98, 96]
    pair.up()
    assert pair.server.types[-1] == 90
    command.let_go()


async def test_a_command_sent_with_a_login_that_is_refused_was_not_started() -> None:
    pair = Pair(speculate=True)
    command = Exec(pair.client, "uname", b"", Limits(), Silent(), quiet=False)
    pair.move()
    command.end(STOP)
    command.passed_over()
    with pytest.raises(TransportError) as caught:
        await command.done
    assert caught.value.failure.remote_end == ""


async def test_a_helper_that_floods_ends_the_connection() -> None:
    command = Command(kill_after=60).helped()
    with pytest.raises(ProtocolError, match="window"):
        for _ in range(3):
            command.server.data(HELPER, bytes(16 << 10))
            command.pair.move()


@pytest.mark.parametrize(
    "payload",
    [
        b"\x61" + u32(HELPER),
        b"\x5e" + u32(HELPER) + text("pssh-left 0\n"),
        b"\x62" + u32(HELPER) + text("keepalive@openssh.com") + b"\1",
    ],
    ids=["closed", "data", "request"],
)
async def test_a_helper_that_was_not_opened_cannot_speak(payload: bytes) -> None:
    with pytest.raises(ProtocolError, match="unexpected"):
        Command(kill_after=60).stopped().says(payload)


async def test_a_helper_is_opened_once() -> None:
    command = Command(kill_after=60).helped()
    with pytest.raises(ProtocolError, match="unexpected"):
        command.server.open(HELPER, HELPER)
        command.pair.move()


async def test_a_sign_of_life_asked_of_the_helper_is_given_until_it_is_left() -> None:
    command = Command(kill_after=60).helped()
    command.server.request(HELPER, "keepalive@openssh.com", b"", reply=True)
    command.pair.move()
    assert command.server.types[-1] == common.MSG_CHANNEL_FAILURE
    command.ends()
    command.answers(0)
    await command.end()
    command.server.request(HELPER, "keepalive@openssh.com", b"", reply=True)
    command.pair.move()
    assert command.server.types[-1] == common.MSG_CHANNEL_CLOSE


async def test_whatever_comes_for_the_helper_later_is_harmless() -> None:
    command = Command(kill_after=60).helped()
    command.ends()
    command.answers(0)
    await command.end()
    command.answers(3)
    command.server.request(HELPER, "exit-status", u32(0))
    command.server.close_channel(HELPER)
    command.pair.move()
    assert command.pair.client.channels == {}


@pytest.mark.parametrize("may", [True, False])
def test_the_program_becomes_whoever_the_command_is_and_stays_the_login_where_it_may_not(
    may: bool, tmp_path: Path
) -> None:
    """The words are put in front of it, and it is told of its parent and of its own channel, whoever runs it."""
    sudo = tmp_path / "it's sudo"
    sudo.write_text(f'#!/bin/sh\n{"exec" if may else "exit 1 #"} "$@"\n')
    sudo.chmod(0o755)
    line = ending.command(f"'{tmp_path}/it'\"'\"'s sudo'")
    assert "!" not in line.replace(ending.COMMAND, "")
    for shell in ("dash", "bash", "busybox sh"):
        if shutil.which(shell.split()[0]):  # the parent is no sshd, for which the program has an exit code of its own
            done = subprocess.run([*shell.split(), "-c", line], stdin=subprocess.DEVNULL, capture_output=True)
            assert (done.returncode, done.stdout) == (9, b"\n\n" if may else b"\n")


def test_the_program_passes_through_any_login_shell() -> None:
    program = ending.COMMAND.removeprefix("exec sh -c '").removesuffix("'")
    assert not set(program) & set("'\\!\n")


# ---- on a real sshd


@pytest.fixture
def patient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Wait for what was killed to be seen ending: on a busy machine half a second shows nothing."""
    monkeypatch.setattr(ending, "AFTER_KILL", 30)


@pytest.fixture
def mark() -> str:
    """A number of seconds that no other process sleeps."""
    return f"6{time.monotonic_ns() % 10**10}"


async def until(true: Callable[[], object]) -> None:
    """Wait for other processes to make something true."""
    while not true():  # noqa: ASYNC110  another process has no event of ours
        await asyncio.sleep(0.005)


async def gone(mark: str) -> bool:
    """Whether nothing with that mark runs, now or within a second."""
    for _ in range(200):
        if not processes.named(mark):
            return True
        await asyncio.sleep(0.005)
    return False


def reach(daemon: Sshd) -> Connection:
    return Connection(
        address="127.0.0.1",
        user=daemon.user,
        port=daemon.port,
        identity=(str(daemon.identity),),
        known_hosts=(str(daemon.known_hosts()),),
    )


@asynccontextmanager
async def opened(daemon: Sshd, **limits: Any) -> AsyncIterator[SSHSession]:
    async with SSHTransport({}, 8).open("h", reach(daemon), Limits(**limits), Silent()) as session:
        yield session


async def started(session: SSHSession, command: str, mark: str, processes_of_it: int = 1) -> Awaitable[Failure]:
    """Run a command, and return its failure to come once that many of its processes run."""

    async def fail() -> Failure:
        with pytest.raises(TransportError) as caught:
            await session.exec(command)
        return caught.value.failure

    running = asyncio.ensure_future(fail())
    await until(lambda: len(processes.named(f"sleep\0{mark}")) >= processes_of_it)
    return running


# what runs, and how many sleep in it
HARMLESS = {
    "alone": ("exec sleep {m}", 1),
    "below a shell": ("sleep {m}; true", 1),
    "pipeline": ("sleep {m} | sleep {m} | sleep {m}", 3),
    "double fork": ("(sleep {m} &); sleep {m}; true", 2),
    "a group of its own": ("timeout 99 sleep {m}; true", 1),
}
STUBBORN = {
    "ignores": ("trap '' TERM; while :; do sleep {m}; done", 1),
    "child ignores": ("(trap '' TERM; sleep {m} >/dev/null 2>&1 &); sleep {m}; true", 2),
}


@pytest.mark.parametrize(("command", "count"), HARMLESS.values(), ids=HARMLESS)
async def test_term_ends_a_command_with_all_that_it_started(sshd: Sshd, mark: str, command: str, count: int) -> None:
    async with opened(sshd, kill_after=30) as session:
        failure = await started(session, command.format(m=mark), mark, count)
        session.end(STOP)
        assert (await failure).remote_end == "killed"
        assert processes.named(mark) == []


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize(("command", "count"), STUBBORN.values(), ids=STUBBORN)
async def test_kill_ends_what_ignores_term(sshd: Sshd, mark: str, command: str, count: int) -> None:
    async with opened(sshd, kill_after=0.2) as session:
        failure = await started(session, command.format(m=mark), mark, count)
        session.end(STOP)
        row = await failure
        assert await gone(mark)
        assert row.remote_end == "killed"


@pytest.mark.usefixtures("patient")
@pytest.mark.parametrize("shell", ["dash", "bash", "busybox"])
async def test_any_of_these_shells_does(start_sshd: Callable[..., Sshd], tmp_path: Path, mark: str, shell: str) -> None:
    where = shutil.which(shell)
    if where is None:
        pytest.skip(f"there is no {shell} on this machine")
    (tmp_path / "sh").symlink_to(where)
    daemon = start_sshd(f"SetEnv PATH={tmp_path}:/usr/local/bin:/usr/bin:/bin HOME={tmp_path}\n")
    async with opened(daemon, kill_after=0.2) as session:
        for command, count in (HARMLESS["pipeline"], STUBBORN["child ignores"]):
            failure = await started(session, command.format(m=mark), mark, count)
            session.end(STOP)
            row = await failure
            assert await gone(mark)
            assert row.remote_end == "killed"


@pytest.mark.usefixtures("patient")
async def test_without_the_kernels_list_of_children_ps_is_asked(
    sshd: Sshd, mark: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if shutil.which("ps") is None:
        pytest.skip("there is no ps on this machine")
    hidden = ending.COMMAND.replace("/children", "/hidden").replace("/comm", "/hidden")
    monkeypatch.setattr(ending, "COMMAND", hidden)
    async with opened(sshd, kill_after=0.2) as session:
        failure = await started(session, STUBBORN["child ignores"][0].format(m=mark), mark, 2)
        session.end(STOP)
        assert (await failure).remote_end == "killed"
        assert await gone(mark)


async def test_only_commands_of_our_own_connection_are_ended(sshd: Sshd, mark: str) -> None:
    async with opened(sshd) as other, opened(sshd) as session:
        theirs = await started(other, f"sleep {mark}1", f"{mark}1")
        ours = await started(session, f"sleep {mark}2", f"{mark}2")
        session.end(STOP)
        assert (await ours).remote_end == "killed"
        assert len(processes.named(f"sleep\0{mark}1")) == 1
        other.end(STOP)
        await theirs


async def test_login_files_that_print_do_no_harm(start_sshd: Callable[..., Sshd], mark: str) -> None:
    daemon = start_sshd()
    (daemon.home / ".bashrc").write_text("printf 'no line end'; echo '>' >&2\n")  # where the login shell is bash
    async with opened(daemon, kill_after=30) as session:
        failure = await started(session, f"sleep {mark}; true", mark)
        session.end(STOP)
        assert (await failure).remote_end == "killed"


async def test_a_daemon_that_left_its_session_is_left_alone(sshd: Sshd, mark: str) -> None:
    async with opened(sshd, kill_after=30) as session:
        away = f"setsid sh -c 'exec sleep $0' {mark} >/dev/null 2>&1 &"  # it is away once it is called sleep
        failure = await started(session, f"{away} sleep {mark}", mark, 2)
        session.end(STOP)
        assert (await failure).remote_end == "killed"
        (daemon,) = processes.named(mark)
        os.kill(daemon, 9)


async def test_a_second_stop_kills_and_returns_at_once(sshd: Sshd, mark: str) -> None:
    async with opened(sshd, kill_after=60) as session:
        failure = await started(session, STUBBORN["ignores"][0].format(m=mark), mark)
        session.end(STOP)
        await until(lambda: {*processes.named("pssh-left")} & {*processes.descendants(sshd.pid)})
        session.end(STOP)
        assert (await failure).remote_end == "left running"
    assert await gone(mark)


async def test_a_stop_that_is_cut_short_still_ends_the_command(sshd: Sshd, mark: str) -> None:
    async with opened(sshd, kill_after=60) as session:
        failure = await started(session, STUBBORN["ignores"][0].format(m=mark), mark)
        session.end(STOP)
        helper = session._running and session._running[0]._ending
        await until(lambda: helper and helper._left)
        assert session._link is not None
        session._link.fail(Closed())
        assert (await failure).remote_end == "left running"
        assert await gone(mark)


async def test_a_session_goes_on_after_a_command_was_ended(sshd: Sshd, mark: str) -> None:
    async with opened(sshd) as session:
        for _ in range(3):
            failure = await started(session, f"sleep {mark}", mark)
            session.end(STOP)
            assert (await failure).remote_end == "killed"
            assert (await session.exec("echo clean")).stdout == b"clean\n"


async def test_where_one_session_is_allowed_the_row_says_what_is_true(
    start_sshd: Callable[..., Sshd], mark: str
) -> None:
    async with opened(start_sshd("MaxSessions 1\n"), kill_after=0.1) as session:
        failure = await started(session, f"exec sleep {mark}", mark)
        session.end(STOP)
        if (await failure).remote_end == "left running":
            assert processes.named(mark)
            os.kill(processes.named(f"sleep\0{mark}")[0], 9)
        else:
            assert await gone(mark)


async def test_a_key_with_a_command_of_its_own_runs_it_once(
    start_sshd: Callable[..., Sshd], mark: str, tmp_path: Path
) -> None:
    daemon = start_sshd()
    keys = daemon.folder / "authorized_keys"
    keys.write_text(f'command="echo >> {tmp_path}/runs; exec sleep {mark}" {keys.read_text()}')
    async with opened(daemon, kill_after=0.1) as session:
        failure = await started(session, "anything", mark)
        session.end(STOP)
        await failure
        assert (tmp_path / "runs").read_text() == "\n"
    for pid in processes.named(f"sleep\0{mark}"):
        os.kill(pid, 9)
