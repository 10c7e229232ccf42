"""Sessions on a real sshd, and on servers that answer with the wrong bytes."""

import asyncio
import os
import signal
import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply
from pssh.model.secret import Secret, slot
from pssh.model.work import Limits, Prompt, TransportError
from pssh.transport.ssh.connect import SSHTransport
from tests.support.faulty import Faulty
from tests.support.keys import make_key
from tests.support.peer import Silent
from tests.support.processes import descendants
from tests.support.sshd import Sshd


def reach(daemon: Sshd, **settings: Any) -> Connection:
    """Return the connection that works, changed by `settings`."""
    usual = {
        "address": "127.0.0.1",
        "user": daemon.user,
        "port": daemon.port,
        "identity": (str(daemon.identity),),
        "known_hosts": (str(daemon.known_hosts()),),
    }
    return Connection(**(usual | settings))


async def ask(connection: Connection, command: str = "true", *, stdin: bytes = b"", **limits: Any) -> Reply | Failure:
    """Run one command and return its reply or its failure."""
    transport = SSHTransport({"word": Secret("wrong")}, 32)
    async with transport.open("web1", connection, Limits(**limits), Silent()) as session:
        try:
            return await session.exec(command, stdin=stdin)
        except TransportError as error:
            return error.failure


def add_to_agent(agent: str, key: Path) -> None:
    subprocess.run(["ssh-add", "-q", key], env=os.environ | {"SSH_AUTH_SOCK": agent}, check=True)


def cause(end: Reply | Failure) -> str:
    return end.cause if isinstance(end, Failure) else f"exit {end.exit_code}{end.signal}"


@pytest.mark.parametrize(
    ("kind", "expected"),
    {
        "silent": "banner/timeout",
        "drip": "banner/timeout",
        "drip_lines": "banner/timeout",
        "endless_lines": "banner/too-long",
        "endless_line": "banner/too-long",
        "close_at_once": "kex/closed",
        "throttled": "connect/throttled",
        "penalised": "connect/throttled",
        "http": "banner/not-ssh",
        "ssh1": "banner/not-ssh",
        "escapes": "banner/not-ssh",
        "banner_then_silence": "kex/timeout",
        "kex_then_silence": "kex/timeout",
        "close_in_kex": "kex/closed",
        "reset_in_kex": "kex/closed",
        "no_common_algorithm": "kex/no-common-algorithm",
        "huge_packet": "kex/protocol",
        "tiny_packet": "kex/protocol",
        "bad_padding": "kex/protocol",
        "bad_packet_type": "kex/protocol",
        "junk_in_kex": "kex/protocol",
        "success_in_the_clear": "kex/protocol",
        "disconnects": "kex/closed",
    }.items(),
)
async def test_a_faulty_server_is_named_by_its_fault(faulty: Faulty, kind: str, expected: str) -> None:
    port = faulty.start(kind)
    listener = Silent()
    connection = Connection(address="127.0.0.1", user="root", port=port, connect_timeout=0.4, password="word")
    async with SSHTransport({"word": Secret("hush")}, 4).open("h", connection, Limits(), listener) as session:
        began = time.monotonic()
        with pytest.raises(TransportError) as caught:
            await session.exec("true")
        assert time.monotonic() - began < 1.4
    assert caught.value.failure.cause == expected
    assert listener.connections == 0
    assert b"hush" not in b"".join(faulty.heard(port))


async def test_a_closed_port_is_refused_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    end = await ask(Connection(address="127.0.0.1", user="root", port=port))
    assert cause(end) == "connect/refused"


async def test_the_phases_are_timed_and_the_banner_is_kept(sshd: Sshd) -> None:
    transport = SSHTransport({}, 32)
    async with transport.open("h", reach(sshd), Limits(), Silent()) as session:
        assert (await session.exec("echo hello")).stdout == b"hello\n"
        assert {"dns", "connect", "banner", "kex", "auth", "open", "run"} == set(session.seconds)
        assert session.banner.startswith("SSH-2.0-OpenSSH")


async def test_a_host_that_allows_one_session_runs_one_command_after_another(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd("MaxSessions 1\n")
    async with SSHTransport({}, 32).open("h", reach(daemon), Limits(), Silent()) as session:
        for word in ("one", "two", "three"):
            assert (await session.exec(f"echo {word}")).stdout == word.encode() + b"\n"


async def test_a_session_runs_one_command_after_another_on_one_connection(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd()
    async with SSHTransport({}, 32).open("h", reach(daemon), Limits(), Silent()) as session:
        for word in ("one", "two", "three"):
            assert (await session.exec(f"echo {word}")).stdout == word.encode() + b"\n"
    assert daemon.log().count("Accepted publickey") == 1


async def test_no_session_allowed_is_a_refusal_and_not_a_lost_host(start_sshd: Callable[..., Sshd]) -> None:
    assert cause(await ask(reach(start_sshd("MaxSessions 0\n")))) == "exec/denied"


async def test_an_unknown_and_a_wrong_host_key_end_before_any_login(sshd: Sshd, tmp_path: Path) -> None:
    before = sshd.log().count("userauth")
    nothing = tmp_path / "empty"
    nothing.touch()
    assert cause(await ask(reach(sshd, known_hosts=(str(nothing),)))) == "host-key/unknown"
    wrong = tmp_path / "wrong"
    make_key(tmp_path / "other")
    wrong.write_text(f"[127.0.0.1]:{sshd.port} {(tmp_path / 'other.pub').read_text()}")
    assert cause(await ask(reach(sshd, known_hosts=(str(wrong),)))) == "host-key/changed"
    assert sshd.log().count("userauth") == before


async def test_a_key_accepted_on_first_sight_is_told(sshd: Sshd, tmp_path: Path) -> None:
    listener = Silent()
    connection = reach(sshd, known_hosts=(str(tmp_path / "new"),), host_keys="accept-new")
    async with SSHTransport({}, 32).open("h", connection, Limits(), listener) as session:
        await session.exec("true")
    assert listener.lines == [f"[127.0.0.1]:{sshd.port} {sshd.host_key()}"]


async def test_the_key_of_a_host_is_scanned_without_a_login(sshd: Sshd) -> None:
    connection = reach(sshd, identity=(), known_hosts=())
    async with SSHTransport({}, 32).open("h", connection, Limits(), Silent()) as session:
        assert await session.host_key() == sshd.host_key()


@pytest.fixture(params=["ed25519", "ecdsa", "rsa"])
def other_key(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    file = tmp_path / f"id_{request.param}"
    make_key(file, request.param)
    return file


async def test_a_key_that_the_host_does_not_know_is_denied(sshd: Sshd, other_key: Path) -> None:
    end = await ask(reach(sshd, identity=(str(other_key),)))
    assert cause(end) == "auth/denied"
    assert isinstance(end, Failure) and "it would take publickey" in end.message


async def test_the_next_key_is_tried_on_the_same_connection(sshd: Sshd, other_key: Path) -> None:
    end = await ask(reach(sshd, identity=(str(other_key), str(sshd.identity))), "echo $0")
    assert cause(end) == "exit 0"


async def test_keys_of_each_kind_log_in(start_sshd: Callable[..., Sshd], other_key: Path) -> None:
    daemon = start_sshd(f"AuthorizedKeysFile {other_key}.pub\n")
    assert cause(await ask(reach(daemon, identity=(str(other_key),)))) == "exit 0"


async def test_host_keys_of_each_kind_are_verified(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd(host_keys=("ed25519", "ecdsa", "rsa"))
    for kind in ("rsa", "ecdsa", "ed25519"):
        known = daemon.known_hosts(kind=kind)
        assert cause(await ask(reach(daemon, known_hosts=(str(known),)))) == "exit 0"


@pytest.mark.parametrize(
    "line",
    [
        "Ciphers aes128-ctr\nMACs hmac-sha2-256-etm@openssh.com",
        "Ciphers aes256-ctr\nMACs hmac-sha2-512",
        "Ciphers aes256-gcm@openssh.com",
        "KexAlgorithms curve25519-sha256",
        "KexAlgorithms curve25519-sha256@libssh.org",
        "KexAlgorithms ecdh-sha2-nistp256",
        "KexAlgorithms ecdh-sha2-nistp521",
        "KexAlgorithms diffie-hellman-group14-sha256",
        "KexAlgorithms diffie-hellman-group16-sha512",
        "RekeyLimit 1M",
    ],
)
async def test_every_algorithm_we_offer_carries_data_both_ways(start_sshd: Callable[..., Sshd], line: str) -> None:
    data = os.urandom(5 << 20)
    end = await ask(reach(start_sshd(f"{line}\n")), "cat", stdin=data, keep=4 << 20)
    assert isinstance(end, Reply) and end.stdout == data


async def test_a_host_without_a_common_algorithm_says_what_it_offers(start_sshd: Callable[..., Sshd]) -> None:
    end = await ask(reach(start_sshd("Ciphers chacha20-poly1305@openssh.com\n")))
    assert cause(end) == "kex/no-common-algorithm"
    assert isinstance(end, Failure) and "chacha20-poly1305@openssh.com" in end.message and "aes128-gcm" in end.message


async def test_a_throttled_login_is_named_so(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd("MaxStartups 1:100:1\n")
    with socket.create_connection(("127.0.0.1", daemon.port)):
        await asyncio.sleep(0.3)
        end = await ask(reach(daemon))
    assert cause(end) == "connect/throttled"
    assert isinstance(end, Failure) and "Exceeded MaxStartups" in end.message


async def test_a_connection_cut_in_mid_command_is_lost_and_keeps_the_output(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd()
    running = asyncio.create_task(ask(reach(daemon), "echo begun; sleep 60"))
    children = await eventually(lambda: descendants(daemon.pid))
    await asyncio.sleep(0.3)
    os.kill(min(children), signal.SIGKILL)
    end = await running
    assert cause(end) == "exec/connection-closed" and end.stdout == b"begun\n"


async def test_a_host_that_falls_silent_is_noticed(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd()
    running = asyncio.create_task(ask(reach(daemon, keepalive=0.5), "sleep 60"))
    await eventually(lambda: "Starting session" in daemon.log())
    stopped = descendants(daemon.pid)
    for pid in stopped:
        os.kill(pid, signal.SIGSTOP)
    end = await running
    assert cause(end) == "exec/keepalive"


async def test_a_host_that_asks_for_signs_of_life_gets_them(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd("ClientAliveInterval 1\nClientAliveCountMax 1\n")
    assert cause(await ask(reach(daemon), "sleep 3.5")) == "exit 0"


async def test_a_forced_command_is_answered_by_its_own_exit_and_words(start_sshd: Callable[..., Sshd]) -> None:
    end = await ask(reach(start_sshd("ForceCommand echo not you; exit 1\n")), total=5)
    assert (cause(end), end.stdout) == ("exit 1", b"not you\n")


async def test_no_secret_goes_to_a_host_whose_key_is_not_checked(sshd: Sshd, tmp_path: Path) -> None:
    transport = SSHTransport({"secret:x": Secret("canary"), "become": Secret("canary")}, 32)
    connection = reach(sshd, host_keys="off")
    heard = tmp_path / "heard"
    async with transport.open("web1", connection, Limits(kill_after=0.1), Silent()) as session:
        with pytest.raises(TransportError) as caught:
            await session.exec(f"echo {slot('x')} > {heard}")
        assert caught.value.failure.cause == "local/secret"
        with pytest.raises(TransportError) as caught:
            asks = Prompt(asks="ask-1", mark="mark-1", secret="become")
            await session.exec(f"printf ask-1 >&2; read x; echo $x > {heard}", prompt=asks)
        assert caught.value.failure.cause == "exec/sudo-needs-password"
    assert not heard.exists() or heard.read_bytes() == b"\n"


async def test_a_command_over_its_time_says_what_became_of_it(sshd: Sshd) -> None:
    end = await ask(reach(sshd), "echo begun; sleep 60", total=0.3, kill_after=0.3)
    assert cause(end) == "exec/total"
    assert isinstance(end, Failure) and end.remote_end in ("killed", "left running") and end.stdout == b"begun\n"


async def test_a_cancelled_command_is_ended_and_what_it_printed_is_kept(sshd: Sshd) -> None:
    listener = Silent()
    async with SSHTransport({}, 32).open("h", reach(sshd), Limits(kill_after=0.3, say=True), listener) as session:
        running = asyncio.create_task(session.exec("echo begun; sleep 60"))
        await eventually(lambda: listener.heard)
        running.cancel()
        with pytest.raises(TransportError) as caught:
            await running
    failure = caught.value.failure
    assert (failure.cause, failure.stdout) == ("stop/interrupt", b"begun\n")
    assert failure.remote_end in ("killed", "left running")


async def test_speculation_runs_the_command_once(sshd: Sshd, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    assert cause(await ask(reach(sshd, speculate=True), f"echo x >> {mark}")) == "exit 0"
    assert mark.read_text() == "x\n"


async def test_speculation_with_a_refused_key_runs_nothing(sshd: Sshd, other_key: Path, tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    end = await ask(reach(sshd, speculate=True, identity=(str(other_key),)), f"echo x >> {mark}")
    assert cause(end) == "auth/denied" and not mark.exists()


@pytest.fixture
def agent(tmp_path: Path) -> Iterator[str]:
    path = str(tmp_path / "agent")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    while not Path(path).exists():
        time.sleep(0.01)
    yield path
    process.kill()
    process.wait()


async def test_the_agents_key_logs_in(sshd: Sshd, agent: str) -> None:
    add_to_agent(agent, sshd.identity)
    assert cause(await ask(reach(sshd, identity=(), agent=agent))) == "exit 0"


async def test_a_wrong_password_is_denied_and_sent_once(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd("PasswordAuthentication yes\nPermitRootLogin yes\n")
    end = await ask(reach(daemon, identity=(), password="word"))
    assert cause(end) == "auth/denied"
    assert daemon.log().count("Failed password") == 1


async def eventually(look: Callable[[], Any], seconds: float = 10.0) -> Any:
    """Return what `look` finds once it finds something."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "it never came"
        await asyncio.sleep(0.02)
    return found


async def test_a_command_that_was_left_to_its_child_does_not_cost_the_next_one(sshd: Sshd) -> None:
    async with SSHTransport({}, 32).open("h", reach(sshd), Limits(drain=0.05), Silent()) as session:
        assert (await session.exec("sleep 0.5 & exit 3")).exit_code == 3
        for word in ("two", "three"):
            assert (await session.exec(f"echo {word}; sleep 0.1")).stdout == word.encode() + b"\n"


async def test_a_command_dropped_while_it_is_ended_leaves_no_timer_behind(sshd: Sshd) -> None:
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    async with SSHTransport({}, 32).open("h", reach(sshd), Limits(kill_after=0.1), Silent()) as session:
        task = asyncio.ensure_future(session.exec("trap '' TERM; sleep 0.4"))
        for _ in range(100):
            await asyncio.sleep(0.01)
            if session._running and session._running[0].answered:
                break
        for _ in range(2):
            task.cancel()
            await asyncio.sleep(0.01)
        with pytest.raises(TransportError):
            await task
    await asyncio.sleep(0.15)
    assert errors == []


async def test_a_host_that_allows_one_session_serves_a_command_beside_its_file_server(
    start_sshd: Callable[..., Sshd],
) -> None:
    daemon = start_sshd("MaxSessions 1\n")
    async with SSHTransport({}, 32).open("h", reach(daemon), Limits(), Silent()) as session:
        duplex = await session.subsystem("sftp")
        replies = await asyncio.gather(session.exec("exit 3"), session.exec("exit 4"))
        assert [reply.exit_code for reply in replies] == [3, 4]
        duplex.send(bytes.fromhex("00000005 01 00000003"))
        assert (await duplex.receive())[4:5] == b"\2"
        await duplex.close()
        assert (await session.exec("exit 5")).exit_code == 5
    assert daemon.log().count("Accepted publickey") >= 2


async def test_commands_that_are_asked_for_while_the_first_connects_share_its_connection(sshd: Sshd) -> None:
    before = sshd.log().count("Accepted publickey")
    async with SSHTransport({}, 32).open("h", reach(sshd), Limits(), Silent()) as session:
        replies = await asyncio.gather(*(session.exec(f"exit {code}") for code in range(5)))
    assert [reply.exit_code for reply in replies] == list(range(5))
    assert sshd.log().count("Accepted publickey") == before + 1


async def test_commands_that_are_asked_for_while_a_login_fails_fail_as_well(sshd: Sshd) -> None:
    connection = replace(reach(sshd), user="nobody-of-that-name")
    async with SSHTransport({}, 32).open("h", connection, Limits(), Silent()) as session:
        found = await asyncio.gather(*(session.exec("true") for _ in range(3)), return_exceptions=True)
    causes = [one.failure.cause for one in found if isinstance(one, TransportError)]
    assert causes == ["auth/denied"] * 3
