import pytest
from paramiko import common

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
