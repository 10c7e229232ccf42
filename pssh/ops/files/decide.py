"""What must move, as a function of what is to be sent and of what is there: purely, so that a dry run prints the plan.

Same is same size and SHA-256. A file never replaces a folder, nor the reverse; a link that is there is never written
through unless that was asked for. What is new gets its source's permissions, what is replaced keeps mode, owner and
group; neither setuid nor setgid ever comes of a source.
"""

import re
from collections.abc import Iterator
from functools import lru_cache
from threading import Lock
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files.facts import Facts, There, refusal
from pssh.ops.files.names import readable
from pssh.ops.files.tree import Entry, Tree

Act = Literal["send", "replace", "chmod", "same"]
_MODE = re.compile(r"[0-7]{3,4}")
_OWNER = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.$@-]{0,62}")


class Attributes(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What files get on a host besides their content; raises UsageError for what is none."""

    mode: str = ""  # octal, of files
    owner: str = ""
    group: str = ""
    times: bool = False  # the source's
    preserve: bool = False  # its mode and times; as root also its owner and group, by number

    def __post_init__(self) -> None:
        if self.mode and not _MODE.fullmatch(self.mode):
            raise UsageError(f"`{self.mode}` is no mode", hint="three or four octal digits, such as `0644`")
        for name in (self.owner, self.group):
            if name and not _OWNER.fullmatch(name):
                raise UsageError(f"`{name}` is no name of a user or group")
        if self.preserve and self.mode:
            raise UsageError("`--preserve` and `--mode` do not go together", hint="each of them says the mode")

    @property
    def wants_times(self) -> bool:
        return self.times or self.preserve


USUAL = Attributes()


class Step(Struct, frozen=True):
    """What is done with one entry."""

    entry: Entry
    path: bytes  # in the destination folder, from `./` on
    act: Act
    there: There | None
    mode: int
    owner: str = ""  # what chown is given; empty: it is right by itself
    uid: int = 0  # for an archive
    gid: int = 0


class Plan(Struct, frozen=True):
    """All that one host still lacks."""

    facts: Facts
    steps: tuple[Step, ...]

    @property
    def moved(self) -> list[Step]:
        return [step for step in self.steps if step.act != "same"]

    @property
    def changes(self) -> bool:
        return bool(self.moved)

    @property
    def size(self) -> int:
        return sum(step.entry.size for step in self.moved if step.entry.kind == "file")


def path_of(entry: Entry, name: bytes) -> bytes:
    """Return an entry's path in the destination folder; `name` stands in for that of the only source."""
    top, slash, rest = entry.path.partition(b"/")
    return b"./" + (name or top) + slash + rest


def decided(tree: Tree, facts: Facts, wanted: Attributes, *, force: bool = False, follow: bool = False) -> Plan:
    """Return what must be done; raises TransportError for what may not be.

    Hosts that have the same get the very same steps, one after the other also from several threads.
    """
    with _ONE:
        return Plan(facts, _steps(tree, replace(facts, folder=b""), wanted, force, follow))


_ONE = Lock()  # so that what many hosts ask for at once is worked out once


@lru_cache(maxsize=4)
def _steps(tree: Tree, facts: Facts, wanted: Attributes, force: bool, follow: bool) -> tuple[Step, ...]:
    decide = _Decide(facts, wanted, force, follow)
    return tuple(map(decide.step, tree.entries, facts.found))


class _Decide:
    def __init__(self, facts: Facts, wanted: Attributes, force: bool, follow: bool) -> None:
        self.facts, self.wanted, self.force, self.follow = facts, wanted, force, follow

    def step(self, entry: Entry, there: There | None) -> Step:
        path = path_of(entry, self.facts.name)
        if there is not None:
            self._refuse(entry, there, path)
        mode = self._mode(entry, there)
        owner, uid, gid = self._owner(entry, there, path)
        return Step(entry, path, self._act(entry, there, mode, uid, gid), there, mode, owner, uid, gid)

    def _refuse(self, entry: Entry, there: There, path: bytes) -> None:
        word = ""
        if there.kind == "link" and entry.kind != "link":
            word = "" if self.follow and entry.kind == "folder" else "symlink"
        elif entry.kind == "folder":
            word = "" if there.kind == "folder" else "is-file"
        elif there.kind == "folder":
            word = "is-directory"
        elif there.kind == "special":
            raise TransportError(
                _named(Failure(stage="transfer", kind="remote-denied", message="no file is there"), path)
            )
        if word:
            raise TransportError(_named(refusal(word), path))

    def _act(self, entry: Entry, there: There | None, mode: int, uid: int, gid: int) -> Act:
        if there is None:
            return "send"
        if entry.kind == "folder":
            return "chmod" if self.wanted.preserve and there.kind == "folder" and there.permissions != mode else "same"
        if entry.kind == "link":
            return "same" if there.kind == "link" and there.target == entry.target else "replace"
        if self.force or there.digest != entry.digest or there.size != entry.size:
            return "replace"
        asked = self.wanted.mode or self.wanted.preserve
        if asked and there.mode & 0o7777 != mode:
            return "chmod"
        if self.wanted.wants_times and there.mtime != entry.mtime:
            return "chmod"
        return "same" if self._owned(there, uid, gid) else "chmod"

    def _owned(self, there: There, uid: int, gid: int) -> bool:
        wanted = self.wanted
        if wanted.owner and wanted.owner not in (there.user, str(there.uid)):
            return False
        if wanted.group and wanted.group not in (there.group, str(there.gid)):
            return False
        return not (wanted.preserve and self.facts.uid == 0) or (there.uid, there.gid) == (uid, gid)

    def _mode(self, entry: Entry, there: There | None) -> int:
        if self.wanted.mode and entry.kind == "file":
            return int(self.wanted.mode, 8)
        if there is not None and there.kind == entry.kind and not self.wanted.preserve:
            return there.permissions
        return entry.mode

    def _owner(self, entry: Entry, there: There | None, path: bytes) -> tuple[str, int, int]:
        """Return what chown is told, and the numbers that an archive holds for root's tar."""
        wanted, facts = self.wanted, self.facts
        uid, gid = facts.uid, facts.gid
        if wanted.preserve and facts.uid == 0:
            uid, gid = entry.uid, entry.gid
        elif there is not None and there.kind != "folder":
            uid, gid = there.uid, there.gid
        if entry.kind != "file":
            return "", uid, gid
        if facts.uid > 0 and uid != facts.uid and not wanted.owner:
            message = (
                f"it belongs to `{there.user if there else uid}`, and only root can let a new file belong to another"
            )
            hint = "`--sudo` keeps the owner, `--owner` says whose it is to be"
            failure = Failure(stage="transfer", kind="remote-denied", message=message, hint=hint)
            raise TransportError(_named(failure, path))
        said = (
            wanted.owner or (str(uid) if uid != facts.uid else ""),
            wanted.group or (str(gid) if gid != facts.gid else ""),
        )
        return ":".join(said) if said[1] else said[0], uid, gid


def _named(failure: Failure, path: bytes) -> Failure:
    return Failure(
        stage=failure.stage, kind=failure.kind, message=f"`{readable(path)}`: {failure.words}", hint=failure.hint
    )


def counted(plan: Plan) -> Iterator[tuple[str, int]]:
    """Yield each act with how many files and links it is done to."""
    for act in ("send", "replace", "chmod", "same"):
        if number := sum(step.act == act for step in plan.steps if step.entry.kind != "folder" or act != "same"):
            yield act, number
