"""Commands and scripts with their context, over the transports that reach a real shell: passwords, leashes, locks.

sudo and su are of our own making, so that they ask when and as often as a test wants.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from pssh import plugins
from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply
from pssh.model.placeholders import fill
from pssh.model.secret import Secret
from pssh.model.work import Limits, Operation, Session, TransportError
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.lock import Locked
from pssh.ops.script import Script
from pssh.ops.shellwords import quote
from tests.contract.test_transport import STOP, Ear, until
from tests.support import fakesudo, processes
from tests.support.inputs import Growing
from tests.support.sshd import Sshd, sshd_fleet

SECRETS = {"become": Secret("right"), "wrong": Secret("wr0ng-canary"), "secret:x": Secret("it's $x")}

# Asks the terminal, as su does, and nobody else.
_SU = r"""#!/bin/sh
stty -echo < /dev/tty
printf 'Password: ' > /dev/tty
IFS= read -r answer < /dev/tty
printf '\n' > /dev/tty
echo "$answer" >> "$0.log"
[ "$answer" = right ] || { echo 'su: Authentication failure' >&2; exit 1; }
exec sh -c "$3"
"""

Open = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture(scope="module")
def tools(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a sudo and a su."""
    folder = tmp_path_factory.mktemp("tools")
    fakesudo.install(folder)
    (folder / "su").write_text(_SU)
    (folder / "su").chmod(0o755)
    return folder


@pytest.fixture(scope="module")
def daemon(tools: Path, tmp_path_factory: pytest.TempPathFactory):
    folder = tmp_path_factory.mktemp("sshd")
    config = f"SetEnv HOME={folder}/home PATH={tools}:{os.environ['PATH']}\n"
    with sshd_fleet(folder, config=config) as running:
        yield running


@pytest.fixture(params=["local", "ssh"])
def opened(request: pytest.FixtureRequest, tools: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Open:
    """Open a session of these limits whose shell finds our sudo and su."""
    for log in tools.glob("*.log"):
        log.unlink()
    monkeypatch.setenv("PATH", f"{tools}:{os.environ['PATH']}")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    (tmp_path / "home").mkdir()
    connection = Connection(address="here", user="", transport="local")
    if request.param == "ssh":
        connection = reaching(request.getfixturevalue("daemon"))
    return opening(connection)


def reaching(daemon: Sshd) -> Connection:
    return Connection(
        address="127.0.0.1",
        port=daemon.port,
        user=daemon.user,
        identity=(str(daemon.identity),),
        known_hosts=(str(daemon.known_hosts()),),
    )


def opening(connection: Connection) -> Open:
    @asynccontextmanager
    async def open_one(ear: Ear | None = None, **limits: Any) -> AsyncIterator[Session]:
        transport = plugins.find("pssh.transports", connection.transport)(SECRETS, 8)
        async with transport.open("here", connection, Limits(**limits), ear or Ear()) as session:
            yield session

    return open_one


async def outcome(operation: Operation, session: Session) -> Reply | Failure:
    try:
        return await operation.perform(session)
    except TransportError as error:
        return error.failure


def sudo(user: str, password: str = "become", **how: Any) -> Context:
    return Context(become="sudo", become_user=user, become_password=password, **how)


def answers(tools: Path, name: str = "sudo") -> list[str]:
    log = tools / f"{name}.log"
    return log.read_text().splitlines() if log.exists() else []


def gone(folder: bytes) -> bool:
    return not Path(folder.decode()).exists()


@pytest.mark.parametrize(
    ("user", "password", "sent"),
    [("never", "", []), ("never", "become", []), ("once", "become", ["right"]), ("lecture", "become", ["right"])],
)
async def test_a_command_becomes_somebody_and_only_its_own_words_are_output(
    opened: Open, tools: Path, user: str, password: str, sent: list[str]
):
    context = sudo(user, password, env=(("A", "x 'y'"),), chdir="/")
    command = Command('echo "$A $PWD"; echo err >&2; printf ask- >&2; exit 7', context=context)
    async with opened() as session:
        assert await outcome(command, session) == Reply(7, stdout=b"x 'y' /\n", stderr=b"err\nask-")
    assert answers(tools) == sent


@pytest.mark.parametrize(
    ("user", "password", "kind", "sent"),
    [
        ("once", "wrong", "sudo-denied", ["wr0ng-canary"]),
        ("twice", "become", "sudo-denied", ["right"]),
        ("refuses", "become", "sudo-denied", []),
        ("refuses", "", "sudo-denied", []),
        ("once", "", "sudo-needs-password", []),
    ],
)
@pytest.mark.parametrize("script", [False, True])
async def test_who_is_not_let_in_says_why_and_a_password_is_sent_at_most_once(
    opened: Open, tools: Path, tmp_path: Path, script: bool, user: str, password: str, kind: str, sent: list[str]
):
    text, context = f"touch {tmp_path}/ran", sudo(user, password)
    operation = Script("t", text.encode(), context=context) if script else Command(text, context=context)
    async with opened(kill_after=0.5) as session:
        end = await outcome(operation, session)
    assert isinstance(end, Failure) and end.cause == f"exec/{kind}"
    assert "canary" not in repr(end)
    assert (answers(tools), (tmp_path / "ran").exists()) == (sent, False)


async def test_input_follows_the_password(opened: Open, tools: Path):
    ear = Ear()
    ear.input = Growing(b"one\ntwo\n", ended=True)  # type: ignore[misc]
    async with opened(ear) as session:
        reply = await outcome(Command("cat", context=sudo("once", input=True)), session)
    assert reply == Reply(0, stdout=b"one\ntwo\n")
    assert answers(tools) == ["right"]


async def test_without_a_shell_the_words_are_run_and_the_question_is_not_output(opened: Open, tools: Path):
    command = Command("printf %s 'a  b'", context=sudo("once", shell=False))
    async with opened() as session:
        assert await outcome(command, session) == Reply(0, stdout=b"a  b")
    assert answers(tools) == ["right"]


async def test_a_question_that_the_command_prints_itself_is_output_and_not_answered(opened: Open, tools: Path):
    command = Command("tr '\\0' '\\n' < /proc/$PPID/cmdline >&2; cat", context=sudo("once"))
    async with opened() as session:
        end = await outcome(command, session)
    assert isinstance(end, Reply) and end.stdout == b""
    assert answers(tools) == ["right"]


async def test_su_asks_on_a_terminal_and_the_answer_is_not_echoed(opened: Open, tools: Path):
    context = Context(become="su", become_user="db", become_password="become", chdir="/")
    async with opened() as session:
        assert await outcome(Command("pwd; echo err >&2; exit 3", context=context), session) == Reply(
            3, stdout=b"/\nerr\n"
        )
    assert answers(tools, "su") == ["right"]


@pytest.mark.parametrize("become", ["sudo", "su"])
async def test_a_script_of_another_user_arrives_and_is_removed(opened: Open, tools: Path, become: Any):
    content = b'#!/bin/sh\ncat "$0"; echo "$@"; echo "${0%/*}"; exit 3\n#' + bytes(range(32, 256)) * 20
    context = Context(become=become, become_user="once", become_password="become")
    async with opened() as session:
        end = await outcome(Script("t", content, ("a  b",), context=context), session)
    assert isinstance(end, Reply)
    said, _, folder = end.stdout.removesuffix(b"\n").rpartition(b"\n")
    assert (end.exit_code, said) == (3, content + b"a  b")
    assert folder.startswith(b"/tmp/pssh-")
    assert gone(folder)
    assert answers(tools, become) == ["right"]


async def test_a_secret_in_a_line_arrives_through_sudo(opened: Open):
    line = "printf %s {secret:x} | tr x y; printf %s {secret:x}"
    command = Command(fill(line, {}, quote), context=sudo("never"))
    async with opened() as session:
        assert await outcome(command, session) == Reply(0, stdout=b"it's $y***")
    assert "$x" not in repr(command)


async def test_a_lock_is_given_back_when_its_command_is_stopped(opened: Open, tmp_path: Path):
    command = Command("readlink ~/.pssh/locks/*; sleep 600")
    lock = Locked(name="x", operation=command, owner="me")
    ear = Ear()
    async with opened(ear, say=True, kill_after=0.5) as session:
        running = asyncio.ensure_future(outcome(lock, session))
        await until(lambda: b" me\n" in ear.heard["stdout"])
        session.end(STOP)
        end = await running
        assert isinstance(end, Failure) and (end.cause, end.note) == ("stop/interrupt", "")
        assert (await session.exec("ls ~/.pssh/locks")).stdout == b""


async def test_a_lock_stands_while_its_connection_does(opened: Open):
    held = Locked(name="x", operation=Command("readlink ~/.pssh/locks/*; sleep 600"), owner="me", lease=1)
    ear = Ear()
    async with opened(ear, say=True, kill_after=0.5) as session, opened() as another:
        running = asyncio.ensure_future(outcome(held, session))
        await until(lambda: b" me\n" in ear.heard["stdout"])
        over = int(ear.heard["stdout"].split()[1])
        await until(lambda: time.time() > over)  # the host's clock, which is ours
        refused = await outcome(Locked(name="x", operation=Command("true"), owner="you"), another)
        assert isinstance(refused, Failure) and refused.cause == "rule/lock-held"
        session.end(STOP)
        await running


# ---- a connection that is lost


@pytest.mark.parametrize(
    "text", ["sleep 600", 'trap "" TERM HUP; sleep 600; sleep 600', "(sleep 600 & sleep 600); true", "sleep 600 | cat"]
)
@pytest.mark.parametrize("become", ["", "sudo"])
async def test_a_leashed_command_does_not_outlive_its_connection(daemon: Sshd, tools: Path, text: str, become: Any):
    context = Context(leash=True, become=become, become_user="never")
    ear = Ear()
    async with opening(reaching(daemon))(ear, say=True) as session:
        running = asyncio.ensure_future(outcome(Command(f"echo $$; {text}", context=context), session))
        await until(lambda: ear.heard["stdout"].endswith(b"\n"))
        leader = int(ear.heard["stdout"])
        group = processes.group(os.getpgid(leader))
        assert leader in group
        os.kill(processes.parents()[os.getpgid(leader)], signal.SIGKILL)
        end = await running
    assert isinstance(end, Failure) and end.cause == "exec/connection-closed"
    assert processes.gone(group)


async def test_a_leash_changes_nothing_where_the_connection_stands(opened: Open):
    context = Context(leash=True)
    async with opened() as session:
        for text, end in (
            ("echo out; exit 3", Reply(3, stdout=b"out\n")),
            ("sleep 0 & wait; cat", Reply(0)),
            ("kill -KILL $$", Reply(signal="KILL")),
        ):
            assert await outcome(Command(text, context=context), session) == end
