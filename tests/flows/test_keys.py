"""Keys pressed while a run goes on, on a terminal of its own: what they do, and how the terminal is left behind."""

import re
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.pty import CTRL_C, Screen, run_on_pty

CTRL_Z, CTRL_BACKSLASH = b"\x1a", b"\x1c"
PSSH = f"{sys.executable} -m pssh"
# How the terminal is before and after: what a run leaves changed is the next prompt's trouble.
AROUND = "stty -g > before; {}; echo code $?; stty -g > after; cmp before after && echo the same"
INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-4]"]
[groups.web]
hosts = "web[1-4]"
"""
Keystrokes = Sequence[tuple[bytes, bytes]]


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder with an inventory of four hosts, all of them this machine."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    return tmp_path


def typed(fleet: Path, line: str, keys: Keystrokes, *, shell: Sequence[str] = ("sh", "-c")) -> Screen:
    """Run a line of a shell on a terminal, with `pssh` in it, and press keys."""
    env = environment(fleet, TERM="xterm", PS1="$ ")
    return run_on_pty([*shell, line] if line else shell, keys=keys, env=env, cwd=fleet, columns=120)


def around(fleet: Path, args: str, keys: Keystrokes) -> str:
    """Run pssh on a terminal and return the screen; the terminal is left as it was."""
    text = typed(fleet, AROUND.format(f"trap : INT; {PSSH} {args}"), keys).text
    assert text.rstrip().endswith("the same")
    return text


def rows(text: str) -> list[list[str]]:
    """Return the first words of each row of the table on a screen: hosts, number, status."""
    lines = [line for line in text.splitlines() if re.match(r"\S+ +\d+  \S", line)]
    return [re.sub(r"\x1b\[[\d;]*m", "", line).split()[:3] for line in lines]


HANG = "run @web 'for i in $(seq 1000); do sleep 0.05; done'"  # for a minute, for those that are quit are left alone
HANG_ONE = HANG.replace("run", "run -p 1", 1)


def test_enter_shows_who_is_at_work_and_nothing_typed_is_shown(fleet: Path) -> None:
    text = around(fleet, HANG, [(b"running 4", b"xyz\r"), (b"web[1-4]", CTRL_C)])
    assert re.search(r"0 of 4 hosts ended, 4 at work\n +0:0\d  running +web\[1-4\]\n", text)
    assert "xyz" not in text
    assert "code 130" in text


def test_k_ends_one_host_and_the_others_go_on(fleet: Path) -> None:
    keys = [(b"running 4", b"kweb9\r"), (b"no host", b"kweb2\r"), (b"running 3", b"\r"), (b"web[1,3-4]", CTRL_C)]
    text = around(fleet, HANG, keys)
    assert "pssh: no host `web9` in this run\n" in text
    assert "pssh: ending `web2`\n" in text
    assert rows(text) == [["web[1,3-4]", "3", "cancelled"], ["web2", "1", "cancelled"]]
    assert "stop/operator (" in text


def test_p_holds_the_run_and_lets_it_go_on(fleet: Path) -> None:
    keys = [
        (b"running 1", b"p"),
        (b"paused", b"kweb1\r"),
        (b"cancelled 1\x1b[0m  running 0", b"\r"),
        (b"0 at work", b"p"),
        (b"going on", b""),
        (b"cancelled 1\x1b[0m  running 1", CTRL_C),
    ]
    text = around(fleet, HANG_ONE, keys)
    assert "1 of 4 hosts ended, 0 at work\n" in text
    assert sorted(rows(text)) == [["web1", "1", "cancelled"], ["web2", "1", "cancelled"], ["web[3-4]", "2", "not-run"]]


def test_plus_lets_more_hosts_run_at_once(fleet: Path) -> None:
    keys = [(b"running 1", b"+"), (b"2 hosts at once", b"+"), (b"running 3", CTRL_C)]
    text = around(fleet, HANG_ONE, keys)
    assert "3 hosts at once" in text
    assert rows(text) == [["web[1-3]", "3", "cancelled"], ["web4", "1", "not-run"]]


def test_q_lets_what_runs_finish_and_starts_nothing_more(fleet: Path) -> None:
    text = around(fleet, "run -p 2 @web 'sleep 1'", [(b"running 2", b"q")])
    assert "pssh: nothing more is started; 2 hosts at work:\n  web[1-2]\n" in text
    assert rows(text) == [["web[3-4]", "2", "not-run"], ["web[1-2]", "2", "ok"]]
    assert "stopped: operator  exit 3" in text


def test_ctrl_c_lists_who_is_at_work(fleet: Path) -> None:
    text = around(fleet, HANG, [(b"running 4", CTRL_C)])
    assert "pssh: stopping; 4 hosts at work:\n  web[1-4]\n  Ctrl-C again reports at once\n" in text


WAVES = "run --canary 1 --batch 50% --pause ask @web 'echo hi'"


def test_the_next_wave_begins_once_somebody_says_yes(fleet: Path) -> None:
    keys = [(b"go on with wave 2 of 3 (2 hosts)? [y/N] ", b"?xy"), (b"go on with wave 3 of 3 (1 host)? [y/N] ", b"y")]
    text = around(fleet, WAVES, keys)
    assert re.search(r"wave 1 of 3 ended, 1 of 4 hosts: 1 ok  \d", text)
    assert "pssh: going on with wave 3 of 3 (1 host)\n" in text
    assert rows(text) == [["web[1-4]", "4", "ok"]]


@pytest.mark.parametrize(
    ("key", "code", "said"),
    [(b"n", 3, "stopped: operator"), (b"\r", 3, "stopped: operator"), (CTRL_C, 130, "stopped: interrupt")],
)
def test_any_other_answer_ends_the_run_where_it_is(fleet: Path, key: bytes, code: int, said: str) -> None:
    text = around(fleet, WAVES, [(b"[y/N] ", key)])
    assert rows(text) == [["web[2-4]", "3", "not-run"], ["web1", "1", "ok"]]
    assert f"{said}  exit {code}\n" in text
    assert f"code {code}\n" in text


def test_the_question_comes_on_the_terminal_wherever_stderr_goes(fleet: Path) -> None:
    text = around(fleet, f"{WAVES} 2> told", [(b"[y/N] ", b"y"), (b"[y/N] ", b"y")])
    assert "go on with wave 2 of 3 (2 hosts)? [y/N] \ngo on with wave 3" in text
    assert rows(text) == [["web[1-4]", "4", "ok"]]
    assert "[y/N]" not in (fleet / "told").read_text()


def test_a_run_that_ends_by_itself_leaves_the_terminal_as_it_was(fleet: Path) -> None:
    assert "code 0" in around(fleet, "run @web true", [])


def test_ctrl_backslash_quits_and_leaves_the_terminal_as_it_was(fleet: Path) -> None:
    line = f"trap : QUIT; ulimit -c 0; {AROUND.format(f'{PSSH} {HANG}')}"
    text = typed(fleet, line, [(b"running 4", CTRL_BACKSLASH)]).text
    assert "code 131" in text
    assert text.rstrip().endswith("the same")


def test_where_a_pager_may_read_the_keys_none_is_taken(fleet: Path) -> None:
    text = typed(fleet, f"{PSSH} {HANG} | cat", [(b"running 4", b"pq"), (b"pq", CTRL_C)]).text
    assert "paused" not in text
    assert "stopping" in text


@pytest.mark.parametrize("shell", [("bash", "--norc", "--noprofile", "-i"), ("sh", "-i")])
def test_a_run_that_is_stopped_and_continued_has_its_keys_again(fleet: Path, shell: Sequence[str]) -> None:
    keys = [
        (b"$ ", f"stty -g > before; {PSSH} {HANG}\r".encode()),
        (b"running 4", CTRL_Z),
        (b"Stopped", b"stty -g > between; fg\r"),
        (b"running 4", b"\r"),
        (b"4 at work", CTRL_C),
        (b"exit 130", b"stty -g > after; exit 0\r"),
    ]
    typed(fleet, "", keys, shell=shell)
    before, between, after = ((fleet / name).read_text() for name in ("before", "between", "after"))
    assert before == between == after


def test_a_run_in_the_background_leaves_the_terminal_to_the_shell_until_it_is_in_front(fleet: Path) -> None:
    keys = [
        (b"$ ", f"stty -g > before; {PSSH} {HANG} &\r".encode()),
        (b"running 4", b"stty -g > between; echo the shell r'e'ads\r"),
        (b"the shell reads", b"fg\r"),
        (b"running 4", b"\r"),
        (b"4 at work", CTRL_C),
        (b"exit 130", b"stty -g > after; exit 0\r"),
    ]
    typed(fleet, "", keys, shell=("bash", "--norc", "--noprofile", "-i"))
    before, between, after = ((fleet / name).read_text() for name in ("before", "between", "after"))
    assert before == between == after


def test_leaving_at_once_leaves_the_prompt_a_line_of_its_own(fleet: Path) -> None:
    hang = "run @web 'trap : TERM; while :; do sleep 0.05; done'"
    keys = [(b"running 4", CTRL_C), (b"4 at work", CTRL_C * 2)]
    text = around(fleet, hang, keys)
    assert "\ncode 130\n" in text
