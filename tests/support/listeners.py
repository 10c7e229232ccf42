"""A listener that lets every command begin at once and has nothing to read, for tests to build on."""

from collections.abc import Awaitable, Callable

from pssh.model.work import NO_INPUT, Input


class Quiet:
    input: Input = NO_INPUT

    def ready(self, go: Callable[[], None]) -> None:
        go()

    def connected(self) -> None: ...

    def said(self, stream: str, data: bytes) -> Awaitable[None] | None: ...

    def learned(self, line: str) -> None: ...

    def moved(self, done: int, total: int) -> None: ...
