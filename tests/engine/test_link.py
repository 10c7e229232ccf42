"""A link hands over every value once and in order, however its bytes are cut, and says when there are no more."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from typing import Any

import pytest

from pssh.engine import wire
from pssh.engine.link import Link
from pssh.model.event import JobConnected, JobSaid


class End:
    """One end, with all that it has heard."""

    def __init__(self, sock: socket.socket, limit: int = 1 << 20) -> None:
        self.heard: list[Any] = []
        self.reads: list[int] = []
        self.over: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self.link = Link(sock, wire.FromWorker, limit, self.heard.append, self.over.set_result, self.reads.append)


@pytest.fixture
def pair() -> Iterator[tuple[socket.socket, socket.socket]]:
    one, other = socket.socketpair()
    yield one, other
    one.close()
    other.close()


Pair = tuple[socket.socket, socket.socket]


def frame(value: Any) -> bytes:
    raw = wire.pack(value)
    return len(raw).to_bytes(4, "big") + raw


async def until(condition: Any) -> None:
    while not condition():  # noqa: ASYNC110  what is waited for is the other end of a socket
        await asyncio.sleep(0.001)


async def test_values_arrive_whole_when_their_bytes_come_one_by_one(pair: Pair) -> None:
    end = End(pair[0])
    values = [JobConnected(1, "h"), JobSaid(1, "h", "stdout", b"x"), wire.Pong()]
    for byte in b"".join(map(frame, values)):
        pair[1].send(bytes([byte]))
        await asyncio.sleep(0)
    await until(lambda: len(end.heard) == 3)
    assert end.heard == values
    end.link.close()


async def test_many_values_are_one_write_and_one_read(pair: Pair) -> None:
    one, other = End(pair[0]), End(pair[1])
    for number in range(200):
        one.link.send(JobConnected(number, "h"))
    await until(lambda: len(other.heard) == 200)
    assert len(other.reads) == 1
    one.link.close()
    assert await other.over == ""


async def test_a_value_larger_than_the_kernel_takes_at_once_arrives(pair: Pair) -> None:
    one, other = End(pair[0]), End(pair[1], limit=64 << 20)
    big = JobSaid(1, "h", "stdout", b"x" * (8 << 20))
    one.link.send(big)
    one.link.send(wire.Pong())
    room = one.link.room()
    assert room is not None
    await room
    await until(lambda: len(other.heard) == 2)
    assert other.heard == [big, wire.Pong()]
    for end in (one, other):
        end.link.close()


async def test_what_is_sent_now_is_with_the_kernel_and_behind_all_that_was_queued(pair: Pair) -> None:
    one = End(pair[0])
    queued = JobSaid(1, "h", "stdout", b"x" * (1 << 20))
    one.link.send(queued)
    got = bytearray()
    want = len(frame(queued)) + len(frame(JobConnected(1, "h")))

    def read() -> None:
        while len(got) < want:
            got.extend(pair[1].recv(1 << 20))

    reader = threading.Thread(target=read)  # the buffer is full: without a reader it would wait for ever
    reader.start()
    assert one.link.send_now(JobConnected(1, "h"))
    reader.join()
    assert bytes(got) == frame(queued) + frame(JobConnected(1, "h"))
    one.link.close()


async def test_who_sends_and_goes_on_is_called_when_the_kernel_has_it_although_more_is_queued_behind(
    pair: Pair,
) -> None:
    one = End(pair[0])
    calls: list[str] = []
    one.link.send_then(JobConnected(1, "h"), lambda: calls.append("at once"))
    assert calls == ["at once"]
    queued = JobSaid(1, "h", "stdout", b"x" * (1 << 20))
    one.link.send(queued)
    one.link.send_then(JobConnected(2, "h"), lambda: calls.append("later"))
    one.link.send(JobSaid(1, "h", "stdout", b"x" * (4 << 20)))
    await asyncio.sleep(0.01)
    assert calls == ["at once"]
    pair[1].setblocking(False)
    left = len(frame(queued)) + 2 * len(frame(JobConnected(1, "h")))
    while left > 0:
        try:
            left -= len(pair[1].recv(left))
        except BlockingIOError:
            await asyncio.sleep(0)
    await until(lambda: len(calls) == 2)
    assert one.link.room() is not None  # what was queued behind it still is
    one.link.close()


async def test_who_sends_to_nobody_is_not_called(pair: Pair) -> None:
    one = End(pair[0])
    calls: list[str] = []
    one.link.send(JobSaid(1, "h", "stdout", b"x" * (1 << 20)))
    one.link.send_then(JobConnected(1, "h"), lambda: calls.append("waited"))
    await asyncio.sleep(0.01)
    pair[1].close()
    assert await one.over == ""
    one.link.send_then(JobConnected(2, "h"), lambda: calls.append("late"))
    assert calls == []


async def test_sending_to_nobody_is_told(pair: Pair) -> None:
    one = End(pair[0])
    pair[1].close()
    assert not one.link.send_now(JobConnected(1, "h"))
    assert await one.over == ""


async def test_what_the_other_side_said_last_is_read_although_it_died_with_something_unread(pair: Pair) -> None:
    one = End(pair[0])
    one.link.send_now(wire.Pong())
    pair[1].sendall(frame(JobConnected(7, "h")))
    pair[1].close()  # with our value unread: the kernel reports a reset
    one.link.send(wire.Pong())
    assert await one.over == ""
    assert one.heard == [JobConnected(7, "h")]


@pytest.mark.parametrize("junk", [b"\x7f\xff\xff\xff", b"\0\0\0\0", b"\0\0\0\1\xc1", b"\0\0\0\2\x91\x01"])
async def test_a_frame_that_is_not_ours_breaks_the_link_and_says_so(pair: Pair, junk: bytes) -> None:
    end = End(pair[0])
    pair[1].sendall(frame(wire.Pong()) + junk + frame(JobConnected(1, "h")))
    assert await end.over != ""
    assert end.heard == [wire.Pong()]
    assert end.link.closed


async def test_nothing_is_read_while_it_is_paused(pair: Pair) -> None:
    end = End(pair[0])
    end.link.pause()
    pair[1].sendall(frame(wire.Pong()))
    await asyncio.sleep(0.01)
    assert end.heard == []
    end.link.resume()
    await until(lambda: end.heard)
    end.link.close()


async def test_whoever_waits_for_room_goes_on_when_the_link_is_closed(pair: Pair) -> None:
    end = End(pair[0])
    end.link.send(JobSaid(1, "h", "stdout", b"x" * (4 << 20)))
    room = end.link.room()
    assert room is not None
    end.link.close()
    await room
