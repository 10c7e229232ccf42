"""What is left on a file server is told from what somebody is still making."""

import asyncio
import os
import subprocess
import sys
from pathlib import Path

from pssh.model.outcome import Reply
from pssh.ops.files.makers import left, name
from pssh.ops.files.put import Put
from tests.faults.test_cut_transfers import files_only
from tests.support.badsftp import BadDuplex
from tests.support.trees import leftovers


def test_what_is_being_made_is_not_left_and_what_was_given_up_is() -> None:
    with name(b".pssh-x-") as first, name(b".pssh-x-") as second:
        assert first != second
        assert not left(first, b".pssh-x-") and not left(second, b".pssh-x-")
    assert left(first, b".pssh-x-")


def test_another_process_is_asked_whether_it_lives() -> None:
    code = "from pssh.ops.files.makers import name; print(name(b'.pssh-x-').__enter__().decode(), flush=True); input()"
    with subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdin and other.stdout
        made = other.stdout.readline().strip()
        assert not left(made, b".pssh-x-")
        other.stdin.close()
        other.wait()
    assert left(made, b".pssh-x-")


def test_what_another_machine_makes_and_what_has_another_name_is_let_alone() -> None:
    digits = b"0" * 32
    assert not left(b".pssh-x-" + digits + b".c00000000-%d" % os.getpid(), b".pssh-x-")
    assert not left(b".pssh-x-" + digits + b".host.12", b".pssh-x-")
    assert not left(b".pssh-y-" + digits, b".pssh-x-")
    assert left(b".pssh-x-" + digits, b".pssh-x-")


class InTurns(BadDuplex):
    """A file server that lets others go on before each of its answers."""

    async def receive(self) -> bytes:
        await asyncio.sleep(0)
        return await super().receive()


async def test_two_puts_to_one_target_at_once_do_not_fail_each_other(tmp_path: Path) -> None:
    """Each looks for what was left while those before it write, and compare what they wrote."""
    contents = [os.urandom(200_000) for _ in range(4)]
    for number, content in enumerate(contents):
        (tmp_path / f"{number}").write_bytes(content)
    puts = [Put((f"{tmp_path}/{number}",), f"{tmp_path}/target", via="sftp") for number in range(4)]

    async def sent(number: int) -> Reply:
        for _ in range(200 * number):
            await asyncio.sleep(0)
        return await puts[number].perform(files_only(InTurns(piece=99)))

    async with asyncio.timeout(20):
        replies = await asyncio.gather(*map(sent, range(4)))
    assert all(reply.changed for reply in replies)
    assert (tmp_path / "target").read_bytes() in contents and leftovers(tmp_path) == []
