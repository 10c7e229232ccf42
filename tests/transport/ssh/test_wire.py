import os

import pytest
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st
from paramiko import common

from pssh.transport.ssh import bulk
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.wire import BufferPacketizer, Fields, NoSocket, ProtocolError, text, u32
from tests.support.peer import Pair, Peer

FRAMINGS = {
    "aes-gcm": ("aes128-gcm@openssh.com", "hmac-sha2-256"),
    "encrypt-then-mac": ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    "mac-then-encrypt": ("aes256-ctr", "hmac-sha2-512"),
}


@pytest.fixture(params=FRAMINGS)
def framing(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    cipher, mac = FRAMINGS[request.param]
    for side in (Driver, Peer):
        monkeypatch.setattr(side, "_preferred_ciphers", (cipher,))
        monkeypatch.setattr(side, "_preferred_macs", (mac,))
    monkeypatch.setattr("pssh.transport.ssh.driver._offers", {})
    return str(request.param)


async def test_every_framing_carries_packets_both_ways(framing: str) -> None:
    pair = Pair().up()
    assert pair.client.authenticated
    pair.client.ping()
    pair.move()
    assert pair.server.types[-1] == common.MSG_GLOBAL_REQUEST


@pytest.mark.parametrize("step", [1, 7, 1000])
async def test_bytes_in_any_portions_make_the_same_packets(framing: str, step: int) -> None:
    whole, slow = Pair(), Pair()
    whole.move()
    slow.move(step)
    assert slow.server.types == whole.server.types == [20, 30, 21, 5, 50]


async def test_a_changed_byte_ends_the_connection(framing: str) -> None:
    pair = Pair().up()
    pair.server.send(b"\2" + text("x" * 100))
    packet = pair.server.packetizer.out
    packet[-20] ^= 1
    with pytest.raises(Exception) as caught:
        pair.client.feed(bytes(packet))
    assert type(caught.value).__name__ in ("InvalidTag", "ProtocolError")


@pytest.mark.parametrize("length", [0, 4, (256 << 10) + 1, 2**31, 2**32 - 1])
def test_a_packet_of_an_impossible_length_is_refused_before_anything_is_allocated(length: int) -> None:
    packetizer = BufferPacketizer(NoSocket())
    packetizer.take(u32(length))
    with pytest.raises(ProtocolError, match=f"packet of {length} bytes"):
        packetizer.next()


def test_a_packet_that_is_all_padding_is_refused() -> None:
    packetizer = BufferPacketizer(NoSocket())
    packetizer.take(u32(12) + bytes((11,)) + bytes(11))
    with pytest.raises(ProtocolError, match="no content"):
        packetizer.next()


@pytest.mark.parametrize("body", [b"", b"\0\0", u32(9) + b"short", u32(2**32 - 1)])
def test_a_message_that_was_cut_short_is_no_message(body: bytes) -> None:
    with pytest.raises(ProtocolError, match="cut short"):
        Fields(body).string()


def test_text_that_is_not_utf8_goes_out_as_the_bytes_it_stands_for() -> None:
    assert text("a\udcff") == u32(2) + b"a\xff"


# ---- packets whose content belongs together


PACKETS = st.lists(
    st.one_of(
        st.tuples(st.just(94), st.integers(0, 1), st.sampled_from((1, 4096, 5000, 32768, 65536, 131072, 140000))),
        st.tuples(st.sampled_from((93, 95, 98)), st.integers(0, 1), st.sampled_from((0, 8, 6000))),
    ),
    max_size=12,
)


def opening(kind: type[BufferPacketizer] = BufferPacketizer) -> tuple[BufferPacketizer, BufferPacketizer]:
    """Return one that seals, and one of a kind that opens what it sealed."""
    key, iv = os.urandom(16), os.urandom(12)
    sends, takes = BufferPacketizer(NoSocket()), kind(NoSocket())
    sends.seal_with(AESGCM(key), iv)
    takes.open_with(AESGCM(key), iv)
    return sends, takes


@given(packets=PACKETS, step=st.sampled_from((0, 50_000, 131_099)))
def test_merged_or_not_each_channel_gets_the_same_in_the_same_order(
    packets: list[tuple[int, int, int]], step: int
) -> None:
    sends, takes = opening()
    sent: list[tuple[int, bytes]] = []
    for number, (kind, channel, size) in enumerate(packets):
        body = u32(channel) + (text(bytes([number]) * size) if kind == 94 else bytes([number]) * size)
        sends.send(bytes((kind,)) + body)
        sent.append((kind, body))
    wire, got, count = bytes(sends.out), list[tuple[int, bytes]](), 0
    for at in range(0, len(wire), step or len(wire) or 1):
        takes.take(wire[at : at + (step or len(wire))])
        while (packet := takes.next()) is not None:
            kind, body, count = packet
            got.append((kind, bytes(body)))
            if kind == 94:
                assert len(body) - 8 <= max(bulk.MERGED, *(size for _, _, size in packets))
        takes.keep()
    assert _joined(got) == _joined(sent)
    assert count == max(len(packets) - 1, 0)
    assert takes.used == sends.used


def _joined(packets: list[tuple[int, bytes]]) -> list[tuple[int, bytes]]:
    """Return packets with the content of those that follow each other on one channel put together."""
    found: list[tuple[int, bytes]] = []
    for kind, body in packets:
        content = body[8:] if kind == 94 else body
        if kind == 94 and found and found[-1][0] == 94 and found[-1][1][:4] == body[:4]:
            found[-1] = (94, found[-1][1] + content)
        else:
            found.append((kind, body[:4] + content if kind == 94 else body))
    return found


def test_a_length_in_a_packet_that_is_none_of_its_content_is_left_for_who_reads_it() -> None:
    sends, takes = opening()
    body = u32(0) + u32(9000) + b"x" * 8000
    sends.send(b"\x5e" + body)
    takes.take(bytes(sends.out))
    packet = takes.next()
    assert packet is not None and bytes(packet[1]) == body
    with pytest.raises(ProtocolError, match="cut short"):
        fields = Fields(packet[1])
        fields.u32()
        fields.string()


def test_a_changed_byte_in_the_midst_of_what_belongs_together_is_found() -> None:
    sends, takes = opening()
    for _ in range(4):
        sends.send(b"\x5e" + u32(0) + text(bytes(8000)))
    wire = bytearray(sends.out)
    wire[20_000] ^= 1
    takes.take(bytes(wire))
    with pytest.raises(InvalidTag):
        while takes.next() is not None:
            pass
