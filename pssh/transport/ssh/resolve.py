"""Names to addresses, and the race to the first address that answers.

Each name is looked up once per worker, in a daemon thread of our own, and the deadline is on the waiting side. Why
not `loop.getaddrinfo`: it always goes through the default thread pool, also for literal addresses, and a resolver
that hangs fills that pool and is waited for at exit.
"""

import asyncio
import contextlib
import socket
import threading
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.transport.ssh.failures import unconnected, unresolved

Address = tuple[int, Any]  # family, and what sock_connect takes
HEAD_START = 0.25  # seconds before the next address is tried beside the one that is silent (RFC 8305 section 5)
MAX_THREADS = 16


class Resolver:
    """Looks names up, each once."""

    def __init__(self, look_up: Callable[..., list[Any]] = socket.getaddrinfo) -> None:
        self._look_up = look_up
        self._known: dict[tuple[str, int], asyncio.Future[list[Address]]] = {}
        self._threads = asyncio.Semaphore(MAX_THREADS)

    async def addresses(self, name: str, port: int) -> list[Address]:
        """Return the addresses of a name, IPv6 and IPv4 in turns; raises TransportError."""
        if (literal := as_literal(name, port)) is not None:
            return [literal]
        key = (name, port)
        if key not in self._known:
            self._known[key] = asyncio.ensure_future(self._resolve(name, port))
        try:
            return await asyncio.shield(self._known[key])
        except OSError as error:
            raise TransportError(unresolved(error, name)) from None

    async def _resolve(self, name: str, port: int) -> list[Address]:
        loop = asyncio.get_running_loop()
        answer: asyncio.Future[list[Any]] = loop.create_future()

        def work() -> None:
            try:
                found, error = self._look_up(name, port, type=socket.SOCK_STREAM), None
            except (OSError, UnicodeError) as problem:
                found, error = [], problem if isinstance(problem, OSError) else OSError(0, "not a host name")
            with contextlib.suppress(RuntimeError):  # the loop is gone: nobody waits any more
                loop.call_soon_threadsafe(_settle, answer, found, error)

        async with self._threads:
            threading.Thread(target=work, name=f"dns {name}", daemon=True).start()
            found = await answer
        return interleaved([(family, where) for family, _, _, _, where in found])


def as_literal(name: str, port: int) -> Address | None:
    """Return the address that a literal stands for; None if it is a name."""
    for family in (socket.AF_INET, socket.AF_INET6):
        with contextlib.suppress(OSError, ValueError):
            socket.inet_pton(family, name)
            return family, (name, port)
    return None


def interleaved(found: list[Address]) -> list[Address]:
    """Return the addresses with the families in turns, beginning with the resolver's first."""
    first = [item for item in found if item[0] == found[0][0]]
    other = [item for item in found if item[0] != found[0][0]]
    both = [item for pair in zip(first, other, strict=False) for item in pair]
    return both + first[len(other) :] + other[len(first) :]


async def connect(addresses: list[Address], prepare: Callable[[socket.socket], None]) -> socket.socket:
    """Return a socket connected to the first address that answers; raises TransportError naming the last of each."""
    if len(addresses) == 1:
        return await _connect(addresses[0], prepare)
    racing: set[asyncio.Task[socket.socket]] = set()
    todo, failures = list(addresses), list[Failure]()
    try:
        while todo or racing:
            if todo:
                racing.add(asyncio.create_task(_connect(todo.pop(0), prepare)))
            done, racing = await asyncio.wait(
                racing, timeout=HEAD_START if todo else None, return_when=asyncio.FIRST_COMPLETED
            )
            for task in done:
                error = task.exception()
                if error is None:
                    racing |= done - {task}
                    return task.result()
                failures.append(error.failure if isinstance(error, TransportError) else _odd(error))
        if len({failure.message for failure in failures}) == 1:
            raise TransportError(replace(failures[-1], detail=", ".join(failure.detail for failure in failures)))
        messages = "; ".join(failure.words for failure in failures)
        raise TransportError(Failure(stage="connect", kind=failures[-1].kind, message=messages))
    finally:
        for task in racing:
            task.add_done_callback(_close)
            task.cancel()


async def _connect(address: Address, prepare: Callable[[socket.socket], None]) -> socket.socket:
    family, where = address
    shown = f"{where[0]}:{where[1]}" if family == socket.AF_INET else f"[{where[0]}]:{where[1]}"
    try:
        sock = socket.socket(family, socket.SOCK_STREAM)
    except OSError as error:
        raise TransportError(unconnected(error, shown)) from None
    try:
        sock.setblocking(False)
        prepare(sock)
        await asyncio.get_running_loop().sock_connect(sock, where)
    except OSError as error:
        sock.close()
        raise TransportError(unconnected(error, shown)) from None
    except BaseException:
        sock.close()
        raise
    return sock


def _odd(error: BaseException) -> Failure:
    return Failure(stage="connect", kind="no-route", message=str(error) or type(error).__name__)


def _close(task: "asyncio.Task[socket.socket]") -> None:
    if not task.cancelled() and task.exception() is None:
        task.result().close()


def _settle(answer: "asyncio.Future[list[Any]]", found: list[Any], error: OSError | None) -> None:
    if answer.done():
        return
    if error is not None:
        answer.set_exception(error)
    elif not found:
        answer.set_exception(OSError(0, "no address"))
    else:
        answer.set_result(found)
