"""Much content over a real sshd, whole and in order, whatever the connection does meanwhile."""

import asyncio
import hashlib
import os
from collections.abc import Callable

import pytest

from pssh.model.work import Limits
from pssh.transport.ssh import driver
from pssh.transport.ssh.connect import SSHTransport
from tests.support.inputs import Growing
from tests.support.peer import Silent
from tests.support.sshd import Sshd
from tests.transport.ssh.test_connect import reach

MB = 1 << 20
DATA = os.urandom(8 * MB)


class Hashed:
    def __init__(self) -> None:
        self.sum, self.size = hashlib.sha256(), 0

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.sum.update(data)
        self.size += len(data)


async def both_ways(daemon: Sshd, sessions: int = 2) -> None:
    """Send the data to as many sessions as there are, and hold what comes back against it."""
    transport = SSHTransport({}, 32)

    async def one() -> None:
        sink = Hashed()
        async with transport.open("h", reach(daemon), Limits(), Silent()) as session:
            reply = await session.exec("cat", stdin=Growing(DATA, ended=True), sink=sink)
        assert (reply.exit_code, sink.size) == (0, len(DATA))
        assert sink.sum.digest() == hashlib.sha256(DATA).digest()

    await asyncio.gather(*(one() for _ in range(sessions)))


async def test_keys_that_sshd_changes_often_do_not_touch_the_content(start_sshd: Callable[..., Sshd]) -> None:
    await both_ways(start_sshd("RekeyLimit 1M\n"))


async def test_keys_that_we_change_often_do_not_touch_the_content(sshd: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(driver, "REKEY_BYTES", 2 * MB)
    await both_ways(sshd)


@pytest.mark.parametrize("ciphers", ["aes256-gcm@openssh.com", "aes128-ctr"])
async def test_other_ciphers_carry_it_as_well(start_sshd: Callable[..., Sshd], ciphers: str) -> None:
    await both_ways(start_sshd(f"Ciphers {ciphers}\n"), 1)
