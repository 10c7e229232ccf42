"""JSON for programs: one document at the end, or one event per line as it happens.

Within one `v` nothing is renamed, removed or changed in meaning. Bytes that are not UTF-8 are given in base64, and
`encoding` beside them says so. Characters that could act on a terminal are written as JSON escapes, which change
nothing for a reader. Every host has exactly one `host.end`.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from typing import Any

import msgspec

from pssh.model.event import (
    Event,
    HostKeyLearned,
    JobConnected,
    JobEnded,
    JobReady,
    JobSaid,
    JobStarted,
    Notice,
    Released,
    RunEnded,
    RunStarted,
    StepEnded,
    Stopping,
    WaveEnded,
    WaveStarted,
)
from pssh.model.outcome import Failure, Reply, Result, StepResult
from pssh.model.report import Report, Run
from pssh.report.lines import complete
from pssh.report.safe import UNSAFE, speakable
from pssh.report.screen import Screen

VERSION = 1
Fields = dict[str, Any]


class Json:
    """Writes one document when the run has ended."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            for piece in document(event.report):
                self._screen.write(piece)


class NdJson:
    """Writes one event per line, numbered and with its time."""

    def __init__(self, screen: Screen, *, now: Callable[[], float]) -> None:
        self._screen = screen
        self._now = now
        self._seq = 0
        self._run = ""
        self._wave = 1
        self._tails: dict[tuple[int, str], bytes] = {}  # the begun character at the end of a piece of output

    def on(self, event: Event, /) -> None:
        match event:
            case RunStarted(run=run):
                self._run = run.id
                self._emit("run.start", **run_fields(run))
            case JobStarted(host=host, attempt=attempt, worker=worker):
                name = "host.start" if attempt == 1 else "host.retry"
                self._emit(name, host=host, attempt=attempt, wave=self._wave, worker=worker)
            case JobReady(host=host):
                self._emit("host.ready", host=host)
            case JobConnected(host=host):
                self._emit("host.connected", host=host)
            case JobSaid():
                self._said(event)
            case StepEnded(host=host, step=step):
                self._emit("host.step", host=host, **step_fields(step))
            case HostKeyLearned(host=host, file=file, line=line):
                self._emit("host.key", host=host, file=file, line=line)
            case JobEnded(result=result):
                self._ended(result)
            case WaveStarted(number=number, of=of, hosts=hosts):
                self._wave = number
                self._emit("wave.start", wave=number, of=of, hosts=hosts)
            case WaveEnded(number=number, of=of, asks=asks, report=report):
                self._emit("wave.end", wave=number, of=of, asks=asks, counts=report and report.counts)
            case Released(ready=ready, missing=missing):
                self._emit("barrier", ready=ready, missing=missing)
            case Stopping(cause=cause, times=times):
                self._emit("stop", cause=cause, times=times)
            case Notice(text=text, hint=hint):
                self._emit("notice", text=text, hint=hint or None)
            case RunEnded(report=report):
                self._emit("run.end", **_end(report), seconds=round(report.seconds, 6))
            case _:
                pass

    def _said(self, event: JobSaid) -> None:
        key = (event.job_id, event.stream)
        data = self._tails.pop(key, b"") + event.data
        whole = complete(data)
        if data[whole:]:
            self._tails[key] = data[whole:]
        self._output(event.host, event.stream, data[:whole])

    def _ended(self, result: Result) -> None:
        for stream in ("stdout", "stderr"):
            self._output(result.host, stream, self._tails.pop((result.job_id, stream), b""))
        if (failure := result.failure) and failure.remote_end:
            self._emit("host.kill", host=result.host, cause=failure.cause, remote_end=failure.remote_end)
        self._emit("host.end", **row(result))

    def _output(self, host: str, stream: str, data: bytes) -> None:
        if data:
            self._emit("host.output", host=host, stream=stream, **_streams(text=data))

    def _emit(self, name: str, **fields: Any) -> None:
        head = {"v": VERSION, "seq": self._seq, "t": _time(self._now()), "event": name, "run": self._run or None}
        self._seq += 1
        self._screen.write(encode({**head, **fields}) + b"\n")


def document(report: Report) -> Iterable[bytes]:
    """Yield the pieces of one document, a result at a time, so that it is never in memory whole."""
    run = {**run_fields(report.run), "seconds": round(report.seconds, 6)}
    yield b'{"v":%d,"run":%s,"results":[' % (VERSION, encode(run))
    for number, result in enumerate(report.results):
        yield (b",\n" if number else b"\n") + encode(row(result))
    groups = [_group(group) for group in report.groups()]
    rest = {"groups": groups, **_end(report)}
    yield b"\n]," + encode(rest)[1:] + b"\n"


def run_fields(run: Run) -> Fields:
    """Return what is known of a run at its start; `hosts` is their number."""
    return {
        "run": run.id or None,
        "started": _time(run.started),
        "operation": run.operation,
        "text": run.text,
        "targets": run.targets,
        "inventory": run.inventory,
        "hosts": len(run.hosts),
        "user": run.user or None,
        "options": run.options,
    }


def row(result: Result) -> Fields:
    """Return how one host ended; what does not apply is null."""
    end = result.end
    reply = end if isinstance(end, Reply) else None
    failure = end if isinstance(end, Failure) else None
    return {
        "host": result.host,
        "status": result.status,
        "state": result.state,
        "cause": result.cause or None,
        "code": reply and reply.exit_code,
        "signal": (reply and reply.signal) or None,
        "failure": failure
        and {"stage": failure.stage, "kind": failure.kind, "message": failure.message, "hint": failure.hint or None},
        "changed": result.changed,
        "remote_end": (failure and failure.remote_end) or None,
        **_streams(stdout=end.stdout, stderr=end.stderr),
        "stdout_bytes": end.stdout_bytes,
        "stderr_bytes": end.stderr_bytes,
        "truncated": end.truncated,
        "note": end.note or None,
        "banner": result.banner or None,
        "attempts": result.attempts,
        "started": _time(result.started) if result.started else None,
        "seconds": {phase: round(value, 6) for phase, value in result.seconds.items()},
        **({"steps": [step_fields(step) for step in result.steps]} if result.steps else {}),
    }


def step_fields(step: StepResult) -> Fields:
    """Return how one step of a host ended."""
    return {
        "step": step.name,
        "status": step.status,
        "cause": step.cause or None,
        "seconds": round(step.seconds, 6),
        "changed": step.changed,
        "attempts": step.attempts,
        "note": step.note or None,
        "undo": step.undo,
    }


def encode(fields: Fields) -> bytes:
    """Return JSON of one line that is inert on a terminal."""
    try:
        data = msgspec.json.encode(fields, enc_hook=str)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_speakable(fields), enc_hook=str)
    if data.isascii() and b"\x7f" not in data:
        return data
    return UNSAFE.sub(lambda found: json.dumps(found[0])[1:-1], data.decode()).encode()


def _streams(**streams: bytes) -> Fields:
    fields: Fields = {}
    encoding = {}
    for name, data in streams.items():
        try:
            fields[name] = data.decode()
        except UnicodeDecodeError:
            fields[name] = b64encode(data).decode()
            encoding[name] = "base64"
    return {**fields, "encoding": encoding} if encoding else fields


def _group(group: list[Result]) -> Fields:
    first = row(group[0])
    alike = {name: first[name] for name in ("status", "cause", "code", "signal", "remote_end")}
    return {**alike, "count": len(group), "hosts": [result.host for result in group]}


def _end(report: Report) -> Fields:
    return {
        "counts": report.counts,
        "exit": report.exit_code,
        "stopped": report.stopped or None,
        "spread": None if report.spread is None else round(report.spread, 6),
    }


def _time(seconds: float) -> str:
    return datetime.fromtimestamp(seconds, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _speakable(value: Any) -> Any:
    if isinstance(value, str):
        return speakable(value)
    if isinstance(value, dict):
        return {_speakable(key): _speakable(part) for key, part in value.items()}
    return [_speakable(part) for part in value] if isinstance(value, list | tuple) else value
