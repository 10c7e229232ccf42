"""Input, terminals and prompts on one channel, packet by packet."""

import asyncio
import os
from typing import Any

import pytest
from paramiko import common

from pssh.model.outcome import Reply
from pssh.model.secret import Secret
from pssh.model.work import Input, Limits, Prompt, TransportError
from pssh.transport.ssh import exec as channel
from pssh.transport.ssh import wire
from pssh.transport.ssh.auth import Password
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.exec import Exec
from pssh.transport.ssh.wire import text, u32
from tests.support.inputs import Endless, Growing
from tests.support.peer import STOP, Pair, Peer, Silent, command_of

MB = 1 << 20
PROMPT = Prompt(asks="NONCE", mark="MARK", secret="x")


class Talk:
    """A command that runs, and what the server got of its input."""

    def __init__(self, stdin: bytes | Input, *, window: int = 2 * MB, speculate: bool = False, **options: Any) -> None:
        self.pair = Pair(speculate=speculate)
        self.exec = Exec(
            self.pair.client,
            "uname",
            stdin,
            Limits(),
            Silent(),
            quiet=False,
            secrets={"x": Secret("s3cret")},
            **options,
        )
        self.pair.up()
        self.server = self.pair.server
        if not speculate:
            self.server.open(0, window=window)
            self.pair.move()
        self.server.send(b"\x63" + u32(0))
        self.pair.move()

    @property
    def given(self) -> bytes:
        return b"".join(body[8:] for kind, body in self.server.got if kind == common.MSG_CHANNEL_DATA)

    @property
    def ended(self) -> int:
        return self.server.types.count(common.MSG_CHANNEL_EOF)

    def drain(self) -> None:
        """What the network does: take what is queued, and ask for more, until there is none."""
        self.pair.move()
        self.pair.client.on_room()
        while self.pair.client.packetizer.out:
            self.pair.move()
            self.pair.client.on_room()

    def ends(self) -> None:
        self.server.request(0, "exit-status", u32(0))
        self.server.close_channel(0)
        self.pair.move()


async def test_no_more_is_encrypted_ahead_than_the_queue_holds() -> None:
    pair = Pair()
    Exec(pair.client, "cat", bytes(10 * MB), Limits(), Silent(), quiet=False)
    pair.up()
    pair.server.open(0, window=100 * MB)
    pair.client.feed(bytes(pair.server.packetizer.out))
    assert MB / 4 <= len(pair.client.packetizer.out) <= MB / 2 + (64 << 10)


async def test_what_was_queued_makes_room_for_the_rest() -> None:
    talk = Talk(bytes(5 * MB), window=100 * MB)
    talk.drain()
    assert (talk.given == bytes(5 * MB), talk.ended) == (True, 1)


async def test_an_endless_input_goes_on_only_where_the_window_goes() -> None:
    talk = Talk(Endless(), window=100_000)
    talk.drain()
    assert (len(talk.given), talk.ended) == (100_000, 0)
    talk.server.send(b"\x5d" + u32(0) + u32(50_000))
    talk.drain()
    assert len(talk.given) == 150_000
    talk.ends()
    assert await talk.exec.done == Reply(0)


async def test_input_that_comes_later_is_sent_and_flushed_then() -> None:
    growing, flushed = Growing(b"a"), []
    talk = Talk(growing)
    talk.pair.client.flush = lambda: flushed.append(1)
    growing.grow(b"b", ended=True)
    talk.pair.move()
    assert (talk.given, talk.ended, flushed) == (b"ab", 1, [1])


async def test_input_that_comes_after_the_end_goes_nowhere() -> None:
    growing = Growing(b"a")
    talk = Talk(growing)
    talk.ends()
    growing.grow(b"b", ended=True)
    talk.pair.client.on_room()
    talk.pair.move()
    assert (talk.given, talk.ended) == (b"a", 0)


async def test_nothing_is_added_while_keys_change_and_nothing_is_lost() -> None:
    growing = Growing(b"before ")
    talk = Talk(growing)
    talk.pair.client._send_kex_init()
    growing.grow(b"meanwhile", ended=True)
    assert talk.pair.client.held == []
    talk.pair.move()
    assert (talk.given, talk.ended) == (b"before meanwhile", 1)


async def test_a_speculated_command_gets_its_input_once_its_window_is_known() -> None:
    talk = Talk(b"input", speculate=True)
    assert (talk.given, talk.ended) == (b"", 0)
    talk.server.open(0)
    talk.pair.move()
    assert (talk.given, talk.ended) == (b"input", 1)


async def test_the_input_of_a_command_speculated_behind_a_refused_key_is_sent_once() -> None:
    pair = Pair(keys=2, speculate=True)
    Exec(pair.client, "cat", b"input", Limits(), Silent(), quiet=False)
    pair.move()
    pair.client._login._todo = [Password(Secret("x"))]  # type: ignore[attr-defined]
    pair.server.send(b"\6" + text("ssh-userauth"))
    pair.server.send(b"\x33" + text("publickey,password") + b"\0")
    pair.move()
    pair.server.send(b"\x34")
    pair.move()
    pair.server.open(0)
    pair.move()
    assert pair.server.types[-4:] == [90, 98, 94, 96]


async def test_a_terminal_is_asked_for_in_front_of_the_command_without_a_round_trip() -> None:
    talk = Talk(b"", tty=True)
    requests = [body for kind, body in talk.server.got if kind == common.MSG_CHANNEL_REQUEST]
    assert [command_of(body)[0] for body in requests] == ["pty-req", "exec"]
    asked = requests[0][4:]
    assert asked.startswith(text("pty-req") + b"\0" + text("dumb") + u32(80) + u32(24))
    assert (talk.given, talk.ended) == (b"\x04", 0)


async def test_a_host_that_gave_no_terminal_is_heard_all_the_same() -> None:
    talk = Talk(b"", tty=True, prompt=PROMPT)
    talk.server.data(0, b"NONCE", stderr=True)
    talk.pair.move()
    assert talk.given == b"s3cret\n"
    talk.server.data(0, b"MARKout", stderr=True)
    talk.pair.move()
    talk.ends()
    assert await talk.exec.done == Reply(0, stdout=b"out")


async def test_the_answer_leaves_at_once_and_the_input_behind_the_mark() -> None:
    talk = Talk(b"input", prompt=PROMPT)
    assert (talk.given, talk.ended) == (b"", 0)
    talk.server.data(0, b"lecture NON", stderr=True)
    talk.server.data(0, b"CE", stderr=True)
    talk.pair.move()
    assert (talk.given, talk.ended) == (b"s3cret\n", 0)
    talk.server.data(0, b"MARKerr", stderr=True)
    talk.pair.move()
    assert (talk.given, talk.ended) == (b"s3cret\ninput", 1)
    talk.ends()
    assert await talk.exec.done == Reply(0, stderr=b"err")


async def test_a_question_after_a_stop_is_not_answered() -> None:
    talk = Talk(b"", prompt=PROMPT)
    talk.exec.end(STOP)
    talk.server.data(0, b"NONCE", stderr=True)
    talk.pair.move()
    talk.pair.client.on_room()
    talk.pair.move()
    assert b"s3cret" not in talk.given
    talk.exec.fail(ConnectionError())
    with pytest.raises(TransportError):
        await talk.exec.done


async def test_a_refused_command_gets_the_end_of_its_input_and_is_ended() -> None:
    talk = Talk(b"input", prompt=PROMPT)
    talk.server.data(0, b"NONCE\nSorry\nNONCE", stderr=True)
    talk.pair.move()
    assert (b"input" in talk.given, talk.ended) == (False, 1)
    talk.ends()
    with pytest.raises(TransportError) as caught:
        await asyncio.wait_for(talk.exec.done, 5)
    assert caught.value.failure.cause == "exec/sudo-denied"


async def test_where_no_mark_tells_the_input_ends_once_no_question_came(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(channel, "UNASKED", 0.01)
    talk = Talk(b"", prompt=Prompt(asks="NONCE", mark="", secret="x"))
    assert talk.ended == 0
    await asyncio.sleep(0.03)
    talk.pair.move()
    assert talk.ended == 1


async def test_a_host_that_takes_one_byte_in_a_packet_makes_no_mountain_of_them() -> None:
    pair = Pair()
    Exec(pair.client, "cat", bytes(10 * MB), Limits(), Silent(), quiet=False)
    pair.up()
    pair.server.send(b"\x5b" + u32(0) + u32(0) + u32(100 * MB) + u32(1))
    pair.client.feed(bytes(pair.server.packetizer.out))
    assert MB / 4 <= len(pair.client.packetizer.out) <= MB / 2 + (64 << 10)


# ---- much of it, and keys that change meanwhile


FRAMINGS = {
    "aes-gcm": ("aes128-gcm@openssh.com", "hmac-sha2-256"),
    "encrypt-then-mac": ("aes128-ctr", "hmac-sha2-256-etm@openssh.com"),
    "mac-then-encrypt": ("aes256-ctr", "hmac-sha2-512"),
}


class Kept:
    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.data += data


@pytest.mark.parametrize("lap", [False, True], ids=["own buffer", "shared buffer"])
@pytest.mark.parametrize("step", [1, 4099, 0])
@pytest.mark.parametrize("framing", FRAMINGS)
async def test_content_flows_both_ways_whole_while_keys_change(
    monkeypatch: pytest.MonkeyPatch, framing: str, step: int, lap: bool
) -> None:
    cipher, mac = FRAMINGS[framing]
    for side in (Driver, Peer):
        monkeypatch.setattr(side, "_preferred_ciphers", (cipher,))
        monkeypatch.setattr(side, "_preferred_macs", (mac,))
    monkeypatch.setattr("pssh.transport.ssh.driver._offers", {})
    sizes = (30000, 1, 4087, 4096, 9000) if step == 1 else (30000, 32768, 5, 32000) * 9
    pieces = [os.urandom(size) for size in sizes]
    given, sink = os.urandom(70_000 if step == 1 else 3 * MB), Kept()
    talk = Talk(given, window=1 << 31, sink=sink)
    client, server = talk.pair.client, talk.server

    def move() -> None:
        while client.packetizer.out or server.packetizer.out:
            out, client.packetizer.out = bytes(client.packetizer.out), bytearray()
            server.feed(out)
            data, server.packetizer.out = bytes(server.packetizer.out), bytearray()
            size = step or wire.READ
            for at in range(0, len(data), size):
                part = data[at : at + size]
                client.feed(into_lap(client, part) if lap else part)

    for number, piece in enumerate(pieces):
        server.data(0, piece)
        if number % 2:
            (server if number % 4 == 1 else client)._send_kex_init()
        move()
    move()
    assert sink.data == b"".join(pieces)
    assert (talk.given == given, talk.ended) == (True, 1)
    assert server.types.count(common.MSG_NEWKEYS) > 2
    talk.ends()
    assert (await talk.exec.done).stdout_bytes == 0


def into_lap(client: Driver, data: bytes) -> bytes | memoryview:
    """Lay bytes where the socket would have been read into."""
    if not client.packetizer.flows:
        return data
    view = wire.lap()
    view[: len(data)] = data
    return view[: len(data)]


async def test_what_two_connections_read_into_one_buffer_is_not_mixed_up() -> None:
    sinks = [Kept(), Kept()]
    talks = [Talk(b"", sink=sink) for sink in sinks]
    packets = []
    for number, talk in enumerate(talks):
        talk.server.data(0, bytes([number]) * 20_000)
        packets.append(bytes(talk.server.packetizer.out))
        talk.server.packetizer.out.clear()
    for at in range(0, len(packets[0]), 7001):
        for talk, packet in zip(talks, packets, strict=True):
            talk.pair.client.feed(into_lap(talk.pair.client, packet[at : at + 7001]))
    assert [bytes(sink.data) for sink in sinks] == [bytes([number]) * 20_000 for number in range(2)]


async def test_much_output_that_is_kept_does_not_change_when_the_buffer_is_used_again() -> None:
    talk = Talk(b"")
    talk.server.data(0, b"a" * 20_000)
    data = bytes(talk.server.packetizer.out)
    talk.server.packetizer.out.clear()
    talk.pair.client.feed(into_lap(talk.pair.client, data))
    wire.lap()[:] = bytes(wire.READ)
    talk.ends()
    assert (await talk.exec.done).stdout == b"a" * 20_000


# ---- a host that is near


def near(stdin: bytes, banner: str = "SSH-2.0-OpenSSH_9.2", seconds: float = 1e-5) -> Pair:
    """Return a pair whose server has opened a window of 2 MiB for a command that reads this."""
    pair = Pair(banner=banner)
    pair.client.round_trip = lambda: seconds
    Exec(pair.client, "cat", stdin, Limits(), Silent(), quiet=False)
    pair.up()
    pair.server.open(0, window=2 * MB)
    all_of(pair)
    return pair


def all_of(pair: Pair) -> int:
    """Let all move that may, and return how many bytes of input have come."""
    pair.move()
    while pair.client.packetizer.out or pair.client.on_room() or pair.client.packetizer.out:
        pair.move()
    return sum(len(body) - 8 for kind, body in pair.server.got if kind == common.MSG_CHANNEL_DATA)


async def test_an_sshd_that_is_near_is_given_half_a_mebibyte_and_the_rest_as_it_takes_that() -> None:
    pair = near(bytes(3 * MB))
    assert all_of(pair) == MB // 2
    pair.server.send(b"\x5d" + u32(0) + u32(96 << 10))
    assert all_of(pair) == MB // 2  # it is not worth to begin again
    pair.server.send(b"\x5d" + u32(0) + u32(96 << 10))
    assert all_of(pair) == MB // 2 + (192 << 10)
    for _ in range(30):
        pair.server.send(b"\x5d" + u32(0) + u32(96 << 10))
        all_of(pair)
    assert (all_of(pair), pair.server.types[-1]) == (3 * MB, common.MSG_CHANNEL_EOF)


async def test_a_window_that_begins_with_nothing_is_counted_from_where_it_was_opened_to() -> None:
    pair = Pair()
    pair.client.round_trip = lambda: 1e-5
    Exec(pair.client, "cat", bytes(3 * MB), Limits(), Silent(), quiet=False)
    pair.up()
    pair.server.open(0, window=0)
    pair.server.send(b"\x5d" + u32(0) + u32(2 * MB))
    assert all_of(pair) == MB // 2


@pytest.mark.parametrize(("banner", "seconds"), [("SSH-2.0-dropbear", 1e-5), ("SSH-2.0-OpenSSH_9.2", 0.0)])
async def test_whoever_is_no_sshd_or_not_known_to_be_near_is_given_the_whole_window(
    banner: str, seconds: float
) -> None:
    assert all_of(near(bytes(3 * MB), banner, seconds)) == 2 * MB


async def test_the_further_away_the_more_is_under_way() -> None:
    assert all_of(near(bytes(3 * MB), seconds=1e-3)) == MB
    assert all_of(near(bytes(3 * MB), seconds=2e-2)) == 2 * MB


async def test_a_host_that_waits_for_half_its_window_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pssh.transport.ssh.stdin._PATIENCE", 0.01)
    pair = near(bytes(3 * MB))
    await asyncio.sleep(0.03)
    assert all_of(pair) == 2 * MB


# ---- what leaves at once


async def test_what_the_network_takes_leaves_at_once_and_the_rest_waits_in_its_order() -> None:
    talk = Talk(b"", window=1 << 31)
    packetizer, left, room = talk.pair.client.packetizer, bytearray(), [100_000, 0, 7]

    def straight(data: memoryview) -> int:
        count = room.pop(0) if room else len(data)
        left.extend(data[:count])
        return count

    packetizer.straight = straight
    data = os.urandom(200_000)
    packetizer.send_data(b"\x5e" + u32(0), data[:150_000], 32 << 10)
    assert (len(left), len(packetizer.out) > 50_000) == (100_000, True)
    packetizer.send_data(b"\x5e" + u32(0), data[150_000:], 32 << 10)  # nothing overtakes what waits
    assert len(left) == 100_000
    talk.server.feed(bytes(left) + bytes(packetizer.out))
    assert talk.given == data
