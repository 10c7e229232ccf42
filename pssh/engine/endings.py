"""The ends that no host gave: stopped, a bug of ours, a worker that died; each as a Failure and its Result.

Here and nowhere else, so that both sides of the process border word them alike.
"""

from pssh.model.outcome import Failure, Reply, Result, status_of
from pssh.model.size import sized
from pssh.model.work import Job

_LINE = 500  # of an exception's own words, which may quote what a host sent

# By the cause of a stop: the kind and the message of a job whose command had not begun on its host.
_STOPS = {
    "interrupt": ("interrupt", "the run was interrupted"),
    "terminate": ("interrupt", "the run was told to end by SIGTERM"),
    "hangup": ("interrupt", "the terminal went away"),
    "operator": ("operator", "it was kept from starting while the run went on"),
    "unread": ("interrupt", "nobody reads the output any more"),
    "unwritten": ("interrupt", "the output could not be written"),
    "budget": ("budget", "more hosts failed than `--max-fail` allows"),
    "canary": ("canary", "a host of the `--canary` was not ok"),
    "auth-brake": ("auth-brake", "five hosts in a row refused the password"),
    "window": ("window", "the window in which hosts may start had closed"),
    "deadline": ("deadline", "the run had taken as long as its `--deadline` allows"),
    "tail": ("deadline", "most hosts had ended, and the time that `--tail` gives the others had passed"),
}
_LIMITS = ("deadline", "tail")
_RULES = ("budget", "canary", "auth-brake")


def stopped(cause: str, begun: bool = False) -> Failure:
    """Return the failure of a job ended by a stop. `begun`: its command may have run."""
    kind, message = _STOPS.get(cause, (cause, f"the run was stopped: {cause}"))
    if begun and cause in _LIMITS:
        return Failure(stage="exec", kind=cause, message=message)
    if begun and cause in _RULES:
        kind, message = "halt", f"ended by `--halt now`: {message}"
    if begun and cause == "window":
        message = "ended by `must_stop`: the job's maintenance window had closed"
    if begun and cause == "operator":
        message = "it was ended while the run went on"
    return Failure(stage="stop", kind=kind, message=message)


def late(seconds: float, begun: bool) -> Failure:
    """Return the failure of a job whose own limit has passed."""
    limit = f"{seconds:g} s (`--host-timeout`)"
    if begun:
        return Failure(stage="exec", kind="deadline", message=f"the host took longer than {limit}")
    return Failure(stage="connect", kind="timeout", message=f"no command could be sent within {limit}")


def too_much(most: int) -> Failure:
    """Return the failure of a job whose command printed more than it may."""
    return Failure(stage="stop", kind="output-limit", message=f"more than {sized(most)} printed (`--max-output`)")


def bug(error: BaseException) -> Failure:
    """Return a failure that names our own fault."""
    words = " ".join(f"{type(error).__name__}: {error}".split())
    return Failure(stage="worker", kind="bug", message=words[:_LINE], hint="this is a bug in pssh; please report it")


def unsendable(error: Exception) -> Failure:
    """Return the failure of a job whose operation cannot cross the process border."""
    message = f"the operation cannot be given to a worker: {error}"
    return Failure(stage="local", kind="operation", message=message[:_LINE])


def died(reason: str) -> Failure:
    """Return the failure of a job whose worker process ended."""
    return Failure(stage="worker", kind="died", message=f"the worker process died: {reason}")


def result(
    job: Job,
    end: Reply | Failure,
    *,
    begun: bool,
    started: float = 0.0,
    seconds: dict[str, float] | None = None,
    attempts: int = 1,
    worker: int = -1,
    banner: str = "",
    label: bool = True,
) -> Result:
    """Return the one result of a job. `begun`: its command may have run. Without `label` the parent fills it in."""
    if isinstance(end, Failure):
        status, state = status_of(end, started=begun)
        if job.limits.expect_disconnect and end.cause == "exec/connection-closed":
            status = "ok"
    else:
        status, state = ("ok" if end.exit_code in job.limits.ok else "failed"), "finished"
    return Result(
        job_id=job.id,
        host=job.host,
        operation=job.operation.label if label else "",
        status=status,
        state=state,
        end=end,
        changed=end.changed if isinstance(end, Reply) else None,
        started=started,
        seconds=seconds or {},
        attempts=attempts,
        worker=worker,
        banner=banner,
    )
