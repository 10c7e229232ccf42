"""A detached command outlives who began it, and is looked after by its folder: with each shell of this machine."""

import asyncio
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError
from pssh.ops.detached import Detach, Detached
from pssh.testing import ScriptedSession
from tests.support import processes
from tests.support.shells import SHELLS, Shell

every_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Path]:
    """Return a home of which no command is left."""
    yield tmp_path
    for file in tmp_path.glob("**/pssh/run/*/*/pid"):
        pid = int(file.read_text().split()[0])
        if pid > 1 and processes.alive([pid]):  # the group 1 would be every process there is
            os.killpg(pid, 9)


def session(home: Path, shell: list[str]) -> Shell:
    """Return a session whose `sh` is that shell."""
    folder = home / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "sh").exists():
        (folder / "sh").write_text(f'#!/bin/sh\nexec {shutil.which(shell[0])} {" ".join(shell[1:])} "$@"\n')
        (folder / "sh").chmod(0o755)
    path = f"{folder}:{os.environ['PATH']}"
    return Shell(home, [str(folder / "sh")], env={"PATH": path, "XDG_STATE_HOME": ""})


def folder(home: Path, name: str = "r1.aa") -> Path:
    return home / ".local/state/pssh/run" / os.uname().nodename / name


async def begin(shell: Shell, line: str, name: str = "r1.aa") -> None:
    run, _, token = name.partition(".")
    reply = await Detach(line, run=run, token=token).perform(shell)  # type: ignore[arg-type]
    assert reply == Reply(0, stdout=f"detached as {name}\n".encode())


async def look(shell: Shell, does: str, run: str = "r1", **more: object) -> Reply | Failure:
    try:
        return await Detached(does=does, run=run, **more).perform(shell)  # type: ignore[arg-type]
    except TransportError as error:
        return error.failure


async def until_ended(home: Path) -> None:
    async with asyncio.timeout(20):
        while not (folder(home) / "code").exists():  # noqa: ASYNC110  another process has no event of ours
            await asyncio.sleep(0.02)


@every_shell
async def test_it_is_collected_as_if_it_had_been_run_just_now(home: Path, shell: list[str]):
    there = session(home, shell)
    await begin(there, "echo out; echo 'it''s' >&2; umask; exit 3")
    await until_ended(home)
    umask = os.umask(0o22)
    os.umask(umask)
    end = Reply(3, stdout=f"out\n{umask:04o}\n".encode(), stderr=b"its\n")
    assert await look(there, "collect") == end
    assert await look(there, "collect", "", remove=True) == end  # the latest
    assert not folder(home).exists()
    assert (await look(there, "collect")).cause == "exec/no-run"


@every_shell
async def test_while_it_runs_it_is_neither_collected_nor_removed(home: Path, shell: list[str]):
    there = session(home, shell)
    await begin(there, "echo up; sleep 600")
    found = await look(there, "collect", remove=True)
    assert isinstance(found, Failure)
    assert (found.cause, found.remote_end) == ("exec/running", "left running")
    assert folder(home).is_dir()
    assert (await look(there, "tail", "r1.aa")).stdout == b"up\n"


@every_shell
async def test_it_has_each_variable_as_it_was_exported(home: Path, shell: list[str]):
    there = session(home, shell)
    letters = "abcdefghijklmnopqrstuvwxyz"
    there.env |= {letter: f"its own {letter}" for letter in letters}
    await begin(there, "printf '%s\\n' " + " ".join(f'"${letter}"' for letter in letters))
    await until_ended(home)
    found = await look(there, "collect")
    assert isinstance(found, Reply)
    assert found.stdout.decode().splitlines() == [f"its own {letter}" for letter in letters]


@every_shell
async def test_the_latest_is_found_beside_one_that_never_began(home: Path, shell: list[str]):
    there = session(home, shell)
    for name, started in (("r1.aa", "200"), ("r2.bb", ""), ("r3.cc", "100")):
        folder(home, name).mkdir(parents=True)
        (folder(home, name) / "started").write_text(started)
        for file, text in (("boot", "b\n"), ("code", "0\n"), ("out", name), ("err", "")):
            (folder(home, name) / file).write_text(text)
    (folder(home, "r4.dd")).mkdir()
    assert await look(there, "collect", "", remove=True) == Reply(0, stdout=b"r1.aa")
    assert {path.name for path in folder(home).parent.iterdir()} == {"r2.bb", "r3.cc", "r4.dd"}


@every_shell
async def test_where_its_files_cannot_be_made_nothing_is_called_detached(home: Path, shell: list[str]):
    there = session(home, shell)
    # A folder is in the way of the command's output.
    (home / "bin/setsid").write_text('#!/bin/sh\nmkdir "$5/out"; exec "$@"\n')
    (home / "bin/setsid").chmod(0o755)
    reply = await Detach("touch ~/ran", run="r1", token="aa").perform(there)  # type: ignore[arg-type]
    assert (reply.exit_code, reply.stdout) == (1, b"")
    assert reply.stderr
    assert not folder(home).exists()
    assert not (home / "ran").exists()


ENDS = [
    ("sleep 600", b"TERM", 143),
    ("sleep 600 | cat; sleep 600", b"TERM", 143),
    ("timeout 600 sleep 600 & wait", b"TERM", 143),
    ('trap "" TERM; sleep 600; sleep 600', b"KILL", 137),
]


async def test_a_kill_ends_all_of_it_and_leaves_its_code(home: Path):
    async def kill(shell: list[str], number: int) -> None:
        line, word, code = ENDS[number]
        name = f"r{number}.{shell[0]}"
        there = session(home / shell[0], shell)
        await begin(there, f"echo up; {line}", name)
        place = folder(home / shell[0], name)
        pid = int((place / "pid").read_text().split()[0])
        while not (place / "out").read_text():  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert (await look(there, "kill", name, grace=1.0)).stdout == b"ended by " + word + b"\n"
        assert processes.gone(processes.group(pid))
        found = await look(there, "collect", name)
        assert isinstance(found, Reply) and found.exit_code == code
        assert (await look(there, "kill", name)).stdout == f"it had ended: exit {code}\n".encode()

    # All at once: each waits for what it ends.
    await asyncio.gather(*(kill(shell, number) for shell in SHELLS for number in range(len(ENDS))))


@every_shell
async def test_a_process_that_has_only_got_the_number_is_left_alone(home: Path, shell: list[str]):
    there = session(home, shell)
    await begin(there, "sleep 600")
    file = folder(home) / "pid"
    pid, born = file.read_text().split()
    file.write_text(f"{pid} {int(born) + 1}\n")
    assert (await look(there, "kill")).cause == "exec/gone"
    (folder(home) / "boot").write_text("another\n")
    file.write_text(f"{pid} {born}\n")
    assert (await look(there, "kill")).cause == "exec/gone"
    assert processes.alive([int(pid)])


@every_shell
async def test_a_tail_that_follows_ends_as_the_command_does(home: Path, shell: list[str]):
    there = session(home, shell)
    await begin(there, "echo one; sleep 1; echo two; exit 4")
    assert await look(there, "tail", follow=True) == Reply(4, stdout=b"one\ntwo\n")


async def test_what_is_private_is_nobody_elses(home: Path):
    await begin(session(home, SHELLS[0]), "true")
    await until_ended(home)
    modes = {path.name: path.stat().st_mode & 0o777 for path in (folder(home), *folder(home).iterdir())}
    assert modes.pop("r1.aa") == 0o700
    assert set(modes.values()) == {0o600}
    assert set(modes) == {"command", "started", "boot", "pid", "out", "err", "code"}


async def test_two_that_are_called_alike_are_told_apart_by_their_whole_names(home: Path):
    there = session(home, SHELLS[0])
    await begin(there, "exit 1")
    await begin(there, "exit 2", "r1.bb")
    found = await look(there, "collect")
    assert isinstance(found, Failure) and "several" in found.message
    async with asyncio.timeout(10):
        while not (folder(home, "r1.bb") / "code").exists():  # noqa: ASYNC110
            await asyncio.sleep(0.02)
    found = await look(there, "collect", "r1.bb")
    assert isinstance(found, Reply) and found.exit_code == 2


async def test_hosts_that_share_a_home_have_each_their_own(home: Path):
    one, two = session(home, SHELLS[0]), session(home, SHELLS[0])
    for there, name in ((one, "web1"), (two, "web2")):
        own = home / name
        own.mkdir()
        (own / "uname").write_text(f"#!/bin/sh\necho {name}\n")
        (own / "uname").chmod(0o755)
        there.env = {**there.env, "PATH": f"{own}:{there.env['PATH']}"}
        await begin(there, f"echo {name}; sleep 600")
    for there, name in ((one, "web1"), (two, "web2")):
        while not (said := await look(there, "tail", "")).stdout:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        assert said == Reply(0, stdout=f"{name}\n".encode())
    assert (await look(one, "kill")) == Reply(0, stdout=b"ended by TERM\n")
    assert (await look(two, "collect")).cause == "exec/running"


async def test_a_command_that_ends_by_our_own_sign_is_taken_at_its_word():
    """The sign is an exit code and a word that nobody can foresee."""
    session = ScriptedSession({"sh -c": Reply(75, stderr=b"0123456789abcdef running\n")})
    assert await Detached(does="collect").perform(session) == Reply(75, stderr=b"0123456789abcdef running\n")


@pytest.mark.parametrize("run", ["../x", ".", "a/b"])
def test_a_name_that_leaves_the_folder_is_refused(run: str):
    with pytest.raises(UsageError, match="no name of a run"):
        Detached(does="collect", run=run)


def test_a_detached_command_is_shown_as_the_command_that_it_is():
    assert Detach("uptime").label == "uptime"
    assert replace(Detach("uptime"), run="r7", token="ab").name == "r7.ab"
