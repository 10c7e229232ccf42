"""kill -9 of a run at any moment: no shown result is lost, and `rerun` does the rest and nothing twice.

`PSSH_KILLS` says at how many random moments; a release is tried with 200.
"""

import json
import os
import random
import signal
import subprocess
import sys
import time
from contextlib import closing
from pathlib import Path

import pytest

from pssh.history.queries import Queries
from pssh.history.store import History
from pssh.model.outcome import Result
from tests.support.command import environment, pssh

KILLS = int(os.environ.get("PSSH_KILLS", "8"))
HOSTS = 300
FLEET = f"""
version = 1
[hosts."n[001-{HOSTS}]"]
connection = {{ transport = "local" }}
"""
WORDS = ("run", "-i", "fleet.toml", "-f", "ndjson", "-q", "-T", "@all", "echo {host} >> counter")


def killed(folder: Path, results: int, later: float) -> list[str]:
    """Run on all hosts, kill the main process a moment after so many results, and return the hosts it had shown."""
    command = [sys.executable, "-m", "pssh", *WORDS]
    process = subprocess.Popen(command, cwd=folder, env=environment(folder), stdout=subprocess.PIPE)
    assert process.stdout
    shown: list[str] = []
    for line in process.stdout:
        event = json.loads(line)
        if event["event"] == "host.end":
            shown.append(event["host"])
            if len(shown) == results:
                end = time.perf_counter() + later  # the moment is what is tried: nothing is waited for
                while time.perf_counter() < end:
                    pass
                process.send_signal(signal.SIGKILL)
    process.wait()
    process.stdout.close()
    return shown


def results(folder: Path, number: int = 1) -> dict[str, Result]:
    with closing(History(folder / ".local/state/pssh")) as history:
        return {result.host: result for result in Queries(history).results(number)}


def counted(folder: Path) -> list[str]:
    counter = folder / "counter"
    return counter.read_text().split() if counter.exists() else []


@pytest.mark.timeout(120 + 20 * KILLS)
def test_no_shown_result_is_lost_and_nothing_is_done_twice(tmp_path: Path) -> None:
    chance = random.Random(os.environ.get("PSSH_KILLS_SEED", "1"))
    doubtful = 0
    for number in range(KILLS):
        folder = tmp_path / f"{number}"
        folder.mkdir()
        (folder / "fleet.toml").write_text(FLEET)
        shown = killed(folder, chance.randint(1, HOSTS - 1), chance.uniform(0, 0.01))
        found = results(folder)
        assert len(found) == HOSTS
        assert [host for host in shown if not found[host].ok] == []
        unknown = {host for host, result in found.items() if result.state == "end-unknown"}
        before = counted(folder)
        assert [host for host in before if found[host].state == "not-started"] == []
        again = pssh("rerun", "-q", cwd=folder)
        assert again.code == 0, again.err
        done = counted(folder)
        assert len(done) == len(set(done)), "a command ran twice"
        assert set(done) | unknown == set(found)
        rest = {host for host, result in found.items() if result.state == "not-started"}
        assert rest <= set(done) - set(before) <= rest | unknown  # a command here may outlive us, as it does on a host
        doubtful += len(unknown)
    assert doubtful, "no moment met a command under way"
