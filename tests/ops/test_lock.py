"""A lock is one's own until it is given back: the conversation, and what real shells make of it."""

import asyncio
import os
import re
import shutil
from pathlib import Path
from typing import Any

import msgspec
import pytest

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply, status_of
from pssh.model.work import TransportError
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.lock import Locked
from pssh.ops.script import Script
from pssh.testing import ScriptedSession
from tests.support.shells import SHELLS, Shell

every_shell = pytest.mark.parametrize("words", SHELLS, ids=lambda words: words[0])
LOST = Failure(stage="exec", kind="connection-closed", message="gone")


def locked(text: str = "true", **how: Any) -> Locked:
    return Locked(**{"name": "x", "operation": Command(text), "owner": "me@here run r1", **how})


def locks(home: Path) -> list[str]:
    folder = home / ".pssh/locks"
    return [f"{path.name} {path.readlink()}" for path in folder.iterdir()] if folder.exists() else []


def lock_of(home: Path, name: str, words: str) -> Path:
    """Put a lock there, as somebody else would have left it."""
    folder = home / ".pssh/locks"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}@{os.uname().nodename}"
    path.symlink_to(words)
    return path


def birth(pid: int) -> str:
    return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()[19]


async def outcome(operation: Locked, session: Any) -> Reply | Failure:
    try:
        return await operation.perform(session)
    except TransportError as error:
        return error.failure


class Sh(Shell):
    """A shell that takes locks as the child of `sh` that the words name, whatever the login shell is."""

    async def exec(self, command: str, **how: Any) -> Reply:
        return await super().exec(re.sub(r"^exec sh -c ", f"exec {' '.join(self.words)} -c ", command), **how)


@every_shell
async def test_the_lock_is_there_while_the_operation_runs_and_gone_after(words: list[str], tmp_path: Path):
    session = Sh(tmp_path, words)
    reply = await locked("readlink ~/.pssh/locks/*; stat -c %a ~/.pssh ~/.pssh/locks; exit 3", lease=60).perform(
        session
    )
    target, *modes = reply.stdout.decode().splitlines()
    token, until, pid, born, since, *owner = target.split()
    assert (reply.exit_code, reply.note, owner, modes) == (3, "", ["me@here", "run", "r1"], ["700", "700"])
    assert (len(token), int(until) - int(since), int(pid)) == (16, 60, os.getpid())
    assert born == birth(os.getpid())
    assert (locks(tmp_path), session.quietly) == ([], [True, False, True])


@every_shell
@pytest.mark.parametrize(
    ("mode", "cause", "row"), [("skip", "rule/lock-held", "skipped"), ("fail", "exec/lock-held", "failed")]
)
async def test_where_another_holds_it_the_row_says_who_and_nothing_runs(
    words: list[str], mode: Any, cause: str, row: str, tmp_path: Path
):
    lock_of(tmp_path, "x", f"t0 {1 << 40} 1 - 1767225600 you@there run r7")
    session = Sh(tmp_path, words)
    end = await outcome(locked(mode=mode), session)
    assert isinstance(end, Failure)
    assert end.cause == cause
    assert end.message == "the lock `x` is held by you@there run r7 since 2026-01-01 00:00:00 UTC"
    assert status_of(end, started=True)[0] == row
    assert (len(session.asked), len(locks(tmp_path))) == (1, 1)


def test_a_row_that_was_skipped_never_started_whatever_was_asked_first():
    held = Failure(stage="rule", kind="lock-held", message="")
    assert status_of(held, started=True) == ("skipped", "not-started")


class Long(Sh):
    """Its command runs until all but one of those who want the same lock have ended."""

    others: asyncio.Semaphore

    async def exec(self, command: str, **how: Any) -> Reply:
        if not how.get("quiet"):
            for _ in range(49):
                await self.others.acquire()
        return await super().exec(command, **how)


async def fifty_at_once(home: Path, words: list[str]) -> list[Reply | Failure]:
    ended = asyncio.Semaphore(0)

    async def one(number: int) -> Reply | Failure:
        session = Long(home, words)
        session.others = ended
        end = await outcome(locked(owner=f"me{number}"), session)
        ended.release()
        return end

    return await asyncio.gather(*map(one, range(50)))


@every_shell
async def test_of_fifty_at_once_exactly_one_has_it(words: list[str], tmp_path: Path):
    ends = await fifty_at_once(tmp_path, words)
    assert [end.exit_code for end in ends if isinstance(end, Reply)] == [0]
    assert {end.cause for end in ends if isinstance(end, Failure)} == {"rule/lock-held"}
    assert locks(tmp_path) == []


@every_shell
async def test_of_fifty_who_find_a_lease_that_is_over_exactly_one_takes_it_over_and_says_so(
    words: list[str], tmp_path: Path
):
    lock_of(tmp_path, "x", "t0 5 4194999 77 3 old one")
    notes = [end.note for end in await fifty_at_once(tmp_path, words) if isinstance(end, Reply)]
    assert notes == ["took over the lock `x` of old one since 1970-01-01 00:00:03 UTC, whose lease was over"]
    assert locks(tmp_path) == []


@every_shell
async def test_a_lease_that_is_over_is_respected_while_its_connection_stands(words: list[str], tmp_path: Path):
    lock_of(tmp_path, "x", f"t0 5 {os.getpid()} {birth(os.getpid())} 3 old one")
    assert isinstance(await outcome(locked(), Sh(tmp_path, words)), Failure)


# Another takes over what we have just looked at, one step before we do.
_FASTER = """#!/bin/sh
case $2 in *.t0) ln -sfn "t1 {never} 1 - 3 faster one" "${{2%.t0}}" ;; esac
exec {mkdir} "$@"
"""


@every_shell
async def test_a_lock_that_changed_hands_since_it_was_looked_at_is_not_removed(words: list[str], tmp_path: Path):
    if words[0] == "busybox":
        pytest.skip("busybox runs its own mkdir")
    lock_of(tmp_path, "x", "t0 5 4194999 77 3 old one")
    (tmp_path / "bin").mkdir()
    (tmp_path / "bin/mkdir").write_text(_FASTER.format(never=1 << 40, mkdir=shutil.which("mkdir")))
    (tmp_path / "bin/mkdir").chmod(0o755)
    end = await outcome(locked(), Sh(tmp_path, words, env={"PATH": f"{tmp_path}/bin:{os.environ['PATH']}"}))
    assert isinstance(end, Failure) and "held by faster one since" in end.message
    assert [lock.split()[1] for lock in locks(tmp_path)] == ["t1"]


async def test_a_number_that_was_given_to_another_process_does_not_stand_for_the_connection(tmp_path: Path):
    lock_of(tmp_path, "x", f"t0 5 {os.getpid()} 1 3 old one")
    assert isinstance(await outcome(locked(), Sh(tmp_path)), Reply)


async def test_who_waits_gets_it_when_it_is_given_back(tmp_path: Path):
    held = lock_of(tmp_path, "x", f"t0 {1 << 40} 1 - 3 you")

    class Watching(Sh):
        async def exec(self, command: str, **how: Any) -> Reply:
            if len(self.asked) == 2:
                held.unlink()
            return await super().exec(command, **how)

    session = Watching(tmp_path)
    assert await outcome(locked("echo two", wait=30), session) == Reply(0, stdout=b"two\n")
    assert session.quietly == [True, True, True, False, True]


async def test_who_waits_in_vain_is_skipped_like_who_does_not(tmp_path: Path):
    lock_of(tmp_path, "x", f"t0 {1 << 40} 1 - 3 you")
    session = Sh(tmp_path)
    end = await outcome(locked(wait=0.5), session)
    assert isinstance(end, Failure) and end.cause == "rule/lock-held"
    assert len(session.asked) > 2


async def test_locks_of_other_names_do_not_meet(tmp_path: Path):
    lock_of(tmp_path, "y", f"t0 {1 << 40} 1 - 3 you")
    assert isinstance(await outcome(locked(), Sh(tmp_path)), Reply)


async def test_homes_that_machines_share_are_no_shared_lock(tmp_path: Path):
    (tmp_path / ".pssh/locks").mkdir(parents=True)
    (tmp_path / ".pssh/locks/x@elsewhere").symlink_to(f"t0 {1 << 40} 1 - 3 you")
    assert isinstance(await outcome(locked(), Sh(tmp_path)), Reply)


async def test_a_lock_is_given_back_after_a_failure_with_the_failures_own_words(tmp_path: Path):
    class Losing(Sh):
        async def exec(self, command: str, **how: Any) -> Reply:
            if not how.get("quiet"):
                raise TransportError(LOST)
            return await super().exec(command, **how)

    assert await outcome(locked(), Losing(tmp_path)) == LOST
    assert locks(tmp_path) == []


async def test_a_lock_is_kept_for_a_command_that_could_not_be_ended(tmp_path: Path):
    class Deaf(Sh):
        kind = "total"

        async def exec(self, command: str, **how: Any) -> Reply:
            if not how.get("quiet"):
                raise TransportError(Failure(stage="exec", kind=self.kind, message="x", remote_end="left running"))
            return await super().exec(command, **how)

    end = await outcome(locked(), Deaf(tmp_path))
    assert isinstance(end, Failure)
    assert end.note == "the lock `x` is kept for what still runs; its lease ends after 3600 s"
    assert len(locks(tmp_path)) == 1
    other = await outcome(locked(), Sh(tmp_path))
    assert isinstance(other, Failure) and other.cause == "rule/lock-held"

    Deaf.kind = "sudo-denied"
    end = await outcome(locked(name="y"), Deaf(tmp_path))
    assert isinstance(end, Failure) and end.note == ""
    assert len(locks(tmp_path)) == 1


async def test_a_lock_is_given_back_after_a_fault_of_the_operation(tmp_path: Path):
    class Faulty(Sh):
        async def exec(self, command: str, **how: Any) -> Reply:
            if not how.get("quiet"):
                raise RuntimeError("a bug")
            return await super().exec(command, **how)

    with pytest.raises(RuntimeError):
        await locked().perform(Faulty(tmp_path))
    assert locks(tmp_path) == []


async def test_a_lock_that_cannot_be_given_back_stands_in_the_row():
    session = ScriptedSession({"drop()": LOST, "LINE": LOST})
    session = _Taking(session)
    end = await outcome(locked("LINE", lease=90), session)
    assert isinstance(end, Failure) and end.cause == "exec/connection-closed"
    assert end.note == "the lock `x` may be left behind; its lease ends after 90 s"


class _Taking:
    """Answers whoever asks for a lock that it is taken."""

    def __init__(self, session: ScriptedSession) -> None:
        self.session = session

    async def exec(self, command: str, **how: Any) -> Reply:
        if "replace()" in command:
            token = re.findall(r"[0-9a-f]{16}", command)[0]
            return Reply(0, stdout=f"Welcome\n{token} taken\n".encode())
        return await self.session.exec(command, **how)


async def test_a_lock_that_another_has_by_now_is_left_alone(tmp_path: Path):
    reply = await locked("ln -sfn 'other 9 1 - 3 you' ~/.pssh/locks/x@$(uname -n)").perform(Sh(tmp_path))
    assert reply.note.startswith("the lock `x` may be left behind")
    assert len(locks(tmp_path)) == 1


async def test_an_answer_that_was_lost_on_the_way_gives_the_lock_back(tmp_path: Path):
    class Deaf(Sh):
        async def exec(self, command: str, **how: Any) -> Reply:
            reply = await super().exec(command, **how)
            if len(self.asked) == 1:
                raise TransportError(LOST)
            return reply

    assert await outcome(locked(), Deaf(tmp_path)) == LOST
    assert locks(tmp_path) == []


async def test_a_connection_that_was_refused_is_not_asked_to_give_back():
    refused = Failure(stage="connect", kind="refused", message="no")
    session = ScriptedSession({"locks": refused})
    assert await outcome(locked(), session) == refused
    assert len(session.asked) == 1


@every_shell
async def test_where_no_lock_can_be_made_the_row_says_why(words: list[str], tmp_path: Path):
    (tmp_path / ".pssh").write_text("in the way")
    end = await outcome(locked(), Sh(tmp_path, words))
    assert isinstance(end, Failure) and end.cause.startswith("transfer/remote-")
    assert "The lock `x` could not be taken: mkdir: " in end.message
    assert status_of(end, started=True)[0] == "failed"


async def test_what_a_host_says_of_an_owner_is_one_short_line(tmp_path: Path):
    lock_of(tmp_path, "x", f"t0 {1 << 40} 1 - x {'y' * 500}\nzzz")
    end = await outcome(locked(), Sh(tmp_path))
    assert isinstance(end, Failure)
    assert "\n" not in end.message and len(end.message) < 250


def test_an_owner_is_one_line_of_what_can_be_shown():
    assert locked(owner="a\nb\0\x1b c").owner == "a b c"


async def test_a_script_of_another_user_is_held_by_a_lock_of_the_login_user():
    session = _Taking(ScriptedSession({"drop()": Reply(0), "sudo": Reply(5)}))
    operation = locked(operation=Script("t", b"", context=Context(become="sudo")))
    assert await operation.perform(session) == Reply(5)  # type: ignore[arg-type]
    assert "sudo" not in session.session.asked[-1]


@pytest.mark.parametrize("name", ["", "a b", "../x", "a/b", "x" * 65, "ä"])
def test_a_name_that_is_none_is_refused(name: str):
    with pytest.raises(UsageError):
        locked(name=name)


@pytest.mark.parametrize("operation", [Command("uptime"), Script("t", b"x", ("a",))])
def test_a_lock_crosses_in_msgpack_with_its_operation_and_is_called_like_it(operation: Command | Script):
    one = locked(operation=operation, wait=3, mode="fail")
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(one), type=Locked) == one
    assert one.label == operation.label
