"""A command is sent as it is, and crosses between processes whatever it holds."""

import msgspec
import pytest

from pssh.errors import UsageError
from pssh.ops.command import Command
from pssh.testing import ScriptedSession


async def test_a_command_is_sent_as_it_is():
    session = ScriptedSession()
    await Command("echo 'a  b' | tr a b").perform(session)
    assert session.asked == ["echo 'a  b' | tr a b"]
    assert Command("uptime").label == "uptime"


async def test_bytes_that_are_not_utf8_reach_the_host_through_msgpack():
    command = msgspec.msgpack.decode(msgspec.msgpack.encode(Command("ls caf\udce9")), type=Command)
    session = ScriptedSession()
    await command.perform(session)
    assert (session.asked, command.label) == (["ls caf\udce9"], "ls caf\\xe9")


@pytest.mark.parametrize("text", ["", " \n", "a\0b"])
def test_what_cannot_be_sent_is_refused_before_anything_runs(text: str):
    with pytest.raises(UsageError):
        Command(text)
