"""The jobs that nobody has: which is next, in their order, wave by wave, and those of one word one at a time.

A job whose word is in use is put aside once and comes back when the word is free, before those that were never looked
at; so each job costs the same, however many share a word.
"""

from collections import deque
from collections.abc import Sequence

from pssh.model.work import Job

Entry = tuple[Job, int]  # a job, and which attempt it would be


class Waiting:
    """The queue of a run; nothing may go before `open` is called."""

    def __init__(self, jobs: Sequence[Job]) -> None:
        self.count = len(jobs)
        self.here = 0  # of them, those of the wave under way
        self._jobs = jobs
        self._at = self._until = 0  # the first job that was never looked at, and the end of the wave
        self._next: deque[Entry] = deque()
        self._aside: dict[str, deque[Job]] = {}  # by their word, which is in use
        self._dropped: set[int] = set()  # ids of those that are passed over

    def open(self, size: int) -> int:
        """Let the next so many jobs go too; return how many of them still wait."""
        since, self._until = self._until, self._until + size
        found = sum(job.id not in self._dropped for job in self._jobs[since : self._until]) if self._dropped else size
        self.here += found
        return found

    def first(self) -> Entry | None:
        """Return the job that may go now; None if there is none."""
        while not self._next and self._at < self._until:
            job = self._look()
            if job is None:
                continue
            aside = self._aside.get(job.only_one) if job.only_one else None
            if aside is not None:
                aside.append(job)
                continue
            if job.only_one:
                self._aside[job.only_one] = deque()
            self._next.append((job, 1))
        return self._next[0] if self._next else None

    def take(self) -> Entry:
        """Take the job that `first` returned."""
        self.count -= 1
        self.here -= 1
        return self._next.popleft()

    def give_back(self, job: Job, attempt: int) -> None:
        """Let a job that was taken wait again, before all others; its word stays in use."""
        self.count += 1
        self.here += 1
        self._next.appendleft((job, attempt))

    def ended(self, job: Job) -> None:
        """Free the word of a job that was taken."""
        if job.only_one:
            aside = self._aside[job.only_one]
            if aside:
                self._next.appendleft((aside.popleft(), 1))
            else:
                del self._aside[job.only_one]

    def any(self) -> Entry:
        """Take a job that waits, whether it may go now or not; for jobs that will never go."""
        for aside in self._aside.values():
            self._next.extend((job, 1) for job in aside)
            aside.clear()
        while not self._next:
            job = self._look()
            if job is not None:
                self._next.append((job, 1))
        self.count -= 1
        self.here -= bool(self.here)
        return self._next.popleft()

    def drop(self, job_id: int) -> Entry | None:
        """Take that job out of the queue, wherever it stands; None if it does not wait."""
        for place, entry in enumerate(self._next):
            if entry[0].id == job_id:
                del self._next[place]
                self._left_early(1)
                self.ended(entry[0])
                return entry
        for aside in self._aside.values():
            for place, job in enumerate(aside):
                if job.id == job_id:
                    del aside[place]
                    self._left_early(1)
                    return job, 1
        for place in range(self._at, len(self._jobs)):
            job = self._jobs[place]
            if job.id == job_id and job_id not in self._dropped:
                self._dropped.add(job_id)
                self._left_early(place < self._until)
                return job, 1
        return None

    def _look(self) -> Job | None:
        """Return the next job that was never looked at; None for one that was dropped."""
        job = self._jobs[self._at]
        self._at += 1
        return None if job.id in self._dropped else job

    def _left_early(self, here: int) -> None:
        self.count -= 1
        self.here -= here
