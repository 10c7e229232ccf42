"""The program: one request on standard input, one answer on standard output, exit code 1 if anything went wrong.

Why a process of its own and not a thread of the worker: it ends when it is told to, at once and wholly; several use
several processors; `sudo` runs it; and a worker's connections never wait for a disk.
"""

import json
import os
import resource
import signal
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from importlib import import_module
from typing import Any

from pssh.ops.fs.here.globs import expanded
from pssh.ops.fs.here.say import Out

Verb = Callable[[Out, bytes, dict[str, Any]], None]
# Where each is; the others are not imported, which takes longer than to look at a small folder.
VERBS = {
    "list": ("looking", "listed"),
    "hash": ("looking", "hashed"),
    "sum": ("looking", "summed"),
    "archive": ("packing", "archive"),
    "extract": ("packing", "extract"),
} | {name: ("changing", name) for name in ("mkdir", "rm", "chmod", "chown", "touch", "place", "link")}


def main() -> None:
    signal.signal(signal.SIGPIPE, signal.SIG_DFL)
    for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
        signal.signal(number, _leave)  # what is half made is removed on the way out
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    with suppress(OSError, ValueError):
        resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 65536) if hard >= 0 else 65536, hard))
    sys.setrecursionlimit(20_000)
    request = json.loads(sys.stdin.buffer.readline())
    out = Out()
    out.say(b"pssh-fs")
    out.did("now", b"%d" % time.time())
    module, name = VERBS[request["verb"]]
    verb: Verb = getattr(import_module(f"pssh.ops.fs.here.{module}"), name)
    options = request["options"]
    for path in _paths(out, request["paths"]):
        try:
            verb(out, path, options)
        except (OSError, RecursionError, ValueError, EOFError) as error:
            out.no(path, error)
    out.say(b".")
    out.flush()
    sys.stderr.flush()
    os._exit(out.bad)


def _leave(number: int, frame: object) -> None:
    sys.exit(128 + number)


def _paths(out: Out, words: list[str]) -> Iterator[bytes]:
    for word in words:
        found = expanded(word)
        if not found:
            out.no(os.fsencode(word), "nothing matches")
        yield from map(os.fsencode, found)
