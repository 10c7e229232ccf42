"""Run control as it is typed: argv in, screen and exit code out, on this machine alone."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import environment, pssh
from tests.support.pty import run_on_pty

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-3]"]
vars = { rack = "r[1-3]", odd = "it's $HOME" }
[hosts.db1]
[groups.web]
hosts = "web[1-3]"
[groups.live]
hosts = "db1"
protected = true
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    return tmp_path


def results(cwd: Path, *args: str, **more: Any) -> dict[str, dict[str, Any]]:
    """Run `pssh run` with these words, and return the results by host."""
    done = pssh("run", "-f", "json", "-q", *args, cwd=cwd, **more)
    assert done.out, done.err
    return {one["host"]: one for one in json.loads(done.out)["results"]}


def said(cwd: Path, *args: str, **more: Any) -> dict[str, str]:
    return {host: one["stdout"] for host, one in results(cwd, *args, **more).items()}


def test_placeholders_are_each_hosts_own_and_quoted(fleet: Path) -> None:
    found = said(fleet, "-T", "web1,web2", "printf '%s|' {host} {n}/{N} {groups} {odd} '${HOME:+x}' {{host}}")
    assert found == {
        "web1": "web1|0/2|web|it's $HOME|${HOME:+x}|{host}|",
        "web2": "web2|1/2|web|it's $HOME|${HOME:+x}|{host}|",
    }


def test_without_the_option_braces_are_the_users_own(fleet: Path) -> None:
    assert said(fleet, "web1", "echo '{host}'") == {"web1": "{host}\n"}


def test_a_placeholder_that_a_host_has_not_is_told_before_anything_runs(fleet: Path) -> None:
    done = pssh("run", "-y", "-T", "@all", "touch ran; echo {rack}", cwd=fleet)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith("pssh: No placeholder `{rack}` for the host `db1`\n")
    assert not (fleet / "ran").exists()


def test_variables_and_the_folder_are_set_for_the_command(fleet: Path) -> None:
    line = 'echo "$A|$PSSH_HOST|$PSSH_NODENUM|$PSSH_NUMNODES|$PSSH_GROUPS|${PSSH_RUN:+run}|$PWD"'
    found = said(fleet, "--env", "A=a 'b", "--chdir", "inventory", "web1,web2", line)
    assert found == {
        f"web{number}": f"a 'b|web{number}|{number - 1}|2|web|run|{fleet}/inventory\n" for number in (1, 2)
    }
    assert said(fleet, "web1", "echo $PSSH_HOST") == {"web1": "\n"}


def test_a_script_knows_where_and_in_which_run_it_runs(fleet: Path) -> None:
    (fleet / "where.sh").write_text('echo "$PSSH_HOST $PSSH_NODENUM $PSSH_RUN $1"')
    done = pssh("script", "-f", "json", "-T", "@web", "where.sh", "{rack}", cwd=fleet)
    words = [one["stdout"].split() for one in json.loads(done.out)["results"]]
    assert [(host, number, rack) for host, number, _, rack in words] == [
        ("web1", "0", "r1"),
        ("web2", "1", "r2"),
        ("web3", "2", "r3"),
    ]
    assert len({run for _, _, run, _ in words}) == 1


def test_a_command_may_run_here_once_per_host(fleet: Path) -> None:
    (fleet / "inventory" / "far.toml").write_text('version = 1\n[hosts.far]\naddress = "192.0.2.1"\n')
    assert said(fleet, "--local", "far,web1", "echo drain {host} {address}") == {
        "far": "drain far 192.0.2.1\n",
        "web1": "drain web1 web1\n",
    }


def test_a_canary_that_fails_stops_the_run_with_exit_6(fleet: Path) -> None:
    done = pssh("run", "-f", "json", "--canary", "1", "@web", "echo >> ran; false", cwd=fleet)
    assert done.code == 6
    assert [one["cause"] for one in json.loads(done.out)["results"]] == ["exit 1", "stop/canary", "stop/canary"]
    assert (fleet / "ran").read_text() == "\n"


def test_waves_go_one_after_the_other_in_the_order_of_the_targets(fleet: Path) -> None:
    done = pssh("run", "-y", "-L", "-q", "--batch", "1", "-T", "@all", "echo {n}", cwd=fleet)
    assert done.out.splitlines() == ["web1: 0", "web2: 1", "web3: 2", "db1: 3"]


def test_a_random_order_is_one_of_starting_and_not_of_the_report(fleet: Path) -> None:
    args = ("-y", "--order", "random", "--seed", "4", "--batch", "1", "@all", "echo")
    started = pssh("run", "-L", "-q", *args[:-1], "echo x", cwd=fleet).out.splitlines()
    assert sorted(started) == ["db1: x", "web1: x", "web2: x", "web3: x"]
    assert started != ["web1: x", "web2: x", "web3: x", "db1: x"]
    assert pssh("run", "-L", "-q", *args[:-1], "echo x", cwd=fleet).out.splitlines() == started
    assert list(results(fleet, *args)) == ["web1", "web2", "web3", "db1"]


def test_a_budget_of_none_stops_at_the_first_failure(fleet: Path) -> None:
    done = pssh("run", "-f", "json", "-y", "-p", "1", "--max-fail", "0", "@all", "false", cwd=fleet)
    assert done.code == 6
    assert [one["status"] for one in json.loads(done.out)["results"]] == ["failed", "not-run", "not-run", "not-run"]


@pytest.mark.parametrize(
    ("args", "code"),
    [(["--ok", "0,7"], 0), (["-S"], 7), (["--exit", "any"], 5), (["--exit", "0"], 0), (["--exit", "all"], 5)],
)
def test_the_exit_code_is_the_one_asked_for(fleet: Path, args: list[str], code: int) -> None:
    assert pssh("run", "-q", *args, "web1", "exit 7", cwd=fleet).code == code


def test_a_command_that_fails_is_repeated_only_where_that_was_asked_for(fleet: Path) -> None:
    line = "echo >> tries; test $(wc -l < tries) -ge 2"
    assert results(fleet, "web1", line)["web1"]["status"] == "failed"
    (fleet / "tries").unlink()
    found = results(fleet, "--retry-on", "exit", "web1", line)["web1"]
    assert (found["status"], found["attempts"]) == ("ok", 2)


def test_a_host_whose_lock_another_run_holds_is_skipped(fleet: Path) -> None:
    found = results(fleet, "--lock", "patch", "web1,web2", "sleep 1.5")
    assert sorted((one["status"], one["cause"]) for one in found.values()) == [
        ("ok", None),
        ("skipped", "rule/lock-held"),
    ]
    found = results(fleet, "--lock", "patch:wait=20s", "web1,web2", "true")
    assert {one["status"] for one in found.values()} == {"ok"}


def test_protected_hosts_are_not_touched_without_a_terminal_unless_they_are_meant(fleet: Path) -> None:
    done = pssh("run", "@all", "touch", "ran", cwd=fleet)
    assert (done.code, done.out) == (2, "")
    assert done.err == (
        "pssh: 1 host is protected, and there is no terminal to ask whether that is meant\n  `--yes` says so\n"
    )
    assert not (fleet / "ran").exists()
    assert pssh("run", "-y", "db1", "true", cwd=fleet).code == 0
    assert pssh("run", "@web", "true", cwd=fleet).code == 0
    assert pssh("ping", "db1", cwd=fleet).code == 0
    assert "protected: db1\n" in pssh("run", "-n", "@all", "true", cwd=fleet).out


def test_ctrl_d_at_the_question_is_no_answer_and_no_missing_terminal(fleet: Path) -> None:
    argv = [sys.executable, "-m", "pssh", "run", "db1", "touch ran"]
    screen = run_on_pty(argv, keys=[(b"to go on: ", b"\x04")], env=environment(fleet), cwd=fleet)
    assert screen.text.endswith("to go on: \npssh: The question was not answered\n")
    assert (screen.exit_code, (fleet / "ran").exists()) == (2, False)


@pytest.mark.parametrize(("answer", "code", "ran"), [(b"4\n", 0, True), (b"1\n", 2, False), (b"y\n", 2, False)])
def test_the_number_of_hosts_is_the_answer_on_the_terminal(fleet: Path, answer: bytes, code: int, ran: bool) -> None:
    screen = run_on_pty(
        [sys.executable, "-m", "pssh", "run", "@all", "touch", "ran"],
        keys=[(b"to go on: ", answer)],
        env=environment(fleet, TERM="dumb"),
        cwd=fleet,
    )
    assert "command: touch ran\n4 hosts: db1,web[1-3]\nprotected: db1\n" in screen.text
    assert (screen.exit_code, (fleet / "ran").exists()) == (code, ran)


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["--batch", "1", "--pause", "ask", "@web"], "`--pause ask` needs a terminal to ask on"),
        (["-I", "-"], "`-` reads the targets where `-I` reads the commands' input"),
        (["-I", "-x", "-", "@web"], "`-` reads the targets where `-I` reads the commands' input"),
        (["--stdin", "gone", "@web"], "The input `gone` cannot be read: No such file or directory"),
        (["-K", "@web"], "`-K` asks for a password to become somebody, and no host does"),
        (["-l", "me", "-s", "-K", "10.0.0.9"], "`-K` needs a terminal to ask on"),
        (["--password-file", "gone", "10.0.0.9"], "The password file `gone` cannot be read: No such file or directory"),
        (["-T", "--env", "X={secret:token}", "10.0.0.9"], "`{secret:token}` needs a terminal to ask on"),
        (
            ["--local", "--env", "X={secret:token}", "10.0.0.9"],
            "`{secret:token}` would stand in this machine's process list, where everybody can read it",
        ),
        (
            ["-T", "--chdir", "{secret:token}", "@web"],
            "`{secret:token}` would stand in this machine's process list, where everybody can read it",
        ),
        (
            ["-l", "me", "-s", "-K", "--host-keys", "off", "10.0.0.9"],
            "No password is sent to `10.0.0.9`, because its host key is not checked",
        ),
        (["--one-per", "rak", "@web"], "No host has a variable `rak`"),
        (["--barrier", "--canary", "1", "@web"], "`--barrier` and `--canary` do not go together"),
    ],
)
def test_what_cannot_be_is_told_before_anything_runs(fleet: Path, args: list[str], said: str) -> None:
    done = pssh("run", *args, "touch ran", cwd=fleet, stdin="web1\n")
    assert (done.code, done.out) == (2, "")
    assert done.err.splitlines()[0] == f"pssh: {said}"
    assert not (fleet / "ran").exists()


def test_what_is_typed_into_the_commands_is_announced_and_stays_on_the_screen(fleet: Path) -> None:
    argv = [sys.executable, "-m", "pssh", "run", "-I", "web1", "cat"]
    keys = [(b"Ctrl-D ends it", b"hello\n\x04")]
    screen = run_on_pty(argv, keys=keys, env=environment(fleet, TERM="xterm"), cwd=fleet)
    first, *rest = screen.text.splitlines()
    assert first == "pssh: the commands read what you type here; Ctrl-D ends it"
    assert "hello" in rest and "running" not in screen.text
    assert screen.exit_code == 0


def test_one_terminal_is_not_for_answers_and_for_the_commands(fleet: Path) -> None:
    argv = [sys.executable, "-m", "pssh", "run", "-I", "--batch", "1", "--pause", "ask", "web[1-3]", "cat"]
    screen = run_on_pty(argv, env=environment(fleet), cwd=fleet)
    assert screen.text == (
        "pssh: `--pause ask` and `-I` both read this terminal\n  `--stdin FILE` leaves it to the answers\n"
    )
    assert screen.exit_code == 2


def test_a_hint_is_a_command_that_reaches_the_same_hosts(fleet: Path) -> None:
    (fleet / "my fleet.toml").write_text('version = 1\n[hosts.here]\naddress = "127.0.0.1"\n')
    given = ["-i", "my fleet.toml", "-F", "none", "-l", "me", "--port", "1"]
    done = pssh("run", *given, "--retries", "0", "here", "true", cwd=fleet)
    assert done.code == 4
    assert done.err.splitlines()[-1] == (
        "  connect/refused  here  is sshd listening on that port?"
        " `pssh ping -i 'my fleet.toml' -F none -l me --port 1 here`"
    )
