"""A scan reads the host's key and runs nothing."""

from pssh.model.outcome import Reply
from pssh.ops.scan import Scan
from pssh.testing import ScriptedSession


async def test_a_scan_gives_the_key_as_output_and_runs_nothing():
    session = ScriptedSession(key="ssh-ed25519 AAAA")
    assert (await Scan().perform(session), session.asked) == (Reply(0, stdout=b"ssh-ed25519 AAAA"), [])
    assert Scan().label == "host keys"
