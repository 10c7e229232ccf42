"""Files by SFTP, for hosts that run no command of ours: the same results as over the shell, in more round trips.

Promises: each write's answer is looked at; what was written is compared in SHA-256 before it gets its name, by a
command where the host runs one, else by reading it again; nothing is renamed over a folder or a link.
"""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from typing import Self, TypeVar

from msgspec.structs import replace

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from pssh.ops.context import PLAIN
from pssh.ops.files import facts, makers, reading
from pssh.ops.files.archive import lasting, moves
from pssh.ops.files.decide import Attributes, Plan, Step
from pssh.ops.files.facts import Facts, There
from pssh.ops.files.listing import Found, Listing
from pssh.ops.files.names import Where, readable, tag
from pssh.ops.files.stream import Stream, path_in
from pssh.ops.files.streams import Progress, Sending, changed
from pssh.ops.files.tree import Entry, Tree, still
from pssh.ops.files.unpack import AtOnce, Taker
from pssh.ops.sftp.client import HARDLINK, POSIX_RENAME, Sftp
from pssh.ops.sftp.packets import Attributes as Set
from pssh.ops.sftp.packets import Flags
from pssh.ops.sftp.refused import Refused, shown

AT_ONCE = 16  # files under way
_Any = TypeVar("_Any")
_One = TypeVar("_One")


class Served:
    """The SFTP way to one host."""

    def __init__(self, session: Session, sftp: Sftp, *, mkdir: bool, rate: float) -> None:
        self._session, self._sftp = session, sftp
        self._mkdir, self._rate = mkdir, rate
        self._shell: Stream | None = Stream(session, PLAIN)  # None once it has not answered

    @classmethod
    @asynccontextmanager
    async def open(cls, session: Session, *, mkdir: bool = False, rate: float = 0.0) -> AsyncIterator[Self]:
        """Open the host's file server; raises TransportError."""
        async with Sftp.open(session) as sftp:
            yield cls(session, sftp, mkdir=mkdir, rate=rate)

    # ---- what is there

    async def look(self, where: Where, ours: Tree, *, follow: bool) -> Facts:
        """Return what is there of what is to come; raises TransportError."""
        tops = ours.tops
        only = tops[0] if len(tops) == 1 else b""
        what = await reading.looked(self._sftp, where.path)
        if where.into or not only or (what is not None and what.kind == "folder"):
            if what is not None and what.kind != "folder":
                raise TransportError(facts.refusal("is-file"))
            folder, name, present = where.path, only, what is not None
        else:
            above = await reading.looked(self._sftp, where.folder)
            folder, name, present = where.folder, where.name, above is not None and above.kind == "folder"
        if follow and name and present:
            folder, name = await self._followed(folder, name)
        if not present:
            return Facts(folder, name, False, (None,) * len(ours.entries), hashes=True)
        paths = [path_in(folder, entry, name) for entry in ours.entries]
        found = await together(partial(self._there, follow), zip(ours.entries, paths, strict=True))
        known = await self._hashed(ours.entries, paths, found)
        return Facts(folder, name, True, tuple(known), hashes=True, left=True)  # to ask whether is to list the folder

    async def _followed(self, folder: bytes, name: bytes) -> tuple[bytes, bytes]:
        path = folder.rstrip(b"/") + b"/" + name
        what = await reading.looked(self._sftp, path, follow=False)
        if what is None or what.kind != "link":
            return folder, name
        real = await self._sftp.realpath(path)
        above, _, last = real.rpartition(b"/")
        if not last:
            raise TransportError(facts.refusal("symlink"))
        return above or b"/", last

    async def _there(self, follow: bool, asked: tuple[Entry, bytes]) -> There | None:
        entry, path = asked
        what = await reading.looked(self._sftp, path, follow=False)
        if what is not None and what.kind == "link" and entry.kind == "link":
            return replace(what, target=await self._sftp.readlink(path))
        return what

    async def _hashed(
        self, entries: Sequence[Entry], paths: Sequence[bytes], found: Sequence[There | None]
    ) -> list[There | None]:
        """Return the facts with the hash of each file that may be the same."""
        like = [
            number
            for number, (entry, what) in enumerate(zip(entries, found, strict=True))
            if what is not None and what.kind == entry.kind == "file" and what.size == entry.size
        ]
        digests = await self._digests([paths[number] for number in like]) if like else []
        known = dict(zip(like, digests, strict=True))
        return [
            replace(what, digest=known[number]) if what is not None and number in known else what
            for number, what in enumerate(found)
        ]

    async def _digests(self, paths: Sequence[bytes]) -> list[bytes]:
        """Return the SHA-256 of files: from the host's own tool if it runs one, else of what is read of them."""
        found = [Found(path, (), There(0)) for path in paths]
        if self._shell is not None:
            try:
                said = await self._shell.digests(found, home=False)
                if all(said):
                    return said
            except TransportError:
                self._shell = None
        return await together(self._digest, paths)

    async def _digest(self, path: bytes) -> bytes:
        sink = _Hash()
        await self._sftp.get(path, sink, reading.MOST_SIZE, follow=False)
        return sink.hash.digest()

    # ---- what is to come

    async def send(self, plan: Plan, where: Where, wanted: Attributes, *, backup: bool, inplace: bool) -> None:
        """Do what was planned; raises TransportError. What could not be finished is removed again."""
        folder = plan.facts.folder.rstrip(b"/") or b"/"
        if self._mkdir and not plan.facts.present:
            await self._make_all(folder)
        begins = tag(plan.facts.name)
        await self.sweep(folder, begins, where)
        with makers.name(begins.encode()) as name:
            sending = _Sending(self, plan, folder, name, wanted, backup, inplace)
            try:
                await sending.all()
            except Refused as error:
                await sending.undo()
                raise TransportError(sending.named(await self._explained(error, folder, plan.size))) from None
            except BaseException:
                await sending.undo()
                raise

    async def _make_all(self, folder: bytes) -> None:
        parts = folder.split(b"/")
        for end in range(1, len(parts) + 1):
            path = b"/".join(parts[:end])
            if path not in (b"", b".") and await reading.looked(self._sftp, path) is None:
                try:
                    await self._sftp.mkdir(path, 0o755)
                except Refused:  # somebody else may have made it meanwhile
                    if (await reading.looked(self._sftp, path)) is None:
                        raise

    async def sweep(self, folder: bytes, begins: str, where: Where) -> None:
        """Remove what an earlier run left for the same target by this way, unless somebody is still at it."""
        left = []
        with suppress(TransportError):  # a folder may be written to and not read
            left = [name.name async for name in self._sftp.names(folder) if makers.left(name.name, begins.encode())]
        for name in left:
            await self.remove(folder.rstrip(b"/") + b"/" + name)

    async def remove(self, path: bytes, depth: int = 0) -> None:
        """Remove a file, or a folder with all that is in it, if it is no deeper than we go; raises nothing."""
        if depth > reading.MOST_DEEP:
            return
        with suppress(TransportError):
            what = await self._sftp.lstat(path)
            if what.type != "folder":
                await self._sftp.remove(path)
                return
            for name in [name.name async for name in self._sftp.names(path)]:
                await self.remove(path + b"/" + name, depth + 1)
            await self._sftp.rmdir(path)

    async def _explained(self, error: Refused, folder: bytes, size: int) -> Failure:
        """Return the failure with its reason, where the host's code names none."""
        if not error.unexplained:
            return error.failure
        with suppress(TransportError):
            space = await self._sftp.space(folder)
            if space is not None and (space.free < size or not space.files):
                message = f"`{readable(folder)}`: no space is left"
                return replace(error.failure, kind="remote-disk-full", message=message)
        if self._shell is not None:
            with suppress(TransportError):
                return await self._shell.explained(error.failure, folder, size)
        return error.failure

    # ---- what is fetched

    async def listing(
        self, paths: Sequence[bytes], *, home: bool, follow: bool, links: bool, at_once: AtOnce | None = None
    ) -> Listing:
        """Return what lies at these paths, patterns expanded; raises TransportError."""
        return await reading.listing(self._sftp, paths, follow=follow, links=links)

    async def digests(self, found: Sequence[Found], *, home: bool) -> list[bytes]:
        """Return the SHA-256 of files; raises TransportError."""
        return await self._digests([one.path for one in found])

    async def fetch(self, found: Sequence[Found], taker: Taker, *, home: bool, follow: bool) -> None:
        """Hand the content of files to who takes it; raises TransportError."""
        await reading.fetch(self._sftp, found, taker, follow=follow)

    # ---- for what sends

    @property
    def sftp(self) -> Sftp:
        return self._sftp

    def progress(self, total: int) -> Progress:
        return Progress(self._session, total)

    def source(self, entry: Entry) -> Sending:
        return Sending([entry], rate=self._rate)

    async def proven(self, steps: Sequence[Step], paths: Sequence[bytes]) -> None:
        """Raise unless what lies at these paths is what was sent."""
        for step, digest in zip(steps, await self._digests(paths), strict=True):
            if digest != step.entry.digest:
                if not step.entry.content and not still(step.entry):
                    raise changed(step.entry)
                raise TransportError(facts.refusal("verify"))


class _Sending:
    """One plan on its way: a file beside its target, or a folder that holds all of them."""

    def __init__(
        self, way: Served, plan: Plan, folder: bytes, name: bytes, wanted: Attributes, backup: bool, inplace: bool
    ) -> None:
        self._way, self._sftp, self._plan, self._folder = way, way.sftp, plan, folder
        self._wanted, self._backup, self._inplace = wanted, backup, inplace
        self._made = (b"" if folder == b"/" else folder) + b"/" + name
        self._progress = way.progress(plan.size)

    async def all(self) -> None:
        steps = self._plan.steps
        files = [step for step in self._plan.moved if step.entry.kind == "file"]
        if POSIX_RENAME not in self._sftp.extensions and any(step.there for step in files) and not self._inplace:
            message = "the host's file server cannot replace a file at once"
            failure = Failure(
                stage="transfer",
                kind="remote-failed",
                message=message,
                hint="`--in-place` writes into it, and is not safe",
            )
            raise TransportError(failure)
        if len(steps) == 1 and steps[0].entry.kind == "file":
            await self._write(steps[0], self._made)
            await self._way.proven(steps, [self._made])
            await self._place(steps[0], self._made)
        else:
            await self._tree(files)
        self._progress.end()

    async def _tree(self, files: list[Step]) -> None:
        moved = lasting(self._plan)
        await self._sftp.mkdir(self._made)
        above = sorted({b"/".join(step.path.split(b"/")[:end]) for step in moved for end in _ends(step.path)})
        folders = [step.path for step in moved if step.entry.kind == "folder"]
        for path in sorted({*above, *folders}):
            await self._sftp.mkdir(self._made + path[1:])
        await together(lambda step: self._write(step, self._made + step.path[1:]), files)
        for step in moved:
            if step.entry.kind == "link":
                await self._sftp.symlink(self._made + step.path[1:], step.entry.target)
        await self._way.proven(files, [self._made + step.path[1:] for step in files])
        by_path = {step.path: step for step in moved}
        for _, paths in moves(moved, set()):
            await together(lambda path: self._place(by_path[path], self._made + path[1:]), paths)
        for step in reversed(self._plan.moved):
            if step.entry.kind == "folder":
                attributes = Set(mode=step.mode)
                if self._wanted.wants_times and step.there is None:
                    attributes = Set(mode=step.mode, atime=step.entry.mtime, mtime=step.entry.mtime)
                await self._sftp.setstat(self._folder + step.path[1:], attributes)
        await self._way.remove(self._made)

    async def _write(self, step: Step, path: bytes) -> None:
        before = 0

        def moved(done: int) -> None:
            nonlocal before
            self._progress.add(done - before)
            before = done

        with self._way.source(step.entry) as source:
            await self._sftp.put(source, path, step.entry.size, moved=moved)
        await self._set(step, path)

    async def _set(self, step: Step, path: bytes) -> None:
        if step.owner:
            uid, _, gid = step.owner.partition(":")
            if not (uid or "0").isdigit() or not (gid or "0").isdigit():
                message = f"over SFTP an owner is a number, and `{step.owner}` is none"
                raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message))
            ours = await self._sftp.lstat(path)
            whose = int(uid) if uid else ours.uid, int(gid) if gid else ours.gid
            if whose != (ours.uid, ours.gid):
                await self._sftp.setstat(path, Set(uid=whose[0], gid=whose[1]))
        await self._sftp.setstat(path, Set(mode=step.mode))
        if self._wanted.wants_times:
            await self._sftp.setstat(path, Set(atime=step.entry.mtime, mtime=step.entry.mtime))

    async def _place(self, step: Step, made: bytes) -> None:
        """Give something its name, unless what has it is a folder, or has become a link."""
        final = self._folder.rstrip(b"/") + step.path[1:]
        what = await reading.looked(self._sftp, final, follow=False)
        if what is not None and what.kind == "folder":
            raise TransportError(facts.refusal("is-directory" if step.entry.kind != "folder" else "is-file"))
        if what is not None and what.kind == "link" and step.entry.kind == "file":
            raise TransportError(facts.refusal("symlink"))
        if self._backup and what is not None and what.kind == "file" and step.entry.kind == "file":
            await self._keep(final)
        if self._inplace and what is not None and step.entry.kind == "file":
            with self._way.source(step.entry) as source:
                await self._sftp.put(source, final, step.entry.size, flags=Flags.TRUNCATE)
            await self._way.proven([step], [final])
            await self._set(step, final)
            await self._sftp.remove(made)
        else:
            await self._sftp.rename(made, final)

    async def _keep(self, final: bytes) -> None:
        if HARDLINK not in self._sftp.extensions or self._inplace:  # a second name of what is written into is no backup
            message = "the host's file server cannot keep a backup" + " of what is written in place" * self._inplace
            hint = "leave out `--in-place`, or `--backup`" if self._inplace else "leave out `--backup`"
            raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message, hint=hint))
        old = await reading.looked(self._sftp, final + b"~", follow=False)
        if old is not None:
            await self._sftp.remove(final + b"~")
        await self._sftp.hardlink(final + b"~", final)

    def named(self, failure: Failure) -> Failure:
        """Return a failure by the names that things were to get, which are the same on all hosts."""
        steps = self._plan.steps
        alone = len(steps) == 1 and steps[0].entry.kind == "file"
        final = self._folder.rstrip(b"/") + steps[0].path[1:] if alone else self._folder
        return replace(failure, message=failure.message.replace(shown(self._made), shown(final)))

    async def undo(self) -> None:
        """Remove what is not finished; raises nothing."""
        await self._way.remove(self._made)


class _Hash:
    def __init__(self) -> None:
        self.hash = hashlib.sha256()

    def write(self, data: bytes | bytearray | memoryview, /) -> None:
        self.hash.update(data)


def _ends(path: bytes) -> Iterable[int]:
    """Return how many parts the folders above a path have."""
    return range(2, path.count(b"/") + 1)


async def together(do: Callable[[_One], Awaitable[_Any]], items: Iterable[_One]) -> list[_Any]:
    """Do something for each of many, some at once, and return what came of it in their order; an error ends it."""
    waiting = iter(enumerate(items))
    done: dict[int, _Any] = {}

    async def take() -> None:
        for number, item in waiting:
            done[number] = await do(item)

    try:
        async with asyncio.TaskGroup() as group:
            for _ in range(AT_ONCE):
                group.create_task(take())
    except BaseExceptionGroup as errors:
        raise errors.exceptions[0] from None
    return [done[number] for number in range(len(done))]
