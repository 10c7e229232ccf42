"""The first lines that run: a worker is started before all other imports, because its own take longer than all of ours.

Only a subcommand that will need one gets it; if the line turns out to be wrong, the worker ends with this process. The
collector is off while modules are imported: it finds next to nothing in them, and takes a tenth of their time.
"""

import gc
import os
import sys
from contextlib import suppress
from typing import Any, NoReturn

_CONNECTING = {"run", "script", "put", "get", "sync", "fs", "ping"}
_OPERATIONS = {"put": "pssh.ops.files.put", "get": "pssh.ops.files.get", "sync": "pssh.ops.sync.push"}
_LOOKING = {"--help", "-n", "--dry-run"}
_LOCAL = "@local"  # alone, this machine: what it takes to reach others would be imported for nothing
_spawned: list[Any] = []  # for the one run that this process is for


def main() -> NoReturn:
    """Be the command `pssh`."""
    gc.disable()
    _open_closed()
    words = sys.argv[1:]
    if words and words[0] in _CONNECTING and not _LOOKING.intersection(words):
        from pssh.engine.spawn import Spawned

        with suppress(OSError):  # the engine tries again, and says why
            way = "local" if _LOCAL in words else "ssh"
            moves = _OPERATIONS.get(words[0])  # content, which is work for two; what is only said is none
            _spawned.extend(Spawned.first((way, moves), spare=True) if moves else Spawned.first((way,)))
    from pssh.cli.main import main as run

    run()


def _open_closed() -> None:
    """Put /dev/null where the caller closed a stream: else a connection gets its number, and our output goes there."""
    for number, (name, mode) in enumerate((("stdin", "r"), ("stdout", "w"), ("stderr", "w"))):
        if getattr(sys, name) is None:
            if (opened := os.open(os.devnull, os.O_RDWR)) != number:
                os.dup2(opened, number)
                os.close(opened)
            setattr(sys, name, os.fdopen(number, mode))


def launch(operation: Any, targets: str, flags: dict[str, Any]) -> int:
    """Run an operation as the flags say, with the workers that were started first."""
    gc.disable()
    from pssh.cli import start

    gc.enable()
    return start.launch(operation, targets, flags, _spawned)
