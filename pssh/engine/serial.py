"""An engine without workers: the lanes run in the loop of whoever asked.

For tests and for a job or two, where a process would cost more than the jobs. It keeps the same promises, but for those
about workers, of which it has none: an operation that blocks the loop or ends the process takes all with it.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from functools import partial

from pssh.engine import base
from pssh.engine.base import EngineOptions
from pssh.engine.clock import Clock
from pssh.engine.course import Course, OneRun
from pssh.engine.lanes import Lane, Transports
from pssh.engine.ledger import InHand
from pssh.engine.marks import Marks
from pssh.engine.wire import FromLane
from pssh.history.spooled import Spool
from pssh.model.event import Begun, JobEnded, JobSaid
from pssh.model.outcome import Failure, Result
from pssh.model.work import Job

_ROOM = 1 << 20  # bytes of events not taken yet, above which lanes are asked to wait
_LAST = 0.2  # seconds for abandoned lanes to close what they opened


class Serial(OneRun):
    """Runs jobs in this process, one run at a time."""

    def course(self, jobs: Sequence[Job]) -> Course:
        return _SerialCourse(jobs, self.options, self.clock)


class _SerialCourse(Course):
    """One run; the outlet of its lanes."""

    def __init__(self, jobs: Sequence[Job], options: EngineOptions, clock: Clock) -> None:
        parallel = max(len(jobs), 1) if options.rollout.barrier else options.parallel
        super().__init__(jobs, options, clock, parallel, base.most(parallel, len(jobs)))
        self._transports = Transports(options.transports, options.secrets, options.connect_limit, options.jump_limit)
        self._input = options.input.given() if options.input is not None else None
        self._lanes: dict[Lane, asyncio.Task[Result]] = {}
        self._room: asyncio.Future[None] | None = None
        self._marks = Marks(options.marks)
        self._spool = Spool(options.spool) if options.spool.path else None

    def begin(self) -> None:
        self.fill()

    def fill(self) -> None:
        now = self.loop.time()
        while taken := self.ledger.take(self, 0, now, self.clock.wall()):
            in_hand, event = taken
            self.put(event)
            job = in_hand.job
            transport = self._transports.find(job.connection.transport)
            if isinstance(transport, Failure):
                self.put(self.ledger.fail(in_hand, transport, now))
                continue
            barrier = self.ledger.gathering
            lane = Lane(
                *(job, self, self.clock),
                attempt=in_hand.attempt,
                worker=0,
                barrier=barrier,
                input=self._input,
                here=partial(self._transports.find, "local"),
                spool=self._spool,
            )
            task = self._lanes[lane] = self.loop.create_task(lane.run(transport))
            task.add_done_callback(partial(self._ended, lane))
        due = self.ledger.due(now)
        if due is not None:
            self.after(due, self.fill)

    def cancel(self, *, running: bool) -> None:
        for lane in self._lanes:
            lane.stop(self.ledger.cause, running=running)

    def end_one(self, taken: InHand) -> None:
        for lane in self._lanes:
            if lane.job.id == taken.job.id:
                lane.stop(taken.why)

    def release(self) -> None:
        first = self.clock.now()
        for lane in self._lanes:
            lane.release()
        self.loop.call_soon(lambda: self.put(Begun(first, self.clock.now())))

    def listen(self) -> None:
        if self._room is not None:
            self._room.set_result(None)
            self._room = None

    async def end(self) -> None:
        await super().end()
        self.listen()
        self.cancel(running=True)
        if self._lanes:
            await asyncio.wait(self._lanes.values(), timeout=_LAST)
        self._transports.close()
        self._marks.close()

    def tell(self, event: FromLane) -> None:
        passed_on = self.ledger.heard(self, event)
        if passed_on is not None:
            self.put(passed_on, len(event.data) if isinstance(event, JobSaid) else 0)

    def tell_now(self, event: FromLane) -> None:
        self._marks.mark(event)
        self.tell(event)

    def tell_then(self, event: FromLane, call: Callable[[], None]) -> None:
        self._marks.mark(event)
        self.tell(event)
        call()

    def room(self) -> Awaitable[None] | None:
        if self.mail.size <= _ROOM:
            return None
        if self._room is None:
            self._room = self.loop.create_future()
        return asyncio.shield(self._room)

    def _ended(self, lane: Lane, task: asyncio.Task[Result]) -> None:
        del self._lanes[lane]
        self.tell(JobEnded(task.result()))
        self.fill()
