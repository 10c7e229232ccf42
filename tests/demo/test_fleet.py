"""A demo fleet is private, whole when it starts, and gone without a trace when it ends."""

import os
import signal
import socket
import stat
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet, environment
from pssh.errors import PsshError
from tests.support import processes

HOLD = """\
import sys
from pssh.demo.fleet import DemoFleet
with DemoFleet(3, faults="none", folder=sys.argv[1]) as fleet:
    print(fleet.pid, flush=True)
    sys.stdin.read()
"""


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_its_files_are_for_us_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        with DemoFleet(2, faults="none", folder=tmp_path / "fleet") as fleet:
            assert mode(fleet.folder) == 0o700
            for file in (fleet.inventory, fleet.known_hosts, fleet.identity):
                assert mode(file) == 0o600, file
    finally:
        os.umask(before)


def test_its_inventory_names_every_host_and_how_to_reach_it(demo_fleet: DemoFleet) -> None:
    said = tomllib.loads(demo_fleet.inventory.read_text())
    assert said["version"] == 1
    assert said["connection"] == {
        "user": demo_fleet.user,
        "identity": [str(demo_fleet.identity)],
        "identities_only": True,
        "known_hosts": [str(demo_fleet.known_hosts)],
        "host_keys": "strict",
    }
    ports = {name: host["connection"]["port"] for name, host in said["hosts"].items()}
    assert ports == {host.name: host.port for host in demo_fleet.hosts}
    assert said["groups"]["prod"] == {"groups": ["web", "db"]}


def test_a_fleet_of_one_host_is_one_too() -> None:
    with DemoFleet(1) as fleet:
        assert [(host.name, host.fault) for host in fleet.hosts] == [("web01", "")]


def test_a_temporary_folder_goes_and_a_given_one_stays(tmp_path: Path) -> None:
    with DemoFleet(1) as fleet:
        temporary = fleet.folder
    with DemoFleet(1, folder=tmp_path):
        pass
    assert not temporary.exists()
    assert (tmp_path / "inventory.toml").exists()


def test_no_host_answers_once_it_is_closed() -> None:
    with DemoFleet(2, faults="none") as fleet:
        socket.create_connection((fleet.address, fleet.hosts[1].port)).close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection((fleet.address, fleet.hosts[1].port))


def test_it_ends_with_its_parent_even_if_that_is_killed(tmp_path: Path) -> None:
    argv = [sys.executable, "-c", HOLD, str(tmp_path / "fleet")]
    with subprocess.Popen(argv, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env=environment()) as parent:
        assert parent.stdout
        server = int(parent.stdout.readline())
        parent.kill()
    assert processes.gone([server])


def test_a_signal_ends_it_in_good_order(tmp_path: Path) -> None:
    with DemoFleet(2, faults="none", folder=tmp_path) as fleet:
        os.kill(fleet.pid, signal.SIGTERM)
        assert processes.gone([fleet.pid])


def test_commands_end_with_it_even_if_it_is_killed(tmp_path: Path) -> None:
    with DemoFleet(1, folder=tmp_path) as fleet:
        host = fleet.host()
        options = [f"-oUserKnownHostsFile={fleet.known_hosts}", f"-i{fleet.identity}", f"-p{host.port}"]
        command = "setsid sleep 4714 </dev/null >/dev/null 2>&1 & echo $!"
        argv = ["ssh", "-F/dev/null", *options, f"{fleet.user}@{fleet.address}", command]
        left = int(subprocess.run(argv, capture_output=True, check=True).stdout)
        assert processes.alive([left]), "a command that left its group lives on while the fleet does"
        os.kill(fleet.pid, signal.SIGKILL)
    assert processes.gone([left])


def test_a_fleet_that_cannot_start_says_why(tmp_path: Path) -> None:
    (tmp_path / "hosts").write_text("a file where a folder is needed")
    with pytest.raises(PsshError, match="did not start") as error, DemoFleet(1, folder=tmp_path):
        pass
    assert "hosts" in error.value.hint


def test_hosts_without_a_connection_cost_no_thread() -> None:
    with DemoFleet(300, faults="none") as fleet:
        assert len(fleet.hosts) == 300
        assert processes.threads(fleet.pid) <= 3


def test_whoever_holds_a_fleet_does_not_import_paramiko() -> None:
    code = "import pssh.demo.fleet, pssh.demo.tour, sys; sys.exit('paramiko' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], env=environment()).returncode == 0
