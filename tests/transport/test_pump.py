import asyncio
import os

import pytest

from pssh.transport.feed import Feed
from pssh.transport.pump import Pump
from tests.support.inputs import Endless, Growing


@pytest.fixture
def pipe():
    theirs, ours = os.pipe()
    yield theirs, ours
    for fd in (theirs, ours):
        try:
            os.close(fd)
        except OSError:
            continue


def opened(fd: int) -> bool:
    try:
        os.fstat(fd)
    except OSError:
        return False
    return True


async def test_all_is_written_as_the_reader_takes_it_and_then_the_end(pipe: tuple[int, int]):
    theirs, ours = pipe
    data, got = os.urandom(1 << 20), bytearray()
    Pump(ours, Feed(Growing(data, ended=True)), lambda: None).move()
    while piece := await asyncio.to_thread(os.read, theirs, 100_000):
        got += piece
    assert (bytes(got), opened(ours)) == (data, False)


async def test_nothing_waits_for_a_reader_that_does_not_read(pipe: tuple[int, int]):
    endless = Endless()
    pump = Pump(pipe[1], Feed(endless), lambda: None)
    pump.move()
    assert endless.read_to <= 1 << 20
    pump.close()


async def test_input_that_comes_later_is_written_then(pipe: tuple[int, int]):
    growing, moved = Growing(), []
    Pump(pipe[1], Feed(growing), lambda: moved.append(1)).move()
    assert moved == []
    growing.grow(b"later")
    assert (os.read(pipe[0], 9), moved) == (b"later", [1])
    growing.grow(b"", ended=True)
    assert os.read(pipe[0], 9) == b""


async def test_a_reader_that_leaves_is_no_fault(pipe: tuple[int, int]):
    theirs, ours = pipe
    pump = Pump(ours, Feed(Endless()), lambda: None)
    pump.move()
    os.close(theirs)
    await asyncio.sleep(0.01)
    assert not opened(ours)
    pump.move()
    pump.close()
