import asyncio
import socket
import threading
from typing import Any

import pytest

from pssh.model.work import TransportError
from pssh.transport.ssh.resolve import Resolver, as_literal, connect, interleaved


def answers(*addresses: str) -> Any:
    def look_up(name: str, port: int, **kw: Any) -> list[Any]:
        look_up.calls.append(name)  # type: ignore[attr-defined]
        return [
            (socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_STREAM, 6, "", (address, port))
            for address in addresses
        ]

    look_up.calls = []  # type: ignore[attr-defined]
    return look_up


def no_options(sock: socket.socket) -> None: ...


@pytest.fixture
def listening() -> Any:
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


async def test_a_literal_address_is_never_looked_up() -> None:
    look_up = answers("10.0.0.1")
    assert await Resolver(look_up).addresses("127.0.0.1", 22) == [(socket.AF_INET, ("127.0.0.1", 22))]
    assert await Resolver(look_up).addresses("::1", 22) == [(socket.AF_INET6, ("::1", 22))]
    assert look_up.calls == []
    assert as_literal("web1", 22) is None


async def test_each_name_is_looked_up_once() -> None:
    look_up = answers("127.0.0.1")
    resolver = Resolver(look_up)
    await asyncio.gather(*(resolver.addresses("web1", 22) for _ in range(5)))
    assert look_up.calls == ["web1"]


async def test_an_unknown_name_says_so() -> None:
    def look_up(*args: Any, **kw: Any) -> list[Any]:
        raise socket.gaierror(socket.EAI_NONAME, "Name or service not known")

    with pytest.raises(TransportError) as caught:
        await Resolver(look_up).addresses("nowhere", 22)
    assert caught.value.failure.cause == "dns/unknown-name"
    assert caught.value.failure.words == "it does not resolve: Name or service not known (nowhere)"


async def test_a_resolver_that_hangs_holds_up_its_own_host_only() -> None:
    release = threading.Event()

    def look_up(name: str, port: int, **kw: Any) -> list[Any]:
        if name == "slow":
            release.wait(10)
        return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", ("127.0.0.1", port))]

    resolver = Resolver(look_up)
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(0.05):
            await resolver.addresses("slow", 22)
    assert await resolver.addresses("quick", 22)
    release.set()


def test_the_families_take_turns_beginning_with_the_resolvers_first() -> None:
    four, six = socket.AF_INET, socket.AF_INET6
    found: list[Any] = [(six, 1), (six, 2), (six, 3), (four, 4)]
    assert [where for _, where in interleaved(found)] == [1, 4, 2, 3]


async def test_the_next_address_is_tried_when_one_refuses(listening: int) -> None:
    addresses = [(socket.AF_INET6, ("::1", listening)), (socket.AF_INET, ("127.0.0.1", listening))]
    sock = await connect(addresses, no_options)
    assert sock.getpeername() == ("127.0.0.1", listening)
    sock.close()


async def test_every_address_that_failed_is_named(closed_port: int) -> None:
    addresses = [(socket.AF_INET, (f"127.0.0.{n}", closed_port)) for n in (1, 2)]
    with pytest.raises(TransportError) as caught:
        await connect(addresses, no_options)
    assert caught.value.failure.cause == "connect/refused"
    assert caught.value.failure.message == "refused the connection"
    assert caught.value.failure.detail == f"127.0.0.1:{closed_port}, 127.0.0.2:{closed_port}"
