"""What crosses the process border: tagged values as msgpack, length first, both ways; and nothing else.

No pickle, no exception, no live object. Text that is not valid Unicode (a path or an argument as the system gave it)
crosses unchanged. A `Secret` crosses here and only here. What a worker sends is checked field by field, because a
worker holds hostile bytes: anything else than these values is `Garbled`, whoever wrote it.
"""

import os
from typing import Any, TypeVar

from msgspec import Struct, convert, msgpack, to_builtins

from pssh.history.spooled import Budget
from pssh.model.event import (
    Begun,
    HostKeyLearned,
    JobConnected,
    JobEnded,
    JobMoved,
    JobReady,
    JobSaid,
    JobStarted,
    StepEnded,
)
from pssh.model.host import Connection
from pssh.model.outcome import Failure
from pssh.model.secret import Secret
from pssh.model.work import Limits, Operation

_Any = TypeVar("_Any")

# A result has the first and the last 512 KiB of two streams, 2 MiB; what an option makes larger is trimmed to fit.
FROM_WORKER = 4 << 20
TO_WORKER = 64 << 20  # a script, or what a command reads from stdin
PIECE = 64 << 10  # output on its way to a reporter

_ODD = 1  # our msgpack extension for text that UTF-8 cannot hold, and for a value that has such text inside
_EXTENSIONS = frozenset({0xC7, 0xC8, 0xC9, 0xD4, 0xD5, 0xD6, 0xD7, 0xD8})


class Garbled(ValueError):
    """What arrived is not ours: the other side is to be given up."""


class Setup(Struct, frozen=True, tag=True):
    """The first message to a worker."""

    number: int
    secrets: dict[str, Secret]
    connect_limit: int
    jump_limit: int
    files: int  # to be open at once
    transports: dict[str, str]  # those to be made ready; empty path: the known one of that name
    marks: str = ""  # the file in which a job is marked before its command leaves
    spool: Budget = Budget()  # where what results do not hold is kept


class Define(Struct, frozen=True, tag=True):
    """An operation, sent once; jobs name its number. A worker keeps the latest `DEFINITIONS`."""

    number: int
    path: str  # "module:Class"
    raw: bytes


DEFINITIONS = 64


class Work(Struct, frozen=True, tag=True):
    """A job, to be begun now."""

    id: int
    host: str
    connection: Connection
    operation: int
    limits: Limits
    attempt: int = 1
    barrier: bool = False  # log in, and wait for `Release` before the command is requested


class Stop(Struct, frozen=True, tag=True):
    """End every job in hand; unless `running`, only those whose command has not begun on its host."""

    cause: str
    running: bool = True


class End(Struct, frozen=True, tag=True):
    """End one job."""

    id: int
    cause: str


class Release(Struct, frozen=True, tag=True):
    """Let every job that waits behind the barrier begin."""


class Grown(Struct, frozen=True, tag=True):
    """The run's input reaches so far, in bytes; `broken` says why there will be no more although it has not ended."""

    size: int
    ended: bool
    broken: Failure | None = None


class Ping(Struct, frozen=True, tag=True):
    """Say something."""


class Ready(Struct, frozen=True, tag=True):
    """The worker has its transports and takes jobs."""


class Wanted(Struct, frozen=True, tag=True):
    """Some host has read so many bytes of the run's input."""

    at: int


class Pong(Struct, frozen=True, tag=True):
    """The worker's loop turns."""


FromLane = JobStarted | JobReady | JobConnected | JobSaid | JobMoved | StepEnded | HostKeyLearned | JobEnded
FromWorker = FromLane | Begun | Ready | Pong | Wanted
ToWorker = Work | Ping | Setup | Define | Stop | End | Release | Grown


def _opened(value: Any) -> str:
    if isinstance(value, Secret):
        return value.reveal()
    raise TypeError(f"{type(value).__name__} does not cross the process border")


def _closed(kind: type, value: Any) -> Any:
    if kind is Secret and isinstance(value, str):
        return Secret(value)
    raise TypeError(f"{kind.__name__} does not cross the process border")


_encoder = msgpack.Encoder(enc_hook=_opened)
_decoders: dict[Any, "msgpack.Decoder[Any]"] = {}


def pack(value: Any) -> bytes:
    """Return a value as bytes. Raises TypeError, ValueError, OverflowError or RecursionError for one that cannot be."""
    try:
        return _encoder.encode(value)
    except UnicodeEncodeError:
        plain = to_builtins(value, builtin_types=(bytes,), enc_hook=_opened)
        return msgpack.encode(msgpack.Ext(_ODD, msgpack.encode(_wrapped(plain))))


def unpack(raw: bytes | memoryview, kind: type[_Any] | Any) -> _Any:
    """Return the value of that type. Raises Garbled."""
    try:
        if raw and raw[0] in _EXTENSIONS:
            inner = msgpack.decode(msgpack.decode(raw, type=msgpack.Ext).data, ext_hook=_unwrapped)
            return convert(inner, kind, dec_hook=_closed, builtin_types=(bytes,))
        value: _Any = _decoder(kind).decode(raw)
        return value
    except (ValueError, RecursionError) as error:
        raise Garbled(f"{type(error).__name__}: {error}") from error


def _decoder(kind: Any) -> "msgpack.Decoder[Any]":
    found = _decoders.get(kind)
    if found is None:
        found = _decoders[kind] = msgpack.Decoder(kind, dec_hook=_closed)
    return found


def _wrapped(value: Any) -> Any:
    if isinstance(value, str):
        return value if value.isascii() else msgpack.Ext(_ODD, value.encode("utf-8", "surrogatepass"))
    if isinstance(value, dict):
        return {_wrapped(key): _wrapped(item) for key, item in value.items()}
    return [_wrapped(item) for item in value] if isinstance(value, list | tuple) else value


def _unwrapped(code: int, data: memoryview) -> str:
    if code != _ODD:
        raise ValueError("an unknown extension")
    return bytes(data).decode("utf-8", "surrogatepass")


def operation_path(operation: Operation) -> str:
    """Return where a worker finds the operation's type. Raises TypeError if it cannot."""
    kind = type(operation)
    path = f"{kind.__module__}:{kind.__qualname__}"
    if kind.__module__ == "__main__" or os.sep in path or "." in kind.__qualname__:
        raise TypeError(f"`{path}` cannot be imported by a worker; move it to the top of a module")
    return path
