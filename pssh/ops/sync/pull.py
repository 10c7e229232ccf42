"""`sync --pull`: a folder here becomes the same as one on a host, each host's below DEST in a folder of its name.

What a host says of its files is data: names that lead elsewhere are refused, links are made only where they stay
inside, and nothing here is written or removed through a link.
"""

import asyncio
import os
from pathlib import Path
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.placeholders import Places
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.files.listing import Listing
from pssh.ops.files.names import Place
from pssh.ops.files.pull import pull
from pssh.ops.files.ways import Via
from pssh.ops.fs.paths import normal
from pssh.ops.shellwords import exact, shown
from pssh.ops.sync import ours
from pssh.ops.sync.ground import Ground
from pssh.ops.sync.items import PERMISSIONS, Item, Items, Rules, of_there
from pssh.ops.sync.plan import Plan, plan
from pssh.ops.sync.words import line, lines, refused, too_many


class Pull(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A folder on each host, and where its copy is kept here; raises UsageError for what cannot be meant."""

    folder: str
    dest: str
    host: str = ""  # its name as one part of a path; filled in for each host
    delete: bool = False
    checksum: bool = False
    exclude: tuple[str, ...] = ()
    max_delete: int = 50
    rate: float = 0.0
    dry: bool = False
    via: Via = "auto"
    context: Context = Context()

    apart: ClassVar[bool] = False

    def __post_init__(self) -> None:
        exact(normal(self.folder))
        if not self.dest:
            raise UsageError("DEST is empty", hint="`pssh sync --pull TARGETS DIR DEST`")
        if not 0 <= self.max_delete <= 100:
            raise UsageError("`--max-delete` is a percentage from 0 to 100")
        Rules(self.exclude)

    @property
    def label(self) -> str:
        flags = [f"--{name}" for name in ("delete", "checksum") if getattr(self, name)]
        return shown(" ".join(("--pull", *flags, self.folder, self.dest)))

    @property
    def dangers(self) -> bool:
        """Whether it is asked for the number of hosts first."""
        return self.delete and not self.dry

    def placed(self, places: Places) -> "Pull":
        """Return the same with its paths filled in for a host, that of this machine absolute."""
        dest = str(Path.cwd() / places.here(self.dest))
        return replace(self, folder=places.there(self.folder), dest=dest, host=places.host)

    async def perform(self, session: Session) -> Reply:
        work = _Work(self)
        try:
            pulled = await pull(
                session,
                (self.folder.rstrip("/") or "/",),
                self.dest,
                named=work.named,
                via=self.via,
                context=self.context,
                force=True,
                links=True,
                times=True,
                rate=self.rate,
                dry=self.dry,
                choose=work.choose,
                hashed=self.checksum,
            )
            if not self.dry and work.plan.changes:
                await asyncio.to_thread(work.settle)
        except OSError as error:
            where = shown(os.fsdecode(error.filename or self.dest))
            message = f"`{where}` here: {error.strerror or error}"
            raise TransportError(Failure(stage="local", kind="denied", message=message)) from None
        left = [*pulled.refused, *pulled.skipped]
        note = f"left out: {', '.join(f'`{name}`' for name in left[:3])}" if left else ""
        said = f"{line(work.plan, work.size)}\n".encode()
        if self.dry:
            said = lines(work.plan, work.ours, exists=True) + work.over
        return Reply(exit_code=0, stdout=said, changed=work.plan.changes, note=note)


class _Work:
    """One host's: what it has, what is here, and what that means."""

    def __init__(self, what: Pull) -> None:
        self._what = what
        self._rules = Rules(what.exclude)
        self._place = os.fsencode(what.host)
        self._folder = os.path.join(what.dest, what.host)  # noqa: PTH118  any bytes
        self.plan, self.ours = Plan(), dict[bytes, Item]()
        self.size = 0
        self.over = b""

    def named(self, place: Place) -> Place:
        return (self._place, *place[1:])

    def choose(self, listing: Listing) -> Listing:
        """Return what is to be fetched of what a host has, once nothing stands in its way here."""
        found = {b"/".join(one.place[1:]): one for one in listing.found}
        top = found.get(b"")
        if top is None or top.there.kind != "folder":
            message = f"`{shown(self._what.folder)}` is no folder there"
            raise TransportError(Failure(stage="transfer", kind="remote-missing", message=message))
        theirs, _ = self._rules.parted({path: of_there(one.there) for path, one in found.items()})
        self.ours, out = self._here()
        self.plan = plan(theirs, self.ours, delete=self._what.delete, out=frozenset(out))
        refused(self.plan)
        self.over = too_many(self.plan, len(self.ours) - 1, self._what.max_delete, dry=self._what.dry)
        # As they come, the umask or what they replace has had a say.
        modes = dict(self.plan.chmod) | {path: theirs[path].mode & PERMISSIONS for path in self.plan.send}
        self.plan = replace(self.plan, chmod=tuple(sorted(modes.items())))
        self.size = sum(theirs[path].size for path in self.plan.send)
        if not self._what.dry and (self.plan.clear or self.plan.link) and self.ours:
            self._clear()
        wanted = {*self.plan.send, *self.plan.link, *self.plan.mkdir} | ({b""} if not self.ours else set())
        return Listing(
            tuple(one for path, one in found.items() if path in wanted),
            listing.refused,
            listing.skipped,
            listing.hashes,
        )

    def _here(self) -> tuple[Items, set[bytes]]:
        if not os.path.isdir(self._folder):  # noqa: PTH112
            return {}, set()
        try:
            found = ours.listed(self._folder, Rules(()), checksum=self._what.checksum)
        except UsageError as error:
            raise TransportError(Failure(stage="local", kind="denied", message=error.message)) from None
        return self._rules.parted(found)

    def _clear(self) -> None:
        ground = Ground(self._folder)
        try:
            ground.clear(self.plan)
            ground.clear(Plan(clear=tuple(path for path in self.plan.link if path in self.ours)))
        finally:
            ground.close()

    def settle(self) -> None:
        """Give everything its place, mode and time, and remove what is not wanted."""
        ground = Ground(self._folder)
        try:
            ground.settle(self.plan)
        finally:
            ground.close()
