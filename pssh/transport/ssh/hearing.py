"""Who hears of a session: the listener of its job, told once, or of a jump host only its key."""

from collections.abc import Callable

from pssh.model.work import NO_INPUT, Input, Listener, StreamName


class Once:
    """Tells the listener once that a command is about to be requested, however many a session runs."""

    def __init__(self, listener: Listener) -> None:
        self._told = False
        self._listener = listener
        self.said = listener.said
        self.ready = listener.ready
        self.input = listener.input
        self.learned = listener.learned
        self.moved = listener.moved

    def connected(self) -> None:
        if not self._told:
            self._told = True
            self._listener.connected()


class OnTheWay:
    """Hears of a connection that is no job's own: a key that was accepted there is learned as any other."""

    def __init__(self, learned: Callable[[str], None]) -> None:
        self.learned = learned

    def ready(self, go: Callable[[], None]) -> None:
        go()

    def connected(self) -> None: ...

    def said(self, stream: StreamName, data: bytes) -> None: ...

    def moved(self, done: int, total: int) -> None: ...

    @property
    def input(self) -> Input:
        return NO_INPUT
