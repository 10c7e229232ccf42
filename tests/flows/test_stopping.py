"""What becomes of commands on a real sshd when a limit or a signal ends them: the rows, and the process table."""

import fcntl
import json
import signal
import subprocess
import sys
import termios
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO

import pytest

from tests.support import processes
from tests.support.command import environment, pssh
from tests.support.sshd import Sshd

HOSTS = 5


@pytest.fixture
def mark() -> str:
    """A number of seconds that no other process sleeps."""
    return f"6{time.monotonic_ns() % 10**10}"


@pytest.fixture
def fleet(sshd: Sshd, tmp_path: Path) -> Path:
    """Return a folder with an inventory of some hosts, all of them a real sshd."""
    addresses = [f"127.0.9.{n}" for n in range(1, HOSTS + 1)]
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(
        f"""version = 1
[connection]
user = "{sshd.user}"
port = {sshd.port}
identity = ["{sshd.identity}"]
known_hosts = ["{sshd.known_hosts(*addresses, name="known_stopping")}"]
[hosts."web[1-{HOSTS}]"]
address = "127.0.9.[1-{HOSTS}]"
"""
    )
    return tmp_path


def stubborn(mark: str) -> str:
    """Return a command that ignores TERM, and whose child, which outlives it, does so too."""
    return f"trap '' TERM; (sleep {mark} >/dev/null 2>&1 &); while :; do sleep {mark} | sleep {mark}; done"


@contextmanager
def running(cwd: Path, mark: str, command: str, *options: str) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command on all hosts; it has begun on each of them."""
    argv = [sys.executable, "-m", "pssh", "run", "-f", "json", *options, "@all", command]
    process = subprocess.Popen(argv, cwd=cwd, env=environment(cwd), stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    try:
        until(lambda: len(processes.named(f"sleep\0{mark}")) >= HOSTS * command.count(f"sleep {mark}"))
        yield process
    finally:
        process.kill()
        process.communicate()


def until(true: Callable[[], bool]) -> None:
    """Wait for other processes to make something true."""
    while not true():
        time.sleep(0.01)


def rows(out: str | bytes) -> set[tuple[str, str, str]]:
    return {(row["status"], row["cause"], row["remote_end"]) for row in json.loads(out)["results"]}


def test_a_command_over_its_time_is_ended_on_the_host(fleet: Path, mark: str) -> None:
    done = pssh("run", "-f", "json", "-t", "0.3", "@all", f"sleep {mark} | cat", cwd=fleet)
    assert rows(done.out) == {("timed-out", "exec/total", "killed")}
    assert processes.named(mark) == []


def test_an_interrupt_kills_what_ignores_term(fleet: Path, mark: str) -> None:
    with running(fleet, mark, stubborn(mark)) as process:
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    # A busy machine may not see within half a second what it killed, and then says so.
    assert rows(out) <= {("cancelled", "stop/interrupt", end) for end in ("killed", "left running")}
    assert process.returncode == 130
    assert processes.gone(processes.named(f"sleep\0{mark}"))


def test_a_second_interrupt_waits_for_nobody_and_kills_all_the_same(sshd: Sshd, fleet: Path, mark: str) -> None:
    with running(fleet, mark, stubborn(mark), "--kill-after", "60") as process:
        process.send_signal(signal.SIGINT)
        until(lambda: len({*processes.named("pssh-left")} & {*processes.descendants(sshd.pid)}) >= HOSTS)
        process.send_signal(signal.SIGINT)
        out, _ = process.communicate(timeout=20)
    assert rows(out) == {("cancelled", "stop/interrupt", "left running")}
    assert process.returncode == 130
    assert processes.gone(processes.named(f"sleep\0{mark}"))


def test_sigterm_ends_what_runs(fleet: Path, mark: str) -> None:
    with running(fleet, mark, f"sleep {mark}; true") as process:
        process.terminate()
        out, _ = process.communicate(timeout=20)
    assert rows(out) == {("cancelled", "stop/interrupt", "killed")}
    assert process.returncode == 143
    assert processes.named(f"sleep\0{mark}") == []


def test_the_third_signal_leaves_also_where_nobody_reads_what_is_printed(tmp_path: Path) -> None:
    argv = [sys.executable, "-m", "pssh", "run", "-L", "@local", "yes"]
    process = subprocess.Popen(argv, cwd=tmp_path, env=environment(tmp_path), stdout=subprocess.PIPE)
    assert process.stdout is not None
    try:
        until(lambda: _held(process.stdout) >= fcntl.fcntl(process.stdout, fcntl.F_GETPIPE_SZ) // 2)
        for _ in range(200):  # some may come while one is waiting to be heard
            process.terminate()
            with suppress(subprocess.TimeoutExpired):
                process.wait(0.05)
                break
    finally:
        process.kill()
        process.communicate()
    assert process.returncode == 143


def _held(pipe: IO[bytes] | None) -> int:
    """Return how many bytes nobody has read."""
    return int.from_bytes(fcntl.ioctl(pipe, termios.FIONREAD, bytes(4)), sys.byteorder)  # type: ignore[arg-type]
