"""What the program that ends a command on its host does there, under each shell, told word by word.

Its parent is a process that is called sshd and has a command besides it, so that nothing here depends on who is faster.
"""

import os
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager, suppress
from pathlib import Path

import pytest

from pssh.transport.ssh import ending
from tests.support import processes

# Called sshd, it reaps whoever ends, and runs a command and then the program, each in a session of its own.
_PARENT = """
import os, subprocess, sys
open("/proc/self/comm", "w").write("sshd")
_, shell, program, command = sys.argv
subprocess.Popen(["sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, start_new_session=True)
told = subprocess.Popen([*shell.split(), "-c", program], start_new_session=True)
while os.wait()[0] != told.pid:
    pass
"""
_PROGRAM = ending.COMMAND.removeprefix("exec sh -c '").removesuffix("'")
_DEAF = "trap '' TERM;"
_GROUP = f"{sys.executable} group"
_OF_ITS_OWN = """
import os, signal, sys
signal.signal(signal.SIGTERM, signal.SIG_DFL)
os.setpgid(0, 0)
os.execvp("sleep", ["sleep", sys.argv[1]])
"""


class Program:
    """The program, told words; what sleeps for `mark` seconds is what the command started."""

    def __init__(self, process: subprocess.Popen[bytes], mark: str) -> None:
        self._process, self._mark = process, mark
        self._heard: Iterator[bytes] = iter(process.stdout or ())

    def sleeping(self, what: str = "") -> list[int]:
        """Return what sleeps for `mark` seconds, or for so many with the digits `what` behind."""
        return processes.named(f"sleep\0{self._mark}{what}\0")

    def starts(self, *what: str) -> None:
        until(lambda: all(map(self.sleeping, what)))

    def say(self, word: str) -> int:
        """Return how many groups it answers are left."""
        assert self._process.stdin is not None
        self._process.stdin.write(f"{word}\n".encode())
        self._process.stdin.flush()
        line = next((line for line in self._heard if line.strip()), b"")  # it begins with an empty one
        answer = ending._ANSWER.fullmatch(line.rstrip(b"\n"))
        assert answer, line
        return int(answer[1])

    def leave(self) -> None:
        """Let its input end, and wait until it has ended."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()


def until(true: Callable[[], bool]) -> None:
    """Wait for other processes to make something true."""
    while not true():
        time.sleep(0.005)


@pytest.fixture(params=["dash", "bash", "busybox sh"])
def started(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Callable[[str], Program]]:
    """Start a command, in which `{m}` is a number of seconds that no other sleeps, and the program beside it."""
    if shutil.which(request.param.split()[0]) is None:
        pytest.skip(f"there is no {request.param} on this machine")
    with ExitStack() as stack:

        def start(command: str) -> Program:
            return stack.enter_context(_beside(request.param, command, tmp_path))

        yield start


@contextmanager
def _beside(shell: str, command: str, cwd: Path) -> Iterator[Program]:
    (cwd / "group").write_text(_OF_ITS_OWN)
    mark = f"6{time.monotonic_ns() % 10**10}"
    argv = [sys.executable, "-c", _PARENT, shell, _PROGRAM, command.replace("{m}", mark)]
    with subprocess.Popen(argv, cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
        try:
            yield Program(process, mark)
        finally:
            process.kill()
            for pid in processes.named(mark):
                with suppress(ProcessLookupError):
                    os.kill(pid, 9)


def test_what_left_the_session_is_neither_counted_nor_signalled(started: Callable[[str], Program]) -> None:
    program = started("setsid sh -c 'exec sleep {m}0' & sleep {m}; true")
    program.starts("", "0")
    daemon = program.sleeping("0")
    program.say("TERM")
    until(lambda: program.say("0") == 0)
    assert program.say("KILL") == 0
    program.leave()
    assert (program.sleeping(), program.sleeping("0")) == ([], daemon)


@pytest.mark.parametrize("name", ["sudo", "su"])
def test_a_session_that_sudo_or_su_began_is_counted_and_ended(
    name: str, started: Callable[[str], Program], tmp_path: Path
) -> None:
    (tmp_path / name).symlink_to(str(shutil.which("dash") or shutil.which("bash")))
    program = started(f"{_DEAF} ./{name} -c 'setsid sleep {{m}}; true'; true")
    program.starts("")
    assert program.say("TERM") == 2
    assert program.say("0") == 2
    program.say("KILL")
    until(lambda: program.say("0") == 0)
    assert program.sleeping() == []


def test_what_a_deaf_command_begins_after_term_is_killed_with_it(started: Callable[[str], Program]) -> None:
    """Each step of it has a group of its own, as under `timeout`, and the next begins when TERM ends the first."""
    program = started(f"{_DEAF} {_GROUP} {{m}}; {_GROUP} {{m}}0; true")
    program.starts("")
    program.say("TERM")
    program.starts("0")
    program.say("KILL")
    until(lambda: program.say("0") == 0)
    assert program.sleeping("0") == []


def test_whatever_is_left_is_killed_when_its_input_ends(started: Callable[[str], Program]) -> None:
    program = started(f"{_DEAF} sleep {{m}}; true")
    program.starts("")
    assert program.say("TERM") == 1
    program.leave()
    assert processes.gone(program.sleeping())
