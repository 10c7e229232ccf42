"""The loop of `pssh sched run`: looks at the jobs of a folder every second, and starts those that are due.

Promises: it sleeps by the monotonic clock and decides by the wall clock, so that a jump of the clock or a suspended
machine delays nothing by more than a second; each run is a process of its own in a session of its own, so that the end
of the loop, however it comes, ends no run by itself; what such a process prints goes to a file, because a pipe would
end with us. Every decision is one line of words `key=value`.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from pssh.schedule.decide import Run, Skip, Wait, decide
from pssh.schedule.folder import JobFolder
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.lock import Lock
from pssh.schedule.running import clean
from pssh.schedule.state import Job, State, secured

TICK = 1.0  # seconds
_BOOT = "import sys; sys.path[:] = {path!r}; from pssh.cli.early import main; main()"
_MOST_SAID = 300  # letters of what a process said last
_MOST_SKIPS = 1_000  # of one job in one look


@dataclass(slots=True)
class Child:
    """A process that runs a job."""

    job: MaintenanceJob
    at: datetime
    popen: subprocess.Popen[bytes]
    output: Path


def start(job: MaintenanceJob, output: Path) -> subprocess.Popen[bytes]:
    """Start the process that runs a job if it is due."""
    boot = _BOOT.format(path=[part for part in sys.path if isinstance(part, str)])
    flags = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC
    with os.fdopen(os.open(output, flags, 0o600), "wb") as file:
        return subprocess.Popen(
            [sys.executable, "-P", "-c", boot, "job", "run", "--scheduled", str(job.path)],
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
            env=clean(os.environ),
            cwd=job.path.parent,
            start_new_session=True,
        )


@dataclass(slots=True)
class Loop:
    """One folder's; `start` begins a job's process."""

    folder: JobFolder
    state: State
    log: Callable[[str], object]
    now: Callable[[], datetime] = lambda: datetime.now(UTC)
    start: Callable[[MaintenanceJob, Path], Any] = start
    children: list[Child] = field(default_factory=list)
    _waits: dict[Path, tuple[Job, datetime | None]] = field(default_factory=dict)  # for what, as it was said

    def tick(self) -> None:
        """Look at everything once."""
        self._files()
        self._ended()
        for job in self.folder.jobs:
            self._job(job)

    def end(self, number: int = signal.SIGTERM) -> None:
        """Ask every run under way to end."""
        for child in self.children:
            if child.popen.poll() is None:
                self._say("stop", child.job.name, pid=child.popen.pid)
                child.popen.send_signal(number)

    def over(self) -> bool:
        """Whether no run of ours is under way any more; tells those that ended."""
        self._ended()
        return not self.children

    def _files(self) -> None:
        for change in self.folder.changes():
            if change.seen is None:
                self._say("gone", change.path.stem, file=change.path)
            elif change.seen.job is None:
                self._say("refused", change.path.stem, file=change.path, why=change.seen.trouble)
            else:
                job = change.seen.job
                self._say("loaded" if job.entry else "by-hand", job.name, file=job.path)
                self._waits.pop(job.path, None)
                self._interrupted(job)

    def _interrupted(self, job: MaintenanceJob) -> None:
        """Tell what became of runs that an earlier loop began, and did not see end."""
        if not self.state.open(job.path):
            return  # the lock is not touched: a timer that asks at this moment would take it for a run under way
        lock = Lock(self.state.folder, str(job.path))
        if not lock.take():
            self._say("running", job.name, pid=lock.holder() or "-")
            return
        with lock.taken():
            if self.state.settle(job.path):
                self._say("interrupted", job.name, file=job.path)

    def _job(self, job: MaintenanceJob) -> None:
        assert job.entry is not None
        for _ in range(_MOST_SKIPS):
            known = self.state.job(job.path, job.name, self.now())
            now = self.now()
            before, until = self._waits.get(job.path, (None, None))
            if before == known and (until is None or now < until):
                return
            running = Lock(self.state.folder, str(job.path)).held()
            decision = decide(job.entry, now, known.last, running=running, paused=bool(known.paused))
            match decision:
                case Skip():
                    if self._skipped(job, decision):
                        detail = {"detail": decision.detail} if decision.detail else {}
                        since = {"since": decision.first} if decision.first < decision.at else {}
                        self._say("skip", job.name, due=decision.at, reason=decision.reason, **since, **detail)
                case Wait(until=None, at=datetime() as at):  # until the run before has ended
                    self._begin(job, Run(at, "due"))
                    return
                case Wait(until=until):
                    self._waits[job.path] = known, until
                    self._say("wait", job.name, until=until or "-")
                    return
                case Run():
                    self._begin(job, decision)
                    return

    def _begin(self, job: MaintenanceJob, run: Run) -> None:
        if any(child.job.path == job.path and child.at == run.at for child in self.children):
            return  # its process has not answered yet, or waits for the run before
        output = secured(self.state.folder / "sched") / f"{job.name}.{run.at:%Y%m%dT%H%M%S}.log"
        try:
            popen = self.start(job, output)
        except OSError as error:
            self._failed(job, run.at, f"it could not be started: {error.strerror}")
            return
        self.children.append(Child(job, run.at, popen, output))
        self._say("start", job.name, due=run.at, reason=run.reason, pid=popen.pid)

    def _ended(self) -> None:
        for child in list(self.children):
            if (code := child.popen.poll()) is None:
                continue
            self.children.remove(child)
            said = _last_line(child.output)
            child.output.unlink(missing_ok=True)
            self._say("ended", child.job.name, due=child.at, pid=child.popen.pid, exit=code, said=said)
            if self.state.job(child.job.path, child.job.name, self.now()).last < child.at:
                self._failed(child.job, child.at, said or f"exit {code}")

    def _failed(self, job: MaintenanceJob, at: datetime, why: str) -> None:
        """Answer a time for which no run could even begin, so that it is on record and not tried for ever."""
        if self._skipped(job, Skip(at, "failed", at, why)):
            self._say("skip", job.name, due=at, reason="failed", detail=why)

    def _skipped(self, job: MaintenanceJob, skip: Skip) -> bool:
        """Answer a time by a skip and record it; False if somebody else was quicker."""
        with self.state.together():
            answered = self.state.answer(job.path, skip.at)
            if answered:
                self.state.skipped(job.path, skip, self.now())
        return answered

    def _say(self, event: str, job: str, **words: object) -> None:
        self.log(line({"time": self.now(), "event": event, "job": job, **words}))


def line(words: Mapping[str, object]) -> str:
    """Return words as `key=value`; a value with blanks or quotes is written as in JSON."""
    return " ".join(f"{key}={_value(value)}" for key, value in words.items())


def _value(value: object) -> str:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%dT%H:%M:%SZ}"
    text = str(value)
    plain = text.isprintable() and text and not any(char in text for char in ' "=\\')
    return text if plain else json.dumps(text, ensure_ascii=False)


def _last_line(output: Path) -> str:
    try:
        lines = output.read_bytes()[-4096:].decode("utf-8", "replace").strip().splitlines()
    except OSError:
        return ""
    return lines[-1].strip()[:_MOST_SAID] if lines else ""
