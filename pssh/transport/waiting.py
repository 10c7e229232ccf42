"""For sessions that wait where the SSH connection is called back."""

import asyncio

from pssh.model.work import Listener


async def released(listener: Listener) -> None:
    """Return once the listener lets the command begin."""
    gone: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def go() -> None:
        if not gone.done():
            gone.set_result(None)

    listener.ready(go)
    await gone
