"""Starts the process of a worker, and nothing more: this module imports so little that it can be done first of all.

A worker needs longer for its imports than all that happens here before its first job, so both should begin together. It
looks for modules where we look for ours, so that it works from a checkout and from `python -`.

There are two ways. The command line forks its first worker once what both need is imported, and so pays for it once,
which takes a fifth off a start. What makes forks dangerous is not there yet: no thread holds a lock, nothing is
connected, and the child keeps nothing that is open but its socket. All others are new interpreters: by then there are
threads and connections, a program that uses us may have its own, and systems other than Linux promise little of a fork.
"""

import fcntl
import gc
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from typing import NoReturn

# Before anything of ours is imported SIGINT is ignored, and the collector is off.
_BOOT = (
    "import gc,signal,sys;gc.disable();signal.signal(2,signal.SIG_IGN);sys.path[:]=sys.argv[3:];"
    "from pssh.engine.worker import main;main(sys.argv[1:3])"
)
_ROOT = str(Path(__file__).parents[2])
_STREAMS = 3
_LOOK = 0.001  # seconds between two looks whether a process has ended


class Spawned:
    """A process that is on its way to be a worker, and our end of its socket."""

    def __init__(self, sock: socket.socket, errors: int, process: "subprocess.Popen[bytes] | Forked") -> None:
        self.sock, self.errors, self.process = sock, errors, process  # `errors`: what it writes to its standard error

    @classmethod
    def new(cls, preload: Sequence[str] = ("ssh",)) -> "Spawned":
        """Start an interpreter. Raises OSError."""
        path = [part for part in sys.path if isinstance(part, str)]

        def start(theirs: socket.socket, errors: int) -> "subprocess.Popen[bytes]":
            return subprocess.Popen(
                [sys.executable, "-P", "-c", _BOOT, str(theirs.fileno()), ",".join(preload), *path, _ROOT],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=errors,
                pass_fds=(theirs.fileno(),),
                start_new_session=True,
            )

        return cls._connected(start)

    @classmethod
    def first(cls, preload: Sequence[str] = ("ssh",), *, spare: bool = False) -> "list[Spawned]":
        """Start one before this process has opened anything, by a fork if nothing speaks against it. Raises OSError.

        Then there may be a spare one too, where there is a processor for it; until it is wanted it costs little.
        """
        if sys.platform != "linux" or len(list(Path("/proc/self/task").iterdir())) > 1:
            return [cls.new(preload)]
        spares = [True] if spare and len(os.sched_getaffinity(0)) > 1 else []
        return [cls.forked(preload, spare=spare) for spare in (False, *spares)]

    @classmethod
    def forked(cls, preload: Sequence[str] = ("ssh",), *, spare: bool = False) -> "Spawned":
        """Fork, which only a process with one thread may; the child never returns. Raises OSError."""
        from pssh.engine import worker  # what both will need, and what takes its time

        def start(theirs: socket.socket, errors: int) -> Forked:
            # Between the fork and its own first line Ctrl-C would end it, as it would us.
            held = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
            gc.freeze()  # no collection writes to pages that both have
            try:
                if number := os.fork():
                    return Forked(number)
                _become(lambda: worker.main([str(theirs.fileno()), ",".join(preload)], spare=spare), theirs, errors)
            finally:
                signal.pthread_sigmask(signal.SIG_SETMASK, held)

        return cls._connected(start)

    @classmethod
    def _connected(cls, start: "Callable[[socket.socket, int], subprocess.Popen[bytes] | Forked]") -> "Spawned":
        sock, theirs = _pair()
        errors, written = os.pipe()
        try:
            return cls(sock, errors, start(theirs, written))
        except BaseException:
            sock.close()
            os.close(errors)
            raise
        finally:
            theirs.close()  # so that the worker's death reads as end-of-file on our side
            os.close(written)


class Forked:
    """A child of ours, with as much of `subprocess.Popen` as is needed for it."""

    def __init__(self, pid: int) -> None:
        self.pid = pid
        self.returncode: int | None = None

    def kill(self) -> None:
        if self.returncode is None:  # else the number may be somebody else's
            os.kill(self.pid, signal.SIGKILL)

    def wait(self, timeout: float) -> int:
        """Return its exit code, negative for a signal. Raises subprocess.TimeoutExpired after so many seconds."""
        end = time.monotonic() + timeout
        while self.returncode is None:
            number, status = os.waitpid(self.pid, os.WNOHANG)
            if number:
                self.returncode = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                raise subprocess.TimeoutExpired("pssh", timeout)
            else:
                time.sleep(_LOOK)
        return self.returncode


def _become(main: Callable[[], None], sock: socket.socket, errors: int) -> NoReturn:
    """Be the worker from here on: with a session, streams and descriptors of its own, and no way back."""
    code = 1
    try:
        signal.signal(signal.SIGINT, signal.SIG_IGN)
        signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})
        os.setsid()
        null = os.open(os.devnull, os.O_RDWR)
        for number, stream in enumerate((null, null, errors)):
            os.dup2(stream, number)
        for entry in list(Path("/proc/self/fd").iterdir()):
            if (number := int(entry.name)) >= _STREAMS and number != sock.fileno():
                with suppress(OSError):  # the one that read the folder
                    os.close(number)
        main()
        code = 0
    except BaseException as error:  # noqa: BLE001  said on its standard error, as an interpreter would
        sys.excepthook(type(error), error, error.__traceback__)
    finally:
        os._exit(code)


def _pair() -> tuple[socket.socket, socket.socket]:
    """Return two connected sockets, neither in the place of a standard stream that we were started without."""
    pair = socket.socketpair()
    high = [socket.socket(fileno=fcntl.fcntl(end.fileno(), fcntl.F_DUPFD_CLOEXEC, _STREAMS)) for end in pair]
    for end in pair:
        end.close()
    return high[0], high[1]
