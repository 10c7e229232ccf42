"""Input for commands, that grows when a test says so and remembers how far it was read."""

from collections.abc import Callable


class Growing:
    """Bytes that are added, and ended, while commands read them."""

    def __init__(self, data: bytes = b"", *, ended: bool = False) -> None:
        self.data, self.ended = data, ended
        self.read_to = 0  # the furthest that anybody has read
        self._calls: list[Callable[[], None]] = []

    def read(self, at: int, most: int) -> bytes | None:
        found = self.data[at : at + most]
        self.read_to = max(self.read_to, at + len(found))
        return found or (b"" if self.ended else None)

    def when_more(self, call: Callable[[], None]) -> None:
        self._calls.append(call)

    @property
    def waiting(self) -> int:
        """How many wait for more."""
        return len(self._calls)

    def grow(self, data: bytes, *, ended: bool = False) -> None:
        self.data += data
        self.ended = ended
        calls, self._calls = self._calls, []
        for call in calls:
            call()


class Endless:
    """Zeros for ever."""

    def __init__(self) -> None:
        self.read_to = 0

    def read(self, at: int, most: int) -> bytes:
        self.read_to = max(self.read_to, at + most)
        return bytes(most)

    def when_more(self, call: Callable[[], None]) -> None: ...
