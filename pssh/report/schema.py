"""The JSON Schema of what `-f json` and `-f ndjson` write, made from typed definitions of every object in them.

A reader of one `v` may rely on the fields given here, and ignores those it does not know: more may be added.
"""

from typing import Any, Literal

import msgspec
from msgspec import Struct

from pssh.model.outcome import Stage, State, Status

_Bytes = str  # as text, or in base64 where `encoding` says so


class FailureFields(Struct, kw_only=True):
    """Why a host has no exit code."""

    stage: Stage
    kind: str
    message: str
    hint: str | None


class Row(Struct, kw_only=True):
    """How one host ended; what does not apply is null."""

    host: str
    status: Status
    state: State
    cause: str | None
    code: int | None
    signal: str | None
    failure: FailureFields | None
    changed: bool | None
    remote_end: Literal["killed", "exited", "left running"] | None
    stdout: _Bytes
    stderr: _Bytes
    stdout_bytes: int
    stderr_bytes: int
    truncated: bool
    note: str | None
    banner: str | None
    attempts: int
    started: str | None
    seconds: dict[str, float]
    encoding: dict[str, Literal["base64"]] | msgspec.UnsetType = msgspec.UNSET


class RunFields(Struct, kw_only=True):
    """What is known of a run at its start; `hosts` is their number."""

    run: str | None
    started: str
    operation: str
    text: str
    targets: str
    inventory: list[str]
    hosts: int
    user: str | None
    options: dict[str, Any]


class RunWhole(RunFields, kw_only=True):
    """The same in a document, with the time that the run took."""

    seconds: float


class End(Struct, kw_only=True):
    """How a run ended."""

    counts: dict[Status, int]
    exit: int
    stopped: str | None
    spread: float | None


class Group(Struct, kw_only=True):
    """Hosts with equal results."""

    status: Status
    cause: str | None
    code: int | None
    signal: str | None
    remote_end: str | None
    count: int
    hosts: list[str]


class Document(End, kw_only=True):
    """What `-f json` writes, once."""

    v: Literal[1]
    run: RunWhole
    results: list[Row]
    groups: list[Group]


class Head(Struct, kw_only=True):
    """What every line of `-f ndjson` begins with."""

    v: Literal[1]
    seq: int
    t: str
    run: str | None


class HostStart(Struct, kw_only=True):
    host: str
    attempt: int
    wave: int
    worker: int


class HostStep(Struct, kw_only=True):
    host: str


class HostOutput(Struct, kw_only=True):
    host: str
    stream: Literal["stdout", "stderr"]
    text: _Bytes
    encoding: dict[str, Literal["base64"]] | msgspec.UnsetType = msgspec.UNSET


class HostKey(Struct, kw_only=True):
    host: str
    file: str
    line: str


class HostKill(Struct, kw_only=True):
    host: str
    cause: str
    remote_end: str


class WaveStart(Struct, kw_only=True):
    wave: int
    of: int
    hosts: int


class WaveEnd(Struct, kw_only=True):
    wave: int
    of: int
    asks: bool
    counts: dict[Status, int] | None


class Barrier(Struct, kw_only=True):
    ready: int
    missing: int


class StopAsked(Struct, kw_only=True):
    cause: str
    times: int


class Told(Struct, kw_only=True):
    text: str
    hint: str | None


class RunEnd(End, kw_only=True):
    seconds: float


# What a line of ndjson is about: its `event`, and what it has beside the head.
LINES: dict[str, type[Struct]] = {
    "run.start": RunFields,
    "host.start": HostStart,
    "host.retry": HostStart,
    "host.ready": HostStep,
    "host.connected": HostStep,
    "host.output": HostOutput,
    "host.key": HostKey,
    "host.kill": HostKill,
    "host.end": Row,
    "wave.start": WaveStart,
    "wave.end": WaveEnd,
    "barrier": Barrier,
    "stop": StopAsked,
    "notice": Told,
    "run.end": RunEnd,
}


def _line(event: str, about: type[Struct]) -> type[Struct]:
    """Return the type of a whole line; a line of another event is none of it."""
    parts: dict[str, Any] = {"event": ("event", Literal[event])}
    for part in (Head, about):
        for one in msgspec.structs.fields(part):
            parts[one.name] = (one.name, one.type) if one.required else (one.name, one.type, one.default)
    return msgspec.defstruct(f"Line_{event.replace('.', '_')}", parts.values(), kw_only=True)


def schema() -> dict[str, Any]:
    """Return the JSON Schema that every line of ndjson, and every document of json, is valid against."""
    kinds = (Document, *(_line(event, about) for event, about in LINES.items()))
    named, definitions = msgspec.json.schema_components(kinds, ref_template="#/$defs/{name}")
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "pssh -f json, pssh -f ndjson",
        "anyOf": list(named),
        "$defs": definitions,
    }
