"""Hosts that are reached through jump hosts, or by a command of this machine: on real sshds."""

import asyncio
import errno
import os
import signal
import socket
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from msgspec.structs import replace

from pssh.model.host import Connection, Hop
from pssh.model.outcome import Failure, Reply
from pssh.model.work import Limits, TransportError
from pssh.transport.ssh.channel import OpenRefused
from pssh.transport.ssh.connect import SSHTransport
from pssh.transport.ssh.failures import Closed
from pssh.transport.ssh.tunnel import Tunnel
from pssh.transport.ssh.wire import Fields, ProtocolError, u32
from tests.support.peer import Silent
from tests.support.processes import descendants
from tests.support.sshd import Sshd
from tests.transport.ssh.test_connect import cause, reach

FROM = "echo $SSH_CONNECTION"
Ways = Callable[..., SSHTransport]


def behind(daemon: Sshd, *names: str, **settings: Any) -> Connection:
    """Return the connection to 127.0.0.1 through these jump hosts, the nearest first, changed by `settings`."""
    via: Hop | None = None
    for name in names:
        via = Hop(name, reach(daemon, address=name, known_hosts=known(daemon, *names), via=via))
    return reach(daemon, known_hosts=known(daemon, *names), via=via, **settings)


def known(daemon: Sshd, *names: str) -> tuple[str, ...]:
    return (str(daemon.known_hosts("127.0.0.1", *names, name=f"known-{'-'.join(names)}")),)


async def several(transport: SSHTransport, connections: list[Connection], command: str) -> list[Reply | Failure]:
    """Run a command over each connection, all at once."""

    async def one(connection: Connection) -> Reply | Failure:
        async with transport.open("web1", connection, Limits(), Silent()) as session:
            try:
                return await session.exec(command)
            except TransportError as error:
                return error.failure

    return list(await asyncio.gather(*map(one, connections)))


@pytest.fixture
async def ways() -> AsyncIterator[Callable[..., SSHTransport]]:
    """Make a transport, whose jump hosts are left after the test."""
    made: list[SSHTransport] = []

    def make(*limits: int) -> SSHTransport:
        made.append(SSHTransport({}, *limits))
        return made[-1]

    yield make
    for transport in made:
        transport.close()
    async with asyncio.timeout(10):
        while len(asyncio.all_tasks()) > 1:  # noqa: ASYNC110  what they leave behind ends by itself
            await asyncio.sleep(0.01)


@pytest.mark.parametrize("names", [["127.0.5.1"], ["127.0.5.1", "127.0.5.2", "127.0.5.3"]])
async def test_a_command_runs_behind_jump_hosts(ways: Ways, start_sshd: Callable[..., Sshd], names: list[str]) -> None:
    daemon = start_sshd()
    (reply,) = await several(ways(1, 1), [behind(daemon, *names)], f"{FROM}; exit 3")
    assert cause(reply) == "exit 3"
    assert reply.stdout.split()[0] == b"127.0.0.1"
    logins = daemon.log().count("Accepted publickey")
    assert logins == len(names) + 1


async def test_all_hosts_behind_a_jump_host_share_one_connection_to_it(
    ways: Ways, start_sshd: Callable[..., Sshd]
) -> None:
    daemon = start_sshd()
    ends = await several(ways(64), [behind(daemon, "127.0.5.1")] * 20, "true")
    assert {cause(end) for end in ends} == {"exit 0"}
    assert daemon.log().count("Accepted publickey") == 21


async def test_megabytes_go_both_ways_at_once(ways: Ways, start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd()
    data = os.urandom(5 << 20)
    async with ways(8).open("web1", behind(daemon, "127.0.5.1"), Limits(keep=0), Silent()) as session:
        got = bytearray()

        class Sink:
            def write(self, data: bytes | bytearray | memoryview, /) -> None:
                got.extend(data)

        assert (await session.exec("cat", stdin=data, sink=Sink())).exit_code == 0
    assert got == data


async def test_a_host_key_is_asked_of_each_under_its_own_name(
    ways: Ways, start_sshd: Callable[..., Sshd], tmp_path: Path
) -> None:
    daemon = start_sshd()
    there = behind(daemon, "127.0.5.1")
    assert there.via is not None
    unknown = replace(there.via.connection, known_hosts=())
    ends = [
        *await several(ways(8), [replace(there, known_hosts=())], "true"),
        *await several(ways(8), [replace(there, via=Hop("bastion", unknown))], "true"),
    ]
    assert [cause(end) for end in ends] == ["host-key/unknown", "connect/proxy"]
    assert "known_hosts has no key" in ends[0].message  # type: ignore[union-attr]
    assert ends[1].message == "jump host `bastion`: known_hosts has no key for it"  # type: ignore[union-attr]
    assert ends[1].hint == "`pssh trust bastion` collects its key"  # type: ignore[union-attr]


async def test_a_jump_host_that_lets_nobody_in_is_asked_once(ways: Ways, start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd()
    there = behind(daemon, "127.0.5.1")
    assert there.via is not None
    nobody = Hop("bastion", replace(there.via.connection, user="nobody"))
    transport = ways(4)
    ends = await several(transport, [replace(there, via=nobody)] * 10, "true")
    ends += await several(transport, [replace(there, via=nobody)], "true")
    assert {cause(end) for end in ends} == {"connect/proxy"}
    assert daemon.log().count("Connection from") == 1


async def test_what_the_jump_host_cannot_reach_has_its_reason(
    ways: Ways, start_sshd: Callable[..., Sshd], closed_port: int
) -> None:
    daemon = start_sshd()
    closed = start_sshd("AllowTcpForwarding no\n")
    ends = await several(ways(8), [behind(daemon, "127.0.5.1", port=closed_port)], "true")
    ends += await several(ways(8), [behind(closed, "127.0.5.1")], "true")
    assert [cause(end) for end in ends] == ["connect/refused", "connect/proxy"]
    assert "jump host `127.0.5.1`: no connection: " in ends[1].message  # type: ignore[union-attr]
    assert "administratively prohibited" in ends[1].message  # type: ignore[union-attr]


async def test_a_jump_host_that_goes_away_costs_what_runs_and_is_connected_anew(
    ways: Ways,
    start_sshd: Callable[..., Sshd],
) -> None:
    daemon, bastion = start_sshd(), start_sshd()
    via = Hop("bastion", reach(bastion))
    transport = ways(8)
    there = reach(daemon, via=via)
    running = asyncio.ensure_future(several(transport, [there] * 2, "sleep 60"))
    while daemon.log().count("Starting session") < 2:  # noqa: ASYNC110  another process writes it
        await asyncio.sleep(0.02)
    for pid in descendants(bastion.pid):
        os.kill(pid, signal.SIGKILL)
    assert [cause(end) for end in await running] == ["exec/connection-closed"] * 2
    assert [cause(end) for end in await several(transport, [there], "true")] == ["exit 0"]
    assert bastion.log().count("Accepted publickey") == 2


async def test_a_key_of_a_jump_host_that_is_accepted_is_learned(ways: Ways, start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd()
    via = Hop("bastion", reach(daemon, address="127.0.5.9", known_hosts=(), host_keys="accept-new"))
    ear = Silent()
    async with ways(8).open("web1", reach(daemon, via=via), Limits(), ear) as session:
        assert (await session.exec("true")).exit_code == 0
    assert [line.split()[0] for line in ear.lines] == [f"[127.0.5.9]:{daemon.port}"]


# ---- what a jump host may send


class Heard:
    """As much of a driver as a tunnel needs; keeps what is sent."""

    def __init__(self) -> None:
        self.channels: dict[int, Any] = {}
        self.senders: list[Any] = []
        self.sent: list[bytes] = []
        self.active, self.remote_version, self.held = True, "SSH-2.0-x", None
        self.packetizer = SimpleNamespace(out=b"")

    def add(self, channel: Any) -> int:
        self.channels[0] = channel
        return 0

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)

    def open(self, channel: Any) -> None:
        channel.request_open(speculate=False)

    def flush(self) -> None: ...

    def round_trip(self) -> float:
        return 0.0


def numbers(*values: int) -> Fields:
    return Fields(b"".join(map(u32, values)))


@pytest.fixture
async def tunnel() -> AsyncIterator[tuple[Any, Tunnel, "asyncio.Task[socket.socket]"]]:
    """A driver, a tunnel that was asked for, and who waits for it."""
    driver: Any = Heard()
    made = Tunnel(driver, "10.0.0.1", 22)
    waiting = asyncio.ensure_future(made.open())
    await asyncio.sleep(0)
    driver.sent.clear()
    yield driver, made, waiting
    waiting.cancel()
    await asyncio.wait({waiting})


OPENED = 7, 1 << 20, 1 << 15  # its number there, its window, its largest packet


async def test_a_tunnel_that_is_closed_before_it_is_open_is_refused(tunnel: Any) -> None:
    driver, made, waiting = tunnel
    made.on(97, numbers())
    with pytest.raises(OpenRefused, match="closed at once"):
        await waiting
    assert driver.channels == {}


async def test_a_tunnel_for_which_there_is_no_file_left_ends_alone(
    tunnel: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    driver, made, waiting = tunnel

    def none_left() -> None:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr("pssh.transport.ssh.tunnel.socket.socketpair", none_left)
    made.on(91, numbers(*OPENED))
    with pytest.raises(TransportError) as caught:
        await waiting
    assert (caught.value.failure.cause, driver.sent) == ("local/descriptors", [b"\x61" + u32(7)])


async def test_a_tunnel_that_nobody_waits_for_any_more_is_closed(tunnel: Any) -> None:
    driver, made, waiting = tunnel
    waiting.cancel()
    await asyncio.wait({waiting})
    made.on(91, numbers(*OPENED))
    assert driver.sent == [b"\x61" + u32(7)]


async def test_a_tunnel_that_opens_in_the_moment_in_which_who_waits_gives_up_is_closed(tunnel: Any) -> None:
    driver, made, waiting = tunnel
    made.on(91, numbers(*OPENED))
    waiting.cancel()
    await asyncio.wait({waiting})
    async with asyncio.timeout(5):
        while b"\x61" + u32(7) not in driver.sent:  # noqa: ASYNC110  a pair of sockets lies between
            await asyncio.sleep(0.01)


async def test_a_tunnel_is_opened_once(tunnel: Any) -> None:
    _, made, waiting = tunnel
    made.on(91, numbers(*OPENED))
    with pytest.raises(ProtocolError, match="opened again"):
        made.on(91, numbers(*OPENED))
    (await waiting).close()


async def test_whoever_writes_into_a_tunnel_that_was_lost_sees_its_end(tunnel: Any) -> None:
    _, made, waiting = tunnel
    made.on(91, numbers(7, 0, 1 << 15))  # a window without room: all that is written waits
    sock, loop = await waiting, asyncio.get_running_loop()
    writing = asyncio.ensure_future(loop.sock_sendall(sock, bytes(4 << 20)))
    await asyncio.sleep(0.05)
    assert not writing.done()
    made.fail(Closed())
    async with asyncio.timeout(5):
        assert await loop.sock_recv(sock, 1) == b""
        await writing  # what is written is dropped, and holds nobody up
    sock.close()


async def test_more_than_the_window_allows_is_not_taken(tunnel: Any) -> None:
    _, made, _ = tunnel
    data = u32(128 << 10) + bytes(128 << 10)
    with pytest.raises(ProtocolError, match="more than its window"):
        for _ in range(17):
            made.on(94, Fields(data))


# ---- ProxyCommand


def by_command(daemon: Sshd, command: str, **settings: Any) -> Connection:
    return reach(daemon, proxy_command=command, **settings)


def forwarding(daemon: Sshd) -> str:
    """Return a command that connects to a daemon, as netcat does."""
    code = (
        "import os,socket,sys,threading;s=socket.create_connection(('127.0.0.1',int(sys.argv[1])))\n"
        "def copy(read,write):\n while data:=read(65536): write(data)\n"
        "threading.Thread(target=copy,args=(lambda n:os.read(0,n),s.sendall),daemon=True).start()\n"
        "copy(s.recv,lambda data:os.write(1,data))"
    )
    return f"python3 -c '{code.replace(chr(39), chr(34))}' {daemon.port}"


async def test_a_command_may_be_the_connection_and_ends_with_it(ways: Ways, sshd: Sshd) -> None:
    command = forwarding(sshd)
    ends = await several(ways(8), [by_command(sshd, command)], "exit 4")
    assert [cause(end) for end in ends] == ["exit 4"]
    async with asyncio.timeout(10):
        while any(_runs(pid, sshd.port) for pid in descendants(os.getpid())):  # noqa: ASYNC110  another process ends
            await asyncio.sleep(0.02)


def _runs(pid: int, port: int) -> bool:
    try:
        words = Path(f"/proc/{pid}/cmdline").read_bytes().split(b"\0")
    except OSError:
        return False
    return b"%d" % port in words and any(b"create_connection" in word for word in words)


@pytest.mark.parametrize(
    ("command", "expected", "says"),
    [
        ("sh -c 'echo no way >&2; exit 7'", "connect/proxy", "the ProxyCommand ended with exit 7: no way"),
        ("sh -c 'kill -9 $$'", "connect/proxy", "the ProxyCommand was ended by SIGKILL before any answer"),
        ("true", "connect/proxy", "the ProxyCommand ended before any answer"),
        ("/no/such/program", "connect/proxy", "the ProxyCommand ended with exit 127: "),
        ("sleep 60", "banner/timeout", "connected, but no SSH banner within 0.5 s"),
    ],
)
async def test_a_command_that_does_not_connect_has_its_reason(
    ways: Ways, sshd: Sshd, command: str, expected: str, says: str
) -> None:
    (end,) = await several(ways(8), [by_command(sshd, command, connect_timeout=0.5)], "true")
    assert cause(end) == expected
    assert says in end.message  # type: ignore[union-attr]


async def test_a_command_that_talks_and_talks_holds_nothing_up(ways: Ways, sshd: Sshd) -> None:
    noisy = forwarding(sshd).replace("import os", "import os;os.write(2,bytes(300000));import os", 1)
    ends = await several(ways(8), [by_command(sshd, noisy)], "exit 4")
    assert [cause(end) for end in ends] == ["exit 4"]
