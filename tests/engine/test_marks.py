"""A job is marked before its command leaves, by every engine."""

import fcntl
import os
from pathlib import Path

import pytest

from pssh.engine.base import EngineOptions
from pssh.engine.marks import Marks
from pssh.engine.pool import Pool
from pssh.engine.serial import Serial
from pssh.model.event import JobConnected, JobEnded, JobStarted
from pssh.model.host import Connection
from pssh.model.work import Job, TransportError
from pssh.ops.command import Command

TEXTS = ("true", "fail connect/refused", "hang", "fail auth/denied")


@pytest.fixture
def file(tmp_path: Path) -> Path:
    (path := tmp_path / "marks").write_bytes(bytes(len(TEXTS)))
    return path


@pytest.mark.parametrize("kind", [Serial, Pool])
async def test_a_host_is_marked_once_its_command_may_have_left_and_no_other(
    kind: type[Serial] | type[Pool], file: Path
) -> None:
    engine = kind(EngineOptions(parallel=4, workers=1, grace=0.1))
    engine.mark_in(str(file))
    connection = Connection(address="a", user="me", transport="scripted")
    jobs = [Job(number, f"h{number}", connection, Command(text)) for number, text in enumerate(TEXTS)]
    marks = file.open("rb", buffering=0)
    async for event in engine.run(jobs):
        if isinstance(event, JobConnected):
            assert os.pread(marks.fileno(), 9, 0)[event.job_id] == 1  # the parent hears of it later
            if event.job_id == 2:
                engine.stop()
        elif isinstance(event, JobEnded):
            begun = event.result.state != "not-started"
            assert os.pread(marks.fileno(), 9, 0)[event.result.job_id] == begun
    assert os.pread(marks.fileno(), 9, 0) == b"\1\0\1\0"
    marks.close()


def test_the_file_is_locked_while_somebody_may_mark_in_it(file: Path) -> None:
    marks = Marks(str(file))
    with file.open("rb") as other:
        with pytest.raises(BlockingIOError):
            fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)
        marks.close()
        fcntl.flock(other, fcntl.LOCK_EX | fcntl.LOCK_NB)


def test_a_command_does_not_leave_where_that_cannot_be_noted(file: Path) -> None:
    marks = Marks(str(file))
    read_only = os.open(file, os.O_RDONLY)
    os.dup2(read_only, marks._file)
    with pytest.raises(TransportError, match="cannot be noted"):
        marks.mark(JobConnected(0, "a"))
    marks.mark(JobStarted(0, "a"))  # of anything else nothing is noted
    marks.close()
    os.close(read_only)


def test_without_a_file_nothing_is_marked() -> None:
    Marks().mark(JobConnected(0, "a"))
