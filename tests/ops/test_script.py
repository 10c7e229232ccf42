"""A script is written, run and removed: the conversation, and what a real shell makes of it."""

import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError
from pssh.ops.context import Context
from pssh.ops.script import Script
from pssh.ops.script import _lines as as_lines
from pssh.testing import ScriptedSession
from tests.support.shells import SHELLS, Shell, becoming

MADE = Reply(0, stdout=b"/run/x y\n")
CLOSED = Failure(stage="exec", kind="connection-closed", message="gone", stdout=b"half", note="stream-left-open")


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def failure_of(script: Script, session: ScriptedSession) -> Failure:
    with pytest.raises(TransportError) as caught:
        await script.perform(session)
    return caught.value.failure


async def test_a_script_is_two_commands_and_its_folder_goes_in_the_second():
    session = ScriptedSession({"mkdir -- ": MADE, "sh '/run/x y/tidy.sh' -n 'a b'": Reply(3, stderr=b"disk full\n")})
    reply = await Script("tidy.sh", b"exit 3", ("-n", "a b")).perform(session)
    assert reply == Reply(3, stderr=b"disk full\n")
    assert session.given == [b"exit 3", b""]
    assert len(session.asked) == 2


async def test_a_script_with_a_first_line_of_its_own_is_run_by_its_name():
    session = ScriptedSession({"mkdir -- ": MADE})
    await Script("x.py", b"#!/usr/bin/python3\n").perform(session)
    assert session.asked[1].endswith(" sh '/run/x y/x.py'")


async def test_a_shell_that_was_killed_leaves_the_removal_to_a_third_command():
    session = ScriptedSession({"mkdir -- ": MADE, "rm -rf -- '/run/x y'": Reply(0), "tidy.sh": Reply(signal="KILL")})
    assert await Script("tidy.sh", b"").perform(session) == Reply(signal="KILL")
    assert session.asked[-1] == "rm -rf -- '/run/x y'"


async def test_a_failure_keeps_its_words_and_names_what_is_left_behind():
    session = ScriptedSession({"mkdir -- ": MADE, "tidy.sh": CLOSED, "rm -rf -- '/run/x y'": CLOSED})
    failure = await failure_of(Script("tidy.sh", b""), session)
    assert (failure.cause, failure.stdout) == ("exec/connection-closed", b"half")
    assert failure.note == "stream-left-open; `/run/x y` may be left behind"


async def test_a_removal_that_fails_is_noted_in_the_reply():
    session = ScriptedSession({"mkdir -- ": MADE, "rm -rf -- '/run/x y'": Reply(1), "tidy.sh": Reply(signal="TERM")})
    assert (await Script("tidy.sh", b"").perform(session)).note == "`/run/x y` may be left behind"


@pytest.mark.parametrize(
    ("written", "cause"),
    [
        (Reply(1, stderr=b"cat: write error: No space left on device\n"), "transfer/remote-disk-full"),
        (Reply(1, stderr=b"mktemp: failed to create: Permission denied\n"), "transfer/remote-denied"),
        (Reply(127, stderr=b"sh: 1: mktemp: not found\n"), "transfer/remote-missing"),
        (Reply(1, stdout=b"This account is currently not available.\n"), "transfer/remote-failed"),
        (Reply(signal="KILL"), "transfer/remote-failed"),
        (Reply(0, stdout=b"Welcome\n"), "transfer/noisy-login"),
    ],
)
async def test_a_script_that_cannot_be_written_says_why_and_is_not_run(written: Reply, cause: str):
    session = ScriptedSession({"mkdir -- ": written})
    failure = await failure_of(Script("tidy.sh", b""), session)
    assert (failure.cause, len(session.asked)) == (cause, 1)
    assert (failure.stdout, failure.stderr) == (written.stdout, written.stderr)


async def test_what_a_login_prints_first_is_passed_over():
    session = ScriptedSession({"mkdir -- ": Reply(0, stdout=b"Welcome!\n/tmp/x\n")})
    await Script("tidy.sh", b"").perform(session)
    assert session.asked[-1].endswith(" sh sh /tmp/x/tidy.sh")


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
@pytest.mark.parametrize("name", ["tidy.sh", "-rf", "a b'c", "é\n"])
async def test_a_real_shell_runs_it_with_its_arguments_and_leaves_nothing(tmp_path: Path, shell: str, name: str):
    folder = tmp_path / "odd 'place"
    folder.mkdir()
    script = Script(
        name, b'for a; do printf "<%s>" "$a"; done; printf "%s" "${0##*/}"; exit 7\n', ("", "a b", "=x\udcff")
    )
    reply = await script.perform(Shell(folder, [shell]))
    assert (reply.exit_code, reply.stdout) == (7, b"<><a b><=x\xff>" + name.encode())
    assert left(folder) == []


async def test_the_folder_is_private_while_it_is_there(tmp_path: Path):
    reply = await Script("t", b'#!/bin/sh\nstat -c %a "$0" "${0%/*}"\n').perform(Shell(tmp_path))
    assert reply.stdout == b"700\n700\n"


@pytest.mark.parametrize(("name", "code"), [("TERM", 143), ("HUP", 129), ("INT", 130)])
async def test_a_group_that_is_told_to_end_still_removes_its_folder(tmp_path: Path, name: str, code: int):
    session = Shell(tmp_path)
    reply = await Script("t", f"kill -{name} 0; sleep 9".encode()).perform(session)
    assert (reply.exit_code, left(tmp_path), len(session.asked)) == (code, [], 2)


async def test_a_group_that_is_killed_has_its_folder_removed_by_the_third_command(tmp_path: Path):
    session = Shell(tmp_path)
    reply = await Script("t", b"kill -KILL 0").perform(session)
    assert (reply.signal, reply.note, left(tmp_path)) == ("KILL", "", [])
    assert len(session.asked) == 3


class Short(Shell):
    """Its connection breaks before the last byte."""

    async def exec(self, command: str, **how: Any) -> Reply:
        return await super().exec(command, **{**how, "stdin": how["stdin"][:-1]})


async def test_a_script_that_did_not_arrive_whole_is_not_run(tmp_path: Path):
    with pytest.raises(TransportError) as caught:
        await Script("t", b"rm -rf /tmp/build\n").perform(Short(tmp_path))
    assert (caught.value.failure.cause, left(tmp_path)) == ("transfer/remote-failed", [])


class Unheard(Shell):
    """Is told to end just when its first command has answered."""

    async def exec(self, command: str, **how: Any) -> Reply:
        reply = await super().exec(command, **how)
        if len(self.asked) == 1:
            self.seconds["open"] = 0.1
            raise TransportError(CLOSED)
        return reply


async def test_a_folder_that_we_did_not_hear_of_is_removed_too(tmp_path: Path):
    session = Unheard(tmp_path)
    with pytest.raises(TransportError):
        await Script("t", b"exit 0").perform(session)
    assert (len(session.asked), left(tmp_path)) == (2, [])


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_a_name_that_is_no_files_is_refused(name: str):
    with pytest.raises(UsageError):
        Script(name, b"")


def test_an_argument_with_nul_is_refused():
    with pytest.raises(UsageError):
        Script("t", b"", ("a\0b",))


async def test_arguments_that_are_not_utf8_cross_in_msgpack():
    script = msgspec.msgpack.decode(msgspec.msgpack.encode(Script("t\udcff", b"", ("\udce9", "x"))), type=Script)
    session = ScriptedSession({"mkdir -- ": MADE})
    await script.perform(session)
    assert session.asked[1].endswith(" '\udce9' x")
    assert script.label == "'t\\xff' '\\xe9' x"


# ---- with its context


async def test_only_the_second_command_has_the_context(tmp_path: Path):
    session = Shell(tmp_path)
    script = Script("t", b'printf "%s" "$A"; pwd', context=Context(env=(("A", "b c"),), chdir="/", tty=True))
    assert (await script.perform(session)).stdout == b"b c/\n"
    assert (session.quietly, session.ttys, left(tmp_path)) == ([True, False], [False, True], [])
    assert "b c" not in session.asked[0]


LETTERS = "abcdefghijklmnopqrstuvwxyz"
EVERY_LETTER = tuple((letter, f"its own {letter}") for letter in LETTERS)
SHOW = " ".join(f'"${letter}"' for letter in LETTERS)


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
@pytest.mark.parametrize("become", ["", "sudo"])
async def test_a_script_has_each_variable_as_it_was_exported(shell: list[str], become: Any, other: Shell):
    use(shell, other)
    context = Context(env=EVERY_LETTER, become=become, become_password="p" if become else "")
    reply = await Script("t", f"printf '%s\\n' {SHOW}".encode(), context=context).perform(other)
    assert reply.stdout.decode().splitlines() == [value for _, value in EVERY_LETTER]
    assert left(other.folder) == []


CONTENT = bytes(range(256)) + b"\\0101 \\n %s\n" + b"x" * 5000


@pytest.fixture
def other(tmp_path: Path) -> Shell:
    """A session whose home is empty, on a host that has a sudo."""
    (tmp_path / "bin").mkdir()
    (tmp_path / "home").mkdir()
    return Shell(tmp_path / "home", env=becoming(tmp_path / "bin"), answer=b"right\n")


class Given:
    """An input that is all there."""

    def read(self, at: int, most: int) -> bytes:
        return b"one\ntwo\n"[at : at + most]

    def when_more(self, call: object) -> None: ...


def use(shell: list[str], session: Shell) -> None:
    """Let `sh` be another shell there: it is what sudo runs."""
    (Path(session.env["SUDO_LOG"]).parent / "sh").symlink_to(shutil.which(shell[0]) or "")


AS_ROOT = Context(become="sudo", become_password="p")


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
async def test_another_users_script_is_one_command_with_one_question(shell: list[str], other: Shell):
    use(shell, other)
    other.input = Given()
    script = Script("a 'b", b'#!/bin/sh\necho "$@|${0##*/}"; cat; stat -c %a "$0" "${0%/*}"; exit 7\n', ("x  y", "$z"))
    reply = await replace(script, context=replace(AS_ROOT, input=True)).perform(other)
    assert (reply.exit_code, reply.stdout) == (7, b"x  y $z|a 'b\none\ntwo\n700\n700\n")
    assert (len(other.asked), left(other.folder)) == (1, [])


@pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
async def test_every_byte_of_another_users_script_arrives(shell: list[str], other: Shell):
    use(shell, other)
    script = Script("t", b"#!/bin/cat\n" + CONTENT, context=AS_ROOT)
    assert (await script.perform(other)).stdout == b"#!/bin/cat\n" + CONTENT


def test_what_is_sent_of_another_users_script_is_lines_that_a_terminal_carries():
    lines = as_lines(CONTENT).split(b"\n")
    assert lines[-2:] == [b".", b""]
    assert max(map(len, lines)) < 4095
    assert all(32 <= byte < 127 for line in lines for byte in line)
    assert b"." not in lines[:-2]


async def test_another_users_script_that_did_not_arrive_whole_is_not_run(other: Shell):
    class Cut(Shell):
        async def exec(self, command: str, **how: Any) -> Reply:
            return await super().exec(command, **{**how, "stdin": how["stdin"].read(0, 1 << 20).removesuffix(b".\n")})

    session = Cut(other.folder, env=other.env, answer=other.answer)
    failure = await failure_of(Script("t", b"echo no\n", context=AS_ROOT), session)
    assert (failure.cause, failure.stdout, left(other.folder)) == ("transfer/remote-failed", b"", [])


async def test_where_another_user_may_not_write_the_row_says_so(other: Shell):
    other.env["TMPDIR"] = "/proc/none"
    failure = await failure_of(Script("t", b"echo no\n", context=AS_ROOT), other)
    assert (failure.cause, failure.stdout) == ("transfer/remote-missing", b"")
    assert b"unwritten" not in failure.stderr


async def test_a_killed_script_of_another_user_is_removed_without_a_password(other: Shell):
    reply = await Script("t", b"kill -KILL 0\n", context=AS_ROOT).perform(other)
    assert (reply.signal, reply.note, left(other.folder)) == ("KILL", "", [])
    assert other.asked[1].startswith("exec sudo -n -u root -- sh -c ")


@pytest.mark.parametrize("kind", ["sudo-denied", "sudo-needs-password", "denied"])
@pytest.mark.parametrize("context", [AS_ROOT, Context()], ids=["sudo", "plain"])
async def test_where_nothing_began_there_is_no_second_command(kind: str, context: Context):
    denied = Failure(stage="exec", kind=kind, message="no")
    session = ScriptedSession({"exec s": denied})
    session.seconds["open"] = 0.0
    assert await failure_of(Script("t", b"", context=context), session) == denied
    assert len(session.asked) == 1


def test_a_script_of_another_user_needs_a_shell():
    with pytest.raises(UsageError):
        Script("t", b"", context=Context(become="sudo", shell=False))
