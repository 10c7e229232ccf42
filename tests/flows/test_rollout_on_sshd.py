"""Waves, the budget, the barrier and few open files, on a real sshd: what its log and the hosts' own files say."""

import json
import re
import subprocess
import sys
from collections import Counter
from itertools import count
from pathlib import Path

import pytest

from tests.support.command import Done, environment, pssh
from tests.support.sshd import Sshd

HOSTS = 24
_nets = count(1)  # each test has addresses of its own: what sshd logs late of another is not taken for its own


@pytest.fixture
def net() -> str:
    return f"127.9.{next(_nets)}"


@pytest.fixture
def folder(sshd: Sshd, net: str, closed_port: int, tmp_path: Path) -> Path:
    """Return a folder with an inventory of h1 to h24 on one sshd, and of d1 to d3 where nobody listens."""
    known = sshd.known_hosts(*(f"{net}.{number}" for number in range(1, HOSTS + 1)), name=f"known_{net}")
    (tmp_path / "fleet.toml").write_text(
        f'version = 1\n[connection]\nuser = "{sshd.user}"\nport = {sshd.port}\n'
        f'identity = ["{sshd.identity}"]\nknown_hosts = ["{known}"]\n'
        f'[hosts."h[1-{HOSTS}]"]\naddress = "{net}.[1-{HOSTS}]"\n'
        f'[hosts."d[1-3]"]\naddress = "127.8.0.[1-3]"\nconnection = {{ port = {closed_port} }}\n'
    )
    return tmp_path


def run(folder: Path, *words: str) -> Done:
    return pssh("run", "-F", "none", "-i", "fleet.toml", "-f", "json", "--retries", "0", *words, cwd=folder)


def causes(done: Done) -> Counter[str]:
    return Counter(result["cause"] or "ok" for result in json.loads(done.out)["results"])


def reached(sshd: Sshd, net: str) -> list[int]:
    """Return the numbers of the hosts in the order in which sshd heard from them."""
    return [
        int(number) for number in re.findall(rf"Connection from 127\.0\.0\.1 port \d+ on {net}\.(\d+) ", sshd.log())
    ]


def test_waves_reach_sshd_one_after_the_other(sshd: Sshd, net: str, folder: Path) -> None:
    done = run(folder, "--canary", "2", "--batch", "3,25%", "h*", "true")
    seen = reached(sshd, net)
    assert done.code == 0
    waves = [{1, 2}, {3, 4, 5}, *({*range(at, min(at + 6, HOSTS + 1))} for at in range(6, HOSTS + 1, 6))]
    for wave in waves:
        now, seen = seen[: len(wave)], seen[len(wave) :]
        assert set(now) == wave
    assert not seen


def test_a_canary_that_fails_is_all_that_sshd_hears_of(sshd: Sshd, net: str, folder: Path) -> None:
    done = run(folder, "--canary", "1", "h*", "exit 4")
    assert reached(sshd, net) == [1]
    assert (done.code, causes(done)) == (6, Counter({"stop/canary": HOSTS - 1, "exit 4": 1}))


def test_no_more_start_than_the_budget_and_what_was_in_flight(sshd: Sshd, net: str, folder: Path) -> None:
    done = run(folder, "-p", "4", "--max-fail", "10%", "h*", "exit 1")
    assert done.code == 6
    assert 3 <= len(reached(sshd, net)) <= 2 + 4
    assert 3 <= causes(done)["exit 1"] <= 2 + 4
    assert causes(done)["exit 1"] + causes(done)["stop/budget"] == HOSTS


@pytest.mark.parametrize(("most", "code", "begun"), [("2", 6, 0), ("3", 4, HOSTS)])
def test_behind_a_barrier_all_begin_or_none(folder: Path, most: str, code: int, begun: int) -> None:
    done = run(folder, "--barrier", "--max-fail", most, "h*,d*", f"echo begun >> {folder}/begun")
    said = (folder / "begun").read_text().split() if (folder / "begun").exists() else []
    assert (done.code, len(said)) == (code, begun)
    assert causes(done)["connect/refused"] == 3


def test_with_few_open_files_fewer_hosts_run_at_once_with_a_word(folder: Path) -> None:
    command = [sys.executable, "-m", "pssh", "run", "-F", "none", "-i", "fleet.toml", "-f", "json", "h*", "true"]
    done = subprocess.run(
        ["sh", "-c", 'ulimit -n 64; exec "$@"', "sh", *command],
        cwd=folder,
        env=environment(folder),
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert causes(Done(done.returncode, done.stdout, done.stderr)) == {"ok": HOSTS}
    assert "pssh: 8 instead of 64 hosts at once: too few open files are allowed\n" in done.stderr


def test_a_stalled_a_dripping_and_a_flooding_host_cost_their_own_rows_only(folder: Path) -> None:
    line = (
        "case ${SSH_CONNECTION% *} in *.1) yes;; *.2) sleep 60;; "
        "*.3) while :; do printf .; sleep 0.2; done;; esac; echo done"
    )
    done = run(folder, "-p", "4", "-t", "3", "--stall", "1", "h*", line)
    rows = {result["host"]: result for result in json.loads(done.out)["results"]}
    ended = {host: (row["cause"], row["remote_end"]) for host, row in rows.items() if row["status"] != "ok"}
    assert ended == {
        "h1": ("exec/total", "killed"),
        "h2": ("exec/stall", "killed"),
        "h3": ("exec/total", "killed"),
    }
    assert [row["stdout"] for row in rows.values() if row["status"] == "ok"] == ["done\n"] * (HOSTS - 3)
    assert done.code == 3
