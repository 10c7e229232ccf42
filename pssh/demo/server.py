"""The demo fleet as one process: `python -m pssh.demo.server FOLDER --hosts N --seed S --faults LEVEL`.

Each host is one port of 127.0.0.1 with a fresh key and a home in FOLDER. A host without a connection costs a listening
socket and no thread. Besides the homes, FOLDER receives an inventory, a known_hosts file and the only key that may log
in. One line of JSON on stdout says that all is ready; the fleet ends when stdin closes, so that it cannot outlive its
parent, or on SIGTERM or SIGINT.
"""

import argparse
import heapq
import io
import json
import logging
import os
import selectors
import signal
import socket
import time
from contextlib import suppress
from pathlib import Path
from resource import RLIMIT_NOFILE, getrlimit, setrlimit
from threading import Thread, stack_size
from typing import Any

import paramiko
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from pssh.demo import sandbox
from pssh.demo.connection import USER, Connection, Site
from pssh.demo.faults import LEVELS, Planned, plan

_DRIP_SECONDS = 0.5
_ADDRESS = "127.0.0.1"


class Fleet:
    """Listening sockets, their hosts, and the connections that are up."""

    def __init__(self, folder: Path, planned: list[Planned], seed: int) -> None:
        self.folder = folder
        self.planned = planned
        self.selector = selectors.DefaultSelector()
        self.connections: list[Connection] = []
        self.idle: list[socket.socket] = []  # accepted, and never answered
        self.drips: list[tuple[float, int, socket.socket]] = []  # when to send each its next byte
        self.client, text = _key()
        (folder / "id_ed25519").write_text(text)
        self.ports: dict[str, int] = {}
        self.sockets: list[socket.socket] = []
        known: list[str] = []
        for host in planned:
            site = self._site(host, seed)
            port = self.ports[host.name] = self._listen(site)
            shown = _key()[0] if host.fault == "wrong-key" else site.key
            known.append(f"[{_ADDRESS}]:{port} {shown.get_name()} {shown.get_base64()}\n")
        (folder / "known_hosts").write_text("".join(known))
        (folder / "inventory.toml").write_text(_inventory(folder, planned, self.ports))

    def _site(self, host: Planned, seed: int) -> Site:
        home = self.folder / "hosts" / host.name
        sandbox.make(home, host.name, seed, differs=host.fault == "differs")
        return Site(host.name, home, _key()[0], self.client, host.fault)

    def _listen(self, site: Site) -> int:
        listener = socket.socket()
        listener.bind((_ADDRESS, 0))
        if site.fault != "down":  # bound and not listening: refused, and nobody else can take the port
            listener.listen(128)
            listener.setblocking(False)
            self.selector.register(listener, selectors.EVENT_READ, site)
        self.sockets.append(listener)
        port = listener.getsockname()[1]
        assert isinstance(port, int)
        return port

    def serve(self, until: int) -> None:
        """Accept connections until the descriptor `until` can be read."""
        self.selector.register(until, selectors.EVENT_READ)
        while True:
            wait = max(0.0, self.drips[0][0] - time.monotonic()) if self.drips else None
            for key, _ in self.selector.select(wait):
                if key.fd == until:
                    return
                self._accept(key.fileobj, key.data)  # type: ignore[arg-type]  # the listeners are registered as sockets
            self._drip()

    def _accept(self, listener: socket.socket, site: Site) -> None:
        try:
            sock, _ = listener.accept()
        except OSError:
            return  # the peer left before its turn came
        if site.fault in ("silent", "drip"):
            self.idle.append(sock)
            if site.fault == "drip":
                sock.setblocking(False)
                heapq.heappush(self.drips, (time.monotonic(), sock.fileno(), sock))
            return
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection = Connection(sock, site)
        self.connections = [*(other for other in self.connections if other.is_active()), connection]
        connection.serve()

    def _drip(self) -> None:
        now = time.monotonic()
        while self.drips and self.drips[0][0] <= now:
            _, number, sock = heapq.heappop(self.drips)
            try:
                sock.send(b"S")
            except OSError:
                sock.close()  # the peer has had enough
                self.idle.remove(sock)
            else:
                heapq.heappush(self.drips, (now + _DRIP_SECONDS, number, sock))

    def close(self) -> None:
        """End every connection and every command, whatever process group it went to."""
        for connection in self.connections:
            connection.cut()
        sandbox.sweep(self.folder)


def _key() -> tuple[paramiko.PKey, str]:
    text = Ed25519PrivateKey.generate().private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
    return paramiko.Ed25519Key.from_private_key(io.StringIO(text)), text


def _inventory(folder: Path, planned: list[Planned], ports: dict[str, int]) -> str:
    lines = [
        "# A demo fleet: it is gone when `pssh demo` ends",
        "version = 1",
        "[connection]",
        f'user = "{USER}"',
        f"identity = [{json.dumps(str(folder / 'id_ed25519'))}]",
        "identities_only = true",
        f"known_hosts = [{json.dumps(str(folder / 'known_hosts'))}]",
        'host_keys = "strict"',
    ]
    for name, port in ports.items():
        lines += [f"[hosts.{name}]", f'address = "{_ADDRESS}"', f"connection = {{ port = {port} }}"]
    groups: dict[str, list[str]] = {}
    for host in planned:
        groups.setdefault(host.group, []).append(host.name)
    for group, names in groups.items():
        lines += [f"[groups.{group}]", f"hosts = {json.dumps(names)}", f'vars = {{ tier = "{group}" }}']
    lines += ["[groups.prod]", f"groups = {json.dumps([group for group in groups if group != 'cache'])}"]
    return "\n".join(lines) + "\n"


def _ready(fleet: Fleet) -> dict[str, Any]:
    return {
        "user": USER,
        "hosts": [{"name": host.name, "port": fleet.ports[host.name], "fault": host.fault} for host in fleet.planned],
    }


def _stop() -> int:
    """Return a descriptor that can be read when it is time to end."""
    stop, wake = os.pipe()

    def end(*_: object) -> None:
        os.write(wake, b"\0")

    def watch() -> None:
        while os.read(0, 4096):
            pass
        end()

    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, end)
    # A thread, since a selector does not take every kind of file that stdin may be.
    Thread(target=watch, daemon=True).start()
    return stop


def main(argv: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m pssh.demo.server", description="Serve a demo fleet.")
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hosts", type=int, default=12)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--faults", choices=LEVELS, default="default")
    options = parser.parse_args(argv)
    os.umask(0o077)
    options.folder.mkdir(parents=True, exist_ok=True)
    stop = _stop()
    _, most = getrlimit(RLIMIT_NOFILE)
    setrlimit(RLIMIT_NOFILE, (most, most))
    log = logging.getLogger("paramiko")  # a host that misbehaves on purpose would fill the log
    log.addHandler(logging.NullHandler())
    log.propagate = False
    stack_size(256 << 10)
    fleet = Fleet(options.folder.absolute(), plan(options.hosts, options.seed, options.faults), options.seed)
    try:
        with suppress(BrokenPipeError):
            os.write(1, json.dumps(_ready(fleet)).encode() + b"\n")
            fleet.serve(stop)
    finally:
        fleet.close()
    os._exit(0)  # connection threads have nothing left to do, and paramiko would wait for each


if __name__ == "__main__":
    main()
