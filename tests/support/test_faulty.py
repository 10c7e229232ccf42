"""The faulty servers are faulty in the way their names say."""

import socket
import struct

import pytest

from tests.support.faulty import KINDS, Faulty, Peer, disconnect, kexinit, packet


def received(port: int, least: int = 1, say: bytes = b"SSH-2.0-test\r\n") -> bytes:
    """Return at least so many bytes from a port, or all until it closes."""
    data = b""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as sock:
        sock.sendall(say)
        while len(data) < least and (piece := sock.recv(65536)):
            data += piece
    return data


@pytest.mark.parametrize(
    ("kind", "start"),
    [
        ("throttled", b"Exceeded MaxStartups\r\n"),
        ("penalised", b"Not allowed at this time\r\n"),
        ("http", b"HTTP/1.1 400"),
        ("ssh1", b"SSH-1.5-"),
        ("escapes", b"\x1b]0;"),
        ("endless_line", b"A" * 100_000),
        ("endless_lines", b"welcome\r\nwelcome\r\n"),
        ("drip", b"SSS"),
        ("drip_lines", b"one moment, please\r\none"),
        ("banner_then_silence", b"SSH-2.0-"),
    ],
)
def test_a_first_answer_begins_as_its_kind_says(faulty: Faulty, kind: str, start: bytes) -> None:
    assert received(faulty.start(kind), len(start)).startswith(start)


@pytest.mark.parametrize("kind", sorted(KINDS))
def test_every_server_ends_with_the_fixture_whatever_it_was_doing(kind: str) -> None:
    with Faulty() as servers:
        port = servers.start(kind)
        socks = [socket.create_connection(("127.0.0.1", port)) for _ in range(2)]
        socks[1].close()
    socks[0].close()
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", port))


def test_a_silent_server_keeps_what_it_heard(faulty: Faulty) -> None:
    port = faulty.start("silent")
    with socket.create_connection(("127.0.0.1", port)) as sock:
        sock.sendall(b"SSH-2.0-test\r\n")
        sock.shutdown(socket.SHUT_WR)
        assert sock.recv(1) == b""
    assert faulty.heard(port) == [b"SSH-2.0-test\r\n"]


def test_a_reset_is_one(faulty: Faulty) -> None:
    with pytest.raises(ConnectionResetError):
        received(faulty.start("reset_at_once"), say=b"")


def test_packets_in_the_clear_are_framed_in_blocks_of_eight() -> None:
    for frame in (packet(b"\x01"), kexinit(), disconnect(b"bye")):
        length, pad = struct.unpack(">IB", frame[:5])
        assert len(frame) == 4 + length and len(frame) % 8 == 0 and 4 <= pad < 12


async def _echo(peer: Peer) -> None:
    while data := await peer.reader.read(1024):
        await peer.send(data)


def test_a_relay_passes_everything_on(faulty: Faulty) -> None:
    relay = faulty.relay(faulty.start(_echo))
    assert received(relay, 100_000, b"x" * 100_000) == b"x" * 100_000


def test_a_relay_cuts_after_so_many_bytes(faulty: Faulty) -> None:
    relay = faulty.relay(faulty.start(_echo), cut_after=10)
    with pytest.raises(ConnectionResetError):
        received(relay, 100, b"x" * 100)


def test_a_relay_swallows_after_so_many_bytes(faulty: Faulty) -> None:
    relay = faulty.relay(faulty.start(_echo), swallow_after=10)
    with socket.create_connection(("127.0.0.1", relay), timeout=0.2) as sock:
        sock.sendall(b"x" * 100)
        assert sock.recv(100) == b"x" * 10
        with pytest.raises(TimeoutError):
            sock.recv(1)
