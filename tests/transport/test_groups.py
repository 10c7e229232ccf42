"""The groups of a command on this machine, with real processes."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pssh.transport import groups
from pssh.transport.groups import Groups
from tests.support import processes


@contextmanager
def leading(command: str, ready: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a command as the leader of a session, until it has made a file."""
    process = subprocess.Popen(["sh", "-c", command], start_new_session=True)
    try:
        while not ready.exists():
            pass
        yield process
    finally:
        process.kill()
        process.wait()


def test_a_group_that_the_session_made_gets_the_signal_too(tmp_path: Path) -> None:
    with leading(f"timeout 60 sh -c 'touch {tmp_path}/go; sleep 60'; true", tmp_path / "go") as process:
        below = processes.descendants(process.pid)
        found = Groups(process.pid)
        assert found.live()
        found.signal(signal.SIGKILL)
        assert processes.gone(below)
        process.wait()
        assert not found.live()


def test_what_left_the_session_is_left_alone(tmp_path: Path) -> None:
    with leading(f"setsid sh -c 'touch {tmp_path}/go; exec sleep 60' & sleep 60", tmp_path / "go") as process:
        before = set(processes.descendants(process.pid))
        Groups(process.pid).signal(signal.SIGKILL)
        process.wait()
        (daemon,) = [pid for pid in before if processes.alive([pid]) and not processes.gone([pid], within=0.2)]
        subprocess.run(["kill", "-9", str(daemon)], check=True)


def test_a_group_that_was_seen_to_end_is_not_signalled_again(monkeypatch: pytest.MonkeyPatch) -> None:
    process = subprocess.Popen(["true"], start_new_session=True)
    process.wait()
    found = Groups(process.pid)
    assert not found.live()
    told: list[int] = []
    monkeypatch.setattr(groups.os, "killpg", lambda group, number: told.append(group))
    found.signal(signal.SIGTERM)
    assert told == []


def test_a_process_that_has_gone_has_no_children() -> None:
    process = subprocess.Popen(["true"])
    process.wait()
    assert groups._children(process.pid) == []
