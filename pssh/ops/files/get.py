"""Files and folders of a host to this machine, each host's into a place of its own."""

import os
import re
from collections.abc import Callable, Sequence
from fnmatch import fnmatchcase
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Reply
from pssh.model.placeholders import Places
from pssh.model.work import Session
from pssh.ops.context import Context
from pssh.ops.files.names import Place, size
from pssh.ops.files.pull import Pulled, pull
from pssh.ops.files.push import UNCHECKED
from pssh.ops.files.put import binary, count, listed
from pssh.ops.files.ways import Via
from pssh.ops.shellwords import exact, join, shown


class Get(Struct, frozen=True, omit_defaults=True, tag=True):
    """What is fetched, and where to; `{host}` and the like in the paths are filled in for each host.

    Each host's files go into a folder of its name below DEST; with `flat` next to each other, as `name.host`. A `path`
    with `{host}` in it is instead the whole path of the one thing that is fetched.
    """

    sources: tuple[str, ...]
    dest: str = "."
    flat: bool = False
    path: str = ""
    host: str = ""  # its name as one part of a path; filled in for each host
    via: Via = "auto"
    force: bool = False  # also what is the same
    follow: bool = False  # take links for what they point to
    links: bool = False  # make links, as far as they stay within what is fetched
    times: bool = False  # keep the source's
    rate: float = 0.0  # bytes a second from one host; 0: no limit
    dry: bool = False  # look, and say what would be done
    context: Context = Context()

    def __post_init__(self) -> None:
        if not self.sources or "" in self.sources:
            raise UsageError("There is nothing to fetch", hint="`pssh get TARGETS SRC... DEST`")
        for path in self.sources:
            exact(path)
        if self.path and self.flat:
            raise UsageError("`--flat` and `--dest` do not go together", hint="each of them says where the file goes")
        if self.path and (self.path.endswith("/") or os.path.basename(self.path) in (".", "..")):
            raise UsageError(f"`{shown(self.path)}` is no path of a file", hint="write `--dest 'logs/{host}.log'`")
        binary(self.context)

    @property
    def label(self) -> str:
        return shown(join((*self.sources, self.path or self.dest)))

    def placed(self, places: Places) -> "Get":
        """Return the same with its paths filled in for a host, those of this machine absolute."""
        dest, path = (str(Path.cwd() / places.here(said)) if said else "" for said in (self.dest, self.path))
        return replace(self, sources=tuple(map(places.there, self.sources)), dest=dest, path=path, host=places.host)

    async def perform(self, session: Session) -> Reply:
        folder = os.path.dirname(self.path) or "." if self.path else self.dest
        pulled = await pull(
            session,
            self.sources,
            folder,
            named=self._naming(),
            via=self.via,
            context=self.context,
            force=self.force,
            follow=self.follow,
            links=self.links,
            times=self.times,
            rate=self.rate,
            dry=self.dry,
            one=bool(self.path),
        )
        said = f"{'would fetch ' if self.dry and pulled.changes else ''}{_line(pulled)}\n"
        return Reply(exit_code=0, stdout=said.encode(), changed=pulled.changes and not self.dry, note=_note(pulled))

    def _naming(self) -> Callable[[Place], Place]:
        """Return what says where in the folder something goes."""
        host, name = os.fsencode(self.host), os.fsencode(os.path.basename(self.path))
        if self.path:
            return lambda place: (name, *place[1:])
        if self.flat:
            return lambda place: (place[0] + b"." + host, *place[1:])
        return lambda place: (host, *place)


def kept_apart(gets: Sequence[Get]) -> None:
    """Raise UsageError where `name.host` of one host may be that of another: before anything is fetched."""
    hosts: dict[str, dict[str, Get]] = {}
    for one in gets:
        if one.flat:
            hosts.setdefault(one.dest, {})[one.host] = one
    for found in hosts.values():
        for host, one in found.items():
            parts = host.split(".")
            for number in range(1, len(parts)):
                other = found.get(".".join(parts[number:]))
                if other is not None and _clash(one, other, ".".join(parts[:number])):
                    message = f"`--flat` may give files of `{shown(host)}` and of `{shown(other.host)}` one name"
                    raise UsageError(message, hint="without it each host has a folder of its own")


def _clash(one: Get, other: Get, between: str) -> bool:
    """Whether something of `other` may be called as something of `one` is with `between` behind it."""
    end = f".{between}"
    ours, theirs = ([path.rstrip("/").rpartition("/")[2] for path in get.sources] for get in (one, other))
    for name in theirs:
        tail = _WILD.split(name)[-1]
        if tail == name:
            if name.endswith(end) and any(fnmatchcase(name[: -len(end)], pattern) for pattern in ours):
                return True
        elif (tail.endswith(end) or end.endswith(tail)) and any(
            _WILD.search(pattern) or fnmatchcase(pattern + end, name) for pattern in ours
        ):
            return True
    return False


_WILD = re.compile(r"[][*?\\]")  # of a pattern


def _line(pulled: Pulled) -> str:
    if not pulled.changes:
        return "same"
    parts = [count(pulled.files, "file"), size(pulled.size)] if pulled.files else []
    if pulled.links:
        parts.append(count(pulled.links, "link"))
    if pulled.folders:
        parts.append(count(pulled.folders, "folder"))
    return ", ".join(parts)


def _note(pulled: Pulled) -> str:
    notes = [UNCHECKED] if pulled.unchecked else []
    notes += [f"{what}: {listed(names)}" for what, names in _left(pulled) if names]
    return "; ".join(notes)


def _left(pulled: Pulled) -> tuple[tuple[str, tuple[str, ...]], ...]:
    return ("names refused", pulled.refused), ("skipped", pulled.skipped)
