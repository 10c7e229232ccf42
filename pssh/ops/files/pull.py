"""Fetch files of a host into a folder here, and remove nothing there: list, compare, then take what is missing.

For whatever operation fetches files: `pull` takes an open session and says where each of them goes.
"""

import asyncio
import re
import stat
from collections.abc import Awaitable, Callable, Generator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from pssh.ops.context import PLAIN, Context
from pssh.ops.files.land import Ground
from pssh.ops.files.landing import Landing, Piecemeal, Whole
from pssh.ops.files.listing import Found, Listing
from pssh.ops.files.names import Place, readable, refused
from pssh.ops.files.stream import MADE_UP
from pssh.ops.files.streams import Progress, aside
from pssh.ops.files.unpack import Taker
from pssh.ops.files.ways import Via, Way, by_way
from pssh.ops.shellwords import exact

_PATTERN = re.compile(rb"[][*?\\]")
_MOST_HELD = 1 << 20  # bytes of small files of one host that are not written yet


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
    choose: Callable[[Listing], Listing] | None = None,
    hashed: bool = False,
) -> Pulled:
    """Fetch paths and patterns of a host into `folder` as `pssh get` does; raises TransportError.

    `named` says what becomes of a place below the folder; `one`: it must be a single source. `rate`: bytes a second.
    `choose` takes its pick of what was listed, in a thread; with `hashed` it is told what the files hold.
    """
    paths, home = _paths(sources)

    async def do(way: Way) -> Pulled:
        ground = Ground(folder)
        pulling = _Pulling(session, way, ground, named, home=home, follow=follow, times=times, rate=rate, force=force)

        def looked(listing: Listing) -> None:
            if one and len({found.place[0] for found in listing.found}) > 1:
                raise _several()

        def at_once(listing: Listing) -> tuple[Sequence[Found], Taker]:
            looked(listing)
            return pulling.expected(listing), pulling

        try:
            early = not dry and choose is None and (force or pulling.lacks(paths)) and not _made_up(paths)
            listing = await way.listing(
                paths, home=home, follow=follow, links=links, at_once=at_once if early else None
            )
            looked(listing)
            if hashed and listing.hashes:
                listing = await _hashed(way, listing, home=home)
            if choose is not None:
                listing = await aside(len(listing.found), choose, listing)
            return await pulling.all(listing, dry=dry)
        finally:
            pulling.drop()
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


def _made_up(paths: Sequence[bytes]) -> bool:
    """Whether what the kernel makes up may be among what lies at some paths: nobody reads that but by name."""
    tops = [path.split(b"/")[1] for path in paths if path.startswith(b"/")]
    return any(refused(top) or _PATTERN.search(top) or b"/%b/" % top in MADE_UP for top in tops)


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
    """One host's files on their way; takes what the way hands on."""

    def __init__(
        self,
        session: Session,
        way: Way,
        ground: Ground,
        named: Callable[[Place], Place],
        *,
        home: bool,
        follow: bool,
        times: bool,
        rate: float,
        force: bool,
    ) -> None:
        self._session, self._way, self._ground = session, way, ground
        self._named, self._home, self._follow, self._times, self._force = named, home, follow, times, force
        self._landing: Piecemeal | None = None
        self._taking: Found | None = None
        self._landed: dict[bytes, tuple[Found, Landing]] = {}
        self._told: set[bytes] = set()  # paths of those whose hashes came, and were right
        self._held: list[Whole] = []
        self._holding = 0  # bytes of content in them
        self._rate, self._loop = rate, asyncio.get_running_loop()
        self._began, self._moved = self._loop.time(), 0
        self._progress = Progress(session, 0)
        self._asked = False  # for files by their names
        self._listing: Listing | None = None  # what there is, once that is known
        self._like: list[Found] = []  # the files that may be the same here
        self._wanted: list[Found] = []
        self._folders: list[Found] = []  # that are missing here
        self._links: list[Found] = []

    def lacks(self, paths: Sequence[bytes]) -> bool:
        """Whether nothing of what lies at some paths can be here, whatever that is."""
        for path in paths:
            name = path.rpartition(b"/")[2]
            plain = not refused(name) and not _PATTERN.search(name)
            place = self._named((name,)) if plain else self._named((b"x",))[:-1]
            if not place or self._ground.there(place) is not None:
                return False
        return True

    def expected(self, listing: Listing) -> list[Found]:
        """Return the files that are wanted in any case, now that it is known what there is; raises TransportError."""
        self._sort(listing)
        self._prepare(listing, dry=False)
        return [found for found in self._wanted if not found.path.startswith(MADE_UP)]

    async def all(self, listing: Listing, *, dry: bool) -> Pulled:
        """Bring all that is wanted and not here yet; raises TransportError."""
        if known := self._listing is not None:
            listing = self._listing or listing
        else:
            await aside(len(listing.found), self._sort, listing)
        differing = await self._differing()
        self._wanted += differing
        if not known:
            await aside(len(listing.found), self._prepare, listing, dry=dry)
        size = sum(found.there.size for found in self._wanted)
        if not dry:
            if self._wanted:
                self._progress.total = size
                await self._fetch()
                await asyncio.to_thread(self._finish)
                self._progress.end()
            await aside(len(self._links), self._link)
        return Pulled(
            len(self._wanted),
            size,
            len(self._links),
            len(self._folders),
            len(self._like) - len(differing),
            listing.refused,
            listing.skipped,
            bool(self._wanted) and not listing.hashes,
        )

    def _sort(self, listing: Listing) -> None:
        """Tell the files that may be the same here from those that are not."""
        self._listing = listing
        files = [found for found in listing.found if found.there.kind == "file"]
        if self._force:
            self._wanted = files
            return
        for found in files:
            there = self._ground.there(self._named(found.place))
            same = there is not None and stat.S_ISREG(there.st_mode) and there.st_size == found.there.size
            (self._like if same and listing.hashes else self._wanted).append(found)

    async def _differing(self) -> list[Found]:
        """Return the files that may be the same here and are not."""
        like = self._like
        if not like:
            return []
        theirs = await self._way.digests(like, home=self._home)
        ours = await asyncio.to_thread(self._digests)
        return [found for found, one, other in zip(like, theirs, ours, strict=True) if not one or one != other]

    def _digests(self) -> list[bytes]:
        return [self._ground.digest(self._named(found.place)) for found in self._like]

    def _prepare(self, listing: Listing, *, dry: bool) -> None:
        """Find the folders and the links that are missing here; the former are there now, unless it is a dry run."""
        others = [found for found in listing.found if found.there.kind != "file" and self._lacks(found)]
        self._folders = [found for found in others if found.there.kind == "folder"]
        self._links = [found for found in others if found.there.kind == "link"]
        if not dry:
            self._refuse_clashes(listing)
            for found in self._folders:
                self._ground.folder(self._named(found.place))

    def _link(self) -> None:
        for found in self._links:
            self._ground.link(self._named(found.place), found.there.target)

    def _refuse_clashes(self, listing: Listing) -> None:
        """Raise TransportError for two names that the file system here takes for one."""
        seen: dict[str, Found] = {}
        for found in listing.found:
            folded = b"/".join(found.place).decode("utf-8", "replace").casefold()
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

    # ---- what the way hands on

    def many(self, files: Sequence[tuple[Found, memoryview]]) -> Awaitable[None] | None:
        size = 0
        for found, data in files:
            whole = Whole(self._ground, self._named(found.place), data)
            self._landed[found.path] = found, whole
            self._held.append(whole)
            size += len(data)
        self._holding += size
        if self._holding > _MOST_HELD:
            self._write_held()
        return self._come(size)

    def begin(self, found: Found, size: int) -> None:
        self._taking, self._landing = found, Piecemeal(self._ground, self._named(found.place))

    def piece(self, data: memoryview) -> Awaitable[None] | None:
        assert self._landing is not None
        self._landing.write(data)
        return self._come(len(data))

    def end(self) -> None:
        assert self._landing is not None and self._taking is not None
        self._landing.close()
        self._landed[self._taking.path] = self._taking, self._landing
        self._landing = self._taking = None

    def _come(self, size: int) -> Awaitable[None] | None:
        self._moved += size
        self._progress.add(size)
        if self._rate:
            ahead = self._moved / self._rate - (self._loop.time() - self._began)
            return _Rest(ahead) if ahead > 0 else None
        return None

    def _write_held(self) -> None:
        for whole in self._held:
            whole.write()
        self._held, self._holding = [], 0

    def hashed(self, found: Sequence[Found], digests: Sequence[bytes]) -> None:
        for one, digest in zip(found, digests, strict=True):
            landed = self._landed.get(one.path)
            if landed is None or not (digest or self._asked):
                if not self._asked:  # what did not come by itself will be asked for
                    continue
                message = f"`{readable(one.path)}` could not be read"
                raise TransportError(Failure(stage="transfer", kind="remote-denied", message=message))
            if digest and digest != landed[1].digest:
                message = f"`{readable(one.path)}` changed while it was read"
                raise TransportError(Failure(stage="transfer", kind="changed-while-read", message=message))
            self._told.add(one.path)

    async def _fetch(self) -> None:
        """Ask for what is wanted and has not come by itself."""
        left = [found for found in self._wanted if found.path not in self._told]
        if not left:
            return
        self._asked = True
        for found in left:
            if landed := self._landed.pop(found.path, None):
                landed[1].drop()
        await self._way.fetch(left, self, home=self._home, follow=self._follow)
        for found in left:
            if found.path not in self._told:
                message = f"`{readable(found.path)}` did not come"
                raise TransportError(Failure(stage="transfer", kind="verify", message=message))

    def _finish(self) -> None:
        """Give every file its name, once all of them are on the disk."""
        for found, landing in self._landed.values():
            landing.ready(found.there.permissions, found.there.mtime if self._times else None)
        for _, landing in self._landed.values():
            landing.name()

    def drop(self) -> None:
        """Leave nothing but what got its name; raises nothing."""
        if self._landing is not None:
            self._landing.drop()
        for _, landing in self._landed.values():
            landing.drop()


class _Rest:
    """So many seconds to wait, unless somebody waits for something else by then."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds

    def __await__(self) -> Generator[None, None, None]:
        return asyncio.sleep(self._seconds).__await__()
