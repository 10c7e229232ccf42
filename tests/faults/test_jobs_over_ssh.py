"""Maintenance jobs on a fleet that answers over SSH: waves that stop, windows that close, controllers that are killed.

Each on a real sshd and on the demo fleet; what is asserted is what hosts and balancer have on disk, and what the
history has on record. `PSSH_JOB_HOSTS=60` tries it with as many hosts.
"""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Any

import pytest

from pssh.demo.fleet import DemoFleet
from pssh.history.queries import Queries
from pssh.history.store import History
from pssh.report.jsonout import document
from tests.support import machine as machines
from tests.support.command import Done, environment, pssh
from tests.support.history import state
from tests.support.sshd import Sshd, sshd_fleet

HOSTS = int(os.environ.get("PSSH_JOB_HOSTS", "12"))
_nets = count(1)

# A host holds as long as somebody says so, so that a test can meet it at work.
_UPGRADE = """#!/bin/sh
mkdir '{there}/busy-'"$1" || echo "$1" >> '{there}/clash'
echo "$1" >> '{there}/upgraded'
while test -e "{there}/hold-$1"; do sleep 0.05; done
rmdir '{there}/busy-'"$1"
"""
_STEPS = """
[[step]]
name = "drain"
local = "echo {{host}} >> '{there}/drained'"
undo = "echo {{host}} >> '{there}/enabled'"
[[step]]
name = "upgrade"
script = "upgrade.sh"
args = ["{{host}}"]
[[step]]
name = "health"
check = "test ! -e '{there}/sick-'{{host}}"
retry_for = "1s"
"""


@dataclass
class Site:
    """A folder with an inventory and a job, and what its hosts and its balancer have noted."""

    folder: Path
    hosts: list[str]

    @property
    def there(self) -> Path:
        return self.folder / "there"

    def write(self, text: str, name: str = "patch.toml", head: str = "", steps: str = _STEPS) -> None:
        (self.folder / "upgrade.sh").write_text(_UPGRADE.format(there=self.there))
        usual = 'version = 1\nname = "patch"\ntargets = "@all"\ninventory = "fleet.toml"\nssh_config = "none"\n'
        (self.folder / name).write_text(usual + head + text + steps.format(there=self.there))

    def mark(self, what: str, hosts: list[str]) -> None:
        for host in hosts:
            (self.there / f"{what}-{host}").write_text("")

    def noted(self, what: str) -> Counter[str]:
        file = self.there / what
        return Counter(file.read_text().split()) if file.exists() else Counter()

    def run(self, *words: str, on: str = "") -> Done:
        """Run the job, `on` another machine than the usual one: that is, with another record of what runs."""
        return pssh("job", "run", *words, "patch.toml", cwd=self.folder, timeout=110, **self._on(on))

    def _on(self, machine: str) -> dict[str, str]:
        return {"PSSH_STATE": str(self.folder / machine)} if machine else {}

    def begin(self, *words: str, on: str = "") -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            [sys.executable, "-m", "pssh", "job", "run", *words, "patch.toml"],
            cwd=self.folder,
            env=environment(self.folder, **self._on(on)),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )

    def record(self, run: str, on: str = "") -> dict[str, Any]:
        """Return what the history has of a run."""
        with closing(History(self.folder / on if on else state(self.folder))) as history:
            queries = Queries(history)
            found: dict[str, Any] = json.loads(b"".join(document(queries.report(queries.number(run)))))
        return found


def by_wave(record: dict[str, Any]) -> list[Counter[str]]:
    """Return for each wave how many of its hosts ended how."""
    waves: dict[int, Counter[str]] = {}
    for one in record["results"]:
        waves.setdefault(one["wave"], Counter())[f"{one['status']} {one['cause'] or ''}".strip()] += 1
    return [ends for _, ends in sorted(waves.items())]


def steps_of(record: dict[str, Any], host: str) -> list[tuple[str, str]]:
    (found,) = [one for one in record["results"] if one["host"] == host]
    return [(f"{'-' * step['undo']}{step['step']}", step["cause"] or step["status"]) for step in found["steps"]]


def until(true: Callable[[], bool], seconds: float = 60.0) -> None:
    end = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < end
        time.sleep(0.02)


@pytest.fixture(scope="module")
def daemon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sshd]:
    """Run an sshd of which every address has a home of its own, as hosts have."""
    folder = tmp_path_factory.mktemp("sshd")
    home = f"HOME={folder}/homes/$(echo $SSH_CONNECTION | cut -d ' ' -f 3); export HOME; mkdir -p $HOME; cd"
    with sshd_fleet(folder, config=f'ForceCommand {home}; exec sh -c "$SSH_ORIGINAL_COMMAND"\n') as started:
        yield started


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    with DemoFleet(HOSTS, faults="none", folder=tmp_path_factory.mktemp("demo") / "it") as started:
        yield started


@pytest.fixture(params=["sshd", "demo"])
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Site:
    tmp_path.chmod(0o700)
    (tmp_path / "there").mkdir()
    if request.param == "demo":
        fleet: DemoFleet = request.getfixturevalue("demo")
        (tmp_path / "fleet.toml").write_text(fleet.inventory.read_text())
        return Site(tmp_path, [host.name for host in fleet.hosts])
    daemon: Sshd = request.getfixturevalue("daemon")
    net = f"127.14.{next(_nets)}"
    known = daemon.known_hosts(*(f"{net}.{number}" for number in range(1, HOSTS + 1)), name=f"known_{net}")
    (tmp_path / "fleet.toml").write_text(
        f'version = 1\n[connection]\nuser = "{daemon.user}"\nport = {daemon.port}\n'
        f'identity = ["{daemon.identity}"]\nknown_hosts = ["{known}"]\n'
        f'[hosts."h[01-{HOSTS:02}]"]\naddress = "{net}.[1-{HOSTS}]"\n'
    )
    return Site(tmp_path, [f"h{number:02}" for number in range(1, HOSTS + 1)])


OK, UNDONE = [("drain", "ok"), ("upgrade", "ok"), ("health", "ok")], ("-drain", "ok")


def test_a_canary_that_fails_stops_the_job_and_is_undrained(site: Site) -> None:
    site.write('[rollout]\ncanary = 2\nbatches = ["3", "50%"]\nparallel = 8\n')
    sick, well = site.hosts[:2]
    site.mark("sick", [sick])
    done = site.run("--now")
    assert done.code == 6, done
    assert site.noted("drained") == site.noted("enabled") == site.noted("upgraded") == Counter([sick, well]), done
    record = site.record("r1")
    assert record["stopped"] == "canary"
    first, *rest = by_wave(record)
    assert first == {"failed exit 1": 1, "ok": 1}
    assert [set(ends) for ends in rest] == [{"not-run stop/canary"}] * len(rest)
    assert sum(ends.total() for ends in rest) == HOSTS - 2
    assert steps_of(record, sick) == [*OK[:2], ("health", "exit 1"), UNDONE]
    assert steps_of(record, well) == [*OK, UNDONE]
    assert record["run"]["job"]["reason"] == "now"
    assert f"for the rest: `pssh job run --resume r1 {site.folder}/patch.toml`" in done.err


def test_a_threshold_that_is_passed_in_wave_3_stops_the_job_there(site: Site) -> None:
    site.write('[rollout]\nbatches = ["2", "3", "4"]\nmax_fail = 1\nparallel = 2\n')
    site.mark("sick", site.hosts[5:7])  # the first two of wave 3
    done = site.run("--now")
    assert done.code == 6, done
    record = site.record("r1")
    assert record["stopped"] == "budget"
    waves = by_wave(record)
    assert waves[:2] == [{"ok": 2}, {"ok": 3}]
    assert waves[2]["failed exit 1"] == 2
    begun = HOSTS - record["counts"]["not-run"]
    assert 7 <= begun <= 8  # where the first of the two ended alone, one more had begun
    assert [set(ends) for ends in waves[3:]] == [{"not-run stop/budget"}] * len(waves[3:])
    assert site.noted("drained") == site.noted("enabled") == Counter(site.hosts[:begun])


def test_when_the_window_closes_the_rest_is_not_run(site: Site) -> None:
    schedule = '[schedule]\ncron = "0 3 1 1 *"\nwindow = "5s"\n'
    site.write(f'{schedule}[rollout]\nbatches = ["2", "100%"]\nsoak = "1h"\n')
    done = site.run("--now")
    assert done.code == 6, done
    record = site.record("r1")
    assert (record["stopped"], by_wave(record)) == ("window", [{"ok": 2}, {"not-run stop/window": HOSTS - 2}])
    assert record["run"]["job"]["until"]
    assert site.noted("drained") == site.noted("enabled") == Counter(site.hosts[:2])
    assert " window " in pssh("job", "list", cwd=site.folder).out


def test_a_controller_killed_in_wave_2_is_resumed_where_it_was(site: Site) -> None:
    site.write('[rollout]\nbatches = ["2", "4", "100%"]\nparallel = 8\n')
    first, second, third = site.hosts[:2], site.hosts[2:6], site.hosts[6:]
    site.mark("hold", second)
    running = site.begin("--now")
    until(lambda: site.noted("upgraded").total() == 6)
    running.send_signal(signal.SIGKILL)
    running.wait()
    for host in second:
        (site.there / f"hold-{host}").unlink()
    assert by_wave(site.record("r1")) == [
        {"ok": 2},
        {"lost worker/died": 4},
        {"not-run stop/interrupt": len(third)},
    ]
    rest = site.run("--resume", "r1")
    assert rest.code == 0, rest
    assert "(the undo of drain may be owed); they are left aside" in rest.err
    assert {one["host"] for one in site.record("r2")["results"]} == set(third)
    assert site.noted("upgraded") == Counter(site.hosts)  # nothing was done twice
    assert site.noted("enabled") == Counter([*first, *third])
    whole = site.run("--resume", "r1", "--unknown")
    assert (whole.code, {one["host"] for one in site.record("r3")["results"]}) == (0, set(second))
    assert site.noted("upgraded") == Counter([*site.hosts, *second])
    assert site.noted("enabled") == Counter(site.hosts)
    assert site.run("--resume", "r1").err == "pssh: Nothing is left of r1\n"


def test_two_controllers_at_once_work_on_no_host_together(site: Site) -> None:
    site.write("[rollout]\nparallel = 4\n", head='lock = "patch"\n')
    both = [site.begin("--now", on=name) for name in ("one", "two")]
    assert {one.wait(timeout=110) for one in both} == {0}
    assert not site.noted("clash")
    ends = [{one["host"]: one["cause"] for one in site.record("r1", on)["results"]} for on in ("one", "two")]
    assert all(set(one.values()) <= {None, "rule/lock-held"} for one in ends)
    worked = Counter(host for one in ends for host, cause in one.items() if cause is None)
    assert site.noted("upgraded") == worked
    assert set(worked) == set(site.hosts)  # nobody was left out by both


@pytest.mark.parametrize("site", ["sshd"], indirect=True)  # a demo host's connections are no processes of their own
def test_the_lease_of_a_controller_that_was_killed_is_taken_over_and_that_is_said(site: Site) -> None:
    site.write("[rollout]\nparallel = 64\n", head='lock = "patch:lease=3"\n')
    site.mark("hold", site.hosts)
    first = site.begin("--now", on="one")
    until(lambda: site.noted("upgraded").total() == HOSTS)
    held = site.run("--now", on="two")
    ends = site.record("r1", "two")["results"]
    assert (held.code, {one["cause"] for one in ends}) == (0, {"rule/lock-held"}), held
    assert all(
        re.match(r"the lock `patch` is held by \S+@\S+, run r1 since ", one["failure"]["message"]) for one in ends
    )
    first.send_signal(signal.SIGKILL)
    first.wait()
    for host in site.hosts:
        (site.there / f"hold-{host}").unlink()
    until(lambda: not list(site.there.glob("busy-*")))
    for number in range(2, 40):  # the hosts' own clocks say when a lease is over
        second = site.run("--now", on="two")
        ends = site.record(f"r{number}", "two")["results"]
        found = {one["host"]: (one["cause"], one["note"] or "") for one in ends}
        if not any(cause for cause, _ in found.values()):
            break
    assert second.code == 0, second
    assert set(found) == set(site.hosts)
    for cause, note in found.values():
        assert cause is None
        assert re.fullmatch(r"took over the lock `patch` of \S+@\S+, run r1 since .*, whose lease was over", note)
    assert "took over the lock" in second.out
    assert not site.noted("clash")


@machines.needed
def test_a_machine_that_boots_is_waited_for_and_one_that_does_not_is_a_row_in_time(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "there").mkdir()
    site = Site(tmp_path, ["back", "away", "same"])
    boot, health = '[[step]]\nname = "reboot"\nreboot = {{ timeout = "9s" }}\n', '[[step]]\nname = "health"'
    site.write("[rollout]\nparallel = 3\n", steps=_STEPS.replace(health, boot + health))
    with ExitStack() as stack:
        after = {"back": machines.back(1.5, "second"), "away": machines.away, "same": machines.back(0.5, "first")}
        ones = {name: stack.enter_context(machines.machine(tmp_path / name, do)) for name, do in after.items()}
        text = "version = 1\n"
        for name, one in ones.items():
            text += f'[hosts.{name}]\naddress = "127.0.0.1"\n[hosts.{name}.connection]\nuser = "{one.sshd.user}"\n'
            text += f'port = {one.sshd.port}\nidentity = ["{one.sshd.identity}"]\n'
            text += f'known_hosts = ["{one.sshd.known_hosts()}"]\n'
        (tmp_path / "fleet.toml").write_text(text)
        done = site.run("--now", "--yes")
        assert {name: one.boots for name, one in ones.items()} == dict.fromkeys(ones, 1), done
    assert done.code == 3, done
    record = site.record("r1")
    found = {one["host"]: one for one in record["results"]}
    assert {name: (one["status"], one["cause"]) for name, one in found.items()} == {
        "back": ("ok", None),
        "away": ("timed-out", "exec/total"),
        "same": ("timed-out", "exec/total"),
    }
    head = "reboot: it had not come back after 9 s: "
    assert found["away"]["failure"]["message"].startswith(f"{head}connect/refused: ")
    assert found["same"]["failure"]["message"] == f"{head}it still runs as before"
    assert steps_of(record, "back") == [*OK[:2], ("reboot", "ok"), OK[2], UNDONE]
    for name in ("away", "same"):
        assert steps_of(record, name) == [*OK[:2], ("reboot", "exec/total"), UNDONE]
        (seconds,) = [step["seconds"] for step in found[name]["steps"] if step["step"] == "reboot"]
        assert 9 <= seconds < 12
    assert site.noted("drained") == site.noted("enabled") == Counter(site.hosts)
