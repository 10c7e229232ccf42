"""What every transport promises of input, terminals and password prompts, held against each of them."""

import asyncio
import hashlib
import os
import shutil
from pathlib import Path

import pytest

from pssh.model.outcome import Failure
from pssh.model.secret import Secret
from pssh.model.work import NO_INPUT, Prompt, Session, TransportError
from tests.contract.test_transport import MB, STOP, Ear, Open, everywhere, opened, until, written
from tests.support import fakesudo
from tests.support.inputs import Endless, Growing

__all__ = ["opened"]  # a fixture

SECRETS = {"right": Secret("right"), "wrong": Secret("wr0ng-canary")}
NONCE, MARK = "nonce-4c1b", "mark-9e0a"


@pytest.fixture
def sudo(tmp_path: Path) -> Path:
    return fakesudo.install(tmp_path)


def asked(sudo: Path, user: str, line: str, *, options: str = f"-S -p {NONCE}", mark: str = MARK) -> str:
    """Return a command line that becomes `user` and says the mark first."""
    say = f"printf %s {mark} >&2; " if mark else ""
    return f"{sudo} {options} -u {user} -- sh -c '{say}{line}'"


ASKS = Prompt(asks="password:", mark=MARK, secret="right")


def prompt(secret: str = "right", mark: str = MARK) -> Prompt:
    return Prompt(asks=NONCE, mark=mark, secret=secret)


def answers(sudo: Path) -> list[str]:
    log = sudo.with_name("sudo.log")
    return log.read_text().splitlines() if log.exists() else []


async def failure_of(session: Session, command: str, asks: Prompt, *, stdin: bytes = b"", tty: bool = False) -> Failure:
    with pytest.raises(TransportError) as caught:
        await session.exec(command, prompt=asks, stdin=stdin, tty=tty)
    return caught.value.failure


# ---- input that may grow


@everywhere
async def test_input_arrives_as_it_grows_and_ends(opened: Open):
    growing, ear = Growing(b"first\n"), Ear()
    async with opened(ear, say=True) as session:
        running = asyncio.ensure_future(session.exec("cat", stdin=growing))
        await until(lambda: ear.heard["stdout"] == b"first\n")
        growing.grow(b"second\n")
        await until(lambda: ear.heard["stdout"] == b"first\nsecond\n")
        growing.grow(b"", ended=True)
        assert (await running).stdout == b"first\nsecond\n"


@everywhere
async def test_every_command_reads_the_input_from_its_beginning(opened: Open):
    growing = Growing(b"all of it", ended=True)

    async def one() -> bytes:
        async with opened() as session:
            return (await session.exec("cat", stdin=growing)).stdout + (await session.exec("cat", stdin=growing)).stdout

    assert await asyncio.gather(*(one() for _ in range(3))) == [b"all of itall of it"] * 3


@everywhere
async def test_no_input_is_an_end_at_once(opened: Open):
    async with opened() as session:
        assert (await session.exec("cat", stdin=NO_INPUT)).stdout == b""


async def test_much_input_arrives_whole(opened: Open):
    growing = Growing(os.urandom(20 * MB), ended=True)
    async with opened() as session:
        reply = await session.exec("sha256sum", stdin=growing)
        assert reply.stdout.split()[0].decode() == hashlib.sha256(growing.data).hexdigest()


async def test_a_command_that_ends_does_not_wait_for_its_input(opened: Open):
    for endless in (Endless(), Growing()):
        async with opened() as session:
            assert (await session.exec("head -c 0; exit 3", stdin=endless)).exit_code == 3
            assert (await session.exec("echo again")).stdout == b"again\n"


async def test_input_is_not_read_ahead_of_a_command_that_does_not_take_it(opened: Open, tmp_path: Path):
    endless = Endless()
    async with opened(kill_after=0.5) as session:
        running = asyncio.ensure_future(
            session.exec(f"echo > {tmp_path}/begun; until [ -e {tmp_path}/go ]; do sleep 0.02; done", stdin=endless)
        )
        await until(lambda: written(tmp_path / "begun"))
        await asyncio.sleep(0.3)  # for what must not happen there is nothing to wait for
        assert endless.read_to <= 8 * MB
        (tmp_path / "go").touch()
        assert (await running).exit_code == 0


async def test_who_takes_input_slowly_holds_nobody_else_back(opened: Open, tmp_path: Path):
    growing = Growing(bytes(16 * MB), ended=True)
    async with opened() as slow, opened() as quick:
        held = asyncio.ensure_future(
            slow.exec(f"until [ -e {tmp_path}/go ]; do sleep 0.02; done; wc -c", stdin=growing)
        )
        assert int((await quick.exec("wc -c", stdin=growing)).stdout) == 16 * MB
        assert not held.done()
        (tmp_path / "go").touch()
        assert int((await held).stdout) == 16 * MB


async def test_input_that_a_command_takes_is_a_sign_of_life(opened: Open):
    growing = Growing(b"x")
    async with opened(stall=0.5) as session:
        running = asyncio.ensure_future(session.exec("wc -c", stdin=growing))
        for _ in range(8):
            await asyncio.sleep(0.1)
            growing.grow(b"x")
        growing.grow(b"", ended=True)
        assert int((await running).stdout) == 9


async def test_a_stop_ends_a_command_that_still_waits_for_input(opened: Open, tmp_path: Path):
    growing = Growing(b"x\n")
    async with opened(kill_after=0.5) as session:
        running = asyncio.ensure_future(session.exec(f"read x; echo > {tmp_path}/x; exec cat", stdin=growing))
        await until(lambda: written(tmp_path / "x"))
        session.end(STOP)
        with pytest.raises(TransportError) as caught:
            await running
        assert caught.value.failure.cause == "stop/interrupt"
        growing.grow(b"too late", ended=True)


# ---- terminals


async def test_a_terminal_is_all_three_streams_and_80_by_24(opened: Open):
    async with opened() as session:
        command = "test -t 0 && test -t 1 && test -t 2 && stty size && echo here > /dev/tty; echo $TERM"
        assert (await session.exec(command, tty=True)).stdout == b"24 80\nhere\ndumb\n"
        assert (await session.exec("test -t 0 || test -t 1 || test -t 2")).exit_code == 1


async def test_on_a_terminal_output_is_one_stream_of_the_bytes_as_they_were_written(opened: Open):
    ear = Ear()
    async with opened(ear, say=True) as session:
        reply = await session.exec("echo 1; echo 2 >&2; printf 'a\\r\\tb'; exit 3", tty=True)
        assert (reply.exit_code, reply.stdout, reply.stderr) == (3, b"1\n2\na\r\tb", b"")
        assert ear.heard == {"stdout": reply.stdout, "stderr": b""}


@pytest.mark.parametrize("given", [b"", b"two\nlines\n", b"no end"])
async def test_a_terminal_gives_the_input_and_its_end_without_an_echo(opened: Open, given: bytes):
    async with opened() as session:
        for stdin in (given, Growing(given, ended=True)):
            assert (await session.exec("cat; echo end", stdin=stdin, tty=True)).stdout == given + b"end\n"


async def test_a_command_on_a_terminal_ended_by_a_signal_has_its_name(opened: Open):
    async with opened() as session:
        assert (await session.exec("kill -KILL $$", tty=True)).signal == "KILL"


async def test_much_output_of_a_terminal_comes_whole(opened: Open):
    async with opened(keep=4 * MB) as session:
        reply = await session.exec("seq 200000", tty=True)
        assert reply.stdout == b"".join(b"%d\n" % number for number in range(1, 200001))


# ---- password prompts


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.contract.test_transport.SECRETS", SECRETS)


pytestmark = pytest.mark.usefixtures("secrets")


async def test_a_question_is_answered_and_no_word_of_it_is_output(opened: Open, sudo: Path):
    ear = Ear()
    for user in ("never", "once", "lecture"):
        async with opened(ear, say=True) as session:
            reply = await session.exec(asked(sudo, user, "echo out; echo err >&2; exit 3"), prompt=prompt())
            assert (reply.exit_code, reply.stdout, reply.stderr) == (3, b"out\n", b"err\n")
    assert ear.heard == {"stdout": b"out\n" * 3, "stderr": b"err\n" * 3}
    assert answers(sudo) == ["right"] * 2


async def test_input_follows_only_the_mark(opened: Open, sudo: Path):
    async with opened() as session:
        for stdin in (b"one\ntwo\n", Growing(b"one\ntwo\n", ended=True)):
            reply = await session.exec(asked(sudo, "once", "cat"), prompt=prompt(), stdin=stdin)
            assert reply.stdout == b"one\ntwo\n"
        assert (await session.exec(asked(sudo, "never", "cat"), prompt=prompt(), stdin=b"x")).stdout == b"x"
    assert answers(sudo) == ["right"] * 2


async def test_a_second_question_is_never_answered(opened: Open, sudo: Path):
    for user, secret in (("once", "wrong"), ("twice", "right")):
        async with opened(kill_after=0.5) as session:
            failure = await failure_of(session, asked(sudo, user, "id"), prompt(secret), stdin=b"not for sudo\n")
            assert (failure.cause, failure.message) == (
                "exec/sudo-denied",
                "the password was not taken: Sorry, try again.",
            )
            assert (failure.stdout, NONCE.encode() in failure.stderr) == (b"", False)
    assert answers(sudo) == ["wr0ng-canary", "right"]


async def test_a_question_without_a_password_ends_the_command(opened: Open, sudo: Path):
    async with opened(kill_after=0.5) as session:
        for secret in ("", "unknown"):
            failure = await failure_of(session, asked(sudo, "lecture", "id"), prompt(secret), stdin=b"not for sudo\n")
            assert failure.cause == "exec/sudo-needs-password"
    assert answers(sudo) == []


async def test_an_end_before_the_mark_is_a_refusal_with_the_first_line_that_was_printed(opened: Open, sudo: Path):
    async with opened() as session:
        failure = await failure_of(session, asked(sudo, "once", "id", options="-n"), prompt(""))
        assert (failure.cause, failure.message) == ("exec/sudo-needs-password", "sudo: a password is required")
        failure = await failure_of(session, asked(sudo, "refuses", "id"), prompt())
        assert (failure.cause, failure.message) == ("exec/sudo-denied", "login is not in the sudoers file.")
        failure = await failure_of(session, "exit 7", prompt())
        assert (failure.cause, failure.message) == (
            "exec/sudo-denied",
            "it ended with exit 7 before the command could begin",
        )


async def test_a_question_behind_the_mark_or_on_stdout_is_output_like_any_other(opened: Open, sudo: Path):
    async with opened() as session:
        line = f"printf {NONCE}; printf {NONCE} >&2; cat"
        reply = await session.exec(asked(sudo, "never", line), prompt=prompt(), stdin=b"!")
        assert (reply.stdout, reply.stderr) == (NONCE.encode() + b"!", NONCE.encode())


@pytest.mark.parametrize("tty", [False, True])
async def test_a_password_that_is_printed_in_its_turn_is_left_out(opened: Open, sudo: Path, tty: bool):
    line = "echo a-right; printf ri; sleep 0.1; echo ghtly; echo right >&2; echo ri"
    ear = Ear()
    async with opened(ear, say=True) as session:
        reply = await session.exec(asked(sudo, "once", line, options="-S -p password:"), prompt=ASKS, tty=tty)
    said = b"a-***\n***ly\n"
    assert reply.stdout == said + (b"***\nri\n" if tty else b"ri\n")
    assert reply.stderr == (b"" if tty else b"***\n")
    assert (ear.heard["stdout"], ear.heard["stderr"]) == (reply.stdout, reply.stderr)
    assert answers(sudo) == ["right"]


async def test_without_a_mark_the_question_alone_is_left_out(opened: Open, sudo: Path):
    async with opened(kill_after=0.5) as session:
        for user in ("once", "lecture"):
            reply = await session.exec(
                asked(sudo, user, "cat; echo err >&2; printf rest >&2", mark=""), prompt=prompt(mark="")
            )
            assert (reply.exit_code, reply.stderr.endswith(b"err\nrest"), NONCE.encode() in reply.stderr) == (
                0,
                True,
                False,
            )
        failure = await failure_of(session, asked(sudo, "once", "id", mark=""), prompt("wrong", mark=""))
        assert failure.cause == "exec/sudo-denied"
        reply = await session.exec(asked(sudo, "once", "id", options="-n", mark=""), prompt=prompt("", mark=""))
        assert (reply.exit_code, reply.stderr) == (1, b"sudo: a password is required\n")


async def test_a_question_on_a_terminal_is_answered_without_a_trace(opened: Open, tmp_path: Path):
    program = "stty {echo}; printf 'Password: '; read x; stty -echo; printf {mark} > /dev/tty; echo got ${{#x}}; cat"
    asks = Prompt(asks="[Pp]assword: ?$", mark=MARK, secret="wrong")
    async with opened() as session:
        for echo in ("-echo", "echo"):
            command = program.format(echo=echo, mark=MARK)
            reply = await session.exec(command, tty=True, prompt=asks, stdin=b"more\n")
            assert (reply.stdout, reply.stderr) == (b"got 12\nmore\n", b"")


async def test_an_answer_that_a_terminal_echoes_is_not_in_the_failure(opened: Open):
    asks = Prompt(asks="Password: ", mark=MARK, secret="wrong")
    async with opened() as session:
        failure = await failure_of(
            session,
            "stty echo; printf 'Password: '; read answer; echo su: Authentication failure; exit 1",
            asks,
            tty=True,
        )
        assert (failure.cause, failure.message) == (
            "exec/sudo-denied",
            "the password was not taken: su: Authentication failure",
        )
        assert b"canary" not in failure.stdout + failure.stderr


async def test_a_stop_before_the_mark_is_a_stop(opened: Open, tmp_path: Path):
    async with opened(kill_after=0.5) as session:
        command = f"echo hi >&2; echo > {tmp_path}/x; exec sleep 60"
        running = asyncio.ensure_future(failure_of(session, command, prompt()))
        await until(lambda: written(tmp_path / "x"))
        await asyncio.sleep(0.1)  # for the line to arrive
        session.end(STOP)
        failure = await running
        assert (failure.cause, failure.stderr) == ("stop/interrupt", b"hi\n")


async def test_what_floods_before_the_mark_costs_no_memory(opened: Open):
    async with opened() as session:
        failure = await failure_of(session, f"head -c {8 * MB} /dev/zero >&2; exit 1", prompt())
        assert (failure.cause, len(failure.stderr) <= 8192) == ("exec/sudo-denied", True)


# ---- the real sudo

real = pytest.mark.skipif(
    not (shutil.which("sudo") and shutil.which("setpriv")) or os.geteuid() != 0,
    reason="needs sudo, and root to leave",
)


@real
async def test_the_real_sudo_that_asks_nothing_is_seen_to_begin(opened: Open):
    async with opened() as session:
        command = f"sudo -S -p {NONCE} -u nobody -- sh -c 'printf %s {MARK} >&2; id -un; cat; echo err >&2'"
        reply = await session.exec(command, prompt=prompt(), stdin=b"input\n")
        assert (reply.stdout, reply.stderr) == (b"nobody\ninput\n", b"err\n")


@real
async def test_the_real_sudo_that_does_not_take_the_password_is_answered_once(opened: Open):
    as_nobody = "exec setpriv --reuid nobody --regid nogroup --clear-groups sudo -k"
    async with opened() as session:
        command = f"{as_nobody} -S -p {NONCE} -- sh -c 'printf %s {MARK} >&2; id -un'"
        failure = await failure_of(session, command, prompt("wrong"), stdin=b"input\n")
        assert (failure.cause, failure.stdout, b"canary" in failure.stderr) == ("exec/sudo-denied", b"", False)
        failure = await failure_of(session, command, prompt(""), stdin=b"input\n")
        assert (failure.cause, failure.stdout) == ("exec/sudo-needs-password", b"")
