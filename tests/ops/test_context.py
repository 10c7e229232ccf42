"""What surrounds a command: the line that is sent, and what real shells make of it."""

import asyncio
import os
import re
import shlex
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.errors import UsageError
from pssh.model.outcome import Reply
from pssh.model.work import HELD_OPEN, Prompt
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.script import Script
from pssh.ops.shellwords import quote
from pssh.testing import ScriptedSession
from tests.support import processes
from tests.support.shells import SHELLS, Shell, becoming

every_shell = pytest.mark.parametrize("shell", SHELLS, ids=lambda words: words[0])
NONCE = re.compile("[0-9a-f]{32}")


class Given:
    """An input that is all there."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    def read(self, at: int, most: int) -> bytes:
        return self.data[at : at + most]

    def when_more(self, call: object) -> None: ...


def line(text: str, **how: Any) -> str:
    return Context(**how).line(text, "NONCE")


# ---- the line


async def test_with_nothing_set_the_bytes_and_the_way_they_are_sent_are_the_users():
    session = ScriptedSession()
    await Command("echo 'a  b' ;# x").perform(session)
    assert (session.asked, session.given) == (["echo 'a  b' ;# x"], [b""])


def test_variables_and_folder_come_before_the_command_in_the_same_shell():
    assert line("a; b", env=(("A", "x y"), ("B", "")), chdir="/srv/a b") == (
        "export A='x y' B=''; CDPATH= cd -- '/srv/a b' || exit; a; b"
    )


@pytest.mark.parametrize(
    ("how", "begin"),
    [
        ({"become": "sudo"}, "exec sudo -n -u root -- sh -c "),
        ({"become": "sudo", "become_user": "www data"}, "exec sudo -n -u 'www data' -- sh -c "),
        ({"become": "sudo", "become_password": "p"}, "exec sudo -S -p ask-NONCE: -u root -- sh -c "),
        ({"become": "doas"}, "exec doas -n -u root -- sh -c "),
        ({"become": "doas", "become_password": "p", "become_user": "db"}, "exec doas -u db -- sh -c "),
        ({"become": "su", "become_user": "db"}, "exec su db -c 'exec sh -c "),
    ],
)
def test_becoming_somebody_is_outermost_and_the_rest_is_one_argument(how: dict[str, Any], begin: str):
    sent = line("LINE", env=(("A", "b"),), chdir="/d", **how)
    assert sent.startswith(begin)
    inner = "printf %s%s mark- NONCE >&2; export A=b; CDPATH= cd -- /d || exit; LINE"
    if "become_password" in how:  # somebody is beside it
        assert shlex.split(sent.removeprefix(begin))[0].startswith(inner.removesuffix("LINE"))
    else:
        assert sent.removeprefix(begin) == quote(inner) or how["become"] == "su"


@pytest.mark.parametrize("become", ["sudo", "doas"])
def test_without_a_shell_the_words_follow_directly(become: Any):
    assert line("ls 'a b'", become=become, shell=False) == f"exec {become} -n -u root -- ls 'a b'"
    assert line("ls 'a b'", shell=False) == "ls 'a b'"


@pytest.mark.parametrize(
    ("how", "asks", "mark", "tty"),
    [
        ({"become": "sudo"}, "", "mark-NONCE", False),
        ({"become": "sudo", "become_password": "p"}, "ask-NONCE:", "mark-NONCE", False),
        ({"become": "sudo", "become_password": "p", "shell": False}, "ask-NONCE:", "", False),
        ({"become": "doas"}, "", "mark-NONCE", False),
        ({"become": "doas", "become_password": "p"}, "password", "mark-NONCE", True),
        ({"become": "su"}, "password", "mark-NONCE", True),
    ],
)
def test_who_may_ask_is_answered_and_a_terminal_is_there_where_one_is_needed(
    how: dict[str, Any], asks: str, mark: str, tty: bool
):
    context = Context(**how)
    prompt = context.prompt("NONCE")
    assert prompt is not None
    assert (prompt.mark, prompt.secret, context.terminal) == (mark, context.become_password, tty)
    assert asks in prompt.asks and bool(asks) == bool(prompt.asks)


@pytest.mark.parametrize("how", [{}, {"become": "sudo", "shell": False}, {"tty": True, "env": (("A", "b"),)}])
def test_a_command_that_neither_asks_nor_becomes_somebody_has_no_prompt(how: dict[str, Any]):
    assert Context(**how).prompt("NONCE") is None


@pytest.mark.parametrize(
    "question",
    [
        "Password: ",
        "Passwort: ",
        "Mot de passe : ",
        "Contraseña: ",
        "\rdoas (me@host) password: ",
        "Hasło: ",
        "Пароль: ",
        "密码：",
        "Senha:",
    ],
)
def test_what_su_and_doas_ask_is_known_in_many_languages_and_as_bytes(question: str):
    asks = Context(become="su").prompt("x").asks  # type: ignore[union-attr]
    found = re.search(asks.encode(), b"Last login: today\r\n" + question.encode())
    assert found is not None and found[0] == question.encode()


@pytest.mark.parametrize("words", ["su: Authentication failure\r\n", "Last login: Sun", "Password\r\n: "])
def test_what_only_looks_like_a_question_is_none(words: str):
    asks = Context(become="su").prompt("x").asks  # type: ignore[union-attr]
    assert re.search(asks.encode(), words.encode()) is None


def test_neither_mark_nor_question_stands_in_what_sudo_repeats():
    sent = line("LINE", become="sudo", become_password="p")
    repeated = sent.partition(" -- ")[2]
    assert "mark-NONCE" not in repeated and "ask-NONCE" not in repeated


async def test_each_command_has_a_nonce_of_its_own():
    session = ScriptedSession()
    for _ in range(2):
        await Command("true", context=Context(become="sudo")).perform(session)
    nonces = {NONCE.findall(asked)[0] for asked in session.asked}
    assert len(nonces) == 2


@pytest.mark.parametrize(
    "how",
    [
        {"env": (("A-B", "x"),)},
        {"env": (("1A", "x"),)},
        {"env": (("", "x"),)},
        {"env": (("A;id", "x"),)},
        {"env": (("A", "x\0"),)},
        {"chdir": "a\0"},
        {"become": "sudo", "become_user": "-x"},
        {"become": "sudo", "become_user": "a\0"},
        {"leash": True, "input": True},
        {"shell": False, "env": (("A", "b"),)},
        {"shell": False, "chdir": "/"},
        {"shell": False, "leash": True},
        {"shell": False, "become": "su"},
        {"shell": False, "become": "sudo", "become_password": "p", "input": True},
    ],
)
def test_what_cannot_be_or_cannot_be_together_is_refused(how: dict[str, Any]):
    with pytest.raises(UsageError):
        Context(**how)


async def test_a_context_crosses_in_msgpack_with_its_command():
    command = Command("id", context=Context(become="sudo", env=(("A", "é"),), tty=True))
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(command), type=Command) == command


# ---- in real shells


@every_shell
async def test_variables_and_folder_are_there_whatever_they_hold(shell: list[str], tmp_path: Path):
    folder = tmp_path / "it's -n $x"
    folder.mkdir()
    context = Context(env=(("A", 'it\'s "$HOME" `id`\n\\'), ("B", "é\udcff")), chdir=str(folder))
    reply = await Command('printf "%s|%s|" "$A" "$B"; pwd', context=context).perform(Shell(tmp_path, shell))
    assert reply.stdout == f'it\'s "$HOME" `id`\n\\|é\udcff|{folder}\n'.encode("utf-8", "surrogateescape")


@every_shell
async def test_where_the_folder_is_not_nothing_of_the_command_runs(shell: list[str], tmp_path: Path):
    command = Command("echo one; echo two", context=Context(chdir=str(tmp_path / "none")))
    reply = await command.perform(Shell(tmp_path, shell))
    assert reply.exit_code != 0 and reply.stdout == b"" and b"none" in reply.stderr


@every_shell
@pytest.mark.parametrize("become", ["sudo", "doas", "su"])
async def test_another_user_gets_the_same_variables_folder_and_line(shell: list[str], become: Any, tmp_path: Path):
    if (become, shell[0]) == ("su", "busybox"):
        pytest.skip("busybox runs its own su")
    (tmp_path / "bin").mkdir()
    session = Shell(tmp_path, shell, env=becoming(tmp_path / "bin"))
    context = Context(become=become, become_user="db", env=(("ENV_A", "x 'y'"),), chdir="/")
    text = "echo \"$SUDO_USER_WAS|$ENV_A|$PWD\" 'a  b'; echo err >&2; exit 7"
    reply = await Command(text, context=context).perform(session)
    assert reply == Reply(7, stdout=b"db|x 'y'|/ a  b\n", stderr=b"err\n")


@every_shell
async def test_the_input_follows_the_password_and_is_the_commands_own(shell: list[str], tmp_path: Path):
    (tmp_path / "bin").mkdir()
    env = becoming(tmp_path / "bin")
    session = Shell(tmp_path, shell, env=env, input=Given(b"one\ntwo\n"), answer=b"right\n")
    context = Context(become="sudo", become_password="p", input=True)
    reply = await Command("cat", context=context).perform(session)
    assert (reply.exit_code, reply.stdout) == (0, b"one\ntwo\n")


@every_shell
async def test_a_signal_of_the_command_is_its_own(shell: list[str], tmp_path: Path):
    (tmp_path / "bin").mkdir()
    session = Shell(tmp_path, shell, env=becoming(tmp_path / "bin"))
    for context in (Context(env=(("A", "b"),)), Context(become="sudo")):
        assert (await Command("kill -KILL $$", context=context).perform(session)).signal == "KILL"


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_of_a_variable_comes_out_as_it_is_within_sudo_and_without(value: str):
    for become in ("", "sudo"):
        context = Context(env=(("A", value),), become=become)
        sent = context.line('printf %s "$A"', "n").removeprefix("exec sudo -n -u root -- ")
        assert subprocess.run(["sh", "-c", sent], capture_output=True).stdout == value.encode()


@pytest.mark.skipif(os.geteuid() != 0 or not shutil.which("sudo"), reason="only root runs the real sudo unasked")
async def test_the_real_sudo_runs_commands_and_scripts_as_another_user(tmp_path: Path):
    context = Context(become="sudo", become_user="nobody", env=(("A", "b c"),), chdir="/")
    text = 'id -un; echo "$A|$PWD"; exit 3'
    end = Reply(3, stdout=b"nobody\nb c|/\n")
    assert await Command(text, context=context).perform(Shell(tmp_path)) == end
    assert await Script("t", text.encode(), context=context).perform(Shell(tmp_path)) == end


# ---- on a leash


class Leashed:
    """A command whose connection stands until it is lost."""

    def __init__(self, shell: list[str], text: str) -> None:
        pipe = subprocess.PIPE
        argv = [*shell, "-c", Context(leash=True).line(text, "n")]
        self.process = subprocess.Popen(argv, stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True)

    async def line(self) -> bytes:
        return await asyncio.to_thread(self.process.stdout.readline)  # type: ignore[union-attr]

    async def end(self) -> tuple[int, bytes, bytes]:
        """Return how it ended and what it said, with the connection still there."""
        code = await asyncio.to_thread(self.process.wait, 10)
        return code, self.process.stdout.read(), self.process.stderr.read()  # type: ignore[union-attr]

    def lose(self) -> None:
        self.process.stdin.close()  # type: ignore[union-attr]


@pytest.fixture
def leashed() -> Iterator[Callable[[list[str], str], Leashed]]:
    started: list[Leashed] = []

    def start(shell: list[str], text: str) -> Leashed:
        started.append(Leashed(shell, text))
        return started[-1]

    yield start
    for one in started:
        with suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        with one.process:  # closes what is left of its pipes
            one.lose()


Start = Callable[[list[str], str], Leashed]


@every_shell
@pytest.mark.parametrize("text", ["echo out; exit 3", "sleep 0 & echo out; wait; exit 3"])
async def test_a_command_on_a_leash_ends_as_it_would_without(shell: list[str], text: str, leashed: Start):
    assert await leashed(shell, text).end() == (3, b"out\n", b"")


@every_shell
async def test_a_signal_of_a_command_on_a_leash_is_its_own(shell: list[str], leashed: Start):
    assert (await leashed(shell, "kill -KILL $$").end())[0] == -signal.SIGKILL


@every_shell
async def test_a_leashed_command_has_no_input_and_no_other_descriptor(shell: list[str], leashed: Start):
    _, out, _ = await leashed(shell, "cat; for fd in /proc/$$/fd/*; do readlink $fd; done").end()
    assert out.split(b"\n")[0] == b"/dev/null"
    assert out.count(b"pipe:") == 2


async def test_what_loses_its_connection_is_ended_with_its_group(leashed: Start):
    texts = "sleep 600", 'trap "" TERM; sleep 600; sleep 600', "(sleep 600 & sleep 600); true", "sleep 600 | cat"
    # All at once: the leash waits a second before it kills.
    commands = {(*shell, text): leashed(shell, f"echo up; {text}") for shell in SHELLS for text in texts}
    for command in commands.values():
        assert await command.line() == b"up\n"
    running = {what: processes.group(command.process.pid) for what, command in commands.items()}
    for command in commands.values():
        command.lose()
    ends = {what: await asyncio.to_thread(command.process.wait, 10) for what, command in commands.items()}
    assert {what for what, end in ends.items() if end >= 0} == set()
    assert {what for what, pids in running.items() if not processes.gone(pids)} == set()


@every_shell
async def test_what_a_command_left_in_the_background_is_not_ended_with_it(shell: list[str], leashed: Start):
    command = leashed(shell, "sleep 600 >/dev/null 2>&1 & echo $!")
    _, out, _ = await command.end()
    running = processes.group(command.process.pid)
    command.lose()  # as a server does once the command has ended
    assert processes.gone(pid for pid in running if pid != int(out))
    assert processes.alive(running) == [int(out)]


# ---- under sudo with a password, where only somebody beside the command may end it


class Told(Leashed):
    """A command that is ended by words on its input."""

    def __init__(self, shell: list[str], text: str) -> None:
        line = shlex.split(Context(become="sudo", become_password="x").line(text, "n"))[-1]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(
            [*shell, "-c", line], stdin=pipe, stdout=pipe, stderr=pipe, start_new_session=True
        )

    def tell(self, word: bytes) -> None:
        self.process.stdin.write(word + b"\n")  # type: ignore[union-attr]
        self.process.stdin.flush()  # type: ignore[union-attr]


@pytest.fixture
def told() -> Iterator[Callable[[list[str], str], Told]]:
    started: list[Told] = []

    def start(shell: list[str], text: str) -> Told:
        started.append(Told(shell, text))
        return started[-1]

    yield start
    for one in started:
        with suppress(ProcessLookupError):
            os.killpg(one.process.pid, signal.SIGKILL)
        with one.process:
            one.lose()


@pytest.mark.parametrize("word", [b"TERM", b"KILL"])
async def test_what_is_told_to_end_ends_with_all_of_its_session(told: Callable[[list[str], str], Told], word: bytes):
    texts = ["sleep 600; true", "(sleep 600 & sleep 600); true", "sleep 600 | cat", "timeout 600 sleep 600; sleep 600"]
    texts += ['trap "" TERM; timeout 600 sleep 600; sleep 600'] * (word == b"KILL")
    commands = {(*shell, text): told(shell, f"echo up; {text}") for shell in SHELLS for text in texts}
    for command in commands.values():
        assert await command.line() == b"up\n"
        command.tell(word)
    ends = {what: await asyncio.to_thread(command.process.wait, 20) for what, command in commands.items()}
    assert set(ends.values()) == {-signal.Signals[f"SIG{word.decode()}"]}
    for command in commands.values():
        command.lose()  # as a server does once the command has ended
    assert processes.gone([pid for command in commands.values() for pid in processes.group(command.process.pid)])


@every_shell
async def test_a_connection_that_is_lost_ends_nothing_that_was_not_told_to(
    shell: list[str], told: Callable[[list[str], str], Told]
):
    command = told(shell, "echo up; sleep 0.2; echo done; exit 3")
    assert await command.line() == b"up\n"
    command.lose()
    assert await command.line() == b"done\n"
    assert await asyncio.to_thread(command.process.wait, 10) == 3


@pytest.mark.parametrize("more", [{"tty": True}, {"input": True}, {"leash": True}, {"shell": False}])
def test_nobody_is_beside_a_command_whose_input_is_anothers(more: dict[str, Any]):
    assert not Context(become="sudo", become_password="x", **more).told


def test_what_needed_no_password_is_ended_as_the_same_user_and_nobody_is_beside_it():
    plain = Context(become="sudo", become_user="app")
    assert not plain.told
    assert plain.prompt("n") == Prompt("", "mark-n", through="sudo -n -u app --")
    assert Context(become="su").prompt("n").through == ""  # type: ignore[union-attr]


async def test_a_leash_is_given_an_input_that_has_no_end(tmp_path: Path):
    asked: list[object] = []

    class Seen(Shell):
        async def exec(self, command: str, **how: Any) -> Reply:
            asked.append(how["stdin"].read(0, 1))
            return Reply(0)

    await Command("true", context=Context(leash=True)).perform(Seen(tmp_path))
    assert asked == [None] and HELD_OPEN.read(0, 1) is None
