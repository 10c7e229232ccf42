"""How a session comes by its socket: over TCP, through jump hosts, or by a command of this machine.

Promises: resolving and connecting are within the deadline of the connection, and waiting for a slot or for a machine on
the way does not count, which has a deadline of its own; a slot is given back once, whatever happens.
"""

import asyncio
import socket
from collections.abc import Awaitable, Callable
from functools import partial
from typing import Protocol

from pssh.model.host import Connection, Hop
from pssh.model.outcome import Failure
from pssh.transport.ssh.link import prepare
from pssh.transport.ssh.passage import Passage
from pssh.transport.ssh.proxy import Proxy
from pssh.transport.ssh.resolve import Resolver, connect
from pssh.transport.ssh.slots import Slots


class Shared(Protocol):
    """What the sessions of a worker have in common, as far as it is needed here."""

    resolver: Resolver
    slots: Slots

    def passage(self, hop: Hop, learned: Callable[[str], None]) -> Awaitable[Passage]: ...


class Approach:
    """One session's way to its host, time after time."""

    def __init__(self, shared: Shared, connection: Connection, learned: Callable[[str], None]) -> None:
        self._shared, self._connection, self._learned = shared, connection, learned
        self.destination = f"{connection.address}:{connection.port}"
        self._gate = connection.via.name if connection.via else self.destination  # what handshakes are counted by
        self._slot = False
        self._proxy: Proxy | None = None

    async def go(self, enter: Callable[[str], None]) -> tuple[socket.socket, float]:
        """Return a connected socket and the deadline of what follows; `enter` is told phases.

        Raises TransportError, and TimeoutError for the phase that was entered last.
        """
        via = self._connection.via  # first, since it takes a slot of its own
        passage = await self._shared.passage(via, self._learned) if via else None
        await self._shared.slots.take(self._gate)
        self._slot = True
        deadline = asyncio.get_running_loop().time() + self._connection.connect_timeout
        async with asyncio.timeout_at(deadline):
            return await self._connected(passage, enter), deadline

    async def _connected(self, passage: Passage | None, enter: Callable[[str], None]) -> socket.socket:
        connection = self._connection
        if passage is None and not connection.proxy_command:
            enter("dns")
            addresses = await self._shared.resolver.addresses(connection.address, connection.port)
            enter("connect")
            return await connect(addresses, partial(prepare, keepalive=connection.keepalive))
        enter("connect")
        if passage is not None:
            return await passage.tunnel(connection.address, connection.port)
        self._proxy = await Proxy.start(connection.proxy_command)
        return self._proxy.sock

    def explains(self) -> Awaitable[Failure] | None:
        """Why a connection ended before it began, where a command knows."""
        return self._proxy.failure() if self._proxy is not None else None

    def throttled(self) -> None:
        """The host said that we are too many."""
        self._shared.slots.throttled(self._gate)

    def free(self) -> None:
        """Give the slot back."""
        if self._slot:
            self._slot = False
            self._shared.slots.free(self._gate)

    def left(self) -> None:
        """The connection is no more."""
        self.free()
        if self._proxy is not None:
            self._proxy.end()
            self._proxy = None
