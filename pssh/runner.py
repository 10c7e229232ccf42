"""One run: jobs go to the engine, its events to every reporter, one at a time, and a Report comes back.

Every host of the run is in the report exactly once, whatever an engine or a reporter does. Memory is bounded: equal
outputs are kept once, and what a run keeps in all has a budget. A reporter that cannot write any more is dropped and
no new job starts; what runs may finish, since the hosts have done nothing wrong.

Where a run is kept, the history hears before every reporter: results that arrive together are stored in one
transaction, and only then shown. If they cannot be stored, nothing new is started, and the report names them.
"""

import asyncio
import os
import signal
import time
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, aclosing, asynccontextmanager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import NoReturn

from msgspec import structs

from pssh.audience import Audience, Keeps, unstored
from pssh.engine.base import Engine, EngineOptions, Order
from pssh.engine.pool import Pool
from pssh.engine.spool import Spool
from pssh.errors import OutputFailed, UsageError
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
    WaveEnded,
)
from pssh.model.options import RunOptions
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.output import trim
from pssh.model.report import RULES, Report
from pssh.model.secret import Secret
from pssh.model.work import Job
from pssh.plan import Plan
from pssh.report.base import Reporter
from pssh.transport.ssh import hostkeys

BUDGET = 256 << 20  # bytes of output a run keeps, over all hosts
_SHARE = 64  # one result takes at most this part of what is left of the budget
_LEAST = 512  # bytes of each stream that a result always keeps
TICK = 0.1  # seconds without an event after which reporters hear that time has passed
_SIGNALS = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminate", signal.SIGHUP: "hangup"}
_ASKING = [number for name in ("SIGUSR1", "SIGINFO") if (number := getattr(signal, name, None))]


class Stop:
    """Why a run was asked to end, and how often: each time more firmly, and the third time at once."""

    def __init__(self, engine: Engine, tell: Callable[[Event], object] | None = None) -> None:
        self.cause = ""
        self.leaving: list[Callable[[], object]] = []  # what is done before leaving at once
        self._times = 0
        self._engine = engine
        self._tell = tell or (lambda event: None)

    def __call__(self, cause: str) -> None:
        self._times += 1
        if self._times == 1:
            self.cause = cause  # also where the run was to end gently: what runs is ended now
        self._engine.stop(cause)
        self._tell(Stopping(cause, self._times))

    def gently(self, cause: str) -> None:
        """Start nothing more, and let what runs finish."""
        if not self.cause:
            self.cause = cause
            self._engine.stop(cause, finish=True)
            self._tell(Stopping(cause))

    def signal(self, number: signal.Signals) -> None:
        self(_SIGNALS[number])
        if self._times > 2:
            self.leave(number)

    def leave(self, number: int) -> NoReturn:
        """Leave at once, as if that signal had ended us."""
        for do in self.leaving:
            do()
        os._exit(128 + number)  # the workers end by themselves when our side of their sockets is gone


@dataclass(frozen=True, slots=True)
class Controls:
    """What somebody who attends a run may do with it, from callbacks of its loop."""

    jobs: Sequence[Job]
    stop: Stop
    steer: Callable[[Order], None]
    tell: Callable[[Event], None]  # every reporter


# Made with the controls of a run, entered before it begins and left once it is over.
Attend = Callable[[Controls], AbstractContextManager[object]]


# Called with a result and the end that it is cut to; returns that end, with how much of the other is kept elsewhere.
Spill = Callable[[Result, Reply | Failure], Reply | Failure]


class Kept:
    """The results of a run as they are kept: equal outputs once, and all of them within a budget."""

    def __init__(self, jobs: Sequence[Job], budget: int = BUDGET, spill: Spill | None = None) -> None:
        """`spill` is given what is cut from a result, before it is."""
        self._jobs = jobs
        self._spill = spill
        self._results: dict[int, Result] = {}
        self._known: dict[bytes, bytes] = {}
        self._left = budget

    def add(self, result: Result) -> Result:
        """Keep a result and return it as it is kept."""
        end = result.end
        if end.stdout or end.stderr:
            end = trim(end, max(_LEAST, self._left // _SHARE))
            if self._spill and end is not result.end:
                end = self._spill(result, end)
            end = structs.replace(end, stdout=self._once(end.stdout), stderr=self._once(end.stderr))
            result = structs.replace(result, end=end)
        self._results[result.job_id] = result
        return result

    def _once(self, data: bytes) -> bytes:
        known = self._known.setdefault(data, data)
        if known is data:
            self._left -= len(data)
        return known

    def so_far(self) -> tuple[Result, ...]:
        """Return the results that there are, in the order of the targets, which the jobs are numbered by."""
        return tuple(result for _, result in sorted(self._results.items()))

    def results(self) -> tuple[Result, ...]:
        """Return one result per job, also where an engine broke its promise and gave none."""
        for job in self._jobs:
            if job.id not in self._results:
                self._results[job.id] = _missing(job)
        return self.so_far()


def _missing(job: Job) -> Result:
    return Result(
        job_id=job.id,
        host=job.host,
        operation=job.operation.label,
        status="error",
        state="end-unknown",
        end=Failure(stage="worker", kind="bug", message="the engine gave no result for this host"),
    )


class _Account:
    """What is noted of a run while its events pass by, and the report that can be given of it at any time."""

    def __init__(self, plan: Plan, stop: Stop, spill: Spill | None) -> None:
        self._plan, self._stop = plan, stop
        self._began = time.monotonic()
        self._kept = Kept(plan.jobs, spill=spill)
        self._rule = ""  # that stopped the run
        self._first = self._last = 0.0  # when commands left that the barrier had held

    def note(self, event: Event) -> Iterator[Event]:
        """Yield the event as it is passed on, after what it tells besides."""
        match event:
            case JobEnded(result=result):
                if not self._rule and (rule := _rule_of(result)):
                    self._rule = rule
                    if not self._stop.cause:
                        yield Stopping(rule)
                event = JobEnded(self._kept.add(result))
            case Begun(first=first, last=last):
                self._first, self._last = min(self._first or first, first), max(self._last, last)
            case WaveEnded():
                event = structs.replace(event, report=self.report(self._kept.so_far()))
            case _:
                pass
        yield event

    def report(self, results: tuple[Result, ...] | None = None) -> Report:
        """Return the report of the results, or of one for every job."""
        return Report(
            run=self._plan.run,
            results=self._kept.results() if results is None else results,
            seconds=time.monotonic() - self._began,
            stopped=self._stop.cause or self._rule,
            exit_rule=self._plan.exit,
            spread=self._last - self._first if self._last else None,
        )


def _rule_of(result: Result) -> str:
    """Return the rule that this host ended by, if it was one that stops a run."""
    stopped = result.status == "not-run" and result.cause in RULES
    return result.cause.partition("/")[2] if stopped or result.cause == "stop/halt" else ""


async def events(plan: Plan, engine: Engine, stop: Stop, keeper: Keeps | None = None) -> AsyncGenerator[Event, None]:
    """Run the jobs and yield all that happens, from RunStarted to RunEnded; closing it early ends the run.

    What is cut from results is left to the keeper; it is not told of anything else.
    """
    account = _Account(plan, stop, keeper.spill if keeper else None)
    locked: set[str] = set()
    yield RunStarted(plan.run)
    for notice in plan.notices:
        yield notice
    async with aclosing(engine.run(plan.jobs)) as happening:
        async for event in happening:
            for told in account.note(event):
                yield told
            if isinstance(event, HostKeyLearned) and (trouble := _append(event.host, event.file, event.line, locked)):
                yield trouble
    yield RunEnded(account.report())


def pool(options: RunOptions, secrets: Mapping[str, Secret]) -> Pool:
    """Return the engine that a run's options ask for; raises UsageError for an input that cannot be read."""
    return Pool(
        EngineOptions(
            parallel=options.parallel,
            workers=options.workers,
            connect_limit=options.connect_limit,
            rollout=options.rollout,
            jump_limit=options.jump_limit,
            secrets=secrets,
            grace=options.kill_after,
            input=_input(options.stdin),
        )
    )


def _input(source: str) -> Spool | None:
    """Return what the commands read: our own stdin, or a file."""
    if not source:
        return None
    try:
        return Spool.stdin() if source == "-" else Spool.read(source)
    except OSError as error:
        raise UsageError(f"The input `{source}` cannot be read: {error.strerror}") from error


def _append(host: str, file: str, line: str, locked: set[str]) -> Notice | None:
    """Write a key; a file that another program keeps `locked` is waited for once, and not for each host."""
    try:
        hostkeys.append(file, [line], patient=file not in locked)
    except OSError as error:
        if isinstance(error, BlockingIOError):
            locked.add(file)
        return Notice(f"The host key of `{host}` could not be written to `{file}`: {error.strerror}")
    return None


@asynccontextmanager
async def _ticking(audience: Audience) -> AsyncGenerator[None, None]:
    async def look() -> None:
        while True:
            await asyncio.sleep(TICK)
            audience.look()

    task = asyncio.create_task(look())
    try:
        yield
    finally:
        task.cancel()


@contextmanager
def _signals(controls: Controls) -> Iterator[None]:
    """Let the signals that end a program end the run instead, with a report; others ask who still runs."""
    loop = asyncio.get_running_loop()
    wanted = [*_SIGNALS, *_ASKING]
    times = 0

    def arrived(number: int, frame: object) -> None:
        nonlocal times
        times += 1
        if times > 2:
            controls.stop.leave(number)

    heeded = [number for number in wanted if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    for number in heeded:
        if number in _SIGNALS:
            loop.add_signal_handler(number, controls.stop.signal, number)
            signal.signal(number, arrived)  # heard besides, also while the loop hangs: nobody may read what we write
        else:
            loop.add_signal_handler(number, controls.tell, StatusAsked())
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)


async def arun(
    plan: Plan,
    reporters: Sequence[Reporter],
    engine: Engine,
    attend: Attend = nullcontext,
    keeper: Keeps | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Report:
    """Run the jobs, tell every reporter what happens, and return the report; signals end the run with a report.

    `meanwhile` is done once the first jobs have left: the hosts are at work, and nothing is waited for but them.
    Raises OutputFailed if a reporter could not write, and HistoryError if not all was stored, once the run is over.
    """
    audience = Audience(reporters, engine.stop, keeper)
    stop = Stop(engine, audience.on)
    controls = Controls(plan.jobs, stop, engine.steer, audience.on)
    report: Report | None = None
    try:
        with _signals(controls), attend(controls):
            async with _ticking(audience), aclosing(events(plan, engine, stop, keeper)) as happening:
                async for event in happening:
                    audience.on(event)
                    if meanwhile is not None and isinstance(event, JobStarted):
                        asyncio.get_running_loop().call_soon(meanwhile)
                        meanwhile = None
                    if isinstance(event, RunEnded):
                        report = event.report
    except asyncio.CancelledError:
        if audience.bug is None:
            raise
        raise audience.bug from None
    if audience.trouble:
        raise OutputFailed(_unwritten(audience.trouble))
    if keeper:
        unstored(keeper)
    assert report is not None  # events() ends with it
    return report


def _unwritten(error: OSError) -> str:
    what = f"`{error.filename}`" if error.filename else "The output"
    return f"{what} could not be written: {error.strerror}"


def run(
    plan: Plan,
    reporters: Sequence[Reporter],
    engine: Engine,
    attend: Attend = nullcontext,
    keeper: Keeps | None = None,
    meanwhile: Callable[[], None] | None = None,
) -> Report:
    """Do as `arun` does, in a loop of its own in this, the main thread."""
    return asyncio.run(arun(plan, reporters, engine, attend, keeper, meanwhile))
