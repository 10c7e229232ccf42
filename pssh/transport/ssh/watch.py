"""The watch over silent connections: a host that sent nothing for a while is asked for a sign of life.

Our own request wants a reply (success or failure both prove life); one timer serves all connections of a worker. Why
not `Transport.set_keepalive`: it wants no reply, so that a host that is gone is never noticed.
"""

import asyncio

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.link import Link

MISSES = 3  # signs of life in a row that may stay unanswered
TICK = 1.0  # seconds


class Watch:
    """Looks at every connection once a second."""

    def __init__(self) -> None:
        self._links: dict[Link, tuple[Driver, float]] = {}
        self._timer: asyncio.TimerHandle | None = None

    def add(self, link: Link, driver: Driver, seconds: float) -> None:
        """Watch a connection that is logged in; `seconds` of silence are one miss, 0 is no watch."""
        if seconds:
            self._links[link] = (driver, seconds)
            if self._timer is None:
                self._timer = asyncio.get_running_loop().call_later(TICK, self._look)

    def remove(self, link: Link) -> None:
        self._links.pop(link, None)
        if not self._links and self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _look(self) -> None:
        loop = asyncio.get_running_loop()
        self._timer = loop.call_later(TICK, self._look)
        for link, (driver, seconds) in list(self._links.items()):
            if loop.time() - link.heard < seconds * (link.misses + 1):
                continue
            if link.misses == MISSES:
                message = f"the host gave no sign of life for {seconds * (MISSES + 1):g} s"
                link.fail(TransportError(Failure(stage="exec", kind="keepalive", message=message)))
            else:
                driver.ping()
                link.misses += 1  # also while keys change, when nothing may be asked: that too may never end
