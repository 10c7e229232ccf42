"""Transfers that are cut at any byte, or whose writes fail, get lost or come short: never a wrong file under its name.

Each try has an old file there. After it, what has a final name is all old or all new, at most one temporary name is
left, and the next run, undisturbed, completes and leaves none. `PSSH_CUTS=10000` makes it ten thousand tries.
"""

import asyncio
import os
import random
import shutil
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from pssh.model.outcome import Failure, Reply
from pssh.model.work import TransportError
from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.testing import ScriptedSession
from tests.support.badsftp import BadDuplex
from tests.support.shells import Shell
from tests.support.trees import leftovers

CUTS = int(os.environ.get("PSSH_CUTS", "36"))
GONE = Failure(stage="exec", kind="connection-closed", message="cut")
NEW, OLD = b"new content " * 6000, b"old content " * 50  # the size of some packets; another size


class Cut(Shell):
    """A host whose connection ends once so many bytes of a transfer have gone over, with its commands or without."""

    at: int = 1 << 60  # bytes of standard input of the second command
    dies: bool = False  # its processes are killed; else they see the end of their input

    async def exec(self, command: str, **how: Any) -> Reply:
        if len(self.asked) != 1:
            if len(self.asked) > 1 and self.at < 1 << 60:
                raise TransportError(GONE)
            return await super().exec(command, **how)
        given = how.pop("stdin", b"")
        data = given if isinstance(given, bytes) else _first(given, self.at)
        self.asked.append(command)
        process = await asyncio.create_subprocess_exec(
            *self.words,
            "-c",
            os.fsencode(command),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
        assert process.stdin is not None and process.stdout is not None
        if self.dies:
            process.stdin.write(data)
            await process.stdin.drain()
            os.killpg(process.pid, signal.SIGKILL)
        await process.communicate(b"" if self.dies else data)
        raise TransportError(GONE)


class Torn(Shell):
    """A host whose answers end after so many bytes, which come in pieces: it is gone, or its command was killed."""

    left: int = 1 << 60
    dies: bool = False
    chance: random.Random

    async def exec(self, command: str, **how: Any) -> Reply:
        sink = how.pop("sink")
        reply = await super().exec(command, **how)
        data = reply.stdout
        while data and self.left:
            size = min(self.chance.randrange(1, 20_000), self.left)
            if (wait := sink.write(data[:size])) is not None:
                await wait
            self.left -= len(data[:size])
            data = data[size:]
        if not data:
            return Reply(reply.exit_code, stderr=reply.stderr)
        if self.dies:
            return Reply(signal="KILL")
        raise TransportError(GONE)


def _first(given: Any, most: int) -> bytes:
    data = b""
    while len(data) < most and (piece := given.read(len(data), most - len(data))):
        data += piece
    return data


def trees(folder: Path) -> tuple[Path, Path]:
    """Make a tree to be sent, and an older one in a host's folder."""
    ours, there = folder / "ours/tree", folder / "there"
    (ours / "sub").mkdir(parents=True)
    for name in ("a", "b", "sub/c"):
        (ours / name).write_bytes(NEW + name.encode())
    reset(there)
    return ours, there


def reset(there: Path) -> None:
    (there / "tree/sub").mkdir(parents=True, exist_ok=True)
    for name in ("x", "tree/a", "tree/sub/c"):
        (there / name).write_bytes(OLD)


def wrong(ours: Path, there: Path) -> list[str]:
    """Return every final name with another content than the old or the new."""
    new = {(ours / name).read_bytes() for name in ("a", "b", "sub/c")} | {OLD}
    files = [path for path in there.rglob("*") if path.is_file() and ".pssh-" not in str(path)]
    return [str(path) for path in files if path.read_bytes() not in new]


@pytest.mark.parametrize("dies", [False, True], ids=["its input ends", "it is killed"])
async def test_a_connection_that_is_cut_at_any_byte_leaves_old_or_new(tmp_path: Path, dies: bool):
    ours, there = trees(tmp_path)
    chance = random.Random(7)
    for number in range(CUTS // 4):
        one = number % 2 == 0
        operation = Put((str(ours / "a"),), f"{there}/x") if one else Put((str(ours),), str(there))
        shell = Cut(tmp_path)
        shell.at, shell.dies = chance.randrange(len(NEW) * (1 if one else 3)), dies
        with pytest.raises(TransportError):
            await operation.perform(shell)
        assert wrong(ours, there) == []
        tops = [name for name in os.listdir(there) if name.startswith(".pssh-")]  # noqa: PTH208
        assert len(tops) <= 1
        await operation.perform(Shell(tmp_path))
        assert (leftovers(there), wrong(ours, there)) == ([], [])
        reset(there)


@pytest.mark.parametrize("what", ["close_at", "fail_at", "drop_at", "end_at", "short_read", "full_at", "wrong_id"])
async def test_a_file_server_that_fails_at_any_request_leaves_old_or_new(tmp_path: Path, what: str):
    ours, there = trees(tmp_path)
    chance = random.Random(11)
    for number in range(CUTS // 6):
        one = number % 2 == 0
        source, dest = (ours / "a", there / "x") if one else (ours, there)
        operation = Put((str(source),), str(dest), via="sftp")
        writes = len(NEW) // 8192 + 1
        most = writes if what in ("fail_at", "drop_at") else len(NEW) if what.endswith(("end_at", "full_at")) else 30
        most = most if one else 3 * most
        bad = {what: chance.randrange(1 if what == "short_read" else 0, most), "most": 8192}
        failed = False
        try:
            await operation.perform(files_only(BadDuplex(**bad)))
        except TransportError:
            failed = True
        assert wrong(ours, there) == []
        if not failed:
            assert (there / ("x" if one else "tree/b")).read_bytes() == (ours / ("a" if one else "b")).read_bytes()
        tops = [name for name in os.listdir(there) if name.startswith(".pssh-")]  # noqa: PTH208
        assert len(tops) <= 1
        await operation.perform(files_only(BadDuplex()))
        assert (leftovers(there), wrong(ours, there)) == ([], [])
        reset(there)


@pytest.mark.parametrize("what", ["close_at", "end_at", "short_read", "grows", "size", "long_read"])
async def test_what_a_file_server_cuts_or_lies_about_is_not_fetched(tmp_path: Path, what: str):
    ours, _ = trees(tmp_path)
    chance = random.Random(13)
    got = tmp_path / "got"
    for _ in range(max(CUTS // 9, 1)):
        where = chance.randrange(1, 30 if what == "close_at" else len(NEW))
        bad: dict[str, Any] = {what: what in ("grows", "long_read") or where, "most": 8192}
        with suppress(TransportError):
            await Get((str(ours),), str(got), host="h", via="sftp").perform(files_only(BadDuplex(**bad)))
        for name in ("a", "b", "sub/c"):
            path = got / "h/tree" / name
            assert not path.exists() or path.read_bytes() == (ours / name).read_bytes()
        assert leftovers(got) == []


@pytest.mark.parametrize("dies", [False, True], ids=["its answer ends", "it is killed"])
async def test_a_pull_that_is_cut_at_any_byte_leaves_old_or_new(tmp_path: Path, dies: bool):
    ours, _ = trees(tmp_path)
    for name in ("d", "sub/e"):
        (ours / name).write_bytes(NEW[:2000] + name.encode())  # small enough to come with the listing
    new = {path.relative_to(ours): path.read_bytes() for path in ours.rglob("*") if path.is_file()}
    chance = random.Random(17)
    for number in range(max(CUTS // 9, 2)):
        got = tmp_path / f"got{number}"
        there = got / "h/tree"
        operation = Get((str(ours),), str(got), host="h", via="stream")
        old = number % 3 > 0
        if old:
            (there / "sub").mkdir(parents=True)
            for name in chance.sample(sorted(new), 3):
                (there / name).write_bytes(OLD)
        shell = Torn(tmp_path)
        shell.left, shell.dies, shell.chance = chance.randrange(3 * len(NEW)), dies, chance
        with pytest.raises(TransportError):
            await operation.perform(shell)
        files = [path for path in got.rglob("*") if path.is_file()]
        assert [path for path in files if path.read_bytes() not in (new[path.relative_to(there)], OLD)] == []
        assert old or files == []
        assert leftovers(got) == []
        await operation.perform(Shell(tmp_path))
        assert {path.relative_to(there): path.read_bytes() for path in there.rglob("*") if path.is_file()} == new
        shutil.rmtree(got)


def files_only(duplex: BadDuplex) -> ScriptedSession:
    """Return a host that runs no command, and serves files so."""
    denied = Failure(stage="exec", kind="denied", message="no command is run here")
    return ScriptedSession({"": denied}, subsystems={"sftp": duplex})
