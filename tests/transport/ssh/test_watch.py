import asyncio
from typing import Any

import pytest

from pssh.model.work import TransportError
from pssh.transport.ssh import watch
from tests.support.peer import Pair


class Quiet:
    """A link whose host has been silent for ever."""

    heard = float("-inf")
    misses = 0
    error: Exception | None = None

    def fail(self, error: Exception) -> None:
        self.error = self.error or error


@pytest.mark.parametrize("changing", [False, True])
async def test_a_host_that_falls_silent_is_noticed_also_while_keys_change(
    monkeypatch: pytest.MonkeyPatch, changing: bool
) -> None:
    monkeypatch.setattr(watch, "TICK", 0.01)
    pair = Pair().up()
    if changing:
        pair.client._send_kex_init()
    link: Any = Quiet()
    watched = watch.Watch()
    watched.add(link, pair.client, 1.0)
    await asyncio.sleep(0.1)
    watched.remove(link)
    assert isinstance(link.error, TransportError)
    assert link.error.failure.cause == "exec/keepalive"
