"""The record of what was decided, and the locks beside it."""

import os
import signal
import stat
import subprocess
import sys
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pssh.schedule.decide import Skip
from pssh.schedule.lock import Lock
from pssh.schedule.state import State, StateError
from tests.support.command import ROOT

JOB = Path("/srv/jobs/patch.toml")
NOW = datetime(2026, 1, 5, 12, tzinfo=UTC)


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


def test_a_job_that_is_first_seen_was_never_due_before(state: State) -> None:
    assert state.look(JOB) is None
    assert state.job(JOB, "patch", NOW).last == NOW
    assert state.job(JOB, "patch", NOW + timedelta(days=1)).last == NOW


def test_a_time_is_answered_once_whoever_asks_and_however_often(state: State) -> None:
    state.job(JOB, "patch", NOW)
    at = NOW + timedelta(hours=1)
    other = State(state.folder)
    assert [state.answer(JOB, at), other.answer(JOB, at), state.answer(JOB, at - timedelta(minutes=1))] == [True] + [
        False
    ] * 2
    assert other.job(JOB, "patch", NOW).last == at


def test_runs_and_skips_are_on_record_newest_first(state: State) -> None:
    state.job(JOB, "patch", NOW)
    number = state.begun(JOB, NOW, "due", NOW + timedelta(hours=3), NOW)
    assert state.answers(JOB)[0].word == "running"
    state.ended(number, "failed", 5, seconds=12.5, hosts=7, run="r42")
    state.skipped(JOB, Skip(NOW + timedelta(days=1), "overlap", NOW + timedelta(days=1), "process 7"), NOW)
    skip, run = state.answers(JOB)
    assert (skip.word, skip.detail) == ("skipped rule/overlap", "process 7")
    assert (run.word, run.code, run.seconds, run.hosts, run.run) == ("failed", 5, 12.5, 7, "r42")
    assert run.until == NOW + timedelta(hours=3)


def test_a_run_that_never_ended_is_marked_interrupted(state: State) -> None:
    state.job(JOB, "patch", NOW)
    state.begun(JOB, NOW, "due", None, NOW)
    assert (state.settle(JOB), state.settle(JOB)) == (1, 0)
    assert state.answers(JOB)[0].word == "interrupted"


def test_folder_and_files_are_ours_alone_whatever_the_umask(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        state = State(tmp_path / "a" / "state")
        state.job(JOB, "patch", NOW)
        lock = Lock(state.folder, "patch")
        assert lock.take()
    finally:
        os.umask(before)
    for path in (state.folder.parent, *state.folder.parent.rglob("*")):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path


def test_a_folder_that_others_may_write_to_or_a_link_is_refused(tmp_path: Path) -> None:
    (tmp_path / "open").mkdir()
    (tmp_path / "open").chmod(0o777)
    (tmp_path / "link").symlink_to(tmp_path / "open")
    for name in ("open", "link"):
        with pytest.raises(StateError, match="refused"):
            State(tmp_path / name)


def test_a_record_that_is_no_record_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(0o700)
    (tmp_path / "state" / "jobs.db").write_bytes(b"not a database" * 100)
    (tmp_path / "state" / "jobs.db").chmod(0o600)
    with pytest.raises(StateError, match="cannot be kept"):
        State(tmp_path / "state")


HOLDS = """
import sys, time
from pathlib import Path
from pssh.schedule.lock import Lock
lock = Lock(Path(sys.argv[1]), "patch")
print(lock.take(), flush=True)
time.sleep(60)
"""


@pytest.fixture
def holder(tmp_path: Path) -> subprocess.Popen[str]:
    process = subprocess.Popen(
        [sys.executable, "-c", HOLDS, str(tmp_path / "state")],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout and process.stdout.readline() == "True\n"
    return process


def test_a_lock_is_held_by_one_and_free_the_moment_its_holder_is_killed(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    lock = Lock(tmp_path / "state", "patch")
    assert not lock.take()
    assert lock.held() and lock.holder() == holder.pid
    assert Lock(tmp_path / "state", "other").take()
    holder.kill()
    holder.communicate()
    assert not lock.held()  # although the file still says who had it
    assert lock.take()
    assert lock.holder() == os.getpid()
    lock.give()
    assert not lock.held()


def test_the_holder_is_asked_to_end_and_nobody_else(tmp_path: Path, holder: subprocess.Popen[str]) -> None:
    lock = Lock(tmp_path / "state", "patch")
    born = lock.path.read_text().split()[1]
    lock.path.write_text(f"{os.getpid()} {born}\n")  # somebody else came to the number
    assert not lock.end_holder()
    lock.path.write_text(f"{holder.pid} {born}\n")
    assert lock.end_holder()
    assert holder.wait(timeout=10) == -signal.SIGTERM
    holder.communicate()
    began = time.monotonic()
    assert lock.wait(lambda: time.monotonic() > began + 10)


def test_waiting_for_a_lock_ends_when_it_is_no_use_any_more(tmp_path: Path) -> None:
    mine, slept = Lock(tmp_path / "state", "patch"), list[float]()
    assert mine.take()
    assert not Lock(tmp_path / "state", "patch").wait(lambda: len(slept) == 3, slept.append)
    assert len(slept) == 3


def test_an_answer_whose_record_was_not_written_is_no_answer(state: State) -> None:
    state.job(JOB, "patch", NOW)
    with suppress(KeyboardInterrupt), state.together():
        assert state.answer(JOB, NOW + timedelta(hours=1))
        raise KeyboardInterrupt  # killed between the two
    assert state.job(JOB, "patch", NOW).last == NOW
    assert state.answer(JOB, NOW + timedelta(hours=1))


class Replaced(Lock):
    """A lock whose holder ends, and whose number is another's, right after it was looked at."""

    looks = 0

    def holder(self) -> int:
        self.looks += 1
        return super().holder() if self.looks == 1 else 0


def test_who_comes_to_the_number_of_the_holder_between_look_and_signal_is_left_alone(
    tmp_path: Path, holder: subprocess.Popen[str]
) -> None:
    assert not Replaced(tmp_path / "state", "patch").end_holder()
    assert holder.poll() is None
    holder.kill()
    holder.communicate()
