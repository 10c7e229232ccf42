"""What SFTP shows of a host's files: facts, patterns expanded here, trees walked, contents handed on."""

import fnmatch
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from functools import partial

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files.facts import There
from pssh.ops.files.listing import MOST_FOUND, Found, Listing, Root, settled
from pssh.ops.files.names import readable
from pssh.ops.files.streams import MOST_ANSWER
from pssh.ops.files.unpack import Taker
from pssh.ops.sftp.client import Sftp
from pssh.ops.sftp.packets import Attributes, Name

MOST_SIZE = 1 << 62
_PATTERN = re.compile(rb"[*?\[]")
MOST_DEEP = 200  # folders in one another


async def looked(sftp: Sftp, path: bytes, *, follow: bool = True) -> There | None:
    """Return what lies at a path, None if nothing does; raises TransportError."""
    try:
        return there(await (sftp.stat(path) if follow else sftp.lstat(path)))
    except TransportError as error:
        if error.failure.kind == "remote-missing":
            return None
        raise


def there(said: Attributes) -> There:
    """Return attributes as facts; what a server leaves out is nothing."""
    return There(said.mode or 0, said.size or 0, said.uid or 0, said.gid or 0, said.mtime or 0)


async def listing(sftp: Sftp, paths: Sequence[bytes], *, follow: bool, links: bool) -> Listing:
    """Return what lies at these paths, patterns expanded; raises TransportError."""
    roots, room = [], Room()
    for path in paths:
        found = [one async for one in _expanded(sftp, path, room)]
        if not found:
            message = f"there is no `{readable(path)}`"
            raise TransportError(Failure(stage="transfer", kind="remote-missing", message=message))
        for root in found:
            what = await looked(sftp, root, follow=follow)
            below = [one async for one in _below(sftp, root, what, follow, 0, room)] if what is not None else []
            roots.append(Root(root, tuple(below)))
    return settled(roots, hashes=True, links=links)


class Room:
    """How much a server may still say of what it has: it may make up folders without an end."""

    def __init__(self) -> None:
        self._names, self._bytes = MOST_FOUND, MOST_ANSWER

    async def names(self, sftp: Sftp, path: bytes, bad: Callable[[bytes], object] | None = None) -> list[Name]:
        """Return what is in a folder, by name; raises TransportError for too much, and for what is no name.

        `bad`: is told the latter instead.
        """
        found = []
        async for name in sftp.names(path, bad=bad and partial(self._refuse, path, bad)):
            self._take(path, name.name)
            found.append(name)
        return sorted(found, key=lambda name: name.name)

    def _refuse(self, path: bytes, bad: Callable[[bytes], object], name: bytes) -> None:
        self._take(path, name)
        bad(name)

    def _take(self, path: bytes, name: bytes) -> None:
        self._names -= 1
        self._bytes -= len(path) + len(name)
        if self._names < 0 or self._bytes < 0:
            message = f"there are more than {MOST_FOUND:,} files, or {MOST_ANSWER >> 20} MiB of their names"
            raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message))


async def _expanded(sftp: Sftp, path: bytes, room: Room) -> AsyncIterator[bytes]:
    """Yield the paths that a pattern stands for, as a shell would; a path that is there stands for itself."""
    if await looked(sftp, path, follow=False) is not None:
        yield path
        return
    parts = path.split(b"/")
    first = next((number for number, part in enumerate(parts) if _PATTERN.search(part)), None)
    if first is None:
        return
    folder, rest = b"/".join(parts[:first]) or (b"/" if path.startswith(b"/") else b"."), parts[first + 1 :]
    what = await looked(sftp, folder)
    if what is None or what.kind != "folder":
        return
    for name in [name.name for name in await room.names(sftp, folder, _overlooked)]:
        hidden = name.startswith(b".") and not parts[first].startswith(b".")
        if not hidden and fnmatch.fnmatchcase(name, parts[first].replace(b"[^", b"[!")):
            whole = b"/".join((folder.rstrip(b"/"), name, *rest))
            if not rest:
                yield whole
                continue
            async for one in _expanded(sftp, whole, room):
                yield one


def _overlooked(name: bytes) -> None:
    """A name that is none matches no pattern."""


async def _below(
    sftp: Sftp, path: bytes, what: There, follow: bool, depth: int, room: Room
) -> AsyncIterator[tuple[bytes, There]]:
    """Yield a path and all that lies below it, each with its facts."""
    if what.kind == "link":
        target = await sftp.readlink(path)
        what = There(what.mode, what.size, what.uid, what.gid, what.mtime, target=target)
    yield path, what
    if what.kind != "folder":
        return
    if depth > MOST_DEEP:
        message = f"`{readable(path)}` lies too deep, or leads back into itself"
        raise TransportError(Failure(stage="transfer", kind="remote-failed", message=message))
    bad: list[bytes] = []
    listed = [(name.name, name.attributes) for name in await room.names(sftp, path, bad.append)]
    for name in bad:  # passed on as they are, for `settled` to refuse each by its name; nothing is asked about them
        yield path.rstrip(b"/") + b"/" + name, There(0, 0, 0, 0, 0)
    for name, said in listed:
        whole = path.rstrip(b"/") + b"/" + name
        known = there(said)
        if not said.type or (follow and known.kind == "link"):
            looked_at = await looked(sftp, whole, follow=follow)
            if looked_at is None:
                continue
            known = looked_at
        async for one in _below(sftp, whole, known, follow, depth + 1, room):
            yield one


async def fetch(sftp: Sftp, found: Sequence[Found], taker: Taker, *, follow: bool) -> None:
    """Hand on the content of files, one after the other; raises TransportError for one that changes meanwhile."""
    for one in found:
        taker.begin(one, one.there.size)
        await sftp.get(one.path, _Piecewise(taker), MOST_SIZE, follow=follow)
        taker.end()
        now = await looked(sftp, one.path, follow=follow)
        if now is None or (now.size, now.mtime) != (one.there.size, one.there.mtime):
            message = f"`{readable(one.path)}` changed while it was read"
            raise TransportError(Failure(stage="transfer", kind="changed-while-read", message=message))
        taker.hashed([one], [b""])


class _Piecewise:
    """A sink that hands on."""

    def __init__(self, taker: Taker) -> None:
        self._taker = taker

    def write(self, data: bytes | bytearray | memoryview, /) -> Awaitable[None] | None:
        return self._taker.piece(memoryview(data))
