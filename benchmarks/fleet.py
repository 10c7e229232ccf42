"""Loopback hosts to measure against: every address 127.1.A.B is a host, and all of them reach one server.

The server is a real sshd, or one that costs almost nothing (Go), each also behind a round trip of 20 ms. All take the
same key and offer the same key exchange (curve25519), so that what differs is the client. Why not one sshd per host:
the client cannot tell, and two cores would be busy with a thousand listeners.

The servers listen on all addresses, the only way to answer on all of 127/8, and let in only the key made here.
"""

import getpass
import os
import shutil
import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

SERVERS = ("sshd", "cheap", "sshd-20ms", "cheap-20ms")
SOURCES = Path(__file__).parent / "servers"

_SSHD_CONFIG = """\
Port {port}
ListenAddress 0.0.0.0
HostKey {folder}/host_ed25519
PidFile none
AuthorizedKeysFile {folder}/id_ed25519.pub
KexAlgorithms curve25519-sha256,curve25519-sha256@libssh.org
UsePAM no
UseDNS no
StrictModes no
MaxStartups 2000
PerSourceMaxStartups none
PasswordAuthentication no
KbdInteractiveAuthentication no
PermitRootLogin prohibit-password
PrintMotd no
PrintLastLog no
LogLevel ERROR
SetEnv HOME={folder}/home
Subsystem sftp internal-sftp
"""

_SSH_CONFIG = """\
Host 127.*
  Port {port}
  User {user}
  IdentityFile {folder}/id_ed25519
  IdentitiesOnly yes
  UserKnownHostsFile {folder}/known_hosts
  GlobalKnownHostsFile /dev/null
  StrictHostKeyChecking yes
  BatchMode yes
  ControlMaster no
  UpdateHostKeys no
  LogLevel ERROR
"""


class Unavailable(Exception):
    """A server cannot be had on this machine; the message says what to install."""


@dataclass(frozen=True)
class Fleet:
    """A fleet that is up, and the files a client needs to log in to it."""

    folder: Path
    server: str
    port: int
    hosts: tuple[str, ...]
    pid: int = 0  # of the sshd

    @property
    def user(self) -> str:
        return getpass.getuser()

    @property
    def key(self) -> Path:
        return self.folder / "id_ed25519"

    @property
    def known_hosts(self) -> Path:
        return self.folder / "known_hosts"

    @property
    def host_list(self) -> Path:
        return self.folder / "hosts.txt"

    @property
    def ssh_config(self) -> Path:
        return self.folder / "ssh_config"

    @property
    def home(self) -> Path:
        """An empty home: a slow ~/.bashrc would be measured on every connection, the user's own settings by chance."""
        return self.folder / "home"


def addresses(count: int) -> tuple[str, ...]:
    """Return the first `count` hosts, 250 to a /24."""
    return tuple(f"127.1.{n // 250}.{n % 250 + 1}" for n in range(count))


@contextmanager
def fleet(server: str, count: int, folder: Path) -> Iterator[Fleet]:
    """Start `server` and yield the fleet; it ends with the context. Raises Unavailable."""
    if server not in SERVERS:
        raise ValueError(f"unknown server {server!r}")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _make_keys(folder)
    kind, _, rtt = server.partition("-")
    with ExitStack() as stack:
        port, pid = stack.enter_context(_sshd(folder) if kind == "sshd" else _cheap(folder))
        if rtt:
            port = stack.enter_context(_go("delay", folder, str(port), rtt))
        up = Fleet(folder, server, port, addresses(count), pid)
        _describe(up)
        yield up


def _make_keys(folder: Path) -> None:
    if not shutil.which("ssh-keygen"):
        raise Unavailable("ssh-keygen is missing: apt-get install openssh-client")
    (folder / "home").mkdir(mode=0o700, exist_ok=True)
    for name in ("host_ed25519", "id_ed25519"):
        if not (folder / name).exists():
            subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / name], check=True)


def _describe(up: Fleet) -> None:
    """Write the files that clients read."""
    key = " ".join((up.folder / "host_ed25519.pub").read_text().split()[:2])
    up.known_hosts.write_text("".join(f"[{host}]:{up.port} {key}\n" for host in up.hosts))
    up.host_list.write_text("".join(f"{host}\n" for host in up.hosts))
    up.ssh_config.write_text(_SSH_CONFIG.format(folder=up.folder, port=up.port, user=up.user))


@contextmanager
def _sshd(folder: Path) -> Iterator[tuple[int, int]]:
    program = shutil.which("sshd", path=f"{os.environ.get('PATH', '')}:/usr/sbin")
    if not program:
        raise Unavailable("sshd is missing: apt-get install openssh-server")
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(mode=0o755, exist_ok=True)  # where it separates its privileges
    with socket.create_server(("127.0.0.1", 0)) as probe:
        port = int(probe.getsockname()[1])  # sshd cannot say which port it took, so it is given one that was free
    config = folder / "sshd_config"
    config.write_text(_SSHD_CONFIG.format(folder=folder, port=port))
    process = subprocess.Popen([program, "-D", "-f", config, "-E", folder / "sshd.log"], stdin=subprocess.DEVNULL)
    try:
        _wait_for(port, process, folder / "sshd.log")
        yield port, process.pid
    finally:
        process.terminate()
        process.wait()


def _wait_for(port: int, process: subprocess.Popen[bytes], log: Path) -> None:
    """Return once the port answers. Raises RuntimeError with the log if the server has ended before."""
    deadline = time.monotonic() + 10
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"sshd did not start: {log.read_text(errors='replace')}")


@contextmanager
def _cheap(folder: Path) -> Iterator[tuple[int, int]]:
    with _go("cheap", folder, str(folder / "host_ed25519"), str(folder / "id_ed25519.pub")) as port:
        yield port, 0


@contextmanager
def _go(name: str, folder: Path, *args: str) -> Iterator[int]:
    """Build and start one of our Go programs; yield the port that it prints. It ends when its stdin does."""
    process = subprocess.Popen([_build(name, folder), *args], stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    assert process.stdin and process.stdout
    try:
        yield int(process.stdout.readline())
    finally:
        process.stdin.close()
        process.wait()
        process.stdout.close()


def _build(name: str, folder: Path) -> Path:
    program, source = folder / name, SOURCES / f"{name}.go"
    if program.exists() and program.stat().st_mtime > source.stat().st_mtime:
        return program
    if not shutil.which("go"):
        raise Unavailable("go is missing: apt-get install golang-go golang-golang-x-crypto-dev")
    where = {"GO111MODULE": "off", "GOPATH": "/usr/share/gocode", "GOCACHE": str(folder / "go-cache")}
    done = subprocess.run(
        ["go", "build", "-o", program, source], env=os.environ | where, capture_output=True, text=True
    )
    if done.returncode:
        raise Unavailable(f"{name}.go does not build (golang-golang-x-crypto-dev?): {done.stderr.strip()[-300:]}")
    return program
