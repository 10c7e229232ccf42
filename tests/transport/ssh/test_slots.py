import asyncio

import pytest

from pssh.transport.ssh.slots import Slots


async def granted(waiting: "asyncio.Task[None]") -> bool:
    await asyncio.sleep(0)
    await asyncio.sleep(0)
    return waiting.done()


async def test_no_more_than_the_limit_are_under_way_and_the_next_in_line_follows() -> None:
    slots = Slots(2)
    await slots.take("a")
    await slots.take("b")
    third = asyncio.create_task(slots.take("c"))
    assert not await granted(third)
    slots.free("a")
    assert await granted(third)


async def test_a_busy_address_holds_nobody_else_up() -> None:
    slots = Slots(10, per_address=1)
    await slots.take("a")
    same, other = asyncio.create_task(slots.take("a")), asyncio.create_task(slots.take("b"))
    assert await granted(other)
    assert not await granted(same)
    slots.free("b")
    assert not await granted(same)
    slots.free("a")
    assert await granted(same)


async def test_an_address_that_throttles_gets_half_as_many() -> None:
    slots = Slots(100, per_address=4)
    slots.throttled("a")
    await slots.take("a")
    await slots.take("a")
    third = asyncio.create_task(slots.take("a"))
    assert not await granted(third)
    third.cancel()


@pytest.mark.parametrize("already_granted", [False, True])
async def test_a_wait_that_is_given_up_loses_no_slot(already_granted: bool) -> None:
    slots = Slots(1)
    await slots.take("a")
    second = asyncio.create_task(slots.take("a"))
    await asyncio.sleep(0)
    if already_granted:
        slots.free("a")
    second.cancel()
    with pytest.raises(asyncio.CancelledError):
        await second
    if not already_granted:
        slots.free("a")
    await asyncio.wait_for(slots.take("a"), 1)
