"""Files on a host by SFTP version 3: what there is, and what can be done with it, each as one call.

    async with Sftp.open(session) as sftp:
        await sftp.put(source, b"folder/file", size)
        await sftp.get(b"folder/file", sink, most=1 << 30)

Promises: every reply is looked at, those to WRITE and CLOSE too; memory does not grow with a file; names are bytes, and
what a host says they are is checked before anybody uses them. Calls may run at once, for any number of files: what is
under way is bounded over all of them. What a host refuses is `Refused`, what it does wrong a TransportError.

Why not a file object: whoever reads and writes piece by piece waits for the host at each piece.
"""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Self, TypeVar

from pssh.model.work import Input, Session, Sink, TransportError
from pssh.ops.sftp import packets, refused, transfer
from pssh.ops.sftp.packets import Attributes, Flags, Kind, Malformed, Name, Reader, Space, text, u32
from pssh.ops.sftp.requests import MOST_REQUESTS, Requests

_Any = TypeVar("_Any")

POSIX_RENAME, FSYNC, LIMITS = b"posix-rename@openssh.com", b"fsync@openssh.com", b"limits@openssh.com"
HARDLINK, STATVFS, LSETSTAT = b"hardlink@openssh.com", b"statvfs@openssh.com", b"lsetstat@openssh.com"
_PIECE, _MOST_PIECE = 32 << 10, 128 << 10  # bytes of a READ or WRITE: what all servers take; what we ask for at most
_NOTHING = Attributes()
_MOST_NAMES = 1_000_000
_LONGEST = 4096  # bytes of a name; file systems have 255, seldom more


class Sftp:
    """One session with a file server. Raises TransportError, and Refused where the host said no."""

    def __init__(self, requests: Requests, extensions: dict[bytes, bytes]) -> None:
        self.extensions = extensions  # what the host offers, by name, each with its version
        self.read_most = self.write_most = _PIECE  # bytes of one READ, and of one WRITE
        self._requests = requests
        self._files = asyncio.Semaphore(MOST_REQUESTS)  # open at once

    @classmethod
    @asynccontextmanager
    async def open(cls, session: Session) -> AsyncIterator[Self]:
        """Open the host's file server; raises TransportError `transfer/no-sftp` or `transfer/noisy-login`."""
        requests = Requests(await session.subsystem("sftp"))
        try:
            sftp = cls(requests, await requests.greet())
            await sftp._learn_limits()
            yield sftp
        finally:
            await requests.close()

    # ---- whole files

    async def put(
        self,
        source: Input,
        path: bytes,
        size: int,
        *,
        mode: int = 0o600,
        flags: Flags = Flags.CREATE | Flags.EXCLUSIVE,
        moved: Callable[[int], None] = lambda done: None,
    ) -> int:
        """Write `size` bytes of the source into a file and return how many that were.

        The file must not exist, unless `flags` says otherwise; it is flushed to the disk where the host can do that,
        and its size is compared. `moved` hears how many bytes the host has taken. A source that is shorter or longer
        is `transfer/changed-while-read`. What is left after a failure is for the caller to remove.
        """
        async with self._files:
            handle = await self.open_file(path, Flags.WRITE | flags, Attributes(mode=mode))
            async with self._closing(handle, path):
                await transfer.write(self, handle, path, source, size, moved)
                if FSYNC in self.extensions:
                    await self.fsync(handle, path)
                found = (await self.fstat(handle, path)).size
                if found is not None and found != size:
                    raise refused.failed(
                        "verify", f"`{refused.shown(path)}` has {found:,} bytes on the host, not {size:,}"
                    )
        return size

    async def get(
        self,
        path: bytes,
        sink: Sink,
        most: int,
        *,
        follow: bool = True,
        moved: Callable[[int, int], None] = lambda done, total: None,
    ) -> int:
        """Read a regular file into the sink, in order, and return how many bytes it has: `most` at most.

        `follow`: also where the path is a link. `moved` hears how many bytes have come, of how many. A file that
        becomes shorter or longer meanwhile is `transfer/changed-while-read`.
        """
        found = await (self.stat(path) if follow else self.lstat(path))
        _regular(path, found)
        async with self._files:
            handle = await self.open_file(path, Flags.READ)
            async with self._closing(handle, path):
                found = await self.fstat(handle, path)
                _regular(path, found)
                return await transfer.read(self, handle, path, sink, found.size, most, moved)

    @asynccontextmanager
    async def _closing(self, handle: bytes, path: bytes) -> AsyncIterator[None]:
        try:
            yield
        except BaseException:  # also a cancelled one: nobody may wait any more
            self._requests.post_last(Kind.CLOSE, text(handle))
            raise
        await self.close(handle, path)

    # ---- names

    async def stat(self, path: bytes) -> Attributes:
        """Return what a name leads to."""
        return await self._attributes(Kind.STAT, "look at", path)

    async def lstat(self, path: bytes) -> Attributes:
        """Return what a name is, which may be a link."""
        return await self._attributes(Kind.LSTAT, "look at", path)

    async def setstat(self, path: bytes, attributes: Attributes) -> None:
        """Change what a name leads to."""
        await self._do(Kind.SETSTAT, "change", path, text(_checked(path)), packets.attributes(attributes))

    async def lsetstat(self, path: bytes, attributes: Attributes) -> None:
        """Change what a name is, which may be a link; the host must offer it."""
        parts = text(LSETSTAT), text(_checked(path)), packets.attributes(attributes)
        await self._do(Kind.EXTENDED, "change", path, *parts)

    async def names(
        self, path: bytes, most: int = _MOST_NAMES, *, bad: Callable[[bytes], object] | None = None
    ) -> AsyncIterator[Name]:
        """Yield what is in a folder, in no order, without `.` and `..`.

        A name that is none, because it is empty, endless, or holds `/` or NUL, is told to `bad`, or without it is
        `transfer/name-refused`, as is one more than `most`.
        """
        count = 0
        handle = await self._handle(Kind.OPENDIR, "list", path, text(_checked(path)))
        async with self._closing(handle, path):
            while (found := await self._names(Kind.READDIR, path, text(handle))) is not None:
                if not found:
                    raise refused.broken("a folder goes on without a name")
                for name in found:
                    if name.name in (b".", b".."):
                        continue
                    count += 1
                    if count > most:
                        raise refused.failed("name-refused", f"`{refused.shown(path)}` holds more than {most:,} names")
                    if 0 < len(name.name) <= _LONGEST and b"/" not in name.name and b"\0" not in name.name:
                        yield name
                    elif bad is None:
                        raise _no_name(path, name.name)
                    else:
                        bad(name.name[:_LONGEST])

    async def mkdir(self, path: bytes, mode: int = 0o700) -> None:
        await self._do(Kind.MKDIR, "make", path, text(_checked(path)), packets.attributes(Attributes(mode=mode)))

    async def rmdir(self, path: bytes) -> None:
        await self._do(Kind.RMDIR, "remove", path, text(_checked(path)))

    async def remove(self, path: bytes) -> None:
        await self._do(Kind.REMOVE, "remove", path, text(_checked(path)))

    async def rename(self, old: bytes, new: bytes, *, replace: bool = True) -> None:
        """Give a file another name. `replace`: also one that is taken, at once, where the host can do that.

        Where it cannot, a taken name is refused, and nothing is removed.
        """
        names = text(_checked(old)) + text(_checked(new))
        if replace and POSIX_RENAME in self.extensions:
            await self._do(Kind.EXTENDED, "rename to", new, text(POSIX_RENAME), names)
        else:
            await self._do(Kind.RENAME, "rename to", new, names)

    async def symlink(self, path: bytes, target: bytes) -> None:
        """Make a link that holds `target`."""
        # In OpenSSH's order (its PROTOCOL file, 4.1), which other servers took over; the draft has it the other way.
        await self._do(Kind.SYMLINK, "link", path, text(target), text(_checked(path)))

    async def hardlink(self, path: bytes, target: bytes) -> None:
        """Give a file a second name."""
        names = text(_checked(target)) + text(_checked(path))
        await self._do(Kind.EXTENDED, "link", path, text(HARDLINK), names)

    async def readlink(self, path: bytes) -> bytes:
        """Return what a link holds."""
        return await self._one_name(Kind.READLINK, path)

    async def realpath(self, path: bytes) -> bytes:
        """Return a name from the root on; `.` is where relative names begin."""
        return await self._one_name(Kind.REALPATH, path)

    async def space(self, path: bytes) -> Space | None:
        """Return what the file system of a path has left for us; None if the host does not say."""
        if STATVFS not in self.extensions:
            return None
        reader = await self._reply(
            Kind.EXTENDED_REPLY, Kind.EXTENDED, "look at", path, text(STATVFS), text(_checked(path))
        )
        numbers = _read(lambda: [reader.u64() for _ in range(11)], reader)
        return Space(free=numbers[1] * numbers[4], files=numbers[7])

    # ---- open files

    async def open_file(self, path: bytes, flags: Flags, attributes: Attributes = _NOTHING) -> bytes:
        """Open a file and return its handle, which `close` takes back."""
        what = "write" if flags & Flags.WRITE else "read"
        return await self._handle(
            Kind.OPEN, what, path, text(_checked(path)), u32(flags), packets.attributes(attributes)
        )

    async def close(self, handle: bytes, path: bytes = b"") -> None:
        await self._do(Kind.CLOSE, "close", path, text(handle))

    async def fstat(self, handle: bytes, path: bytes = b"") -> Attributes:
        return await self._attributes(Kind.FSTAT, "look at", path, handle)

    async def fsetstat(self, handle: bytes, attributes: Attributes, path: bytes = b"") -> None:
        await self._do(Kind.FSETSTAT, "change", path, text(handle), packets.attributes(attributes))

    async def fsync(self, handle: bytes, path: bytes = b"") -> None:
        """Flush an open file to the disk; the host must offer it."""
        await self._do(Kind.EXTENDED, "flush", path, text(FSYNC), text(handle))

    @property
    def requests(self) -> Requests:
        """What this is built on, for requests that are under way many at a time."""
        return self._requests

    # ---- replies

    async def _learn_limits(self) -> None:
        if LIMITS not in self.extensions:
            return
        reader = await self._reply(Kind.EXTENDED_REPLY, Kind.EXTENDED, "ask for the limits of", b".", text(LIMITS))
        _, read, write, files = _read(lambda: [reader.u64() for _ in range(4)], reader)
        self.read_most = min(max(read or _PIECE, 1), _MOST_PIECE)
        self.write_most = min(max(write or _PIECE, 1), _MOST_PIECE)
        self._files = asyncio.Semaphore(min(max(files - 4, 1), MOST_REQUESTS) if files else MOST_REQUESTS)

    async def _do(self, kind: Kind, what: str, path: bytes, *parts: bytes) -> None:
        transfer.done(await self._requests.ask(kind, *parts), what, path)

    async def _reply(self, wanted: Kind, kind: Kind, what: str, path: bytes, *parts: bytes) -> Reader:
        return transfer.reader(await self._requests.ask(kind, *parts), wanted, what, path)

    async def _attributes(self, kind: Kind, what: str, path: bytes, handle: bytes | None = None) -> Attributes:
        about = _checked(path) if handle is None else handle
        reader = await self._reply(Kind.ATTRS, kind, what, path, text(about))
        return _read(reader.attributes, reader)

    async def _handle(self, kind: Kind, what: str, path: bytes, *parts: bytes) -> bytes:
        reader = await self._reply(Kind.HANDLE, kind, what, path, *parts)
        handle = _read(reader.string, reader)
        if len(handle) > 256:
            raise refused.broken("a handle of more than 256 bytes")
        return handle

    async def _names(self, kind: Kind, path: bytes, *parts: bytes) -> list[Name] | None:
        """Return names; None where there are no more."""
        try:
            reader = await self._reply(Kind.NAME, kind, "list", path, *parts)
        except refused.Refused as error:
            if error.code == refused.EOF and kind == Kind.READDIR:
                return None
            raise
        return _read(lambda: [_name(reader) for _ in range(reader.u32())], reader)

    async def _one_name(self, kind: Kind, path: bytes) -> bytes:
        found = await self._names(kind, path, text(_checked(path)))
        if found is None or len(found) != 1 or not found[0].name or b"\0" in found[0].name:
            raise refused.broken("one name was asked for")
        return found[0].name


def _name(reader: Reader) -> Name:
    name = reader.string()
    reader.string()  # a line for people
    return Name(name, reader.attributes())


def _read(what: Callable[[], _Any], reader: Reader) -> _Any:
    """Return what is read, which must be all there is."""
    try:
        found = what()
        reader.end()
        return found
    except Malformed as error:
        raise refused.broken(str(error)) from None


def _checked(path: bytes) -> bytes:
    """Return a path that can be sent; raises TransportError `transfer/name-refused`."""
    if not path or b"\0" in path:
        raise refused.failed("name-refused", f"`{refused.shown(path)}` is no path")
    return path


def _no_name(path: bytes, name: bytes) -> TransportError:
    where, what = refused.shown(path), refused.shown(name)
    return refused.failed("name-refused", f"the host says that `{where}` holds `{what}`, which is no name of a file")


def _regular(path: bytes, found: Attributes) -> None:
    if found.type == "folder":
        raise refused.failed("is-directory", f"read `{refused.shown(path)}`: it is a folder")
    if found.type == "symlink":
        raise refused.failed("symlink", f"read `{refused.shown(path)}`: it is a symbolic link")
    if found.type == "other":
        raise refused.failed("not-a-file", f"read `{refused.shown(path)}`: it is no regular file")
