"""How a host is asked about its files: one program, run by its shell or, on this machine, by a process of ours.

The answer goes to us and not to the reader; what the tools complain of stays the reply's stderr, and their exit code
its code. What is no answer at all is the reply as it came, where it failed, and else a failure that says so.
"""

import asyncio
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.fs import answer
from pssh.ops.shellwords import join

_ROOT = str(Path(__file__).parents[3])
_BOOT = "import sys;sys.path.insert(0,sys.argv[1]);from pssh.ops.fs.here.main import main;main()"
MOST = 192 << 20  # bytes of one answer


class Collected:
    """A sink that keeps everything, up to a limit."""

    def __init__(self) -> None:
        self.data = bytearray()

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.data += data
        if len(self.data) > MOST:
            message = f"there are more files than {MOST >> 20} MiB of names and sizes"
            raise TransportError(Failure(stage="transfer", kind="too-many", message=message, hint="name fewer folders"))


async def asked(session: Session, context: Context, program: str, given: bytes = b"") -> tuple[Reply, answer.Said]:
    """Run a program of `ops/fs/shell` and return its reply and what it said; raises TransportError.

    Where it could not say anything, as where `sudo` was refused, what was said is not `whole`.
    """
    collected = Collected()
    reply = await context.exec(session, join(("sh", "-c", program)), given=given, sink=collected)
    return await asyncio.to_thread(heard, reply, bytes(collected.data))


async def asked_here(
    session: Session, context: Context, verb: str, paths: tuple[str, ...], options: Mapping[str, Any]
) -> tuple[Reply, answer.Said]:
    """Do the same by a process of ours on this machine."""
    request = json.dumps({"verb": verb, "paths": paths, "options": options}).encode()
    line = "exec " + join((sys.executable, "-I", "-S", "-c", _BOOT, _ROOT))
    collected = Collected()
    reply = await context.exec(session, line, given=request, sink=collected)
    return await asyncio.to_thread(heard, reply, bytes(collected.data))


def heard(reply: Reply, data: bytes) -> tuple[Reply, answer.Said]:
    """Return the reply without the answer, and the answer; raises TransportError for one that cannot be read."""
    try:
        return replace(reply, stdout=b"", stdout_cut=0), answer.read(data)
    except answer.Garbled as error:
        if reply.exit_code:
            return replace(reply, stdout=data[:1000]), answer.Said()
        raise garbled(error, data[:1000], reply.stderr) from None


def garbled(why: Exception, said: bytes = b"", stderr: bytes = b"") -> TransportError:
    """Return the failure that an answer is that cannot be read."""
    message = f"what the host says of its files cannot be read: {why}"
    return TransportError(Failure(stage="transfer", kind="garbled", message=message, stdout=said, stderr=stderr))
