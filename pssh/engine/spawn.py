"""Starts the process of a worker, and nothing more: this module imports so little that it can be done first of all.

A worker needs longer for its imports than all that happens here before its first job, so both should begin together. It
looks for modules where we look for ours, so that it works from a checkout and from `python -`.
"""

import fcntl
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

# Before anything of ours is imported SIGINT is ignored, and the collector is off: in imports it finds next to nothing,
# and takes a tenth of their time.
_BOOT = (
    "import gc,signal,sys;gc.disable();signal.signal(2,signal.SIG_IGN);sys.path[:]=sys.argv[3:];"
    "from pssh.engine.worker import main;main(sys.argv[1:3])"
)
_ROOT = str(Path(__file__).parents[2])
_STREAMS = 3


class Spawned:
    """A process that is on its way to be a worker, and our end of its socket; raises OSError."""

    def __init__(self, preload: Sequence[str] = ("ssh",)) -> None:
        self.sock, theirs = _pair()
        path = [part for part in sys.path if isinstance(part, str)]
        try:
            self.popen = subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, str(theirs.fileno()), ",".join(preload), *path, _ROOT],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )
        except BaseException:
            self.sock.close()
            raise
        finally:
            theirs.close()  # so that the worker's death reads as end-of-file on our side


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets, neither in the place of a standard stream that we were started without."""
    pair = socket.socketpair()
    high = [socket.socket(fileno=fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, _STREAMS)) for end in pair]
    for end in pair:
        end.close()
    return high[0], high[1]
