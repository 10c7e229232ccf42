"""The other end of a connection, in memory: a server made of paramiko's code, with every packet open to the test."""

import asyncio
from typing import Any

from paramiko import ECDSAKey, Message, Transport, common

from pssh.model.outcome import Failure
from pssh.transport.ssh.auth import Credentials, FileKey, Login
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.wire import BufferPacketizer, Fields, NoSocket, Payload, text, u32
from tests.support.listeners import Quiet

HOST_KEY = ECDSAKey.generate()
USER_KEY = ECDSAKey.generate()
ACCEPT, SUCCESS = b"\6" + text("ssh-userauth"), b"\x34"


class Single(BufferPacketizer):
    """Shows each packet as it came, also where several hold what belongs together."""

    def open_with(self, engine: Any, iv: bytes) -> None:
        super().open_with(engine, iv)
        self._opens = False


class Peer(Transport):
    """A server between two buffers. `got` holds each packet of the client as (type, body), key exchange included."""

    def __init__(self, banner: str = "SSH-2.0-OpenSSH_9.2") -> None:
        super().__init__(NoSocket(), packetizer_class=Single)
        self.server_mode = True
        self.auth_handler = object()
        self.add_server_key(HOST_KEY)
        self.local_version = banner
        self.got: list[tuple[int, bytes]] = []
        self.packetizer.write_all(banner.encode() + b"\r\n")
        self._send_kex_init()
        self._expect_packet(common.MSG_KEXINIT)

    def _log(self, level: int, msg: object, *args: object) -> None: ...

    @property
    def types(self) -> list[int]:
        return [kind for kind, _ in self.got]

    def feed(self, data: bytes) -> None:
        self.packetizer.take(data)
        if not self.remote_version:
            line = self.packetizer.line()
            if line is None:
                return
            self.remote_version = line.decode()
        while (packet := self.packetizer.next()) is not None:
            kind, body, seqno = packet
            self.got.append((kind, bytes(body)))
            parsed = Message(body)
            parsed.seqno = seqno
            if 30 <= kind <= 41:
                self.kex_engine.parse_next(kind, parsed)
            elif kind == common.MSG_KEXINIT:
                self._negotiate_keys(parsed)
            elif kind == common.MSG_NEWKEYS:
                self._parse_newkeys(parsed)

    def send(self, payload: bytes) -> None:
        self._send_message(Payload(payload))

    # What a server says, in one line each.

    def log_in(self) -> None:
        self.send(ACCEPT)
        self.send(SUCCESS)

    def open(self, client: int, number: int = 0, window: int = 2 << 20) -> None:
        self.send(b"\x5b" + u32(client) + u32(number) + u32(window) + u32(32 << 10))

    def data(self, client: int, data: bytes, *, stderr: bool = False) -> None:
        self.send((b"\x5f" + u32(client) + u32(1) if stderr else b"\x5e" + u32(client)) + text(data))

    def request(self, client: int, kind: str, rest: bytes, *, reply: bool = False) -> None:
        self.send(b"\x62" + u32(client) + text(kind) + (b"\1" if reply else b"\0") + rest)

    def close_channel(self, client: int) -> None:
        self.send(b"\x61" + u32(client))


class Pair:
    """A client and a server whose bytes move only when the test says so."""

    def __init__(
        self, *, banner: str = "SSH-2.0-OpenSSH_9.2", check: Any = None, keys: int = 1, **options: Any
    ) -> None:
        self.server = Peer(banner)
        credentials = Credentials([FileKey(USER_KEY.asbytes(), USER_KEY)] * keys)
        self.client = Driver(
            Login("root", credentials, asyncio.ensure_future), check or (lambda kind, blob: None), **options
        )
        self.client.begin()

    def move(self, step: int = 0) -> None:
        """Carry bytes both ways until nobody has any; `step`: so many bytes at a time."""
        while self.client.packetizer.out or self.server.packetizer.out:
            for source, target in ((self.client, self.server), (self.server, self.client)):
                data = bytes(source.packetizer.out)
                del source.packetizer.out[:]
                for at in range(0, len(data), step or len(data) or 1):
                    target.feed(data[at : at + (step or len(data))])

    def up(self) -> "Pair":
        """Go on until the client is logged in."""
        self.move()
        self.server.log_in()
        self.move()
        return self


class Silent(Quiet):
    """A listener that keeps what it hears."""

    def __init__(self) -> None:
        self.connections = 0
        self.heard: list[tuple[str, bytes]] = []
        self.lines: list[str] = []

    def connected(self) -> None:
        self.connections += 1

    def said(self, stream: str, data: bytes) -> None:
        self.heard.append((stream, data))

    def learned(self, line: str) -> None:
        self.lines.append(line)


def command_of(body: bytes) -> tuple[str, str]:
    """Return (request, its text) of a channel request."""
    fields = Fields(body)
    fields.u32()
    kind = fields.words()
    fields.bool()
    return kind, fields.words() if kind in ("exec", "signal", "subsystem") else ""


STOP = Failure(stage="stop", kind="interrupt", message="interrupted")
