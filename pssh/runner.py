"""One run: jobs go to the engine, its events to every reporter, one at a time, and a Report comes back.

Every host of the run is in the report exactly once, whatever an engine or a reporter does. Memory is bounded: equal
outputs are kept once, and what a run keeps in all has a budget. A reporter that cannot write any more is dropped and
no new job starts; what runs may finish, since the hosts have done nothing wrong.
"""

import asyncio
import errno
import os
import signal
import time
from collections.abc import AsyncGenerator, Iterator, Mapping, Sequence
from contextlib import aclosing, asynccontextmanager, contextmanager

from msgspec import structs

from pssh.engine.base import Engine, EngineOptions
from pssh.engine.pool import Pool
from pssh.errors import OutputFailed
from pssh.model.event import Event, HostKeyLearned, JobEnded, Notice, RunEnded, RunStarted, Tick
from pssh.model.outcome import Failure, Result
from pssh.model.output import trim
from pssh.model.report import Report
from pssh.model.secret import Secret
from pssh.model.work import Job
from pssh.plan import Plan, RunOptions
from pssh.report.base import Reporter
from pssh.transport.ssh import hostkeys

BUDGET = 256 << 20  # bytes of output a run keeps, over all hosts
_SHARE = 64  # one result takes at most this part of what is left of the budget
_LEAST = 512  # bytes of each stream that a result always keeps
TICK = 0.1  # seconds without an event after which reporters hear that time has passed
_SIGNALS = {signal.SIGINT: "interrupt", signal.SIGTERM: "terminate", signal.SIGHUP: "hangup"}


class Stop:
    """Why a run was asked to end, and how often: each time more firmly, and the third time at once."""

    def __init__(self, engine: Engine) -> None:
        self.cause = ""
        self._times = 0
        self._engine = engine

    def __call__(self, cause: str) -> None:
        self.cause = self.cause or cause
        self._times += 1
        self._engine.stop(cause)

    def signal(self, number: signal.Signals) -> None:
        self(_SIGNALS[number])
        if self._times > 2:
            os._exit(128 + number)  # the workers end by themselves when our side of their sockets is gone


class Kept:
    """The results of a run as they are kept: equal outputs once, and all of them within a budget."""

    def __init__(self, jobs: Sequence[Job], budget: int = BUDGET) -> None:
        self._jobs = jobs
        self._results: list[Result | None] = [None] * len(jobs)
        self._known: dict[bytes, bytes] = {}
        self._left = budget

    def add(self, result: Result) -> Result:
        """Keep a result and return it as it is kept."""
        end = result.end
        if end.stdout or end.stderr:
            end = trim(end, max(_LEAST, self._left // _SHARE))
            end = structs.replace(end, stdout=self._once(end.stdout), stderr=self._once(end.stderr))
            result = structs.replace(result, end=end)
        self._results[result.job_id] = result
        return result

    def _once(self, data: bytes) -> bytes:
        known = self._known.setdefault(data, data)
        if known is data:
            self._left -= len(data)
        return known

    def results(self) -> tuple[Result, ...]:
        """Return one result per job, in their order, also where an engine broke its promise and gave none."""
        return tuple(result or _missing(job) for job, result in zip(self._jobs, self._results, strict=True))


def _missing(job: Job) -> Result:
    return Result(
        job_id=job.id,
        host=job.host,
        operation=job.operation.label,
        status="error",
        state="end-unknown",
        end=Failure(stage="worker", kind="bug", message="the engine gave no result for this host"),
    )


async def events(plan: Plan, engine: Engine, stop: Stop) -> AsyncGenerator[Event, None]:
    """Run the jobs and yield all that happens, from RunStarted to RunEnded; closing it early ends the run."""
    began = time.monotonic()
    kept = Kept(plan.jobs)
    locked: set[str] = set()
    yield RunStarted(plan.run)
    for notice in plan.notices:
        yield notice
    async with aclosing(engine.run(plan.jobs)) as happening:  # type: ignore[type-var]  # every engine's is a generator
        async for event in happening:
            match event:
                case JobEnded(result=result):
                    yield JobEnded(kept.add(result))
                case HostKeyLearned(host=host, file=file, line=line):
                    yield event
                    if trouble := _append(host, file, line, locked):
                        yield trouble
                case _:
                    yield event
    seconds = time.monotonic() - began
    yield RunEnded(Report(run=plan.run, results=kept.results(), seconds=seconds, stopped=stop.cause))


def pool(options: RunOptions, secrets: Mapping[str, Secret]) -> Pool:
    """Return the engine that a run's options ask for."""
    return Pool(
        EngineOptions(
            parallel=options.parallel,
            workers=options.workers,
            connect_limit=options.connect_limit,
            rollout=options.rollout,
            jump_limit=options.jump_limit,
            secrets=secrets,
            grace=options.kill_after,
        )
    )


def _append(host: str, file: str, line: str, locked: set[str]) -> Notice | None:
    """Write a key; a file that another program keeps `locked` is waited for once, and not for each host."""
    try:
        hostkeys.append(file, [line], patient=file not in locked)
    except OSError as error:
        if isinstance(error, BlockingIOError):
            locked.add(file)
        return Notice(f"The host key of `{host}` could not be written to `{file}`: {error.strerror}")
    return None


class _Audience:
    """The reporters that still listen. One that cannot write is dropped, and from then on nothing new is started."""

    def __init__(self, reporters: Sequence[Reporter], engine: Engine) -> None:
        self.trouble: OSError | None = None
        self._reporters = list(reporters)
        self._engine = engine
        self._quiet = False  # nothing has happened since the last look

    def on(self, event: Event) -> None:
        self._quiet = False
        for reporter in tuple(self._reporters):
            try:
                reporter.on(event)
            except OSError as error:
                self._reporters.remove(reporter)
                self._engine.stop(finish=True)
                if error.errno != errno.EPIPE:  # a reader that went away has seen enough: `| head`
                    self.trouble = self.trouble or error

    def look(self) -> None:
        """Say that time has passed, if nothing else was said since the last look."""
        if self._quiet:
            self.on(Tick())
        self._quiet = True


@asynccontextmanager
async def _ticking(audience: _Audience) -> AsyncGenerator[None, None]:
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
def _signals(stop: Stop) -> Iterator[None]:
    """Let the signals that end a program end the run instead, with a report."""
    loop = asyncio.get_running_loop()
    heeded = [number for number in _SIGNALS if signal.getsignal(number) is not signal.SIG_IGN]  # as under nohup
    for number in heeded:
        loop.add_signal_handler(number, stop.signal, number)
    try:
        yield
    finally:
        for number in heeded:
            loop.remove_signal_handler(number)


async def arun(plan: Plan, reporters: Sequence[Reporter], engine: Engine) -> Report:
    """Run the jobs, tell every reporter what happens, and return the report; signals end the run with a report.

    Raises OutputFailed if a reporter could not write, once the run is over.
    """
    stop = Stop(engine)
    audience = _Audience(reporters, engine)
    report: Report | None = None
    with _signals(stop):
        async with _ticking(audience), aclosing(events(plan, engine, stop)) as happening:
            async for event in happening:
                audience.on(event)
                if isinstance(event, RunEnded):
                    report = event.report
    if audience.trouble:
        raise OutputFailed(f"The output could not be written: {audience.trouble.strerror}")
    assert report is not None  # events() ends with it
    return report


def run(plan: Plan, reporters: Sequence[Reporter], engine: Engine) -> Report:
    """Do as `arun` does, in a loop of its own in this, the main thread."""
    return asyncio.run(arun(plan, reporters, engine))
