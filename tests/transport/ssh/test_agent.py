"""The agent is asked politely and never waited for."""

import asyncio
import base64
import os
import socket
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.serialization import load_ssh_public_key

from pssh.transport.ssh.agent import RSA_SHA2_512, Agent, AgentError, list_keys
from tests.support.keys import make_key


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


@pytest.fixture(scope="module")
def agent(tmp_path_factory) -> Iterator[tuple[str, list[bytes]]]:
    """A real ssh-agent with an ed25519 and an RSA key: its socket and the public key lines."""
    folder = tmp_path_factory.mktemp("agent")
    path = str(folder / "socket")
    process = subprocess.Popen(["ssh-agent", "-D", "-a", path], stdout=subprocess.DEVNULL)
    try:
        while not Path(path).exists():
            assert process.poll() is None
            time.sleep(0.005)
        for kind in ("ed25519", "rsa"):
            make_key(folder / kind, kind, comment=f"{kind} key")
            subprocess.run(
                ["ssh-add", "-q", folder / kind],
                check=True,
                env={**os.environ, "SSH_AUTH_SOCK": path},
                stderr=subprocess.DEVNULL,
            )
        yield path, [(folder / f"{kind}.pub").read_bytes() for kind in ("ed25519", "rsa")]
    finally:
        process.terminate()
        process.wait()


@contextmanager
def impostor(path: Path, answer: Callable[[bytes], bytes | None], pause: float = 0) -> Iterator[list[bytes]]:
    """Something that listens where an agent should: it sends, byte by byte, what `answer` makes of a request."""
    asked: list[bytes] = []
    held = []
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))
        server.listen(64)

        def serve() -> None:
            while True:
                try:
                    connection, _ = server.accept()
                except OSError:
                    return
                asked.append(connection.recv(1 << 16))
                if (reply := answer(asked[-1])) is None:
                    held.append(connection)
                else:
                    with connection, suppress(BrokenPipeError):
                        for number in range(len(reply)):
                            connection.send(reply[number : number + 1])
                            time.sleep(pause)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield asked
        finally:
            server.shutdown(socket.SHUT_RDWR)
            thread.join()
            for connection in held:
                connection.close()


def blob(public: bytes) -> bytes:
    return base64.b64decode(public.split()[1])


async def test_it_lists_what_the_agent_holds_in_its_order(agent):
    path, public = agent
    expected = [blob(public[0]), blob(public[1])]
    assert await Agent(path).identities() == expected
    assert list_keys(path) == expected


async def test_a_signature_is_one_the_public_key_accepts(agent):
    path, public = agent
    signature = await Agent(path).sign(blob(public[0]), b"session")
    assert signature.startswith(string(b"ssh-ed25519") + (64).to_bytes(4, "big"))
    load_ssh_public_key(public[0]).verify(signature[-64:], b"session")
    signature = await Agent(path).sign(blob(public[1]), b"session", RSA_SHA2_512)
    head = string(b"rsa-sha2-512")
    assert signature.startswith(head)
    load_ssh_public_key(public[1]).verify(signature[len(head) + 4 :], b"session", PKCS1v15(), SHA512())


async def test_many_coroutines_share_one_agent(agent):
    path, public = agent
    ours = Agent(path)
    signatures = await asyncio.gather(*(ours.sign(blob(public[0]), str(number).encode()) for number in range(50)))
    for number, signature in enumerate(signatures):
        load_ssh_public_key(public[0]).verify(signature[-64:], str(number).encode())


async def test_a_key_the_agent_does_not_hold_is_refused(agent):
    with pytest.raises(AgentError, match="refused to sign"):
        await Agent(agent[0]).sign(string(b"ssh-ed25519") + string(bytes(32)), b"session")


async def test_the_list_is_asked_for_once(tmp_path):
    reply = string(b"\x0c" + (1).to_bytes(4, "big") + string(b"key") + string(b"\xff"))
    with impostor(tmp_path / "s", lambda _: reply) as asked:
        ours = Agent(str(tmp_path / "s"))
        assert await ours.identities() == await ours.identities() == [b"key"]
    assert asked == [string(b"\x0b")]


async def test_a_silent_agent_is_given_up_after_the_limit_and_not_asked_again(tmp_path):
    with impostor(tmp_path / "s", lambda _: None) as asked:
        ours = Agent(str(tmp_path / "s"), limit=0.1)
        began = time.monotonic()
        answers = await asyncio.gather(*(ours.sign(b"key", b"data") for _ in range(20)), return_exceptions=True)
        assert time.monotonic() - began < 1
        assert [type(answer) for answer in answers] == [AgentError] * 20
    assert len(asked) == 1


def test_the_parent_waits_no_longer_than_its_limit_in_all(tmp_path):
    for name, reply in (("silent", None), ("slow", string(bytes(20)))):
        began = time.monotonic()
        with impostor(tmp_path / name, lambda _, reply=reply: reply, pause=0.02):
            with pytest.raises(AgentError, match="gave no answer"):
                list_keys(str(tmp_path / name), 0.05)
            assert time.monotonic() - began < 0.3


async def test_one_who_gives_up_waiting_leaves_the_agent_usable(agent, tmp_path):
    path, public = agent
    ours = Agent(path)
    task = asyncio.create_task(ours.sign(blob(public[1]), b"session", RSA_SHA2_512))
    await asyncio.sleep(0)
    task.cancel()
    assert len(await ours.identities()) == 2


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"\0\0",
        string(b""),
        string(b"\x05"),
        (1 << 30).to_bytes(4, "big"),
        string(b"\x0c"),
        string(b"\x0c\xff\xff\xff\xff"),
        string(b"\x0c\0\0\0\1" + string(b"key")),
        string(b"\x0c\0\0\0\1" + string(b"key") + b"\0\0\0\x09x"),
        string(b"\x0e\0\0\0\x09x"),
        string(b"\x0e"),
    ],
)
async def test_a_reply_that_is_none_is_one_clear_error(tmp_path, reply):
    with impostor(tmp_path / "s", lambda _: reply):
        with pytest.raises(AgentError, match="ssh-agent"):
            await Agent(str(tmp_path / "s")).identities()
        with pytest.raises(AgentError, match="ssh-agent"):
            await Agent(str(tmp_path / "s")).sign(b"key", b"data")
        with pytest.raises(AgentError, match="ssh-agent"):
            list_keys(str(tmp_path / "s"))


@pytest.mark.parametrize("path", ["", "/nonexistent/agent", "/tmp/" + "x" * 200, "a\0b", "/dev/null"])
async def test_no_agent_is_one_clear_error(path):
    with pytest.raises(AgentError, match="cannot be used"):
        await Agent(path).identities()
    with pytest.raises(AgentError, match="cannot be used"):
        list_keys(path)
