"""A demo fleet as its user holds it: started when entered, gone when left.

The fleet itself is another process, so that paramiko stays out of this one; a pipe ties its life to ours.
"""

import json
import os
import select
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Self

from pssh.demo import sandbox
from pssh.demo.faults import Fault, Level
from pssh.errors import PsshError

_START_SECONDS = 30.0
_END_SECONDS = 3.0
_ROOT = Path(__file__).parents[2]  # the folder that `pssh` lies in


class DemoHost(NamedTuple):
    """One host of the fleet; `fault` is empty if it is sound."""

    name: str
    port: int
    fault: Fault


class DemoFleet:
    """Hosts on 127.0.0.1 with one port each, and the files needed to reach them.

    `folder` is made if need be and kept; without one a temporary folder is used, and removed at the end.
    """

    def __init__(
        self, hosts: int = 12, seed: int = 1, faults: Level = "default", folder: Path | str | None = None
    ) -> None:
        self._wanted = (hosts, seed, faults)
        self._temporary = (
            None if folder else tempfile.TemporaryDirectory(prefix="pssh-demo-", ignore_cleanup_errors=True)
        )
        self.folder = Path(self._temporary.name if self._temporary else str(folder)).resolve()
        self.inventory = self.folder / "inventory.toml"
        self.known_hosts = self.folder / "known_hosts"
        self.identity = self.folder / "id_ed25519"
        self.address = "127.0.0.1"
        self.user = ""
        self.hosts: tuple[DemoHost, ...] = ()
        self._server: subprocess.Popen[bytes] | None = None

    def start(self) -> Self:
        """Start the fleet and return when every host answers; raises PsshError."""
        count, seed, faults = self._wanted
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        log = self.folder / "server.log"
        words = [self.folder, "--hosts", count, "--seed", seed, "--faults", faults]
        with log.open("wb") as stderr:
            self._server = subprocess.Popen(
                [sys.executable, "-P", "-m", "pssh.demo.server", *map(str, words)],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stderr,
                env=environment(),
                start_new_session=True,  # Ctrl-C is for us; the fleet ends with us
            )
        try:
            ready = json.loads(_line(self._server))
        except ValueError:
            said = log.read_text(errors="replace").strip().splitlines()
            self.close()
            raise PsshError("The demo fleet did not start", hint=said[-1] if said else "") from None
        self.user = ready["user"]
        self.hosts = tuple(DemoHost(**host) for host in ready["hosts"])
        return self

    def close(self) -> None:
        """End the fleet and all that runs on its hosts."""
        if server := self._server:
            self._server = None
            assert server.stdin and server.stdout
            server.stdin.close()
            try:
                server.wait(_END_SECONDS)
            except subprocess.TimeoutExpired:
                server.kill()
                server.wait()
            server.stdout.close()
            sandbox.sweep(self.folder)  # the fleet did so itself, unless it was killed
        if self._temporary:
            self._temporary.cleanup()

    @property
    def pid(self) -> int:
        """The process id of the running fleet."""
        assert self._server
        return self._server.pid

    def host(self, fault: Fault = "") -> DemoHost:
        """Return the first host with that fault; raises LookupError."""
        for host in self.hosts:
            if host.fault == fault:
                return host
        raise LookupError(fault)

    def home(self, name: str) -> Path:
        """Return the folder in which a host's commands run."""
        return self.folder / "hosts" / name

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()


def environment() -> dict[str, str]:
    """Return our environment for a Python process that must find this very package, from a checkout too."""
    paths = [str(_ROOT), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def _line(server: subprocess.Popen[bytes]) -> bytes:
    """Return the first line of a process, or what there is of it when it ends or takes too long."""
    assert server.stdout
    end = time.monotonic() + _START_SECONDS
    line = b""
    while not line.endswith(b"\n"):
        left = end - time.monotonic()
        if left <= 0 or not select.select([server.stdout], [], [], left)[0]:
            break
        if not (piece := os.read(server.stdout.fileno(), 64 << 10)):
            break
        line += piece
    return line
