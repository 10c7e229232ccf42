"""How many handshakes may be under way at once: in all, and towards one address.

Sessions that are up do not count. An address that throttles us (sshd's MaxStartups) gets half as many from then on.
"""

import asyncio
from collections import deque

PER_ADDRESS = 8  # sshd begins to refuse at 10 (MaxStartups 10:30:100)


class Slots:
    """First come, first served; a host that waits for its busy address holds nobody else up."""

    def __init__(self, most: int, per_address: int = PER_ADDRESS) -> None:
        self._free = most
        self._per_address = per_address
        self._limits: dict[str, int] = {}
        self._busy: dict[str, int] = {}
        self._waiting: deque[tuple[str, asyncio.Future[None]]] = deque()

    async def take(self, address: str) -> None:
        """Wait for a slot towards `address`; give it back with `free`."""
        if self._fits(address):
            self._enter(address)
            return
        turn: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((address, turn))
        try:
            await turn
        except asyncio.CancelledError:
            if turn.done() and not turn.cancelled():
                self.free(address)
            raise

    def free(self, address: str) -> None:
        self._free += 1
        self._busy[address] -= 1
        if not self._busy[address]:
            del self._busy[address]
        self._admit()

    def throttled(self, address: str) -> None:
        """The address said that we are too many."""
        self._limits[address] = max(1, self._limits.get(address, self._per_address) // 2)

    def _fits(self, address: str) -> bool:
        return self._free > 0 and self._busy.get(address, 0) < self._limits.get(address, self._per_address)

    def _enter(self, address: str) -> None:
        self._free -= 1
        self._busy[address] = self._busy.get(address, 0) + 1

    def _admit(self) -> None:
        passed: deque[tuple[str, asyncio.Future[None]]] = deque()
        while self._waiting and self._free:
            address, turn = self._waiting.popleft()
            if turn.done():
                continue
            if self._fits(address):
                self._enter(address)
                turn.set_result(None)
            else:
                passed.append((address, turn))
        self._waiting.extendleft(reversed(passed))
