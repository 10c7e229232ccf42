"""What a run promises, whatever engines and reporters do."""

import asyncio
import errno
import fcntl
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncGenerator, AsyncIterator, Iterable, Iterator, Sequence
from contextlib import aclosing, contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from msgspec import structs

from pssh.engine.base import Widen
from pssh.errors import OutputFailed
from pssh.model.event import (
    Begun,
    Event,
    HostKeyLearned,
    JobEnded,
    JobStarted,
    Notice,
    RunEnded,
    RunStarted,
    StatusAsked,
    Stopping,
    Tick,
    WaveEnded,
)
from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply, Result, status_of
from pssh.model.report import Report, Run
from pssh.model.work import Job
from pssh.ops.command import Command
from pssh.plan import Plan
from pssh.runner import BUDGET, Controls, Kept, Stop, arun, events, run
from pssh.transport.ssh import hostkeys
from tests.support.command import ROOT
from tests.support.engines import Told, ended, plain


def plan(count: int = 3, notices: Sequence[Notice] = ()) -> Plan:
    names = tuple(f"web{number}" for number in range(count))
    about = Run(id="", started=0, operation="command", text="true", targets="@web", inventory=(), hosts=names)
    jobs = [Job(n, name, Connection(address=name, user="me"), Command("true")) for n, name in enumerate(names)]
    return Plan(about, jobs, notices=notices)


class Hears:
    """A reporter that remembers, and that cannot write once its event comes."""

    def __init__(self, breaks: OSError | None = None, at: type = JobEnded) -> None:
        self.events: list[Event] = []
        self._breaks, self._at = breaks, at

    def on(self, event: Event, /) -> None:
        self.events.append(event)
        if self._breaks and isinstance(event, self._at):
            raise self._breaks


async def test_reporters_hear_everything_in_order_from_the_start_to_the_report() -> None:
    first, second = Hears(), Hears()
    report = await arun(plan(2, [Notice("look")]), [first, second], Told())
    kinds = [type(event) for event in first.events]
    assert kinds == [RunStarted, Notice, JobStarted, JobEnded, JobStarted, JobEnded, RunEnded]
    assert first.events == second.events
    assert first.events[-1] == RunEnded(report)
    assert [result.host for result in report.results] == ["web0", "web1"]


async def test_what_has_time_until_a_host_is_at_work_is_done_then_and_once() -> None:
    hears, done = Hears(), []

    def seen() -> None:
        done.append([type(event) for event in hears.events])

    class Pauses(Told):
        async def run(self, jobs: Sequence[Job]) -> AsyncGenerator[Event, None]:
            async for event in super().run(jobs):
                await asyncio.sleep(0)
                yield event
            await asyncio.sleep(0)

    await arun(plan(2), [hears], Pauses(), meanwhile=seen)
    assert done == [[RunStarted, JobStarted]]


async def test_a_host_that_an_engine_forgot_is_a_row_and_not_a_gap() -> None:
    report = await arun(plan(3), [], Told(lambda job: plain(job) if job.id != 1 else ()))
    assert [(result.host, result.status, result.cause) for result in report.results] == [
        ("web0", "ok", ""),
        ("web1", "error", "worker/bug"),
        ("web2", "ok", ""),
    ]
    assert report.exit_code == 1


async def test_results_stand_in_the_order_of_the_targets_however_they_end() -> None:
    waiting: list[Job] = []

    def backwards(job: Job) -> Iterable[Event]:
        waiting.append(job)
        if len(waiting) == 3:
            yield from (JobEnded(ended(one)) for one in reversed(waiting))

    report = await arun(plan(3), [], Told(backwards))
    assert [result.host for result in report.results] == ["web0", "web1", "web2"]


async def test_a_reader_that_went_away_stops_new_starts_and_nothing_else() -> None:
    engine, gone, other = Told(), Hears(BrokenPipeError(errno.EPIPE, "Broken pipe")), Hears()
    report = await arun(plan(3), [gone, other], engine)
    assert engine.stops == [("unread", True)]
    assert sum(isinstance(event, JobEnded) for event in gone.events) == 1
    assert sum(isinstance(event, JobEnded) for event in other.events) == 3
    assert report.exit_code == 0


async def test_a_full_disk_is_told_once_the_run_is_over() -> None:
    other = Hears()
    with pytest.raises(OutputFailed, match="No space left") as raised:
        await arun(plan(2), [Hears(OSError(errno.ENOSPC, "No space left on device")), other], Told())
    assert raised.value.exit_code == 1
    assert isinstance(other.events[-1], RunEnded)


async def test_a_new_host_key_is_written_by_the_run(tmp_path: Path) -> None:
    file = tmp_path / "ssh" / "known_hosts"

    def learns(job: Job) -> Iterable[Event]:
        yield HostKeyLearned(job.id, job.host, str(file), f"{job.host} ssh-ed25519 AAAA")
        yield from plain(job)

    await arun(plan(2), [], Told(learns))
    assert file.read_text() == "web0 ssh-ed25519 AAAA\nweb1 ssh-ed25519 AAAA\n"


async def test_a_host_key_that_cannot_be_written_is_a_notice_and_costs_no_host(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    hears = Hears()

    def learns(job: Job) -> Iterable[Event]:
        yield HostKeyLearned(job.id, job.host, str(tmp_path / "file" / "known_hosts"), "line")
        yield from plain(job)

    report = await arun(plan(1), [hears], Told(learns))
    assert report.exit_code == 0
    assert next(event.text for event in hears.events if isinstance(event, Notice)).startswith("The host key of")


async def test_a_known_hosts_file_that_stays_locked_is_waited_for_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hostkeys, "_LOCK_SECONDS", 0.2)
    file = tmp_path / "known_hosts"
    hears = Hears()

    def learns(job: Job) -> Iterable[Event]:
        yield HostKeyLearned(job.id, job.host, str(file), f"{job.host} ssh-ed25519 AAAA")
        yield from plain(job)

    with file.open("w") as other:
        fcntl.flock(other, fcntl.LOCK_EX)
        began = time.monotonic()
        await arun(plan(5), [hears], Told(learns))
    assert time.monotonic() - began < 0.5
    assert sum(isinstance(event, Notice) for event in hears.events) == 5


def test_equal_outputs_are_kept_once() -> None:
    jobs = plan(2).jobs
    kept = Kept(jobs)
    for job in jobs:
        kept.add(ended(job, bytes(bytearray(b"the same" * 100))))
    first, second = kept.results()
    assert first.end.stdout is second.end.stdout


def test_what_a_run_keeps_stays_within_its_budget_and_is_counted_exactly() -> None:
    jobs = plan(2000).jobs
    kept = Kept(jobs, budget=1 << 20)
    for job in jobs:
        kept.add(ended(job, job.id.to_bytes(8, "big") * 4096))
    results = kept.results()
    held = sum(len(result.end.stdout) for result in results)
    assert held < (1 << 20) + 2000 * 512
    assert {result.end.stdout_bytes for result in results} == {8 * 4096}
    assert results[-1].end.truncated
    assert results[-1].end.stdout[:8] == (1999).to_bytes(8, "big")


def test_what_is_cut_from_a_result_is_handed_on_first() -> None:
    spilled: list[tuple[int, int]] = []

    def spill(one: Result, less: Reply | Failure) -> Reply | Failure:
        spilled.append((len(one.end.stdout), len(less.stdout)))
        return structs.replace(less, stdout_spooled=len(one.end.stdout))

    jobs = plan(2).jobs
    kept = Kept(jobs, budget=64 * 1000, spill=spill)
    first, second = (kept.add(ended(job, os.urandom(size))) for job, size in zip(jobs, (900, 5000), strict=True))
    assert (first.end.truncated, second.end.truncated, second.end.whole) == (False, True, True)
    assert spilled == [(5000, len(second.end.stdout))]


def test_a_usual_result_is_kept_whole() -> None:
    job = plan(1).jobs[0]
    result = ended(job, b"x" * (2 << 20))
    assert Kept([job], BUDGET).add(result).end == result.end


class Hangs(Told):
    """Ends its one job only when it is stopped."""

    async def run(self, jobs: Sequence[Job]) -> AsyncIterator[Event]:
        self.told = asyncio.Event()
        yield JobStarted(0, "web0")
        await self.told.wait()
        yield JobEnded(ended(jobs[0]))

    def stop(self, cause: str = "interrupt", *, finish: bool = False) -> None:
        super().stop(cause, finish=finish)
        self.told.set()


@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)], ids=lambda it: str(it)
)
def test_a_signal_ends_the_run_with_a_report(number: signal.Signals, code: int) -> None:
    engine = Hangs()

    class Kills(Hears):
        def on(self, event: Event, /) -> None:
            if isinstance(event, JobStarted):
                os.kill(os.getpid(), number)

    before = signal.getsignal(number)
    report = run(plan(1), [Kills()], engine)
    assert len(engine.stops) == 1
    assert report.exit_code == code
    assert signal.getsignal(number) == before


def test_a_signal_that_was_ignored_stays_ignored() -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        report = run(plan(1), [Hears()], Told(lambda job: [*_hup(), *plain(job)]))
        assert report.exit_code == 0
        assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGHUP, before)


def _hup() -> Iterable[Event]:
    os.kill(os.getpid(), signal.SIGHUP)
    return ()


async def test_reporters_hear_that_time_passes_while_nothing_happens() -> None:
    engine, hears = Hangs(), Hears()

    class Patient(Hears):
        def on(self, event: Event, /) -> None:
            super().on(event)
            if isinstance(event, Tick):
                engine.stop()

    patient = Patient()
    await arun(plan(1), [patient, hears], engine)
    assert any(isinstance(event, Tick) for event in patient.events)


async def test_closing_the_events_early_closes_the_engine() -> None:
    engine = Told()
    async with aclosing(events(plan(3), engine, Stop(engine))) as happening:
        async for event in happening:
            if isinstance(event, JobEnded):
                break
    assert engine.closed


async def test_a_report_is_exact_about_seconds_and_stops() -> None:
    report: Report = await arun(plan(1), [], Told())
    assert report.stopped == ""
    assert 0 <= report.seconds < 5


async def test_results_are_told_by_number_however_the_jobs_are_ordered() -> None:
    ordered = plan(3)
    shuffled = Plan(ordered.run, [ordered.jobs[2], ordered.jobs[0], ordered.jobs[1]])
    report = await arun(shuffled, [], Told(lambda job: plain(job) if job.id != 1 else ()))
    assert [(result.host, result.status) for result in report.results] == [
        ("web0", "ok"),
        ("web1", "error"),
        ("web2", "ok"),
    ]


async def test_the_report_has_the_exit_rule_of_the_plan() -> None:
    report = await arun(replace(plan(2), exit="max"), [], Told(lambda job: [JobEnded(ended(job, code=7))]))
    assert (report.exit_rule, report.exit_code) == ("max", 7)


async def test_the_end_of_a_wave_carries_the_results_so_far_in_the_order_of_the_targets() -> None:
    def waves(job: Job) -> Iterable[Event]:
        yield from plain(job)
        if job.id == 1:
            yield WaveEnded(1, 2)

    ordered, hears = plan(3), Hears()
    await arun(Plan(ordered.run, [ordered.jobs[2], ordered.jobs[1], ordered.jobs[0]]), [hears], Told(waves))
    (wave,) = (event for event in hears.events if isinstance(event, WaveEnded))
    assert wave.report
    assert [result.host for result in wave.report.results] == ["web1", "web2"]
    assert wave.report.run == ordered.run


def stopped(job: Job, kind: str, *, begun: bool = False) -> JobEnded:
    """The end of a job that a stop ended."""
    end = Failure(stage="stop", kind=kind, message="")
    status, state = status_of(end, started=begun)
    return JobEnded(Result(job_id=job.id, host=job.host, operation="true", status=status, state=state, end=end))


async def test_a_rule_that_stops_the_run_is_told_once_and_named_in_the_report() -> None:
    hears = Hears()
    report = await arun(plan(3), [hears], Told(lambda job: plain(job) if not job.id else [stopped(job, "budget")]))
    kinds = [type(event) for event in hears.events]
    assert kinds == [RunStarted, JobStarted, JobEnded, Stopping, JobEnded, JobEnded, RunEnded]
    assert hears.events[3] == Stopping("budget")
    assert (report.stopped, report.exit_code) == ("budget", 6)


async def test_one_host_that_somebody_ended_stops_no_run() -> None:
    hears = Hears()
    ends = [True, False]
    report = await arun(plan(2), [hears], Told(lambda job: [stopped(job, "operator", begun=ends[job.id])]))
    assert report.stopped == ""
    assert report.exit_code == 3
    assert not any(isinstance(event, Stopping) for event in hears.events)


async def test_the_spread_is_from_the_first_to_the_last_command_over_all_workers() -> None:
    def released(job: Job) -> Iterable[Event]:
        yield Begun(10.25 + job.id, 10.5 + job.id)
        yield from plain(job)

    assert (await arun(plan(3), [], Told(released))).spread == 2.25


async def test_a_run_without_a_barrier_has_no_spread() -> None:
    assert (await arun(plan(2), [], Told())).spread is None


class Patient(Hangs):
    """Is stopped twice before its job ends."""

    def stop(self, cause: str = "interrupt", *, finish: bool = False) -> None:
        self.stops.append((cause, finish))
        if len(self.stops) == 2:
            self.told.set()


def test_each_signal_is_told_with_how_often_there_was_one() -> None:
    class Kills(Hears):
        def on(self, event: Event, /) -> None:
            super().on(event)
            if isinstance(event, JobStarted):
                os.kill(os.getpid(), signal.SIGINT)
            elif event == Stopping("interrupt"):
                os.kill(os.getpid(), signal.SIGTERM)

    engine, hears = Patient(), Kills()
    report = run(plan(1), [hears], engine)
    assert [event for event in hears.events if isinstance(event, Stopping)] == [
        Stopping("interrupt"),
        Stopping("terminate", 2),
    ]
    assert report.exit_code == 130


def test_sigusr1_asks_who_is_at_work_and_ends_nothing() -> None:
    class Asks(Hears):
        def on(self, event: Event, /) -> None:
            super().on(event)
            if isinstance(event, JobStarted):
                os.kill(os.getpid(), signal.SIGUSR1)
            elif isinstance(event, StatusAsked):
                engine.told.set()

    engine, hears = Hangs(), Asks()
    before = signal.getsignal(signal.SIGUSR1)
    report = run(plan(1), [hears], engine)
    assert sum(isinstance(event, StatusAsked) for event in hears.events) == 1
    assert engine.stops == []
    assert report.exit_code == 0
    assert signal.getsignal(signal.SIGUSR1) == before


async def test_whoever_attends_a_run_can_steer_question_and_end_it_gently() -> None:
    seen: list[str] = []

    @contextmanager
    def attend(controls: Controls) -> Iterator[None]:
        assert [job.host for job in controls.jobs] == ["web0"]
        asyncio.get_running_loop().call_soon(act, controls)
        seen.append("begun")
        yield
        seen.append("over")

    def act(controls: Controls) -> None:
        controls.steer(Widen(3))
        controls.tell(StatusAsked())
        controls.stop.gently("operator")
        controls.stop.gently("operator")

    engine, hears = Hangs(), Hears()
    report = await arun(plan(1), [hears], engine, attend)
    assert seen == ["begun", "over"]
    assert engine.orders == [Widen(3)]
    assert engine.stops == [("operator", True)]
    assert [event for event in hears.events if isinstance(event, StatusAsked | Stopping)] == [
        StatusAsked(),
        Stopping("operator"),
    ]
    assert report.stopped == "operator"


async def test_a_signal_after_a_gentle_stop_is_the_first_of_its_kind() -> None:
    engine = Told()
    told: list[Event] = []
    stop = Stop(engine, told.append)
    stop.gently("operator")
    stop("interrupt")
    stop.gently("operator")
    assert engine.stops == [("operator", True), ("interrupt", False)]
    assert told == [Stopping("operator"), Stopping("interrupt", 1)]
    assert stop.cause == "interrupt"


def test_the_third_signal_leaves_at_once_after_what_must_be_done_before() -> None:
    code = """
import os, signal
from pssh.runner import Stop
from tests.support.engines import Told
stop = Stop(Told())
stop.leaving.append(lambda: os.write(1, b"given back"))
for _ in range(3):
    stop.signal(signal.SIGTERM)
print("never")
"""
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert (done.stdout, done.returncode, done.stderr) == ("given back", 143, "")
