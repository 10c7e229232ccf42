"""`pssh run` and its like, argv in and screen out, on this machine alone."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import environment, pssh
from tests.support.processes import descendants, gone

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-3]"]
vars = { rack = "r[1-3]" }
[hosts.db1]
[groups.web]
hosts = "web[1-3]"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder with an inventory of four hosts, all of them this machine."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    return tmp_path


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d s", "0.0 s", text)


def test_equal_answers_are_one_row_and_the_last_line_goes_to_stderr(fleet: Path) -> None:
    done = pssh("run", "@all", "echo", "hello", cwd=fleet)
    assert timeless(done.out).splitlines() == [
        "HOSTS           N  STATUS      CODE    TIME  OUTPUT",
        "------------  ---  --------  ------  ------  --------",
        "db1,web[1-3]    4  ok             0   0.0 s  hello",
    ]
    assert timeless(done.err) == "\n4 hosts: 4 ok  0.0 s  inventory/  run r1  exit 0\n"
    assert done.code == 0


def test_words_are_joined_with_blanks_and_the_hosts_shell_reads_them(fleet: Path) -> None:
    assert "\n| a b\n" in pssh("run", "-q", "-g", "web1", "echo", "a   b", cwd=fleet).out
    assert "\n| a   b\n" in pssh("run", "-q", "-g", "web1", "echo 'a   b'", cwd=fleet).out


def test_one_double_dash_after_the_targets_is_dropped(fleet: Path) -> None:
    assert "\n| -- x\n" in pssh("run", "-q", "-g", "web1", "--", "echo", "--", "x", cwd=fleet).out


def test_what_follows_the_targets_is_the_command_even_if_it_looks_like_an_option(fleet: Path) -> None:
    assert "\n| -n\n" in pssh("run", "-q", "-g", "web1", "printf", "%s", "-n", cwd=fleet).out


@pytest.mark.parametrize(("command", "code"), [("exit 0", 0), ("exit 7", 5), ("kill -9 $$", 5), ("exit 255", 5)])
def test_the_exit_code_is_made_of_the_rows(fleet: Path, command: str, code: int) -> None:
    assert pssh("run", "@web", command, cwd=fleet).code == code


def test_a_command_that_takes_too_long_is_ended_and_its_output_kept(fleet: Path) -> None:
    began = time.monotonic()
    done = pssh("run", "-f", "json", "-t", "300ms", "web1", "echo early; sleep 60", cwd=fleet)
    assert time.monotonic() - began < 10
    assert done.code == 3
    (result,) = json.loads(done.out)["results"]
    assert (result["status"], result["cause"], result["stdout"]) == ("timed-out", "exec/total", "early\n")


def test_lines_come_as_they_are_said(fleet: Path) -> None:
    done = pssh("run", "-L", "-q", "@web", "echo out; echo err >&2", cwd=fleet)
    assert sorted(done.out.splitlines()) == sorted(line for n in (1, 2, 3) for line in (f"web{n}: out", f"web{n}! err"))


def test_ndjson_has_each_host_once_between_the_start_and_the_end_of_the_run(fleet: Path) -> None:
    events = [json.loads(line) for line in pssh("run", "-f", "ndjson", "@all", "true", cwd=fleet).out.splitlines()]
    assert (events[0]["event"], events[-1]["event"]) == ("run.start", "run.end")
    assert sorted(event["host"] for event in events if event["event"] == "host.end") == ["db1", "web1", "web2", "web3"]
    assert events[0]["options"] == {"parallel": 64}


def test_a_dry_run_shows_the_plan_and_runs_nothing(fleet: Path) -> None:
    done = pssh("run", "-n", "-t", "5", "-l", "ops", "@web,10.0.0.9", "touch", "ran", cwd=fleet)
    assert done.code == 0
    assert "command: touch ran\n4 hosts: 10.0.0.9,web[1-3]\n" in done.out
    assert re.search(r"^10\.0\.0\.9 +ssh +ops +10\.0\.0\.9 +22", done.out, re.MULTILINE)
    assert "timeout = 5.0" in done.out
    assert not (fleet / "ran").exists()


def test_a_script_is_run_with_its_arguments_and_nothing_of_it_stays(fleet: Path) -> None:
    (fleet / "tidy.sh").write_text('echo "$#:$2"; dirname "$0"')
    done = pssh("script", "-f", "json", "web1", "tidy.sh", "-n", "a b", cwd=fleet)
    (result,) = json.loads(done.out)["results"]
    said, folder = result["stdout"].splitlines()
    assert said == "2:a b"
    assert not Path(folder).exists()


def test_a_script_that_is_not_there_is_one_line(fleet: Path) -> None:
    done = pssh("script", "web1", "gone.sh", cwd=fleet)
    assert (done.code, done.err) == (2, "pssh: The script `gone.sh` cannot be read: No such file or directory\n")


@pytest.mark.parametrize(
    ("args", "code", "said"),
    [
        (["run", "@wbe", "true"], 2, "`@wbe`"),
        (["run", "web", "true"], 2, "the group is `@web`"),
        (["run", "@web&db1", "true"], 2, "No host matches"),
        (["run", "--allow-empty", "@web&db1", "true"], 0, ""),
        (["run", "-i", "gone.toml", "@web", "true"], 2, "gone.toml"),
        (["run", "--identity", "gone", "10.0.0.9", "true"], 2, "The key `gone` does not exist"),
        (["run", "-F", "gone", "10.0.0.9", "true"], 2, "gone"),
        (["run", "-k", "10.0.0.9", "true"], 2, "`--ask-pass` needs a terminal"),
    ],
)
def test_what_the_person_can_put_right_is_told_before_anything_runs(
    fleet: Path, args: list[str], code: int, said: str
) -> None:
    done = pssh(*args, cwd=fleet)
    assert (done.code, done.out) == (code, "")
    assert said in done.err
    assert len(done.err.splitlines()) <= 2


def test_a_locked_key_without_a_terminal_is_one_line_with_a_hint(fleet: Path) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "secret", "-f", str(fleet / "key")], check=True)
    done = pssh("run", "--identity", "key", "10.0.0.9", "true", cwd=fleet)
    assert done.code == 2
    assert done.err == (
        "pssh: The key `key` is locked and there is no terminal to ask for its passphrase\n"
        "  `ssh-add key` gives it to the agent\n"
    )


def test_targets_may_come_from_stdin(fleet: Path) -> None:
    assert pssh("hosts", "-e", "-", cwd=fleet, stdin="web2\ndb1\n").out == "web2\ndb1\n"


def test_a_reader_that_goes_away_is_no_error(fleet: Path) -> None:
    done = subprocess.run(
        f"{sys.executable} -m pssh run -q -L @all 'yes | head -c 1000000' | head -1",
        shell=True,
        cwd=fleet,
        env=environment(fleet),
        capture_output=True,
        text=True,
    )
    assert (done.stdout.count("\n"), done.stderr) == (1, "")


def test_a_full_disk_is_one_line_and_exits_with_1(fleet: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pssh", "run", "-q", "@all", "echo x"],
            cwd=fleet,
            env=environment(fleet),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (1, "pssh: The output could not be written: No space left on device\n")


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_a_signal_ends_the_run_with_every_host_in_the_report(fleet: Path, number: int, code: int) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pssh", "run", "-p", "2", "-f", "json", "@all", "echo $$ >> started; sleep 60"],
        cwd=fleet,
        env=environment(fleet),
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    ) as run:
        deadline = time.monotonic() + 20
        while not (fleet / "started").exists() or len((fleet / "started").read_text().split()) < 2:
            assert time.monotonic() < deadline
            time.sleep(0.02)
        workers = descendants(run.pid)
        os.kill(run.pid, number)
        began = time.monotonic()
        out, _ = run.communicate(timeout=20)
    assert time.monotonic() - began < 4
    assert run.returncode == code
    statuses = sorted(result["status"] for result in json.loads(out)["results"])
    assert statuses == ["cancelled", "cancelled", "not-run", "not-run"]
    assert gone(workers)


def test_hosts_are_listed_in_each_form(fleet: Path) -> None:
    assert pssh("hosts", cwd=fleet).out == "db1,web[1-3]\n"
    assert pssh("hosts", "@web!web2", cwd=fleet).out == "web[1,3]\n"
    assert pssh("hosts", "-e", "@web", cwd=fleet).out == "web1\nweb2\nweb3\n"
    assert pssh("hosts", "--count", cwd=fleet).out == "4\n"
    assert pssh("hosts", "--vars", "web2", cwd=fleet).out == 'web2\n  rack = "r2"\n'
    assert "@web          3  web[1-3]\n" in pssh("hosts", "--groups", cwd=fleet).out


def test_ping_shows_a_row_for_each_host(fleet: Path) -> None:
    done = pssh("ping", cwd=fleet)
    assert [line.split()[:2] for line in done.out.splitlines()[2:]] == [
        [name, "ok"] for name in ("web1", "web2", "web3", "db1")
    ]
