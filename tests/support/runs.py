"""Made-up results, reports and displays, so that a test of a reporter says only what it is about."""

import io
from collections.abc import Iterable, Sequence
from itertools import count
from typing import Any

from pssh.model.event import Event, RunEnded
from pssh.model.outcome import Failure, Reply, Result, status_of
from pssh.model.report import Report, Run
from pssh.report.base import Display, reporters
from pssh.report.screen import Screen


def result(host: str, end: Reply | Failure, *, seconds: float = 0.2, started: bool = True, **fields: Any) -> Result:
    """Return a result whose status follows from its end."""
    if isinstance(end, Failure):
        status, state = status_of(end, started=started)
    else:
        status, state = ("ok" if end.exit_code == 0 else "failed"), "finished"
    fields = {"job_id": 0, "operation": "uname -r", "status": status, "state": state, **fields}
    return Result(host=host, end=end, seconds={"total": seconds}, **fields)


def ok(host: str, stdout: bytes = b"", **fields: Any) -> Result:
    return result(host, Reply(exit_code=0, stdout=stdout), **fields)


def failed(host: str, cause: str, message: str = "it went wrong", *, hint: str = "", **fields: Any) -> Result:
    """Return a result that failed before or after its command was requested, as the stage tells."""
    stage, kind = cause.split("/")
    started = fields.pop("started", stage in ("exec", "transfer"))
    end = Failure(stage=stage, kind=kind, message=message, hint=hint)
    return result(host, end, started=started, **fields)


def report(results: Iterable[Result], *, seconds: float = 10.3, stopped: str = "", **run: Any) -> Report:
    results = tuple(results)
    run = {
        "id": "r42",
        "started": 1795341600.0,
        "operation": "command",
        "text": "uname -r",
        "targets": "@web,@db",
        "inventory": ("inventory/fleet.toml",),
        "hosts": tuple(one.host for one in results),
        "options": {"parallel": 64},
        **run,
    }
    return Report(run=Run(**run), results=results, seconds=seconds, stopped=stopped)


def example(stdout: bytes = b"6.1.0-28-amd64\n") -> Report:
    """Return the run that the documents show: 21 hosts agree, one cannot be reached, one fails."""
    kernel = Reply(exit_code=0, stdout=stdout)
    results = [result(f"db{number}", kernel) for number in (1, 2)]
    results.append(failed("db3", "connect/timeout", "no answer from 10.0.2.3:22", seconds=10.0))
    results += [result(f"web{number:02}", kernel) for number in range(1, 21)]
    broken = Reply(exit_code=3, stderr=b"uname: extra operand\n")
    results[9] = result("web07", broken, seconds=0.4)
    return report(results)


def shown(events: Report | Sequence[Event], display: Display = Display(), *, step: float = 1.0) -> tuple[str, str]:  # noqa: B008
    """Return what a display writes to stdout and to stderr; between two looks at the clock pass `step` seconds."""
    events = [RunEnded(events)] if isinstance(events, Report) else events
    out, err, times = io.BytesIO(), io.BytesIO(), count(100.0, step)
    made = reporters(display, Screen(out, err), clock=lambda: next(times), now=lambda: 1795341600.0)
    for event in events:
        for reporter in made:
            reporter.on(event)
    return out.getvalue().decode(), err.getvalue().decode()
