"""The demo fleet speaks real SSH: OpenSSH's own client is the judge."""

import socket
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet, DemoHost
from tests.support import processes


def ssh(
    fleet: DemoFleet, host: DemoHost, command: str, *, stdin: bytes = b"", user: str = "", **options: str
) -> tuple[int, bytes, bytes]:
    """Run a command with OpenSSH's client and return its exit code, stdout and stderr."""
    settings = {
        "IdentityFile": str(fleet.identity),
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": str(fleet.known_hosts),
        "GlobalKnownHostsFile": "/dev/null",
        "BatchMode": "yes",
        "ConnectTimeout": "1",
    } | options
    words = [f"-o{key}={value}" for key, value in settings.items()]
    argv = ["ssh", "-F/dev/null", f"-p{host.port}", *words, f"{user or fleet.user}@{fleet.address}", command]
    done = subprocess.run(argv, input=stdin, capture_output=True, timeout=30)
    return done.returncode, done.stdout, done.stderr


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    with DemoFleet(faults="storm", folder=tmp_path_factory.mktemp("storm")) as fleet:
        yield fleet


def test_a_command_answers_with_both_streams_and_its_exit_code(demo_fleet: DemoFleet) -> None:
    assert ssh(demo_fleet, demo_fleet.host(), "echo out; echo err >&2; exit 3") == (3, b"out\n", b"err\n")


def test_a_command_reads_stdin_to_its_end(demo_fleet: DemoFleet) -> None:
    data = bytes(range(256)) * 8192
    assert ssh(demo_fleet, demo_fleet.host(), "cat", stdin=data) == (0, data, b"")


def test_large_output_on_both_streams_at_once_arrives_whole(demo_fleet: DemoFleet) -> None:
    command = "head -c 4000000 /dev/zero & head -c 4000000 /dev/zero >&2; wait"
    code, out, err = ssh(demo_fleet, demo_fleet.host(), command)
    assert (code, len(out), len(err)) == (0, 4_000_000, 4_000_000)


def test_the_signal_that_ended_a_command_is_reported(demo_fleet: DemoFleet) -> None:
    code, _, err = ssh(demo_fleet, demo_fleet.host(), "kill -SEGV $$", LogLevel="DEBUG1")
    assert code == 255
    assert b"rtype exit-signal reply 0" in err


def test_the_exit_code_comes_before_a_background_child_lets_go(demo_fleet: DemoFleet) -> None:
    began = time.monotonic()
    code, _, err = ssh(demo_fleet, demo_fleet.host(), "sleep 0.5 & exit 4", LogLevel="DEBUG2")
    assert code == 4
    assert time.monotonic() - began >= 0.5
    assert err.index(b"exit-status") < err.index(b"rcvd eof")


def test_a_command_that_cannot_be_found_is_127(demo_fleet: DemoFleet) -> None:
    assert ssh(demo_fleet, demo_fleet.host(), "no-such-command")[0] == 127


def test_a_command_lives_in_its_own_home_and_sees_nothing_of_ours(
    demo_fleet: DemoFleet,
) -> None:
    host = demo_fleet.host()
    code, out, _ = ssh(demo_fleet, host, "pwd; echo $HOME; env")
    home = str(demo_fleet.home(host.name)).encode()
    assert code == 0
    assert out.splitlines()[:2] == [home, home]
    assert b"PYTHONPATH" not in out


def test_each_host_answers_for_itself_and_those_that_differ_differ(demo_fleet: DemoFleet) -> None:
    sound, other = demo_fleet.host(), demo_fleet.host("differs")
    assert ssh(demo_fleet, sound, "hostname; uname -r")[1].decode().split() == [sound.name, "6.1.0-28-amd64"]
    assert ssh(demo_fleet, other, "hostname; uname -r")[1].decode().split() == [other.name, "6.1.0-25-amd64"]
    assert ssh(demo_fleet, other, "systemctl is-active nginx")[:2] == (3, b"failed\n")


def test_only_the_fleets_own_key_and_user_may_log_in(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    stranger = tmp_path / "key"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", stranger], check=True)
    code, _, err = ssh(demo_fleet, demo_fleet.host(), "true", IdentityFile=str(stranger))
    assert (code, b"Permission denied (publickey)" in err) == (255, True)
    code, _, err = ssh(demo_fleet, demo_fleet.host(), "true", user="root")
    assert (code, b"Permission denied (publickey)" in err) == (255, True)


@pytest.mark.parametrize(
    ("fault", "words"),
    [
        ("denied", b"Permission denied"),
        ("down", b"Connection refused"),
        ("silent", b"timed out during banner exchange"),
        ("wrong-key", b"REMOTE HOST IDENTIFICATION HAS CHANGED"),
    ],
)
def test_a_fault_before_the_login_is_seen_as_what_it_is(storm: DemoFleet, fault: str, words: bytes) -> None:
    code, _, err = ssh(storm, storm.host(fault), "true")  # type: ignore[arg-type]  # a fault by its word
    assert (code, words in err) == (255, True), err


def test_a_host_that_drips_sends_its_banner_byte_by_byte(storm: DemoFleet) -> None:
    with socket.create_connection((storm.address, storm.host("drip").port)) as sock:
        assert [sock.recv(64), sock.recv(64)] == [b"S", b"S"]


def test_a_host_that_drops_cuts_the_connection_in_mid_output(storm: DemoFleet) -> None:
    code, out, err = ssh(storm, storm.host("drop"), "echo 0123456789; sleep 60")
    assert (code, out) == (255, b"01234")
    assert b"closed" in err


def test_a_host_that_drops_never_says_how_a_silent_command_ended(storm: DemoFleet) -> None:
    assert ssh(storm, storm.host("drop"), "true")[0] == 255


def test_a_slow_host_answers_in_the_end(storm: DemoFleet) -> None:
    began = time.monotonic()
    assert ssh(storm, storm.host("slow"), "cat; exit 3", stdin=b"in") == (3, b"in", b"")
    assert time.monotonic() - began >= 1.5


def test_what_runs_ends_when_its_connection_does(demo_fleet: DemoFleet, storm: DemoFleet) -> None:
    for fleet, host, command in ((demo_fleet, demo_fleet.host(), "sleep 4711"), (storm, storm.host("hang"), "true")):
        with pytest.raises(subprocess.TimeoutExpired):
            argv = ["ssh", "-F/dev/null", f"-i{fleet.identity}", f"-oUserKnownHostsFile={fleet.known_hosts}"]
            target = [f"-p{host.port}", f"{fleet.user}@{fleet.address}"]
            subprocess.run([*argv, *target, command], capture_output=True, timeout=0.6)
        assert processes.gone(processes.descendants(fleet.pid))


def test_the_server_does_not_pass_for_openssh(demo_fleet: DemoFleet) -> None:
    with socket.create_connection((demo_fleet.address, demo_fleet.host().port)) as sock:
        assert sock.recv(64).startswith(b"SSH-2.0-pssh_demo\r\n")
