"""The groups of a command on this machine, with real processes."""

import os
import shutil
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
    go = tmp_path / "go"
    away = f"setsid sh -c 'echo $$ >{go}.new; mv {go}.new {go}; exec sleep 60'"
    with leading(f"{away} & sleep 60", go) as process:
        daemon = int(go.read_text())
        before = {*processes.descendants(process.pid)} - {daemon}
        told = Groups(process.pid).signal(signal.SIGKILL)
        assert processes.gone(before, 10)
        assert (told, processes.alive([daemon])) == ([process.pid], [daemon])
        os.kill(daemon, signal.SIGKILL)


@pytest.mark.parametrize("name", ["sudo", "su"])
def test_a_session_that_sudo_or_su_began_gets_the_signal_too(name: str, tmp_path: Path) -> None:
    (tmp_path / name).symlink_to(str(shutil.which("sh")))
    below = f"setsid sh -c 'touch {tmp_path}/go; sleep 60'; true"
    with leading(f'{tmp_path}/{name} -c "{below}"; true', tmp_path / "go") as process:
        before = processes.descendants(process.pid)
        Groups(process.pid).signal(signal.SIGKILL)
        assert processes.gone(before, 10)


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
