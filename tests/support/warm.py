"""A process that has imported all that `pssh` needs, and forks for each command of a test: imports are paid once.

What is forked is the command as it is typed, in every way that a test could see from outside: a session, a folder, an
environment and streams of its own, `python -m pssh` from its first line; its worker is forked from it as ever. Why not
for every test: how a command starts, and what it imports for that, is only true of one that was started. The tests of
`tests/house`, `tests/engine` and `tests/demo`, those of signals and keys, and those that kill a command start theirs.
"""

import importlib
import json
import os
import pkgutil
import runpy
import socket
import sys
import time
from contextlib import suppress
from typing import Any, NoReturn

import pssh
from pssh import lean, plugins

_STREAMS = 3
_APART = ("pssh.testing", "pssh.__main__", "pssh.demo")


def main(descriptor: int) -> None:
    """Run commands until our end of the socket is the last; each is asked for in one line of JSON."""
    for module in pkgutil.walk_packages(pssh.__path__, "pssh."):
        if not module.name.startswith(_APART):
            importlib.import_module(module.name)
    with lean.without("invoke"):
        plugins.find("pssh.transports", "ssh")
    asked = socket.socket(fileno=descriptor)
    while True:
        line, streams = _next(asked)
        with suppress(ChildProcessError):
            while os.waitpid(-1, os.WNOHANG if line else 0)[0]:
                pass  # the keepers of commands that have ended
        if not line:
            return
        if not os.fork():
            asked.close()
            _keep(json.loads(line), streams)
        for stream in streams:
            os.close(stream)


def _next(asked: socket.socket) -> tuple[bytes, list[int]]:
    """Return the next line, empty at the end, and the four descriptors that came with it."""
    line, streams, _, _ = socket.recv_fds(asked, 1 << 16, _STREAMS + 1)
    while line and not line.endswith(b"\n"):
        line += asked.recv(1 << 16)
    return line, list(streams)


def _keep(command: dict[str, Any], streams: list[int]) -> NoReturn:
    """Fork the command, and say its process and then its exit code into the last of the streams."""
    *streams, answer = streams
    pid = os.fork()
    if not pid:
        os.close(answer)
        _be(command, streams)
    for stream in streams:
        os.close(stream)
    with suppress(BrokenPipeError):
        os.write(answer, b"%d\n" % pid)
        os.write(answer, b"%d\n" % os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
    os._exit(0)


def _be(command: dict[str, Any], streams: list[int]) -> NoReturn:
    """Be `python -m pssh`."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    if os.isatty(0):
        os.close(os.open(os.ttyname(0), os.O_RDWR))  # so that it is the session's
    for said in (sys.stdout, sys.stderr):
        said.reconfigure(line_buffering=said is sys.stderr or said.isatty())  # type: ignore[union-attr]
    os.chdir(command["cwd"])
    os.environ.clear()
    os.environ.update(command["environ"])
    time.tzset()
    sys.argv = ["pssh", *command["args"]]
    runpy.run_module("pssh", run_name="__main__", alter_sys=True)
    os._exit(0)


if __name__ == "__main__":
    main(int(sys.argv[1]))
