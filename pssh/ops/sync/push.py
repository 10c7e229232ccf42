"""`sync`: the content of a folder on each host becomes that of one here; an equal tree costs one listing, no more."""

import asyncio
import hashlib
import os
import stat
from functools import lru_cache
from typing import ClassVar

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.placeholders import Places
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.files import programs, push, tree
from pssh.ops.files.archive import settled
from pssh.ops.files.decide import Attributes
from pssh.ops.files.facts import Facts, There
from pssh.ops.files.names import Where, readable, tag_of, where
from pssh.ops.files.put import listed
from pssh.ops.files.stream import Stream, no_shell
from pssh.ops.files.ways import Via, Way, by_way
from pssh.ops.fs import shell
from pssh.ops.fs.answer import Garbled, Said
from pssh.ops.fs.asking import Collected, asked, garbled
from pssh.ops.fs.paths import is_kept, is_pattern, normal, word
from pssh.ops.said import first_line, transfer_kind
from pssh.ops.shellwords import shown
from pssh.ops.sync import ours, settle
from pssh.ops.sync.items import Expected, Item, Items, Rules, of_host, packed, unpacked
from pssh.ops.sync.plan import Plan, plan
from pssh.ops.sync.words import line, lines, refused, too_many


class Sync(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """A folder here, one on each host, and what makes them the same; raises UsageError for what cannot be meant."""

    folder: str
    dest: str
    delete: bool = False
    checksum: bool = False
    exclude: tuple[str, ...] = ()  # patterns as in a .gitignore
    max_delete: int = 50  # percent of what is there
    rate: float = 0.0  # bytes a second to one host; 0: no limit
    dry: bool = False
    via: Via = "auto"
    listing: bytes = b""  # what the folder holds, looked at once for all hosts; without it each job looks
    context: Context = Context()

    apart: ClassVar[bool] = False

    def __post_init__(self) -> None:
        if not self.folder:
            raise UsageError("DIR is empty", hint="`pssh sync TARGETS DIR DEST`")
        path = normal(self.dest)
        if is_pattern(self.dest):
            raise UsageError(f"`{shown(self.dest)}` is a pattern, and no place", hint=r"a backslash makes `\*` plain")
        if ".." in path.split("/"):
            raise UsageError(f"`{shown(self.dest)}` goes up by `..`", hint="write where it leads to")
        if not path.strip("/") or (self.delete and (is_kept(path) or path.rstrip("/") in (".", "~", "./."))):
            message = f"`{shown(self.dest)}` is refused: a system or a person lives there"
            raise UsageError(message, hint="name a folder inside; `pssh put` copies single files")
        if not 0 <= self.max_delete <= 100:
            raise UsageError("`--max-delete` is a percentage from 0 to 100")
        Rules(self.exclude)

    @property
    def label(self) -> str:
        flags = [f"--{name}" for name in ("delete", "checksum") if getattr(self, name)]
        return shown(" ".join((*flags, self.folder, self.dest)))

    @property
    def dangers(self) -> bool:
        """Whether it is asked for the number of hosts first."""
        return self.delete and not self.dry

    def placed(self, places: Places) -> "Sync":
        """Return the same with its path there filled in for a host."""
        return replace(self, dest=places.there(self.dest))

    def looked(self) -> "Sync":
        """Return the same with what the folder holds; raises UsageError."""
        return replace(self, listing=packed(self._ours()))

    def _ours(self) -> Items:
        return ours.listed(self.folder, Rules(self.exclude), checksum=self.checksum)

    async def perform(self, session: Session) -> Reply:
        wanted = (
            await asyncio.to_thread(_unpacked, self.listing) if self.listing else await asyncio.to_thread(self._listed)
        )

        async def do(way: Way) -> Reply:
            if isinstance(way, Stream):
                return await self._by_shell(session, way, wanted)
            return await self._by_sftp(session, way, wanted)

        return await by_way(session, self.via, do, context=self.context, rate=self.rate)

    async def _by_shell(self, session: Session, way: Stream, wanted: Items) -> Reply:
        answer, exists = await self._look(session)
        what, theirs = await asyncio.to_thread(self._planned, wanted, answer, exists)
        self._check(what, theirs)
        await self._sweep(way, what, theirs)
        if not self.dry and (what.changes or not exists):
            if not exists or what.clear:
                make = "" if exists else f"mkdir -- {word(normal(self.dest))} || exit 1\n"
                await self._settle(session, make.encode("utf-8", "surrogateescape"), what, first=True)
            rest = await self._send(session, way, what, wanted, theirs if exists else {}, answer.text)
            if rest.remove or rest.chmod or rest.times or not exists:
                await self._settle(session, b"", rest, first=False)
        return self._told(what, wanted, theirs, exists=exists)

    async def _by_sftp(self, session: Session, way: Way, wanted: Items) -> Reply:
        from pssh.ops.sync.served import Folder  # and with it SFTP, which most hosts are not asked for

        folder = Folder.of(way, where(self.dest.rstrip("/")).path)
        found = await folder.items(checksum=self.checksum)
        theirs, out = Rules(self.exclude).parted(found or {})
        wanted = folder.timed(wanted, theirs)
        what = plan(wanted, theirs, delete=self.delete, out=frozenset(out))
        self._check(what, theirs)
        await self._sweep(way, what, theirs)
        if not self.dry and (what.changes or found is None):
            if found is None:
                await folder.make()
            await folder.clear(what)
            await folder.settle(await self._send(session, way, what, wanted, theirs, b""))
        return self._told(what, wanted, theirs, exists=found is not None)

    def _check(self, what: Plan, theirs: Items) -> None:
        """Raise TransportError where it must not be done."""
        too_many(what, len(theirs) - 1, self.max_delete, dry=self.dry)
        refused(what)

    async def _sweep(self, way: Way, what: Plan, theirs: Items) -> None:
        """Remove what a run left that was cut behind its last file; whatever sends anything looks for it by itself."""
        if self.dry or what.send or what.link or what.mkdir:
            return
        there = where(self.dest.rstrip("/") + "/")
        for begins in sorted({tag_of(path) for path in theirs} - {""}):
            await way.sweep(there.path, begins, there)

    def _told(self, what: Plan, wanted: Items, theirs: Items, *, exists: bool) -> Reply:
        sent = sum(wanted[path].size for path in what.send)
        stdout = f"{line(what, sent)}\n".encode()
        if self.dry:
            over = too_many(what, len(theirs) - 1, self.max_delete, dry=True)
            stdout = lines(what, theirs, exists=exists) + over
        changed = what.changes or not (exists or self.dry)
        return Reply(exit_code=0, stdout=stdout, changed=changed, note=_note(wanted))

    def _planned(self, wanted: Items, said: Said, exists: bool) -> tuple[Plan, Items]:
        """Return what must be done, and what is there."""
        if exists and self.listing and not self.exclude and (one := _expected(self.listing)).met(said.trees[0]):
            return Plan(same=one.same), wanted
        theirs, out = Rules(self.exclude).parted(self._theirs(said) if exists else {})
        return plan(wanted, theirs, delete=self.delete, out=frozenset(out)), theirs

    def _listed(self) -> Items:
        try:
            return self._ours()
        except UsageError as error:
            raise TransportError(Failure(stage="local", kind="missing", message=error.message)) from None

    async def _look(self, session: Session) -> tuple[Said, bool]:
        """Return what is there, and whether it exists; raises TransportError."""
        hashes = 'o h; find -H "$1//." -type f -exec $H {} + || bad=1; printf "\\0"' if self.checksum else ":"
        body = (
            f'{programs.ME}o t "$u $g"; '
            f'if [ -d "$1" ]; then walk "$1"; {hashes}; elif [ -e "$1" ] || [ -L "$1" ]; then '
            'no "$1" "is no folder"; else o d none "$1"; fi'
        )
        needs = shell.BRIEF + (shell.HASHES if self.checksum else "")
        reply, said = await asked(
            session, self.context, shell.program(body, (self.dest.rstrip("/") or "/",), needs=needs)
        )
        if not (said.whole or said.text or self.context.become):
            raise no_shell(reply, reply.stdout)
        if not said.whole or reply.exit_code:
            raise _failed(reply, "the folder there cannot be listed")
        return said, bool(said.trees)

    def _theirs(self, said: Said) -> Items:
        try:
            return of_host(said.trees[0])
        except Garbled as error:
            raise garbled(error) from None

    async def _send(self, session: Session, way: Way, what: Plan, wanted: Items, theirs: Items, who: bytes) -> Plan:
        """Send what is missing, and return what is still to be done."""
        if not (what.send or what.link or what.mkdir):
            return what
        found = await asyncio.to_thread(self._tree, what, wanted)
        dest = self.dest.rstrip("/") + "/"
        sent = await push.push(
            session,
            found,
            dest,
            context=self.context,
            wanted=Attributes(times=True),
            force=True,
            rate=self.rate,
            facts=_facts(found, where(dest), what, theirs, who),
            way=way,
        )
        return _rest(what, sent, wanted)

    async def _settle(self, session: Session, before: bytes, what: Plan, *, first: bool) -> None:
        given = before + await asyncio.to_thread(settle.script, word(normal(self.dest)), what, first=first)
        sink = Collected()
        reply = await self.context.exec(session, "sh -s", given=given, sink=sink)
        if reply.exit_code or not sink.data.endswith(b"pssh-done\0"):
            raise _failed(reply, "the folder there could not be brought into order")

    def _tree(self, what: Plan, wanted: Items) -> tree.Tree:
        """Return what is sent, with the folders that it lies in; raises TransportError."""
        paths = {*what.mkdir, *what.send, *what.link}
        for path in tuple(paths):
            while path := path.rpartition(b"/")[0]:
                paths.add(path)
        paths.discard(b"")
        top = os.fsencode(os.path.abspath(self.folder))  # noqa: PTH100  bytes
        try:
            return tree.Tree(tuple(_entry(top, path, wanted[path]) for path in sorted(paths)))
        except OSError as error:
            message = f"`{shown(os.fsdecode(error.filename or ''))}` cannot be read any more: {error.strerror or error}"
            raise TransportError(Failure(stage="local", kind="changed", message=message)) from None


def _entry(top: bytes, path: bytes, item: Item) -> tree.Entry:
    if item.kind == "dir":
        return tree.Entry(path, "folder", item.mode & 0o777 | 0o700, mtime=item.mtime)
    if item.kind == "link":
        return tree.Entry(path, "link", 0o777, mtime=item.mtime, target=item.target)
    source = top + b"/" + path
    return tree.Entry(
        path,
        "file",
        item.mode & 0o777,
        item.size,
        item.mtime,
        digest=bytes.fromhex(item.digest) if item.digest else _hash(source),
        source=source,
    )


def _note(wanted: Items) -> str:
    skipped = [readable(name) for name, item in wanted.items() if item.kind == "other"]
    return f"skipped: {listed(sorted(skipped))}" if skipped else ""


def _facts(found: tree.Tree, place: Where, what: Plan, theirs: Items, who: bytes) -> Facts | None:
    """Return what is there of a tree; None where it has to be asked: whose a file is that will be replaced."""
    uid, _, gid = who.partition(b" ")
    left = {path: item for path, item in theirs.items() if path not in what.clear} if what.clear else theirs
    known = [left.get(entry.path) for entry in found.entries]
    if not (uid.isdigit() and gid.isdigit()) or any(item is not None and item.kind != "dir" for item in known):
        return None
    there = (There(stat.S_IFDIR | item.mode, mtime=item.mtime) if item is not None else None for item in known)
    name = found.tops[0] if len(found.tops) == 1 else b""
    return Facts(place.path, name, True, tuple(there), int(uid), int(gid), hashes=True)


def _rest(what: Plan, sent: push.Sent, wanted: Items) -> Plan:
    """Return what is still to be done: a new folder has come with its time and, unless it closes itself, its mode."""
    made = {step.entry.path for step in sent.plan.steps if settled(step)}
    done = {path for path in made if wanted[path].mode & 0o700 == 0o700}
    return replace(
        what,
        chmod=tuple(one for one in what.chmod if one[0] not in done),
        times=tuple(one for one in what.times if one[0] not in done),
    )


@lru_cache(maxsize=4)
def _unpacked(listing: bytes) -> Items:
    return unpacked(listing)


@lru_cache(maxsize=4)
def _expected(listing: bytes) -> Expected:
    return Expected(_unpacked(listing))


@lru_cache(maxsize=100_000)
def _hash(source: bytes) -> bytes:
    """Return a file's SHA-256: once for all hosts of one process, which is that of one run."""
    file = os.open(source, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        if not stat.S_ISREG(os.fstat(file).st_mode):
            raise OSError(0, "it is no regular file", source)
        digest = hashlib.sha256()
        while data := os.read(file, 1 << 20):
            digest.update(data)
    finally:
        os.close(file)
    return digest.digest()


def _failed(reply: Reply, message: str) -> TransportError:
    words = first_line(reply)
    kind = transfer_kind(words)
    return TransportError(
        Failure(stage="transfer", kind=kind, message=f"{message}: {words}" if words else message, stderr=reply.stderr)
    )
