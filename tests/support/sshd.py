"""A real OpenSSH sshd on an ephemeral port: each address 127.x.y.z is a host of its own.

Runs as any user, and lets in only that user, with keys of its own making. Nothing outside its folder is written, save
/run/sshd, without which sshd does not start as root. Why not systemd's sshd: its configuration is not ours to change.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from pssh.demo.sandbox import sweep
from tests.support import processes
from tests.support.keys import make_key

MISSING = "the real sshd is not on this machine: `apt-get install openssh-server`"
_START_SECONDS = 10.0

# First value wins in sshd_config, so what a test asks for stands before these.
_CONFIG = """\
Port {port}
ListenAddress 0.0.0.0
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
UsePAM no
UseDNS no
StrictModes no
PerSourceMaxStartups none
MaxSessions 100
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
LogLevel VERBOSE
SetEnv HOME={folder}/home
"""


def path() -> str:
    """Return where sshd is, or an empty string."""
    return shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin:/usr/local/sbin") or ""


def required() -> None:
    """Skip the test if there is no sshd; with CI=true that is a failure."""
    if path():
        return
    if os.environ.get("CI") == "true":
        pytest.fail(MISSING)
    pytest.skip(MISSING)


@dataclass
class Sshd:
    """A running sshd and what is needed to log in."""

    folder: Path
    port: int
    process: subprocess.Popen[bytes]
    user: str = field(default_factory=getpass.getuser)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def identity(self) -> Path:
        """The private key that may log in."""
        return self.folder / "id_ed25519"

    @property
    def home(self) -> Path:
        """HOME of every command; the working directory is the user's own."""
        return self.folder / "home"

    def host_key(self, kind: str = "ed25519") -> str:
        """Return a public host key as `type base64`."""
        return " ".join((self.folder / f"host_{kind}.pub").read_text().split()[:2])

    def known_hosts(self, *addresses: str, kind: str = "ed25519", name: str = "known_hosts") -> Path:
        """Write a known_hosts file that holds these addresses, 127.0.0.1 if there are none, and return its path."""
        file = self.folder / name
        key = self.host_key(kind)
        file.write_text("".join(f"[{address}]:{self.port} {key}\n" for address in addresses or ("127.0.0.1",)))
        return file

    def log(self) -> str:
        """Return all that sshd has logged."""
        return (self.folder / "sshd.log").read_text(errors="replace")

    def ssh(self, *command: str, address: str = "127.0.0.1", stdin: bytes = b"") -> subprocess.CompletedProcess[bytes]:
        """Run OpenSSH's own client, the judge of what is usual."""
        options = {
            "IdentityFile": self.identity,
            "IdentitiesOnly": "yes",
            "UserKnownHostsFile": self.known_hosts(address, name=f"known_{address}"),
            "GlobalKnownHostsFile": "/dev/null",
            "BatchMode": "yes",
            "LogLevel": "ERROR",
        }
        words = [f"-o{key}={value}" for key, value in options.items()]
        argv = ["ssh", "-F/dev/null", f"-p{self.port}", *words, f"{self.user}@{address}", *command]
        return subprocess.run(argv, input=stdin, capture_output=True, timeout=30)

    def stop(self) -> None:
        """End sshd, its connections, and what they left running."""
        ours = processes.descendants(self.pid)
        self.process.kill()
        self.process.wait()
        for pid in ours:
            with suppress(ProcessLookupError):
                os.kill(pid, 9)
        sweep(self.folder)


@contextmanager
def sshd_fleet(
    folder: Path, *, config: str = "", host_keys: Sequence[str] = ("ed25519",), within: Sequence[str] = ()
) -> Iterator[Sshd]:
    """Run an sshd with its files in `folder`; lines of `config` win over the usual ones.

    `within`: a command that runs the one behind it in its own place.
    """
    required()
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "home").mkdir(exist_ok=True)
    for name in ("id_ed25519", *(f"host_{kind}" for kind in host_keys)):
        _key(folder / name)
    (folder / "authorized_keys").write_bytes((folder / "id_ed25519.pub").read_bytes())
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    keys = "".join(f"HostKey {folder}/host_{kind}\n" for kind in host_keys)
    daemon = _start(folder, config + keys, within)
    try:
        yield daemon
    finally:
        daemon.stop()


def _key(file: Path) -> None:
    if not file.exists():
        make_key(file, file.name.partition("_")[2])


def _start(folder: Path, config: str, within: Sequence[str]) -> Sshd:
    for _ in range(5):  # another process may take the port between our looking and sshd's asking
        port = _free_port()
        usual = _CONFIG.format(folder=folder, port=port)
        startups = "" if "MaxStartups" in config else "MaxStartups 2000\n"  # here the last value wins, not the first
        files = "" if "Subsystem" in config else "Subsystem sftp internal-sftp\n"  # it may be said once only
        (folder / "sshd_config").write_text(f"{config}\n{startups}{files}{usual}")
        log = folder / "sshd.log"
        log.write_bytes(b"")
        with (folder / "sshd.err").open("wb") as err:
            process = subprocess.Popen(
                [*within, path(), "-D", "-f", folder / "sshd_config", "-E", log],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=err,
                start_new_session=True,
            )
        daemon = Sshd(folder, port, process)
        if _listening(daemon):
            return daemon
        if "already in use" not in daemon.log():
            break
    raise RuntimeError(f"sshd did not start: {daemon.log()}{(folder / 'sshd.err').read_text(errors='replace')}")


def _listening(daemon: Sshd) -> bool:
    """Wait until sshd says that it listens; False if it ended. A trial connection would stand in its log."""
    end = time.monotonic() + _START_SECONDS
    while daemon.process.poll() is None:
        if "Server listening on" in daemon.log():
            return True
        if time.monotonic() > end:
            daemon.process.kill()
        time.sleep(0.005)
    return False


def _free_port() -> int:
    with socket.socket() as trial:
        trial.bind(("0.0.0.0", 0))
        port: int = trial.getsockname()[1]
        return port
