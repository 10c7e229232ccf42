"""The queues between a program and a channel: nothing is lost, whoever reads twice, and nothing piles up."""

import asyncio

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError
from pssh.transport.duplex import Inbox, Outbox, Piped
from pssh.transport.feed import Feed

MB = 1 << 20


@given(st.lists(st.binary(min_size=1, max_size=9)), st.lists(st.integers(0, 7), min_size=1))
def test_what_is_put_is_fed_whole_in_whatever_portions_there_is_room_for(pieces: list[bytes], rooms: list[int]) -> None:
    async def fed() -> bytes:
        outbox = Outbox()
        for piece in pieces:
            outbox.put(piece)
        outbox.close()
        feed, data = Feed(outbox), b""
        while True:
            for room in [*rooms, 3]:
                found = feed.next(room)
                if found == b"":
                    return data
                assert found is None or len(found) <= room
                data += found or b""

    assert asyncio.run(fed()) == b"".join(pieces)


async def test_small_pieces_leave_together() -> None:
    outbox = Outbox()
    for _ in range(10):
        outbox.put(b"ab")
    assert outbox.read(0, 7) == b"abababa"
    assert outbox.read(7, 100) == b"bababababababa"[:13]
    assert outbox.read(20, 100) is None


async def test_who_puts_too_much_waits_until_half_of_it_was_taken() -> None:
    outbox = Outbox()
    assert outbox.put(bytes(MB)) is None
    wait = outbox.put(b"x" * 10)
    assert wait is not None and not wait.done()
    outbox.read(0, 100)
    outbox.read(MB // 4, 100)
    assert not wait.done()
    outbox.read(MB, 100)
    await asyncio.wait_for(wait, 1)


async def test_who_writes_too_much_waits_until_it_was_received() -> None:
    inbox = Inbox()
    waits = [inbox.write(bytes(MB // 4)) for _ in range(5)]
    assert waits[:4] == [None] * 4 and waits[4] is not None
    assert inbox.take() == bytes(5 * MB // 4) and inbox.take() == b""
    await asyncio.wait_for(waits[4], 1)


async def test_the_end_is_heard_behind_all_that_was_printed() -> None:
    piped = Piped("sftp", 0)

    async def program() -> Reply:
        piped.started()
        piped.inbox.write(b"last words")
        return Reply(0)

    await piped.run(program())
    assert (await piped.receive(), await piped.receive(), await piped.receive()) == (b"last words", b"", b"")


async def test_a_failure_of_the_program_is_heard_behind_all_that_was_printed() -> None:
    piped = Piped("sftp", 0)

    async def program() -> Reply:
        piped.started()
        piped.inbox.write(b"x")
        raise TransportError(Failure(stage="exec", kind="connection-closed", message="gone"))

    await piped.run(program())
    assert await piped.receive() == b"x"
    with pytest.raises(TransportError) as caught:
        await piped.receive()
    assert caught.value.failure.cause == "transfer/connection-closed"


async def test_a_program_that_never_starts_is_no_subsystem() -> None:
    async def program() -> Reply:
        return Reply(127)

    with pytest.raises(TransportError) as caught:
        await Piped("sftp", 0).run(program())
    assert caught.value.failure.cause == "transfer/no-sftp"


async def test_a_bug_is_raised_to_whoever_receives() -> None:
    piped = Piped("sftp", 0)

    async def program() -> Reply:
        piped.started()
        raise RuntimeError("nobody foresaw this")

    await piped.run(program())
    with pytest.raises(RuntimeError):
        await piped.receive()
    await piped.close()
