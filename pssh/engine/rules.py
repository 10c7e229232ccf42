"""The rules that stop a run for what its hosts answer: the canary, the failure budget and the authentication brake.

Looked at with every result, before the next job is handed out. Nothing here acts; a rule that is broken is a word.
"""

from collections import Counter
from collections.abc import Sequence

from pssh.model.outcome import Result
from pssh.model.rollout import Rollout
from pssh.model.work import Job

DENIALS = 5  # in a row for one password, so that a typo does not lock an account on every host


class Rules:
    """What came of a run so far, as far as a rule asks for it."""

    def __init__(self, rollout: Rollout, jobs: Sequence[Job]) -> None:
        self._canaries = frozenset(job.id for job in jobs[: rollout.canary])
        self._allowed = len(jobs) if rollout.max_fail is None else rollout.max_fail.down(len(jobs))
        self._from = min(rollout.max_fail_from, len(jobs))
        self._bad = self._ended = 0
        self._denied: Counter[str] = Counter()  # in a row, by the name of the password

    def logged_in(self, job: Job) -> None:
        """Note that a host took the job's password."""
        if job.connection.password:
            self._denied.pop(job.connection.password, None)

    def broken(self, job: Job, result: Result) -> str:
        """Count a result, and return the rule that it breaks, as the cause of a stop; empty if none."""
        self._ended += 1
        self._bad += result.status not in ("ok", "skipped")
        if self._braked(job, result):
            return "auth-brake"
        if result.status != "ok" and job.id in self._canaries:
            return "canary"  # also one that was skipped: it has shown nothing
        return "budget" if self._bad > self._allowed and self._ended >= self._from else ""

    def _braked(self, job: Job, result: Result) -> bool:
        if not (name := job.connection.password):
            return False
        if result.cause == "auth/denied":
            self._denied[name] += 1
        elif result.state != "not-started" or result.status == "skipped":
            self.logged_in(job)
        return self._denied[name] >= DENIALS
