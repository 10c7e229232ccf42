"""Servers that answer an SSH client with the wrong bytes, and a relay that spoils a good connection.

Each kind is one port of 127.0.0.1 and one short coroutine below. All run on one loop in one thread, ended with the
`Faulty` that made them. What each server heard is kept, so that a test can say what must not have been sent.
"""

import asyncio
import os
import socket
import struct
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Any, Self, TypeVar

_T = TypeVar("_T")

BANNER = b"SSH-2.0-OpenSSH_9.2p1 Faulty\r\n"
_PIECE = 64 << 10


class Peer:
    """One accepted connection, as the servers below speak through it."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer
        self.heard = bytearray()

    async def send(self, data: bytes) -> None:
        self.writer.write(data)
        await self.writer.drain()

    async def listen(self) -> None:
        """Hear the client out until it closes."""
        while data := await self.reader.read(_PIECE):
            self.heard += data

    async def line(self) -> None:
        """Hear one line, the client's banner."""
        self.heard += await self.reader.readuntil(b"\n")

    async def packet(self) -> None:
        """Hear one packet in the clear."""
        head = await self.reader.readexactly(4)
        self.heard += head + await self.reader.readexactly(int.from_bytes(head, "big"))

    def reset(self) -> None:
        """End the connection with RST: what was sent before may be lost, too."""
        sock = self.writer.get_extra_info("socket")
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.writer.transport.abort()


def packet(payload: bytes) -> bytes:
    """Return a payload framed as before the first key exchange (RFC 4253, section 6)."""
    pad = 8 - (len(payload) + 5) % 8
    pad += 8 if pad < 4 else 0
    return struct.pack(">IB", 1 + len(payload) + pad, pad) + payload + bytes(pad)


def kexinit(
    kex: bytes = b"curve25519-sha256@libssh.org,curve25519-sha256",
    keys: bytes = b"ssh-ed25519",
    cipher: bytes = b"aes128-gcm@openssh.com",
) -> bytes:
    """Return a KEXINIT packet that offers these names (RFC 4253, section 7.1)."""
    lists = (kex, keys, cipher, cipher, b"hmac-sha2-256", b"hmac-sha2-256", b"none", b"none", b"", b"")
    names = b"".join(struct.pack(">I", len(item)) + item for item in lists)
    return packet(b"\x14" + os.urandom(16) + names + b"\0" + bytes(4))


def disconnect(text: bytes, reason: int = 2) -> bytes:
    """Return a DISCONNECT packet with these words (RFC 4253, section 11.1)."""
    return packet(b"\x01" + struct.pack(">II", reason, len(text)) + text + bytes(4))


async def silent(peer: Peer) -> None:
    """Say nothing."""
    await peer.listen()


async def drip(peer: Peer) -> None:
    """Send an endless first line, byte by byte."""
    while True:
        await peer.send(b"S")
        await asyncio.sleep(0.05)


async def drip_lines(peer: Peer) -> None:
    """Send a line that is no banner every now and then."""
    while True:
        await peer.send(b"one moment, please\r\n")
        await asyncio.sleep(0.05)


async def endless_lines(peer: Peer) -> None:
    """Send lines that are no banner as fast as they are taken."""
    while True:
        await peer.send(b"welcome\r\n" * 4096)


async def endless_line(peer: Peer) -> None:
    """Send one line without an end as fast as it is taken."""
    while True:
        await peer.send(b"A" * _PIECE)


async def close_at_once(peer: Peer) -> None:
    """Close without a word."""


async def reset_at_once(peer: Peer) -> None:
    """Reset without a word."""
    peer.reset()


async def throttled(peer: Peer) -> None:
    """Say what sshd says beyond MaxStartups, and close."""
    await peer.send(b"Exceeded MaxStartups\r\n")


async def penalised(peer: Peer) -> None:
    """Say what sshd 9.8 and later say to an address under a penalty, and close."""
    await peer.send(b"Not allowed at this time\r\n")


async def http(peer: Peer) -> None:
    """Answer as a web server does."""
    await peer.line()
    await peer.send(b"HTTP/1.1 400 Bad Request\r\nContent-Type: text/html\r\n\r\n<h1>Bad Request</h1>\r\n")


async def ssh1(peer: Peer) -> None:
    """Speak a protocol of 1995."""
    await peer.send(b"SSH-1.5-Ancient\r\n")
    await peer.listen()


async def escapes(peer: Peer) -> None:
    """Send a first line meant for the terminal, not for the client."""
    await peer.send(b"\x1b]0;owned\x07\x1b[2J\xe2\x80\xaeevil\xff\x9b31m\r\n")


async def banner_then_silence(peer: Peer) -> None:
    """Send a banner and no more."""
    await peer.send(BANNER)
    await peer.listen()


async def kex_then_silence(peer: Peer) -> None:
    """Begin a key exchange and never answer."""
    await peer.send(BANNER + kexinit())
    await peer.listen()


async def close_in_kex(peer: Peer) -> None:
    """Close in the middle of the key exchange."""
    await peer.send(BANNER + kexinit())
    await peer.line()
    await peer.packet()


async def reset_in_kex(peer: Peer) -> None:
    """Reset in the middle of the key exchange."""
    await peer.send(BANNER + kexinit())
    await peer.line()
    await peer.packet()
    peer.reset()


async def no_common_algorithm(peer: Peer) -> None:
    """Offer only what no client of today takes."""
    await peer.send(BANNER + kexinit(b"diffie-hellman-group1-sha1", b"ssh-dss", b"3des-cbc"))
    await peer.listen()


async def huge_packet(peer: Peer) -> None:
    """Announce a packet of 2 GiB and begin to send it."""
    await peer.send(BANNER + struct.pack(">IB", 0x7FFFFFFF, 4))
    while True:
        await peer.send(bytes(_PIECE))


async def tiny_packet(peer: Peer) -> None:
    """Send a packet shorter than any packet is."""
    await peer.send(BANNER + struct.pack(">IB", 1, 4) + bytes(16))
    await peer.listen()


async def bad_padding(peer: Peer) -> None:
    """Send a packet whose padding is longer than the packet."""
    await peer.send(BANNER + struct.pack(">IB", 12, 200) + bytes(11))
    await peer.listen()


async def bad_packet_type(peer: Peer) -> None:
    """Send a packet of a kind that does not exist where KEXINIT is due."""
    await peer.send(BANNER + packet(b"\xc8junk"))
    await peer.listen()


async def junk_in_kex(peer: Peer) -> None:
    """Answer the key exchange with bytes that mean nothing."""
    await peer.send(BANNER + kexinit() + packet(b"\x1f" + os.urandom(200)))
    await peer.listen()


async def success_in_the_clear(peer: Peer) -> None:
    """Claim that the login succeeded before there are any keys."""
    await peer.send(BANNER + kexinit() + packet(b"\x34"))
    await peer.listen()


async def disconnects(peer: Peer) -> None:
    """Disconnect with a reason that holds escape codes."""
    await peer.send(BANNER + kexinit() + disconnect(b"go \x1b[31maway\x1b[0m\r\nhost web99 ok"))


_Server = Callable[[Peer], Awaitable[None]]
KINDS: dict[str, _Server] = {
    server.__name__: server
    for server in (
        silent,
        drip,
        drip_lines,
        endless_lines,
        endless_line,
        close_at_once,
        reset_at_once,
        throttled,
        penalised,
        http,
        ssh1,
        escapes,
        banner_then_silence,
        kex_then_silence,
        close_in_kex,
        reset_in_kex,
        no_common_algorithm,
        huge_packet,
        tiny_packet,
        bad_padding,
        bad_packet_type,
        junk_in_kex,
        success_in_the_clear,
        disconnects,
    )
}


class Faulty:
    """Starts the servers a test asks for, and ends them all."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = Thread(target=self._loop.run_forever, daemon=True)
        self._tasks: set[asyncio.Task[None]] = set()
        self._listeners: list[socket.socket] = []
        self._accepted: list[socket.socket] = []
        self._peers: dict[int, list[Peer]] = {}

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._call(self._end())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join()
        self._loop.close()

    def start(self, kind: str | _Server, *, address: str = "127.0.0.1") -> int:
        """Start a server of one of `KINDS`, or of a coroutine function of the test's own, and return its port.

        `address`: 0.0.0.0 makes every 127.x.y.z a host of that kind.
        """
        return self._call(self._listen(KINDS[kind] if isinstance(kind, str) else kind, address))

    def relay(self, port: int, *, delay: float = 0.0, cut_after: int = -1, swallow_after: int = -1) -> int:
        """Start a relay to 127.0.0.1:port and return its port.

        `delay`: seconds each way. After so many bytes from the server the relay resets both sides (`cut_after`), or
        passes nothing on any more, without closing (`swallow_after`).
        """

        async def through(peer: Peer) -> None:
            reader, writer = await asyncio.open_connection("127.0.0.1", port)
            up = self._loop.create_task(_pump(peer.reader, writer, delay, -1))
            try:
                await _pump(reader, peer.writer, delay, max(cut_after, swallow_after))
                if swallow_after >= 0:
                    await asyncio.Event().wait()
                if cut_after >= 0:
                    peer.reset()
            finally:
                up.cancel()
                writer.transport.abort()
                await asyncio.gather(up, return_exceptions=True)

        return self.start(through)

    def heard(self, port: int) -> list[bytes]:
        """Return what each connection to that port has sent so far."""
        return [bytes(peer.heard) for peer in self._peers[port]]

    def _call(self, work: Coroutine[Any, Any, _T]) -> _T:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(10)

    async def _listen(self, server: _Server, address: str) -> int:
        listener = socket.create_server((address, 0), backlog=1024)
        listener.setblocking(False)
        port: int = listener.getsockname()[1]
        self._peers[port] = []
        self._listeners.append(listener)
        self._loop.add_reader(listener, self._accept, listener, server, self._peers[port])
        return port

    def _accept(self, listener: socket.socket, server: _Server, peers: list[Peer]) -> None:
        with suppress(BlockingIOError):  # the client left before its turn came
            sock, _ = listener.accept()
            self._accepted.append(sock)
            task = self._loop.create_task(_serve(sock, server, peers))
            self._tasks.add(task)
            task.add_done_callback(self._tasks.discard)

    async def _end(self) -> None:
        for sock in self._listeners:
            self._loop.remove_reader(sock)
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        for sock in (*self._listeners, *self._accepted):
            sock.close()


async def _serve(sock: socket.socket, server: _Server, peers: list[Peer]) -> None:
    reader, writer = await asyncio.open_connection(sock=sock)
    peer = Peer(reader, writer)
    peers.append(peer)
    try:
        # The client may leave at any point of the script.
        with suppress(OSError, asyncio.IncompleteReadError):
            await server(peer)
        writer.close()
        with suppress(OSError):
            await writer.wait_closed()
    finally:
        writer.transport.abort()
        await asyncio.sleep(0)  # in which the transport lets go of the socket


async def _pump(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay: float, most: int) -> None:
    passed = 0
    while data := await reader.read(_PIECE):
        await asyncio.sleep(delay)
        if 0 <= most < passed + len(data):
            writer.write(data[: most - passed])
            await writer.drain()
            return
        passed += len(data)
        writer.write(data)
        await writer.drain()
    with suppress(OSError):
        writer.write_eof()
