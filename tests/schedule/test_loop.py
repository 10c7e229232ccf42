"""The loop over a folder of jobs, with a clock of the test's own and processes that are none."""

import signal
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from pssh.errors import JobError
from pssh.schedule.decide import Skip
from pssh.schedule.folder import JobFolder
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.lock import Lock
from pssh.schedule.loop import Loop, line
from pssh.schedule.state import State
from tests.schedule.test_job import written

START = datetime(2026, 1, 5, 12, 0, 30, tzinfo=UTC)


def text(name: str, schedule: str = 'every = "10m"') -> str:
    zone = 'timezone = "UTC"'
    return f'version = 1\nname = "{name}"\ntargets = "@local"\n[schedule]\n{zone}\n{schedule}\n[[step]]\nrun = "true"\n'


class Process:
    """What stands for a process of a job."""

    def __init__(self, pid: int) -> None:
        self.pid, self.code, self.signals = pid, None, list[int]()
        self.code: int | None

    def poll(self) -> int | None:
        return self.code

    def send_signal(self, number: int) -> None:
        self.signals.append(number)


class Bench:
    """A loop, its folder and record, and all that it said."""

    def __init__(self, folder: Path) -> None:
        (folder / "jobs").mkdir(mode=0o700)
        self.jobs = folder / "jobs"
        self.state = State(folder / "state")
        self.now = START
        self.lines: list[str] = []
        self.started: list[Process] = []
        self.answers = True  # whether a process answers for its time, as `job run --scheduled` does
        self.loop = Loop(JobFolder(self.jobs), self.state, self.lines.append, lambda: self.now, self.start)

    def start(self, job: MaintenanceJob, output: Path) -> Process:
        output.write_text("1 host: 1 ok\n")
        self.started.append(Process(100 + len(self.started)))
        if self.answers:
            assert job.entry
            last = self.now - job.entry.jitter
            self.state.answer(job.path, last.replace(second=0, microsecond=0))
        return self.started[-1]

    def until(self, minutes: float, step: float = 30.0) -> None:
        for _ in range(round(minutes * 60 / step)):
            self.now += timedelta(seconds=step)
            self.loop.tick()

    def said(self, event: str) -> list[str]:
        return [said.partition(" ")[2] for said in self.lines if f" event={event} " in f" {said} "]


@pytest.fixture
def bench(tmp_path: Path) -> Bench:
    return Bench(tmp_path)


def test_each_time_of_a_job_starts_one_process_and_is_one_line(bench: Bench) -> None:
    written(bench.jobs, text("tidy"))
    bench.loop.tick()
    bench.until(25)
    assert bench.said("start") == [
        "event=start job=tidy due=2026-01-05T12:10:00Z reason=due pid=100",
        "event=start job=tidy due=2026-01-05T12:20:00Z reason=due pid=101",
    ]
    for process in bench.started:
        process.code = 0
    bench.loop.tick()
    assert [said.rpartition(" exit=")[2] for said in bench.said("ended")] == ['0 said="1 host: 1 ok"'] * 2
    assert list((bench.state.folder / "sched").iterdir()) == []


def test_files_are_read_again_when_they_change_and_what_is_wrong_is_told_once_and_not_run(bench: Bench) -> None:
    path = written(bench.jobs, text("tidy"))
    bench.loop.tick()
    written(bench.jobs, text("tidy", 'every = "soon"'))
    bench.until(15)
    assert len(bench.said("refused")) == 1
    assert f'why="{path}:6: `every`: `soon` is no duration' in bench.said("refused")[0]
    assert bench.started == []
    written(bench.jobs, text("tidy", 'every = "20m"'))
    bench.until(6)
    assert [said.split("due=")[1][:20] for said in bench.said("start")] == ["2026-01-05T12:20:00Z"]
    path.unlink()
    bench.until(60)
    assert len(bench.said("gone")) == len(bench.started) == 1


@pytest.mark.parametrize("hours", [-1, 1])
def test_a_jump_of_the_clock_repeats_nothing(bench: Bench, hours: int) -> None:
    written(bench.jobs, text("tidy"))
    bench.loop.tick()
    bench.until(15)
    for process in bench.started:
        process.code = 0
    bench.now += timedelta(hours=hours)
    bench.until(120)
    times = [said.split("due=")[1][:20] for said in (*bench.said("start"), *bench.said("skip"))]
    assert len(times) == len(set(times))
    assert bench.state.answers(bench.jobs / "job.toml", 100) == [] or hours == 1  # forward: missed times are on record


def test_while_a_job_runs_its_next_time_is_a_skip_on_record(bench: Bench) -> None:
    path = written(bench.jobs, text("tidy"))
    lock = Lock(bench.state.folder, str(path))
    assert lock.take()
    bench.loop.tick()
    bench.until(10)
    assert bench.said("skip") == ["event=skip job=tidy due=2026-01-05T12:10:00Z reason=overlap"]
    assert [answer.word for answer in bench.state.answers(path)] == ["skipped rule/overlap"]
    lock.give()


def test_a_process_that_ends_without_an_answer_is_a_skip_and_is_not_tried_for_ever(bench: Bench) -> None:
    path = written(bench.jobs, text("tidy"))
    bench.answers = False
    bench.loop.tick()
    bench.until(10)
    bench.started[0].code = 2
    bench.until(5)
    assert len(bench.started) == 1
    assert bench.said("skip") == ['event=skip job=tidy due=2026-01-05T12:10:00Z reason=failed detail="1 host: 1 ok"']
    assert bench.state.answers(path)[0].word == "skipped rule/failed"


def test_a_new_loop_tells_of_runs_that_go_on_and_of_those_that_nobody_saw_end(bench: Bench) -> None:
    path = written(bench.jobs, text("tidy"))
    bench.state.job(path, "tidy", START)
    bench.state.begun(path, START, "due", None, START)
    lock = Lock(bench.state.folder, str(path))
    assert lock.take()
    bench.loop.tick()
    assert len(bench.said("running")) == 1
    lock.give()
    Loop(JobFolder(bench.jobs), bench.state, bench.lines.append, lambda: bench.now, bench.start).tick()
    assert len(bench.said("interrupted")) == 1
    assert bench.state.answers(path)[0].word == "interrupted"


def test_the_end_of_the_loop_asks_every_run_to_end_and_waits_for_it(bench: Bench) -> None:
    written(bench.jobs, text("tidy"))
    bench.loop.tick()
    bench.until(10)
    bench.loop.end()
    assert bench.started[0].signals == [signal.SIGTERM]
    assert not bench.loop.over()
    bench.started[0].code = 143
    assert bench.loop.over()
    assert len(bench.said("stop")) == len(bench.said("ended")) == 1


def test_a_paused_job_is_skipped_and_told(bench: Bench) -> None:
    path = written(bench.jobs, text("tidy"))
    bench.loop.tick()
    bench.state.pause(path, "ops")
    bench.until(10)
    assert bench.said("skip") == ["event=skip job=tidy due=2026-01-05T12:10:00Z reason=paused"]


def test_a_folder_that_is_none_is_one_line(tmp_path: Path) -> None:
    with pytest.raises(JobError, match="There is no folder"):
        JobFolder(tmp_path / "gone")


def test_values_of_a_line_can_be_read_back() -> None:
    assert line({"a": "x", "b": 'y "z"', "c": "", "d": "k=v", "e": START, "f": "\x1b[2J"}) == (
        'a=x b="y \\"z\\"" c="" d="k=v" e=2026-01-05T12:00:30Z f="\\u001b[2J"'
    )
    assert Skip(START, "failed", START).reason == "failed"


def test_a_job_that_was_refused_for_its_script_is_read_again_and_told_once_meanwhile(bench: Bench) -> None:
    job = text("patch").replace('run = "true"', 'script = "up.sh"')
    (bench.jobs / "patch.toml").write_text(job)
    bench.until(10)
    assert len(bench.said("refused")) == 1
    (bench.jobs / "up.sh").write_text("true\n")
    bench.until(10)
    assert (len(bench.said("refused")), len(bench.said("loaded"))) == (1, 1)


def test_a_calendar_that_changes_counts_at_once(bench: Bench) -> None:
    event = "BEGIN:VEVENT\nDTSTART:20260101\nDTEND:20270101\nEND:VEVENT\n"
    calendar = bench.jobs / "holidays.ics"
    calendar.write_text(f"BEGIN:VCALENDAR\n{event}END:VCALENDAR\n")
    (bench.jobs / "patch.toml").write_text(text("patch", 'every = "10m"\nblackout = ["file:holidays.ics"]'))
    bench.until(15)
    assert (len(bench.started), len(bench.said("skip"))) == (0, 1)
    calendar.write_text("BEGIN:VCALENDAR\nEND:VCALENDAR\n")
    bench.until(10)
    assert len(bench.started) == 1


def test_a_look_at_a_job_takes_no_lock_for_which_a_timer_would_skip(bench: Bench) -> None:
    path = bench.jobs / "patch.toml"
    path.write_text(text("patch"))
    bench.until(1)
    assert bench.said("loaded")
    assert not Lock(bench.state.folder, str(path)).path.exists()
