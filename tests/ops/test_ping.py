"""Ping goes the whole way with a command that does nothing."""

from pssh.model.outcome import Reply
from pssh.ops.ping import Ping
from pssh.testing import ScriptedSession


async def test_ping_runs_true_and_gives_its_reply():
    session = ScriptedSession({"true": Reply(0)})
    assert (await Ping().perform(session), session.asked, Ping().label) == (Reply(0), ["true"], "ping")
