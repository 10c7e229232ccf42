"""Steps that are tables of their own: files that go to a host or come from it, changes there, and a reboot."""

from functools import singledispatch
from pathlib import Path
from typing import Any

from msgspec import structs

from pssh.errors import JobError, UsageError
from pssh.model.work import Operation
from pssh.ops import reboot
from pssh.ops.context import Context
from pssh.ops.files import get, put
from pssh.ops.files.decide import Attributes
from pssh.ops.fs import change
from pssh.ops.sync import push
from pssh.schedule.jobfile import Fs, Get, Put, Reboot, Sync, span
from pssh.schedule.trust import Trust

# Each verb with the keys that it takes beside `paths`, and those of them that it needs.
_VERBS: dict[str, tuple[Any, set[str], set[str]]] = {
    "mkdir": (change.Mkdir, {"mode", "parents"}, set()),
    "touch": (change.Touch, set(), set()),
    "cp": (change.Cp, {"dest", "overwrite"}, {"dest"}),
    "mv": (change.Mv, {"dest", "overwrite"}, {"dest"}),
    "link": (change.Link, {"target", "overwrite"}, {"target"}),
    "chmod": (change.Chmod, {"mode", "recursive"}, {"mode"}),
    "chown": (change.Chown, {"owner", "recursive"}, {"owner"}),
    "rm": (change.Rm, {"recursive"}, set()),
}


@singledispatch
def operation(said: object, folder: Path, context: Context, trust: Trust) -> Operation:
    """Return the operation of such a table; paths here are below `folder`. Raises JobError, UsageError."""
    raise UsageError(f"a step with `{type(said).__name__.lower()}` is not known")


@operation.register
def _(said: Put, folder: Path, context: Context, trust: Trust) -> Operation:
    return put.Put(
        sources=tuple(_trusted(folder, path, trust) for path in _list(said.src)),
        dest=said.dest,
        attributes=Attributes(mode=said.mode, owner=said.owner, group=said.group),
        mkdir=said.mkdir,
        backup=said.backup,
        render=said.render,
        context=context,
    )


@operation.register
def _(said: Get, folder: Path, context: Context, trust: Trust) -> Operation:
    dest = str(folder / Path(said.dest).expanduser())
    return get.Get(sources=tuple(_list(said.src)), dest=dest, flat=said.flat, times=said.times, context=context)


@operation.register
def _(said: Fs, folder: Path, context: Context, trust: Trust) -> Operation:
    kind, takes, needs = _VERBS[said.verb]
    given = {key: getattr(said, key) for key in structs.asdict(said) if key not in ("verb", "paths")}
    given = {key: value for key, value in given.items() if value}
    if strange := given.keys() - takes:
        raise UsageError(f"`{min(strange)}` says nothing of `{said.verb}`")
    if missing := needs - given.keys():
        raise UsageError(f"`{said.verb}` needs `{min(missing)}`")
    made: Operation = kind(paths=tuple(_list(said.paths)), context=context, **given)
    return made


@operation.register
def _(said: Sync, folder: Path, context: Context, trust: Trust) -> Operation:
    return push.Sync(
        folder=_trusted(folder, said.src, trust),
        dest=said.dest,
        delete=said.delete,
        checksum=said.checksum,
        exclude=tuple(said.exclude),
        max_delete=said.max_delete,
        context=context,
    )


@operation.register
def _(said: Reboot, folder: Path, context: Context, trust: Trust) -> Operation:
    return reboot.Reboot(when=said.when, timeout=span(said.timeout), context=context)


def _list(said: str | list[str]) -> list[str]:
    return [said] if isinstance(said, str) else said


def _trusted(folder: Path, text: str, trust: Trust) -> str:
    """Return the path of what is sent; raises JobError where others may change it, and with that what hosts get.

    A path with placeholders is another one for each host, and is looked at when it is read.
    """
    path = folder / Path(text).expanduser()
    slash = "/" if text.endswith("/") else ""
    if "{" in text:
        return f"{path}{slash}"
    try:
        for place in (path, path.resolve().parent):
            if reason := trust.refusal(place.stat()):
                raise JobError(f"The source `{path}` is refused: `{place}` {reason}")
    except OSError as error:
        raise JobError(f"The source `{path}` cannot be read: {error.strerror}") from None
    return f"{path}{slash}"
