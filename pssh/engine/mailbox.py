"""Events on their way to whoever asked for the run, one at a time; counts what is held."""

import asyncio
from collections import deque

from pssh.model.event import Event


class Mailbox:
    """Filled by callbacks of the loop, emptied by one reader."""

    def __init__(self) -> None:
        self.size = 0  # bytes, as those who fill it say
        self._events: deque[Event] = deque()
        self._waiter: asyncio.Future[None] | None = None

    def put(self, event: Event, size: int = 0) -> None:
        self._events.append(event)
        self.size += size
        self.wake()

    def take(self) -> Event | None:
        """Return the oldest event, or None; then nothing is held."""
        if self._events:
            return self._events.popleft()
        self.size = 0
        return None

    def wake(self) -> None:
        """Let the reader look again."""
        if self._waiter is not None and not self._waiter.done():
            self._waiter.set_result(None)

    async def wait(self) -> None:
        """Return once there may be something to do."""
        if not self._events:
            self._waiter = asyncio.get_running_loop().create_future()
            try:
                await self._waiter
            finally:
                self._waiter = None
