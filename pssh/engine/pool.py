"""The engine: a bounded pool of worker processes, supervised from one loop in the parent.

A worker is handed as many jobs as it has lanes and gets the next when one ends, so that a job in its hands is a job
that runs. A worker that dies is replaced as long as jobs wait, unless workers die in a row without any progress.

Why not the stock pools: with a ProcessPoolExecutor one killed worker fails every pending job, and one of
multiprocessing never returns after a kill; both pickle, in both directions, what hostile hosts have sent.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from pssh.engine import base, endings, wire
from pssh.engine.base import EngineOptions
from pssh.engine.clock import Clock
from pssh.engine.course import Course, OneRun
from pssh.engine.ledger import InHand
from pssh.engine.process import Process
from pssh.engine.spawn import Spawned
from pssh.errors import UsageError
from pssh.model.event import Begun, JobEnded, Notice
from pssh.model.outcome import Failure
from pssh.model.work import Job

_HELD = 4 << 20  # bytes of events not taken yet, above which workers are not listened to
_LAST = 0.2  # seconds for workers to drop what was abandoned: a command on this machine is killed, not left
_LOOKS = 20  # how often in that time it is seen whether they have
_BARREN = 5  # workers that died in a row before any job came to its command or its end


class Pool(OneRun):
    """Runs jobs in worker processes, one run at a time."""

    def __init__(self, options: EngineOptions | None = None, clock: Clock | None = None) -> None:
        super().__init__(options, clock)
        self._warm: list[Process] = []

    def warm(self, count: int = 1, transports: Sequence[str] = ("ssh",)) -> None:
        """Start workers now, so that their imports overlap the caller's work; needs no loop.

        They live no longer than the calling thread. `close()` ends those that no run has taken. Raises OSError.
        """
        while len(self._warm) < count:
            self.adopt(Spawned.new(transports))

    def adopt(self, spawned: Spawned) -> None:
        """Take a worker that was started before there was a pool, as `warm` does those it starts."""
        self._warm.append(Process(spawned))

    def close(self) -> None:
        """End the workers that wait for a run."""
        while self._warm:
            self._warm.pop().end()

    def course(self, jobs: Sequence[Job]) -> Course:
        return _PoolCourse(jobs, self.options, self.clock, self._warm)


class _PoolCourse(Course):
    """One run: its workers, and what they say."""

    def __init__(self, jobs: Sequence[Job], options: EngineOptions, clock: Clock, warm: list[Process]) -> None:
        if options.rollout.barrier:  # all of them log in and wait for each other
            options = replace(options, parallel=max(len(jobs), 1))
        count = base.worker_count(options, len(jobs), base.cores(), len(warm))
        files = base.open_files()
        parallel = base.fitting(options.parallel, count, files)
        most = base.fitting(base.most(options.parallel, len(jobs)), count, files)
        if options.rollout.barrier and parallel < len(jobs):
            text = f"`--barrier` keeps {len(jobs)} hosts at once, and the open files allowed are enough for {parallel}"
            raise UsageError(text, hint="`ulimit -n` sets the limit, and `ulimit -Hn` shows how far")
        super().__init__(jobs, options, clock, parallel, most)
        if parallel < min(options.parallel, len(jobs)):
            text = f"{parallel} instead of {options.parallel} hosts at once: too few open files are allowed"
            self.mail.put(Notice(text, hint="`ulimit -Hn` shows the limit"))
        self._warm = warm
        # Shared out by what there is to do: else who is ready first takes all of it.
        self._lanes = base.share(min(parallel, max(len(jobs), count)), count)
        self._files = [base.files_for(lanes) for lanes in base.share(most, count)]
        self._handshakes = base.share(options.connect_limit, count)
        names = {job.connection.transport for job in jobs}
        self._transports = {name: options.transports.get(name, "") for name in sorted(names)}
        self._workers: dict[int, Process] = {}
        self._barren = 0
        self._paused = False
        self._beaten = self.loop.time()

    def begin(self) -> None:
        self._staff()
        self.after(self.options.heartbeat, self._beat)

    def cancel(self, *, running: bool) -> None:
        for worker in self._workers.values():
            worker.stop(self.ledger.cause, running=running)

    def end_one(self, taken: InHand) -> None:
        taken.who.end_job(taken.job.id, taken.why)

    def release(self) -> None:
        for worker in self._workers.values():
            worker.release()

    def widen(self, parallel: int) -> None:
        super().widen(parallel)
        self._lanes = base.share(parallel, len(self._lanes))
        for number, worker in self._workers.items():
            worker.lanes = self._lanes[number]

    def listen(self) -> None:
        if self._paused:
            self._paused = False
            for worker in self._workers.values():
                worker.pause(False)

    async def end(self) -> None:
        await super().end()
        if self.abandoned:
            for turn in range(_LOOKS):
                if not any(worker.load for worker in self._workers.values()):
                    break
                await asyncio.sleep(_LAST / _LOOKS)
                if turn == _LOOKS // 2:
                    self.cancel(running=True)  # a lane that was just ending its command is told once more
        while self._workers:
            self._workers.popitem()[1].end()

    def _staff(self) -> None:
        """Start the workers that are missing, as far as jobs wait for them."""
        for number in range(len(self._lanes)):
            wanted = self.ledger.waiting and not self.ledger.cause and self._barren < _BARREN
            if number not in self._workers and wanted:
                self._start(number)

    def _start(self, number: int) -> None:
        try:
            worker = self._warm.pop(0) if self._warm else Process(Spawned.new(tuple(self._transports)))
        except OSError as error:
            self._barren = _BARREN
            self._despair(str(error))
            return
        self._workers[number] = worker
        setup = wire.Setup(
            number=number,
            secrets=dict(self.options.secrets),
            connect_limit=self._handshakes[number],
            jump_limit=max(self.options.jump_limit // len(self._handshakes), 1),
            files=self._files[number],
            transports=self._transports,
            marks=self.options.marks,
            spool=self.options.spool,
        )
        hear, gone = partial(self._hear, worker), partial(self._gone, worker)
        worker.attach(setup, self._lanes[number], hear, gone, self._turn, self.options.input)

    def _gone(self, worker: Process, garbled: str) -> None:
        del self._workers[worker.number]
        reason = worker.end()
        if garbled:
            reason = f"it said something that cannot be read ({garbled})"
        ends, progress = self.ledger.died(worker, reason, self.loop.time(), sure=not garbled)
        self._barren = 0 if worker.proved or progress else self._barren + 1
        for event in ends:
            self.put(event)
        self._staff()
        if not self._workers or self._barren >= _BARREN:
            self._despair(reason)
        self.fill()

    def _despair(self, reason: str) -> None:
        """Say that nobody will take the waiting jobs: nobody is left, or whoever is left waits for them himself."""
        if not self._workers or self.ledger.gathering:
            self.hopeless = Failure(
                stage="worker",
                kind="died",
                message=f"no worker process stays up: {reason}",
                hint="the cause is on this machine, not on the hosts: `pssh` cannot keep its own processes running",
            )
        self.mail.wake()

    def _beat(self) -> None:
        now, every = self.loop.time(), self.options.heartbeat
        listened = now - self._beaten < 1.5 * every and not self._paused  # else it was we who slept
        self._beaten = now
        for worker in self._workers.values():
            if not listened:
                worker.forgive()
            worker.beat(every)
        self.after(every, self._beat)

    def fill(self) -> None:
        """Hand out jobs to whoever has most lanes free, until lanes, jobs or the pace end."""
        now = self.loop.time()
        while self._workers:
            worker = max(self._workers.values(), key=_free)
            if worker.free <= 0:
                self.ledger.full()
                return
            taken = self.ledger.take(worker, worker.number, now, self.clock.wall())
            if taken is None:
                break
            in_hand, event = taken
            self.put(event)
            try:
                worker.begin(in_hand.job, in_hand.attempt, barrier=self.ledger.gathering)
            except (TypeError, ValueError, OverflowError, RecursionError) as error:
                self.put(self.ledger.fail(in_hand, endings.unsendable(error), now))
        due = self.ledger.due(now)
        if due is not None:
            self.after(due, self.fill)

    def _hear(self, worker: Process, message: wire.FromWorker) -> None:
        if isinstance(message, wire.Pong):
            return
        if isinstance(message, wire.Ready):
            worker.ready = True
            return
        if isinstance(message, wire.Wanted):
            if self.options.input is not None:
                self.options.input.wanted(message.at)
            return
        if isinstance(message, Begun):
            self.put(message)
            return
        event = self.ledger.heard(worker, message)
        if event is not None:
            if isinstance(event, JobEnded):
                worker.load -= 1
                worker.proved = True
            self.put(event)
        elif isinstance(message, JobEnded) and self.abandoned:
            worker.load -= 1  # its result was given here

    def _turn(self, size: int) -> None:
        """After each read: hand out what became free, and stop listening if what was heard is not taken away."""
        self.mail.size += size
        self.fill()
        if self.mail.size > _HELD and not self._paused:
            self._paused = True
            for worker in self._workers.values():
                worker.pause(True)


def _free(worker: Process) -> int:
    return worker.free
