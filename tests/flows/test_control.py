"""A run under way, as a program sees it: who is at work on a signal, and waves, barrier and stops as events."""

import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.support.command import ROOT, environment, pssh

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-4]"]
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder with an inventory of four hosts, all of them this machine."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    return tmp_path


def told(fleet: Path, *args: str) -> list[dict[str, Any]]:
    """Run a command and return what ndjson tells of it."""
    return [json.loads(line) for line in pssh("run", "-f", "ndjson", *args, cwd=fleet).out.splitlines()]


def test_sigusr1_shows_who_is_at_work_and_the_run_goes_on(fleet: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "pssh", "run", "-f", "ndjson", "web[1-2]", "until [ -e go ]; do sleep 0.02; done"],
        cwd=fleet,
        env=environment(fleet),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    ) as run:
        assert run.stdout and run.stderr
        connected = 0
        while connected < 2:
            connected += json.loads(run.stdout.readline())["event"] == "host.connected"
        os.kill(run.pid, signal.SIGUSR1)
        said = [run.stderr.readline().decode() for _ in range(2)]
        (fleet / "go").touch()
        run.communicate(timeout=20)
    assert said[0] == "0 of 2 hosts ended, 2 at work\n"
    assert re.fullmatch(r" +0:0\d  running     web\[1-2\]\n", said[1])
    assert run.returncode == 0


def test_waves_are_told_with_what_came_of_them(fleet: Path) -> None:
    events = told(fleet, "--canary", "1", "--batch", "100%", "web[1-4]", "true")
    waves = [(event["event"], event["wave"]) for event in events if event["event"].startswith("wave")]
    assert waves == [("wave.start", 1), ("wave.end", 1), ("wave.start", 2), ("wave.end", 2)]
    assert [event["counts"] for event in events if event["event"] == "wave.end"] == [{"ok": 1}, {"ok": 4}]
    starts = sorted((event["host"], event["wave"]) for event in events if event["event"] == "host.start")
    assert starts == [("web1", 1), ("web2", 2), ("web3", 2), ("web4", 2)]


def test_a_release_stands_between_the_last_that_is_ready_and_the_first_that_runs(fleet: Path) -> None:
    events = told(fleet, "--barrier", "web[1-4]", "true")
    kinds = [event["event"] for event in events]
    at = kinds.index("barrier")
    assert (events[at]["ready"], events[at]["missing"]) == (4, 0)
    assert kinds[:at].count("host.ready") == 4
    assert kinds[at:].count("host.connected") == 4
    assert 0 <= events[-1]["spread"] < 5


def test_a_rule_that_stops_a_run_is_told_and_named_at_the_end(fleet: Path) -> None:
    events = told(fleet, "-p", "1", "--max-fail", "1", "web[1-4]", "false")
    assert [(event["cause"], event["times"]) for event in events if event["event"] == "stop"] == [("budget", 1)]
    assert (events[-1]["stopped"], events[-1]["exit"]) == ("budget", 6)
    assert events[-1]["counts"] == {"failed": 2, "not-run": 2}


def test_what_became_of_a_command_that_took_too_long_is_told(fleet: Path) -> None:
    events = told(fleet, "-t", "200ms", "web1", "sleep 60")
    assert [event["remote_end"] for event in events if event["event"] == "host.kill"] == ["killed"]


@pytest.mark.parametrize(
    ("rule", "code"), [("all", 5), ("max", 7), ("any", 0), ("0", 0)], ids=["all", "max", "any", "never"]
)
def test_the_exit_rule_makes_one_code_of_all_rows(fleet: Path, rule: str, code: int) -> None:
    command = "[ -e once ] && exit 7; : > once"
    assert pssh("run", "-p", "1", "--exit", rule, "web[1-2]", command, cwd=fleet).code == code


# Read by each Python as it starts, workers too: the wall clock is an hour ahead, then an hour behind, and so on.
JUMPING = """\
import itertools, time
_time, _hours = time.time, itertools.cycle((0, 3600, 0, -3600))
time.time = lambda: _time() + next(_hours)
"""


@pytest.mark.parametrize(
    ("limit", "cause", "code"),
    [
        (("-t", "300ms"), "exec/total", 3),
        (("--stall", "300ms"), "exec/stall", 3),
        (("--host-timeout", "300ms"), "exec/deadline", 3),
        (("--deadline", "2s"), "exec/deadline", 3),
        (("--tail", "75%:300ms"), "exec/tail", 3),
        (("-t", "40s", "--stall", "40s", "--deadline", "40s", "--host-timeout", "40s"), None, 0),
        (("--batch", "50%", "--pause", "100ms", "--rate", "50"), None, 0),
    ],
    ids=["total", "stall", "host", "deadline", "tail", "long", "starts"],
)
def test_a_wall_clock_that_jumps_moves_no_limit(
    fleet: Path, limit: tuple[str, ...], cause: str | None, code: int
) -> None:
    (fleet / "sitecustomize.py").write_text(JUMPING)
    command = f'[ "$PSSH_HOST" != web1 ] || sleep {60 if cause else 0.5}'
    path = f"{fleet}:{ROOT}"
    done = pssh("run", "-f", "json", "--env", "A=b", *limit, "web[1-4]", command, cwd=fleet, PYTHONPATH=path)
    document = json.loads(done.out)
    assert [row["cause"] for row in document["results"]] == [cause, None, None, None]
    assert (done.code, document["exit"]) == (code, code)


def test_a_run_in_waves_is_kept_with_them(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('version = 1\n[connection]\ntransport = "local"\n[hosts."n[1-6]"]\n')
    words = ("run", "-i", "fleet.toml", "-T", "--canary", "1", "--batch", "2", "--max-fail", "0")
    done = pssh(*words, "@all", "test {host} != n3", cwd=tmp_path)
    assert done.code == 6
    again = pssh("show", cwd=tmp_path)
    lines = [line.rpartition("  ")[0] for line in done.err.splitlines() if line.startswith("wave ")]
    assert lines == [line.rpartition("  ")[0] for line in again.err.splitlines() if line.startswith("wave ")]
    assert len(lines) == 4
    rows = json.loads(pssh("show", "-f", "json", cwd=tmp_path).out)
    assert [row["wave"] for row in rows["results"]] == [1, 2, 2, 3, 3, 4]
    assert pssh("report", "--md", "-", cwd=tmp_path).out.count("Stopped after wave 2: more hosts failed") == 1
