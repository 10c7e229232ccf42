"""JSON for programs: one document at the end, or one event per line as it happens.

Within one `v` nothing is renamed, removed or changed in meaning. Bytes that are not UTF-8 are given in base64, and
`encoding` beside them says so. Characters that could act on a terminal are written as JSON escapes, which change
nothing for a reader. Every host has exactly one `host.end`.
"""

import json
from base64 import b64encode
from collections.abc import Callable, Iterable
from typing import Any

import msgspec
from msgspec import UNSET, Struct, structs

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
from pssh.model.outcome import Failure, Result, StepResult
from pssh.model.report import JobRun, Report, Run
from pssh.model.work import StreamName
from pssh.report import records as rec
from pssh.report.lines import complete
from pssh.report.records import VERSION
from pssh.report.safe import UNSAFE, speakable
from pssh.report.screen import Screen
from pssh.report.words import moment

Fields = dict[str, Any]

_PIECE = 64 << 10  # bytes of a document that are written at once


class Json:
    """Writes one document when the run has ended."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            held = bytearray()
            for piece in document(event.report):  # a write for each host would wake the reader of a pipe as often
                held += piece
                if len(held) > _PIECE:
                    self._screen.write(bytes(held))
                    held.clear()
            self._screen.write(bytes(held))


class NdJson:
    """Writes one event per line, numbered and with its time; `output`: also what hosts print, as it comes."""

    def __init__(self, screen: Screen, *, now: Callable[[], float], output: bool = False) -> None:
        self._screen = screen
        self._now = now
        self._wants_output = output
        self._seq = 0
        self._run = ""
        self._tails: dict[tuple[int, str], bytes] = {}  # the begun character at the end of a piece of output

    def on(self, event: Event, /) -> None:
        match event:
            case RunStarted(run=run):
                self._run = run.id
                self._emit("run.start", run_start(run))
            case JobStarted(host=host, attempt=attempt, worker=worker, wave=wave):
                name = "host.start" if attempt == 1 else "host.retry"
                self._emit(name, rec.HostStart(host=host, attempt=attempt, wave=wave or 1, worker=worker))
            case JobReady(host=host):
                self._emit("host.ready", rec.HostReached(host=host))
            case JobConnected(host=host):
                self._emit("host.connected", rec.HostReached(host=host))
            case JobSaid() if self._wants_output:
                self._said(event)
            case StepEnded(host=host, step=step):
                self._emit("host.step", rec.HostStep(host=host, **structs.asdict(step_record(step))))
            case HostKeyLearned(host=host, file=file, line=line):
                self._emit("host.key", rec.HostKey(host=host, file=file, line=line))
            case JobEnded(result=result):
                self._ended(result)
            case WaveStarted(number=number, of=of, hosts=hosts):
                self._emit("wave.start", rec.WaveStart(wave=number, of=of, hosts=hosts))
            case WaveEnded(number=number, of=of, asks=asks, report=report):
                counts = report.counts if report else None
                self._emit("wave.end", rec.WaveEnd(wave=number, of=of, asks=asks, counts=counts))
            case Released(ready=ready, missing=missing):
                self._emit("barrier", rec.Barrier(ready=ready, missing=missing))
            case Stopping(cause=cause, times=times):
                self._emit("stop", rec.Stop(cause=cause, times=times))
            case Notice(text=text, hint=hint):
                self._emit("notice", rec.Note(text=text, hint=hint or None))
            case RunEnded(report=report):
                self._emit("run.end", rec.RunEnd(**_end(report), seconds=round(report.seconds, 6)))
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
        streams: tuple[StreamName, ...] = ("stdout", "stderr")
        for stream in streams:
            self._output(result.host, stream, self._tails.pop((result.job_id, stream), b""))
        if (failure := result.failure) and failure.remote_end:
            kill = rec.HostKill(host=result.host, cause=failure.cause, remote_end=failure.remote_end)
            self._emit("host.kill", kill)
        self._emit("host.end", row(result))

    def _output(self, host: str, stream: StreamName, data: bytes) -> None:
        if data:
            self._emit("host.output", rec.HostOutput(host=host, stream=stream, **_streams(text=data)))

    def _emit(self, name: str, body: Struct) -> None:
        head = rec.Head(seq=self._seq, t=moment(self._now()), event=name, run=self._run or None)
        self._seq += 1
        self._screen.write(encode(head)[:-1] + b"," + encode(body)[1:] + b"\n")


def document(report: Report) -> Iterable[bytes]:
    """Yield the pieces of one document, a result at a time, so that it is never in memory whole."""
    run = rec.WholeRun(**run_fields(report.run), seconds=round(report.seconds, 6))
    yield b'{"v":%d,"run":%s,"results":[' % (VERSION, encode(run))
    for number, result in enumerate(report.results):
        yield (b",\n" if number else b"\n") + encode(row(result))
    rest = rec.Rest(groups=[_group(group) for group in report.groups()], **_end(report))
    yield b"\n]," + encode(rest)[1:] + b"\n"


def run_start(run: Run) -> rec.RunStart:
    """Return what is known of a run at its start."""
    return rec.RunStart(
        started=moment(run.started),
        operation=run.operation,
        text=run.text,
        targets=run.targets,
        inventory=run.inventory,
        hosts=len(run.hosts),
        user=run.user or None,
        options=run.options,
        job=_job(run.job) if run.job else UNSET,
    )


def _job(job: JobRun) -> rec.JobRun:
    times = {name: moment(value) if (value := getattr(job, name)) else None for name in ("due", "until")}
    return rec.JobRun(file=job.file, reason=job.reason or None, **times)


def run_fields(run: Run) -> Fields:
    """Return the same by the names of the fields, with the run's own name."""
    known = structs.asdict(run_start(run)).items()
    return {"run": run.id or None, **{name: value for name, value in known if value is not UNSET}}


def row(result: Result) -> rec.Row:
    """Return how one host ended; what does not apply is null."""
    end, reply, failure = result.end, result.reply, result.failure
    return rec.Row(
        host=result.host,
        status=result.status,
        state=result.state,
        cause=result.cause or None,
        code=reply.exit_code if reply else None,
        signal=(reply.signal or None) if reply else None,
        failure=_why(failure) if failure else None,
        changed=result.changed,
        remote_end=(failure.remote_end or None) if failure else None,
        **_streams(stdout=end.stdout, stderr=end.stderr),
        stdout_bytes=end.stdout_bytes,
        stderr_bytes=end.stderr_bytes,
        truncated=end.truncated,
        spooled=end.whole if end.truncated else UNSET,
        note=end.note or None,
        banner=result.banner or None,
        attempts=result.attempts,
        started=moment(result.started) if result.started else None,
        seconds={phase: round(value, 6) for phase, value in result.seconds.items()},
        steps=[step_record(step) for step in result.steps] or UNSET,
        wave=result.wave or UNSET,
    )


def step_record(step: StepResult) -> rec.Step:
    """Return how one step of a host ended."""
    return rec.Step(
        step=step.name,
        status=step.status,
        cause=step.cause or None,
        seconds=round(step.seconds, 6),
        changed=step.changed,
        attempts=step.attempts,
        note=step.note or None,
        undo=step.undo,
    )


def encode(value: Struct | Fields) -> bytes:
    """Return JSON of one line that is inert on a terminal."""
    try:
        data = msgspec.json.encode(value, enc_hook=str)
    except UnicodeEncodeError:
        data = msgspec.json.encode(_speakable(value), enc_hook=str)
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
    return {**fields, "encoding": encoding or UNSET}


def _why(failure: Failure) -> rec.Why:
    return rec.Why(stage=failure.stage, kind=failure.kind, message=failure.words, hint=failure.hint or None)


def _group(group: list[Result]) -> rec.Group:
    first = row(group[0])
    alike = {name: getattr(first, name) for name in ("status", "cause", "code", "signal", "remote_end")}
    return rec.Group(**alike, count=len(group), hosts=[result.host for result in group])


def _end(report: Report) -> Fields:
    return {
        "counts": report.counts,
        "exit": report.exit_code,
        "stopped": report.stopped or None,
        "spread": None if report.spread is None else round(report.spread, 6),
    }


def _speakable(value: Any) -> Any:
    if isinstance(value, Struct):
        return _speakable({name: part for name, part in structs.asdict(value).items() if part is not UNSET})
    if isinstance(value, str):
        return speakable(value)
    if isinstance(value, dict):
        return {_speakable(key): _speakable(part) for key, part in value.items()}
    return [_speakable(part) for part in value] if isinstance(value, list | tuple) else value
