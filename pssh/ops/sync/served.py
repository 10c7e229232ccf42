"""What a sync does by SFTP on a host that runs no commands: it lists a folder, and removes, times and modes there.

Whatever is done in a folder is done once it was seen to be the one below the destination, and not what a link leads to.
SFTP knows no "from here": between that look and the act a folder can still be replaced, as it cannot over the shell.
"""

from collections.abc import Iterable
from typing import Self

from msgspec.structs import replace

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files import facts, reading
from pssh.ops.files.facts import There
from pssh.ops.files.listing import Found
from pssh.ops.files.names import readable
from pssh.ops.files.served import Served, together
from pssh.ops.files.ways import Way
from pssh.ops.sftp.client import LSETSTAT
from pssh.ops.sftp.packets import Attributes
from pssh.ops.sync.items import Items, of_there
from pssh.ops.sync.plan import Plan


class Folder:
    """One folder of a host; every call raises TransportError."""

    def __init__(self, way: Served, path: bytes) -> None:
        self._way, self._sftp = way, way.sftp
        self._path = path  # as it was said
        self._top = path  # where it really is

    @classmethod
    def of(cls, way: Way, path: bytes) -> Self:
        """Return a folder that is reached by SFTP."""
        assert isinstance(way, Served)
        return cls(way, path)

    async def items(self, *, checksum: bool) -> Items | None:
        """Return what it holds; None if it is not there."""
        what = await reading.looked(self._sftp, self._path)
        if what is None:
            return None
        if what.kind != "folder":
            raise TransportError(facts.refusal("is-file"))
        self._top = (await self._sftp.realpath(self._path)).rstrip(b"/")
        found: Items = {b"": of_there(what)}
        await self._list(b"", found, reading.Room(), 0)
        if checksum:
            files = [path for path, item in found.items() if item.kind == "file"]
            said = await self._way.digests([Found(self._at(path), (), There(0)) for path in files], home=False)
            for path, digest in zip(files, said, strict=True):
                found[path] = replace(found[path], digest=digest.hex())
        return found

    async def _list(self, at: bytes, found: Items, room: reading.Room, depth: int) -> None:
        if depth > reading.MOST_DEEP:
            raise _failed(f"`{readable(at)}` lies too deep, or leads back into itself")
        for name in await room.names(self._sftp, self._at(at)):
            path = at + b"/" + name.name if at else name.name
            what: There | None = reading.there(name.attributes)
            if not name.attributes.type:
                what = await reading.looked(self._sftp, self._at(path), follow=False)
            if what is None:  # it was removed meanwhile
                continue
            if what.kind == "link":
                what = replace(what, target=await self._sftp.readlink(self._at(path)))
            found[path] = of_there(what)
            if what.kind == "folder":
                await self._list(path, found, room, depth + 1)

    async def make(self) -> None:
        """Make it, where what it lies in is there."""
        await self._sftp.mkdir(self._path)
        self._top = (await self._sftp.realpath(self._path)).rstrip(b"/")

    async def clear(self, plan: Plan) -> None:
        """Remove what stands in the way of something else."""
        await self._remove(plan.clear)

    async def settle(self, plan: Plan) -> None:
        """Remove what is not wanted, and give times and modes, the deepest first: a folder may close itself to us."""
        await self._remove(plan.remove)
        await self._certain({path for path, _ in (*plan.times, *plan.chmod)})
        await together(self._time, reversed(plan.times))
        for path, mode in reversed(plan.chmod):
            await self._set(path, Attributes(mode=mode))

    async def _remove(self, paths: Iterable[bytes]) -> None:
        paths = tuple(paths)
        await self._certain(paths)
        for path in paths:
            await self._gone(self._at(path), 0)

    async def _gone(self, path: bytes, depth: int) -> None:
        what = await reading.looked(self._sftp, path, follow=False)
        if what is None:
            return
        if what.kind != "folder":
            await self._sftp.remove(path)
            return
        if depth > reading.MOST_DEEP:
            raise _failed(f"`{readable(path)}` lies too deep to be removed")
        for name in [name.name async for name in self._sftp.names(path)]:
            await self._gone(path + b"/" + name, depth + 1)
        await self._sftp.rmdir(path)

    async def _time(self, given: tuple[bytes, int]) -> None:
        path, when = given
        await self._set(path, Attributes(atime=when, mtime=when))

    async def _set(self, path: bytes, attributes: Attributes) -> None:
        """Set what is no link; of one only the time, where the host can do that."""
        what = await reading.looked(self._sftp, self._at(path), follow=False)
        if what is not None and what.kind != "link":
            await self._sftp.setstat(self._at(path), attributes)
        elif what is not None and LSETSTAT in self._sftp.extensions and attributes.mode is None:
            await self._sftp.lsetstat(self._at(path), attributes)

    async def _certain(self, paths: Iterable[bytes]) -> None:
        """Raise unless the folders that these lie in are below our own, with no link on the way."""

        async def look(folder: bytes) -> None:
            if await self._sftp.realpath(self._at(folder)) != (self._at(folder) or b"/"):
                raise _failed(f"`{readable(self._at(folder))}`: it was replaced by a link")

        await together(look, sorted({path.rpartition(b"/")[0] for path in paths}))

    def _at(self, path: bytes) -> bytes:
        return self._top + b"/" + path if path else self._top or b"/"

    def timed(self, wanted: Items, theirs: Items) -> Items:
        """Return what is wanted, without the times of links that are there where the host cannot set them."""
        if LSETSTAT in self._sftp.extensions:
            return wanted
        return {
            path: replace(item, mtime=theirs[path].mtime) if item.kind == "link" and path in theirs else item
            for path, item in wanted.items()
        }


def _failed(message: str) -> TransportError:
    return TransportError(Failure(stage="transfer", kind="remote-failed", message=message))
