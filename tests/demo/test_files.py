"""The file server of a demo host: OpenSSH's own client is the judge."""

import subprocess
from pathlib import Path

from pssh.demo.fleet import DemoFleet


def sftp(fleet: DemoFleet, *lines: str) -> subprocess.CompletedProcess[bytes]:
    """Run lines of a batch with OpenSSH's client on one host."""
    host = fleet.host()
    options = {
        "IdentityFile": fleet.identity,
        "IdentitiesOnly": "yes",
        "UserKnownHostsFile": fleet.known_hosts,
        "GlobalKnownHostsFile": "/dev/null",
        "BatchMode": "yes",
    }
    words = [f"-o{key}={value}" for key, value in options.items()]
    argv = ["sftp", "-F/dev/null", "-q", f"-P{host.port}", *words, "-b-", f"{fleet.user}@{fleet.address}"]
    return subprocess.run(argv, input="\n".join(lines).encode(), capture_output=True, timeout=60)


def test_a_file_goes_there_and_back(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    data = bytes(range(256)) * 4096
    (tmp_path / "here").write_bytes(data)
    done = sftp(
        demo_fleet,
        f"put {tmp_path}/here folder-file",
        "chmod 640 folder-file",
        "mkdir folder",
        "rename folder-file folder/file",
        f"get folder/file {tmp_path}/back",
        "ls -l folder",
        "rm folder/file",
        "rmdir folder",
    )
    assert (done.returncode, done.stderr) == (0, b"")
    assert (tmp_path / "back").read_bytes() == data
    assert b"-rw-r-----" in done.stdout


def test_names_are_those_that_a_command_has(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    done = sftp(demo_fleet, "pwd")
    folder = Path(done.stdout.split()[-1].decode())
    assert (folder / "bin").is_dir()
    (tmp_path / "x").write_bytes(b"x")
    assert sftp(demo_fleet, f"put {tmp_path}/x {folder}/absolute", f"rm {folder}/absolute").returncode == 0


def test_what_lies_outside_is_refused(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    (tmp_path / "x").write_bytes(b"x")
    for line in (
        f"get /etc/passwd {tmp_path}/got",
        f"put {tmp_path}/x ../../outside",
        f"put {tmp_path}/x {tmp_path}/outside",
        "ls /",
    ):
        done = sftp(demo_fleet, line)
        assert done.returncode == 1, line
    done = sftp(demo_fleet, "symlink /etc way-out", f"get way-out/passwd {tmp_path}/got", "rm way-out")
    assert done.returncode == 1
    assert sftp(demo_fleet, "rm way-out").returncode == 0
    assert not (tmp_path / "got").exists() and not (tmp_path / "outside").exists()
