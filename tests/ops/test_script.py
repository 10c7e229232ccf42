"""A script is written, run and removed: the conversation, and what a real shell makes of it."""

import os
import signal
import subprocess
from pathlib import Path

import msgspec
import pytest

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError
from pssh.ops.script import Script
from pssh.testing import ScriptedSession

MADE = Reply(0, stdout=b"/run/x y\n")
CLOSED = Failure(stage="exec", kind="connection-closed", message="gone", stdout=b"half", note="stream-left-open")


class Shell:
    """A session on this machine, and who starts it."""

    def __init__(self, folder: Path, shell: str = "/bin/sh") -> None:
        self.seconds: dict[str, float] = {}
        self.banner = ""
        self.asked: list[str] = []
        self._folder, self._shell = folder, shell

    async def exec(self, command: str, *, stdin: bytes = b"", quiet: bool = False) -> Reply:
        self.asked.append(command)
        return self._run(os.fsencode(command), stdin)

    def _run(self, command: bytes, stdin: bytes) -> Reply:
        done = subprocess.run(
            [self._shell, "-c", command],
            input=stdin,
            capture_output=True,
            env={**os.environ, "TMPDIR": str(self._folder)},
            start_new_session=True,
        )
        if done.returncode < 0:
            return Reply(signal=signal.Signals(-done.returncode).name[3:], stdout=done.stdout, stderr=done.stderr)
        return Reply(done.returncode, stdout=done.stdout, stderr=done.stderr)

    async def host_key(self) -> str:
        return ""


def left(folder: Path) -> list[Path]:
    return list(folder.iterdir())


async def failure_of(script: Script, session: ScriptedSession) -> Failure:
    with pytest.raises(TransportError) as caught:
        await script.perform(session)
    return caught.value.failure


async def test_a_script_is_two_commands_and_its_folder_goes_in_the_second():
    session = ScriptedSession({"mktemp -d": MADE, "sh '/run/x y/tidy.sh' -n 'a b'": Reply(3, stderr=b"disk full\n")})
    reply = await Script("tidy.sh", b"exit 3", ("-n", "a b")).perform(session)
    assert reply == Reply(3, stderr=b"disk full\n")
    assert session.given == [b"exit 3", b""]
    assert len(session.asked) == 2


async def test_a_script_with_a_first_line_of_its_own_is_run_by_its_name():
    session = ScriptedSession({"mktemp -d": MADE})
    await Script("x.py", b"#!/usr/bin/python3\n").perform(session)
    assert session.asked[1].endswith(" sh '/run/x y' '/run/x y/x.py'")


async def test_a_shell_that_was_killed_leaves_the_removal_to_a_third_command():
    session = ScriptedSession({"mktemp -d": MADE, "rm -rf -- '/run/x y'": Reply(0), "tidy.sh": Reply(signal="KILL")})
    assert await Script("tidy.sh", b"").perform(session) == Reply(signal="KILL")
    assert session.asked[-1] == "rm -rf -- '/run/x y'"


async def test_a_failure_keeps_its_words_and_names_what_is_left_behind():
    session = ScriptedSession({"mktemp -d": MADE, "tidy.sh": CLOSED, "rm -rf -- '/run/x y'": CLOSED})
    failure = await failure_of(Script("tidy.sh", b""), session)
    assert (failure.cause, failure.stdout) == ("exec/connection-closed", b"half")
    assert failure.note == "stream-left-open; `/run/x y` may be left behind"


async def test_a_removal_that_fails_is_noted_in_the_reply():
    session = ScriptedSession({"mktemp -d": MADE, "rm -rf -- '/run/x y'": Reply(1), "tidy.sh": Reply(signal="TERM")})
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
    session = ScriptedSession({"mktemp -d": written})
    failure = await failure_of(Script("tidy.sh", b""), session)
    assert (failure.cause, len(session.asked)) == (cause, 1)
    assert (failure.stdout, failure.stderr) == (written.stdout, written.stderr)


async def test_what_a_login_prints_first_is_passed_over():
    session = ScriptedSession({"mktemp -d": Reply(0, stdout=b"Welcome!\n/tmp/x\n")})
    await Script("tidy.sh", b"").perform(session)
    assert session.asked[-1].endswith(" sh /tmp/x sh /tmp/x/tidy.sh")


@pytest.mark.parametrize("shell", ["/bin/sh", "/bin/bash"])
@pytest.mark.parametrize("name", ["tidy.sh", "-rf", "a b'c", "é\n"])
async def test_a_real_shell_runs_it_with_its_arguments_and_leaves_nothing(tmp_path: Path, shell: str, name: str):
    folder = tmp_path / "odd 'place"
    folder.mkdir()
    script = Script(
        name, b'for a; do printf "<%s>" "$a"; done; printf "%s" "${0##*/}"; exit 7\n', ("", "a b", "=x\udcff")
    )
    reply = await script.perform(Shell(folder, shell))
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


async def test_a_script_that_did_not_arrive_whole_is_not_run(tmp_path: Path):
    class Short(Shell):
        async def exec(self, command: str, *, stdin: bytes = b"", quiet: bool = False) -> Reply:
            return await super().exec(command, stdin=stdin[:-1], quiet=quiet)

    with pytest.raises(TransportError) as caught:
        await Script("t", b"rm -rf /tmp/build\n").perform(Short(tmp_path))
    assert (caught.value.failure.cause, left(tmp_path)) == ("transfer/remote-failed", [])


@pytest.mark.parametrize("name", ["", ".", "..", "a/b", "a\0b"])
def test_a_name_that_is_no_files_is_refused(name: str):
    with pytest.raises(UsageError):
        Script(name, b"")


def test_an_argument_with_nul_is_refused():
    with pytest.raises(UsageError):
        Script("t", b"", ("a\0b",))


async def test_arguments_that_are_not_utf8_cross_in_msgpack():
    script = msgspec.msgpack.decode(msgspec.msgpack.encode(Script("t\udcff", b"", ("\udce9", "x"))), type=Script)
    session = ScriptedSession({"mktemp -d": MADE})
    await script.perform(session)
    assert session.asked[1].endswith(" '\udce9' x")
    assert script.label == "'t\\xff' '\\xe9' x"
