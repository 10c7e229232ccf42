"""Fetch files of a host into a folder here, and remove nothing there: list, compare, then take what is missing.

For whatever operation fetches files: `pull` takes an open session and says where each of them goes.
"""

import asyncio
import stat
from collections.abc import Awaitable, Callable, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from pssh.ops.context import PLAIN, Context
from pssh.ops.files.land import Ground, Landing
from pssh.ops.files.listing import Found, Listing
from pssh.ops.files.names import Place, readable
from pssh.ops.files.streams import Progress, aside
from pssh.ops.files.ways import Via, Way, by_way
from pssh.ops.shellwords import exact


class Pulled(Struct, frozen=True):
    """What a pull came to."""

    files: int
    size: int
    links: int
    folders: int
    same: int
    refused: tuple[str, ...] = ()
    skipped: tuple[str, ...] = ()
    unchecked: bool = False  # only sizes were compared

    @property
    def changes(self) -> bool:
        return bool(self.files or self.links or self.folders)


async def pull(
    session: Session,
    sources: Sequence[str],
    folder: str,
    *,
    named: Callable[[Place], Place] = lambda place: place,
    via: Via = "auto",
    context: Context = PLAIN,
    force: bool = False,
    follow: bool = False,
    links: bool = False,
    times: bool = False,
    rate: float = 0.0,
    dry: bool = False,
    one: bool = False,
    choose: Callable[[Listing], Listing] = lambda listing: listing,
    hashed: bool = False,
) -> Pulled:
    """Fetch paths and patterns of a host into `folder` as `pssh get` does; raises TransportError.

    `named` says what becomes of a place below the folder; `one`: it must be a single source. `rate`: bytes a second.
    `choose` takes its pick of what was listed, in a thread; with `hashed` it is told what the files hold.
    """
    paths, home = _paths(sources)

    async def do(way: Way) -> Pulled:
        listing = await way.listing(paths, home=home, follow=follow, links=links)
        if one and len({found.place[0] for found in listing.found}) > 1:
            raise _several()
        if hashed and listing.hashes:
            listing = await _hashed(way, listing, home=home)
        listing = await aside(len(listing.found), choose, listing)
        ground = Ground(folder)
        pulling = _Pulling(session, way, ground, listing, named, home=home, follow=follow, times=times, rate=rate)
        try:
            return await pulling.all(force=force, dry=dry)
        finally:
            ground.close()

    return await by_way(session, via, do, context=context)


async def _hashed(way: Way, listing: Listing, *, home: bool) -> Listing:
    """Return the listing with the hash of every file."""
    files = [found for found in listing.found if found.there.kind == "file"]
    digests = dict(zip((found.path for found in files), await way.digests(files, home=home), strict=True))
    found = tuple(replace(one, there=replace(one.there, digest=digests.get(one.path, b""))) for one in listing.found)
    return replace(listing, found=found)


def _several() -> TransportError:
    message = "several files would get one name here"
    hint = "put `{host}` into a folder and leave the name out"
    return TransportError(Failure(stage="transfer", kind="name-refused", message=message, hint=hint))


def _paths(sources: Sequence[str]) -> tuple[list[bytes], bool]:
    """Return paths that begin with `/` or `./`, and whether they hang on the home folder."""
    paths, home = [], False
    for source in sources:
        path = exact(source)
        if path == b"~" or path.startswith(b"~/"):
            home = True
            path = b"." + path[1:]
        paths.append(path if path.startswith((b"/", b"./")) else b"./" + path)
    return paths, home


class _Pulling:
    """One host's files on their way; takes what the way hands on, one file after the other."""

    def __init__(
        self,
        session: Session,
        way: Way,
        ground: Ground,
        listing: Listing,
        named: Callable[[Place], Place],
        *,
        home: bool,
        follow: bool,
        times: bool,
        rate: float,
    ) -> None:
        self._session, self._way, self._ground, self._listing = session, way, ground, listing
        self._named, self._home, self._follow, self._times = named, home, follow, times
        self._landing: Landing | None = None
        self._taking: Found | None = None
        self._landed: dict[bytes, tuple[Found, Landing]] = {}
        self._rate, self._loop = rate, asyncio.get_running_loop()
        self._began, self._moved = self._loop.time(), 0
        self._done = 0
        self._progress: Progress | None = None
        self._finishing: list[Awaitable[None]] = []

    async def all(self, *, force: bool, dry: bool) -> Pulled:
        files = [found for found in self._listing.found if found.there.kind == "file"]
        wanted = await self._wanted(files, force)
        folders, links = await aside(len(self._listing.found), self._prepared, dry)
        size = sum(found.there.size for found in wanted)
        if not dry:
            if wanted:
                self._progress = Progress(self._session, size)
                try:
                    await self._way.fetch(wanted, self, home=self._home, follow=self._follow)
                    await self._settle(wanted)
                finally:
                    self._drop()
                self._progress.end()
            await aside(len(links), self._link, links)
        unchecked = bool(wanted) and not self._listing.hashes
        return Pulled(
            len(wanted),
            size,
            len(links),
            len(folders),
            len(files) - len(wanted),
            self._listing.refused,
            self._listing.skipped,
            unchecked,
        )

    def _prepared(self, dry: bool) -> tuple[list[Found], list[Found]]:
        """Return the folders and the links that are missing here; the former are there now, unless it is a dry run."""
        folders = [found for found in self._listing.found if found.there.kind == "folder" and self._lacks(found)]
        links = [found for found in self._listing.found if found.there.kind == "link" and self._lacks(found)]
        if not dry:
            self._refuse_clashes()
            for found in folders:
                self._ground.folder(self._named(found.place))
        return folders, links

    def _link(self, links: Sequence[Found]) -> None:
        for found in links:
            self._ground.link(self._named(found.place), found.there.target)

    def _refuse_clashes(self) -> None:
        """Raise TransportError for two names that the file system here takes for one."""
        seen: dict[tuple[str, ...], Found] = {}
        for found in self._listing.found:
            folded = tuple(part.decode("utf-8", "replace").casefold() for part in found.place)
            other = seen.setdefault(folded, found)
            if other is not found and self._ground.folds:
                message = f"`{readable(other.path)}` and `{readable(found.path)}` would be one file here"
                raise TransportError(Failure(stage="transfer", kind="name-refused", message=message))

    def _lacks(self, found: Found) -> bool:
        there = self._ground.there(self._named(found.place))
        if there is None:
            return True
        if found.there.kind == "folder":
            if not stat.S_ISDIR(there.st_mode):
                message = f"`{readable(found.path)}` is a folder, and here is something else of its name"
                raise TransportError(Failure(stage="transfer", kind="is-directory", message=message))
            return False
        return not stat.S_ISLNK(there.st_mode)

    async def _wanted(self, files: list[Found], force: bool) -> list[Found]:
        """Return the files that are not the same here."""
        if force:
            return files
        like, wanted = await aside(len(files), self._parted, files)
        if like:
            theirs = await self._way.digests(like, home=self._home)
            ours = await asyncio.to_thread(self._digests, like)
            wanted += [found for found, one, other in zip(like, theirs, ours, strict=True) if not one or one != other]
        return wanted

    def _digests(self, like: Sequence[Found]) -> list[bytes]:
        return [self._ground.digest(self._named(found.place)) for found in like]

    def _parted(self, files: Sequence[Found]) -> tuple[list[Found], list[Found]]:
        """Return the files that may be the same here, and those that are not."""
        like: list[Found] = []
        wanted: list[Found] = []
        for found in files:
            there = self._ground.there(self._named(found.place))
            same = there is not None and stat.S_ISREG(there.st_mode) and there.st_size == found.there.size
            (like if same and self._listing.hashes else wanted).append(found)
        return like, wanted

    # ---- what the way hands on

    def begin(self, found: Found, size: int) -> None:
        self._taking, self._landing = found, self._ground.file(self._named(found.place))

    def piece(self, data: memoryview) -> Awaitable[None] | None:
        assert self._landing is not None
        self._landing.write(data)
        self._moved += len(data)
        if self._progress is not None:
            self._progress.add(len(data))
        if self._rate:
            ahead = self._moved / self._rate - (self._loop.time() - self._began)
            return asyncio.sleep(ahead) if ahead > 0 else None
        return None

    def end(self) -> None:
        assert self._landing is not None and self._taking is not None
        self._landing.close()
        self._landed[self._taking.path] = self._taking, self._landing
        self._landing = self._taking = None

    def hashed(self, found: Sequence[Found], digests: Sequence[bytes]) -> None:
        for one, digest in zip(found, digests, strict=True):
            landed = self._landed.get(one.path)
            if landed is None:
                message = f"`{readable(one.path)}` could not be read"
                raise TransportError(Failure(stage="transfer", kind="remote-denied", message=message))
            if digest and digest != landed[1].digest:
                message = f"`{readable(one.path)}` changed while it was read"
                raise TransportError(Failure(stage="transfer", kind="changed-while-read", message=message))

    async def _settle(self, wanted: Sequence[Found]) -> None:
        """Give every file its name."""
        for found in wanted:
            if found.path not in self._landed:
                message = f"`{readable(found.path)}` did not come"
                raise TransportError(Failure(stage="transfer", kind="verify", message=message))
        await asyncio.to_thread(self._finish)

    def _finish(self) -> None:
        for found, landing in self._landed.values():
            landing.finish(found.there.permissions, found.there.mtime if self._times else None)

    def _drop(self) -> None:
        if self._landing is not None:
            self._landing.drop()
        for _, landing in self._landed.values():
            landing.drop()
