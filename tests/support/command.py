"""Runs the command line as a user would: a process of its own, with a home of its own and nothing else around it."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
from contextlib import suppress
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[2]
_OF_THE_START = ("PYTHON", "LC_", "LANG")  # what an interpreter reads before its first line
_LONGEST = 1 << 16


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
    env = environment(cwd, **environ)
    line = json.dumps({"args": args, "cwd": str(cwd), "environ": env}).encode() + b"\n"
    if len(line) < _LONGEST and not any(name.startswith(_OF_THE_START) for name in environ):
        return _forked(line, stdin, timeout)
    done = subprocess.run(
        [sys.executable, "-m", "pssh", *args],
        cwd=cwd,
        env=env,
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        start_new_session=True,  # so that there is no /dev/tty to ask on
    )
    return Done(done.returncode, done.stdout, done.stderr)


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


def _forked(line: bytes, stdin: str, timeout: float) -> Done:
    """Have a command forked, write its input, and read its output and how it ended until all have let go of both."""
    pipes = [os.pipe() for _ in range(4)]
    theirs = [pipes[0][0], *(write for _, write in pipes[1:])]
    socket.send_fds(_warm()[0], [line], theirs)
    for end in theirs:
        os.close(end)
    said = ["", ""]

    def read(number: int) -> None:
        with os.fdopen(pipes[number + 1][0]) as stream:
            said[number] = stream.read()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(pipes[0][1], "w") as stream:
            stream.write(stdin)

    threads = [
        threading.Thread(target=work, args=args, daemon=True) for work, *args in ((write,), (read, 0), (read, 1))
    ]
    with os.fdopen(pipes[3][0], "rb") as answer:
        pid = int(answer.readline())
        killing = threading.Timer(timeout, os.kill, (pid, signal.SIGKILL))
        for thread in (killing, *threads):
            thread.start()
        code = int(answer.readline())
        for thread in threads:
            thread.join(timeout)
        killing.cancel()
        killing.join()
    if code == -signal.SIGKILL or any(thread.is_alive() for thread in threads):
        raise subprocess.TimeoutExpired(["pssh"], timeout)
    return Done(code, *said)
