"""Runs the command line as a user would: a process of its own, with a home of its own and nothing else around it."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Protocol

ROOT = Path(__file__).parents[2]
_OF_THE_START = ("PYTHON", "LC_", "LANG")  # what an interpreter reads before its first line
# Popen has made it the leader of a new session; opening a terminal makes that its own. Done in the child by a program
# rather than by preexec_fn, which may deadlock in a process with threads.
TAKE_TERMINAL = (
    "import os, sys; os.isatty(0) and os.close(os.open(os.ttyname(0), os.O_RDWR)); os.execvp(sys.argv[1], sys.argv[1:])"
)


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which nothing of whoever runs the tests takes part."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "COLUMNS": "100", **more}


def pssh(*args: str, cwd: Path, stdin: str = "", timeout: float = 60, **environ: str) -> Done:
    """Run `pssh` in a folder that is its home too, without a terminal."""
    pipes = [os.pipe() for _ in range(3)]
    (theirs, to), (out, their_out), (err, their_err) = pipes
    process = start(args, [theirs, their_out, their_err], cwd, environment(cwd, **environ))
    said = ["", ""]

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(to, "w") as stream:
            stream.write(stdin)

    def read(number: int, end: int) -> None:
        with os.fdopen(end) as stream:
            said[number] = stream.read()

    works = ((write,), (read, 0, out), (read, 1, err))
    threads = [threading.Thread(target=work, args=of, daemon=True) for work, *of in works]
    for thread in threads:
        thread.start()
    try:
        code = process.wait(timeout)
        for thread in threads:  # those who hold its streams are waited for too
            thread.join(timeout)
        if any(thread.is_alive() for thread in threads):
            raise subprocess.TimeoutExpired(["pssh", *args], timeout)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    return Done(code, *said)


class Process(Protocol):
    """What is needed of a Popen."""

    pid: int

    def poll(self) -> int | None: ...
    def wait(self, timeout: float | None = None) -> int: ...
    def kill(self) -> None: ...


def start(args: Sequence[str], streams: list[int], cwd: Path, env: dict[str, str]) -> Process:
    """Start `pssh` in a session of its own; the first of its streams, if it is a terminal, is that of the session.

    It is forked from one that has imported all, unless it is about an interpreter of other settings. The streams are
    closed here.
    """
    line = json.dumps({"args": list(args), "cwd": str(cwd), "environ": env}).encode() + b"\n"
    usual = environment(ROOT)
    try:
        if any(env.get(name) != usual.get(name) for name in {*env, *usual} if name.startswith(_OF_THE_START)):
            return subprocess.Popen(
                [sys.executable, "-I", "-S", "-c", TAKE_TERMINAL, sys.executable, "-m", "pssh", *args],
                **dict(zip(("stdin", "stdout", "stderr"), streams, strict=True)),
                cwd=cwd,
                env=env,
                start_new_session=True,
            )
        return Forked(line, streams)
    finally:
        for stream in set(streams):
            os.close(stream)


class Forked:
    """A command that was forked from a warm process, as if it were a Popen."""

    def __init__(self, line: bytes, streams: list[int]) -> None:
        answer, theirs = os.pipe()
        self._answer = os.fdopen(answer, "rb", buffering=0)
        try:
            sock = _warm()[0]
            sent = socket.send_fds(sock, [line], [*streams, theirs])
            sock.sendall(line[sent:])
        finally:
            os.close(theirs)
        self._code: int | None = None
        self.pid = int(self._answer.readline())

    def poll(self) -> int | None:
        if self._code is None and select.select([self._answer], [], [], 0)[0]:
            self.wait()
        return self._code

    def wait(self, timeout: float | None = None) -> int:
        if self._code is None:
            if not select.select([self._answer], [], [], timeout)[0]:
                raise subprocess.TimeoutExpired(["pssh"], timeout or 0)
            self._code = int(self._answer.readline())
            self._answer.close()
        return self._code

    def kill(self) -> None:
        os.kill(self.pid, signal.SIGKILL)


@cache
def _warm() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Return our end of a process that forks commands, see `warm`, and the process; it ends with us."""
    ours, theirs = socket.socketpair()
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.warm", str(theirs.fileno())],
            cwd=ROOT,
            env=environment(ROOT),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            pass_fds=(theirs.fileno(),),
            start_new_session=True,
        )
    return ours, process


def end() -> None:
    """End the process that forks commands, if any test had need of it."""
    if _warm.cache_info().currsize:
        ours, process = _warm()
        _warm.cache_clear()
        ours.close()
        process.wait()
