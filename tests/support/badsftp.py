"""A file server (SFTP version 3) that works, except where a switch says how it is to misbehave.

Three ways to have it, each with the same switches:

    BadSftp(fail_at=2).feed(data) -> bytes                     the server itself, between two byte strings
    ScriptedSession(subsystems={"sftp": BadDuplex(fail_at=2)})  behind a scripted session, nothing else around it
    start_sshd(subsystem(fail_at=2))                           behind a real sshd, beside real commands

It reads and writes real files: names are taken as they are, relative ones from `root`. Requests, replies and WRITEs are
counted from 0; a switch that is -1 does nothing. `seen` holds the kind of each request.
"""

# Names are bytes, which a Path does not hold.
# ruff: noqa: PTH101, PTH102, PTH104, PTH106, PTH108, PTH115, PTH116, PTH118, PTH208, PTH211

import asyncio
import os
import struct
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, fields
from typing import Any
from urllib import parse

OK, EOF, NO_SUCH_FILE, DENIED, FAILURE, BAD_MESSAGE, UNSUPPORTED = 0, 1, 2, 3, 4, 5, 8
INIT, VERSION, OPEN, CLOSE, READ, WRITE, LSTAT, FSTAT, SETSTAT, FSETSTAT = 1, 2, 3, 4, 5, 6, 7, 8, 9, 10
OPENDIR, READDIR, REMOVE, MKDIR, RMDIR, REALPATH, STAT, RENAME, READLINK, SYMLINK = (
    11,
    12,
    13,
    14,
    15,
    16,
    17,
    18,
    19,
    20,
)
STATUS, HANDLE, DATA, NAME, ATTRS, EXTENDED, EXTENDED_REPLY = 101, 102, 103, 104, 105, 200, 201
EXTENSIONS = "posix-rename@openssh.com,fsync@openssh.com,limits@openssh.com,hardlink@openssh.com,statvfs@openssh.com"
EVIL = (b"../../evil", b"/etc/x", b"a/b", b"..", b"", b"a\x1b[2Jb", b"\xff\xfe", b"nul\0l")


@dataclass
class Switches:
    """How it misbehaves; as shown here it does not."""

    root: str = "."
    fail_at: int = -1  # this WRITE is answered by `code`, and nothing is written
    code: int = FAILURE  # 4 has no errno: a full disk looks the same as a quota or a bad block
    full_at: int = -1  # once so many bytes were written, every WRITE fails with 4
    drop_at: int = -1  # this WRITE is answered by OK, and nothing is written
    short_read: int = -1  # a READ gives so many bytes at most
    end_at: int = -1  # a file ends after so many bytes, whatever its size says
    grows: bool = False  # a file has no end: READs beyond it give zeros
    size: int = -1  # the size of every file, as attributes say
    mode: int = -1  # the mode of every file, as attributes say; 0o010644 is a FIFO, 0o020600 a device
    no_attributes: bool = False  # attributes say nothing at all
    names: str = ""  # further names in every folder, in hexadecimal, parted by commas; see `hexed`
    endless: bool = False  # a folder never ends
    noise: str = ""  # printed before VERSION, as a login file does
    version: int = 3
    extensions: str = EXTENSIONS  # offered, and understood
    most: int = 255 << 10  # bytes of one WRITE and one READ, as `limits@openssh.com` says
    mute_at: int = -1  # from this request on nothing is answered
    close_at: int = -1  # at this request it ends
    wrong_id: int = -1  # this reply has an id that nobody asked with
    twice: int = -1  # this reply comes twice
    wrong_type: int = -1  # this reply is of another kind: a name list for a status, a status for anything else
    cut: int = -1  # this reply lacks its last byte
    trailing: int = -1  # this reply has bytes behind its end
    huge: int = -1  # this reply says that it is 2 GiB long
    long_read: bool = False  # a READ gives one byte more than was asked for
    deny: str = ""  # a name that contains this is refused with `code`
    no_rename: bool = False  # posix-rename is offered and fails
    lies_open: bool = False  # an OPEN for writing opens another file, which nobody sees


def hexed(names: Sequence[bytes]) -> str:
    """Return names as the switch wants them."""
    return ",".join(name.hex() or "-" for name in names)


def subsystem(**switches: Any) -> str:
    """Return the line of sshd_config that puts it behind a real sshd, in which no quotes would be left."""
    words = [sys.executable, __file__, *(f"{name}={parse.quote(str(value))}" for name, value in switches.items())]
    return f"Subsystem sftp {' '.join(words)}\n"


@dataclass
class _Reader:
    data: bytes
    at: int = 0

    def take(self, code: str) -> int:
        (value,) = struct.unpack_from(f">{code}", self.data, self.at)
        self.at += struct.calcsize(code)
        return int(value)

    def string(self) -> bytes:
        size = self.take("I")
        self.at += size
        return self.data[self.at - size : self.at]


def _string(data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + data


@dataclass
class _Open:
    fd: int = -1
    names: Iterator[list[bytes]] | None = None
    folder: bytes = b""


class BadSftp:
    """One server; `ended` says that it has closed."""

    def __init__(self, **switches: Any) -> None:
        self.switches = Switches(**switches)
        self.seen: list[int] = []
        self.ended = False
        self._in, self._out = b"", bytearray()
        self._requests = self._replies = self._writes = self._written = 0
        self._handles: dict[bytes, _Open] = {}
        self._next = 0
        self._mute = False

    def feed(self, data: bytes) -> bytes:
        """Take bytes from the client and return what is answered."""
        self._in += data
        while len(self._in) >= 4 and not self.ended:
            size = struct.unpack(">I", self._in[:4])[0]
            if len(self._in) < 4 + size:
                break
            packet, self._in = self._in[4 : 4 + size], self._in[4 + size :]
            self._packet(packet)
        out, self._out = bytes(self._out), bytearray()
        return out

    def close(self) -> None:
        for opened in self._handles.values():
            if opened.fd >= 0:
                os.close(opened.fd)
        self._handles.clear()

    # ---- what is asked

    def _packet(self, packet: bytes) -> None:
        kind, reader = packet[0], _Reader(packet, 1)
        self.seen.append(kind)
        if kind == INIT:
            self._out += self.switches.noise.encode()
            pairs = b"".join(
                _string(name.encode()) + _string(b"2" if "statvfs" in name else b"1")
                for name in self.switches.extensions.split(",")
                if name
            )
            self._put(struct.pack(">BI", VERSION, self.switches.version) + pairs)
            return
        number, self._requests = self._requests, self._requests + 1
        if number == self.switches.close_at:
            self.ended = True
        self._mute |= number == self.switches.mute_at
        if self._mute or self.ended:
            return
        asked = reader.take("I")
        try:
            self._answer(asked, *self._do(kind, reader))
        except FileNotFoundError:
            self._answer(asked, STATUS, _status(NO_SUCH_FILE, b"No such file"))
        except PermissionError:
            self._answer(asked, STATUS, _status(DENIED, b"Permission denied"))
        except (OSError, KeyError, ValueError):
            self._answer(asked, STATUS, _status(FAILURE, b"Failure"))

    def _do(self, kind: int, reader: _Reader) -> tuple[int, bytes]:
        if kind == OPEN:
            return self._opened(reader)
        if kind == CLOSE:
            opened = self._handles.pop(reader.string())
            if opened.fd >= 0:
                os.close(opened.fd)
            return STATUS, _status(OK)
        if kind == READ:
            return self._read(reader)
        if kind == WRITE:
            return self._write(reader)
        if kind in (LSTAT, STAT):
            path = self._path(reader)
            return ATTRS, self._attributes(os.lstat(path) if kind == LSTAT else os.stat(path))
        if kind == FSTAT:
            return ATTRS, self._attributes(os.fstat(self._handles[reader.string()].fd))
        if kind in (SETSTAT, FSETSTAT):
            where = self._path(reader) if kind == SETSTAT else self._handles[reader.string()].fd
            _change(where, reader)
            return STATUS, _status(OK)
        if kind == OPENDIR:
            return self._listed(self._path(reader))
        if kind == READDIR:
            return self._names(self._handles[reader.string()])
        if kind == REALPATH:
            return NAME, struct.pack(">I", 1) + self._name(os.path.realpath(self._path(reader)), None)
        if kind == READLINK:
            return NAME, struct.pack(">I", 1) + self._name(os.readlink(self._path(reader)), None)
        if kind == EXTENDED:
            return self._extended(reader.string(), reader)
        return self._changed(kind, reader)

    def _changed(self, kind: int, reader: _Reader) -> tuple[int, bytes]:
        path = self._path(reader)
        if kind == REMOVE:
            os.unlink(path)
        elif kind == MKDIR:
            mode = _Attributes(reader).mode
            os.mkdir(path, 0o777 if mode is None else mode & 0o7777)
        elif kind == RMDIR:
            os.rmdir(path)
        elif kind == RENAME:
            target = self._path(reader)
            if os.path.lexists(target):
                raise FileExistsError
            os.rename(path, target)
        elif kind == SYMLINK:  # in OpenSSH's order: what the link holds comes first
            os.symlink(os.path.relpath(path, self.switches.root.encode()), self._path(reader))
        else:
            return STATUS, _status(UNSUPPORTED, b"Operation unsupported")
        return STATUS, _status(OK)

    def _extended(self, name: bytes, reader: _Reader) -> tuple[int, bytes]:
        if name.decode() not in self.switches.extensions.split(","):
            return STATUS, _status(UNSUPPORTED, b"Operation unsupported")
        if name == b"limits@openssh.com":
            return EXTENDED_REPLY, struct.pack(">QQQQ", 256 << 10, self.switches.most, self.switches.most, 0)
        if name == b"fsync@openssh.com":
            os.fsync(self._handles[reader.string()].fd)
        elif name == b"statvfs@openssh.com":
            found = os.statvfs(self._path(reader))
            numbers = (found.f_bsize, found.f_frsize, found.f_blocks, found.f_bfree, found.f_bavail, found.f_files)
            return EXTENDED_REPLY, struct.pack(">11Q", *numbers, found.f_ffree, found.f_favail, 0, found.f_flag, 255)
        else:
            if self.switches.no_rename:
                return STATUS, _status(FAILURE, b"Failure")
            source, target = self._path(reader), self._path(reader)
            (os.replace if name.startswith(b"posix-rename") else os.link)(source, target)
        return STATUS, _status(OK)

    def _opened(self, reader: _Reader) -> tuple[int, bytes]:
        path, flags = self._path(reader), reader.take("I")
        how = {1: os.O_RDONLY, 2: os.O_WRONLY, 3: os.O_RDWR}[flags & 3]
        for ours, theirs in ((4, os.O_APPEND), (8, os.O_CREAT), (16, os.O_TRUNC), (32, os.O_EXCL)):
            how |= theirs if flags & ours else 0
        mode = _Attributes(reader).mode
        if self.switches.lies_open and flags & 2:
            with tempfile.TemporaryFile() as file:
                return self._handle(_Open(os.dup(file.fileno())))
        return self._handle(_Open(os.open(path, how, 0o666 if mode is None else mode & 0o7777)))

    def _read(self, reader: _Reader) -> tuple[int, bytes]:
        opened, at, most = self._handles[reader.string()], reader.take("Q"), reader.take("I")
        asked = most = min(most, self.switches.most)
        if self.switches.short_read >= 0:
            most = min(most, self.switches.short_read)
        if self.switches.end_at >= 0:
            most = min(most, max(self.switches.end_at - at, 0))
        data = os.pread(opened.fd, most, at)
        if self.switches.grows and not data:
            data = bytes(most)
        if self.switches.long_read:
            data = (data + bytes(asked + 1))[: asked + 1]
        return (DATA, _string(data)) if data else (STATUS, _status(EOF, b"End of file"))

    def _write(self, reader: _Reader) -> tuple[int, bytes]:
        opened, at, data = self._handles[reader.string()], reader.take("Q"), reader.string()
        number, self._writes = self._writes, self._writes + 1
        full = 0 <= self.switches.full_at < self._written + len(data)
        if number == self.switches.fail_at or full:
            return STATUS, _status(FAILURE if full else self.switches.code, b"Failure")
        self._written += len(data)
        if number != self.switches.drop_at:
            os.pwrite(opened.fd, data, at)
        return STATUS, _status(OK)

    def _listed(self, path: bytes) -> tuple[int, bytes]:
        names = [b".", b"..", *os.listdir(path)]
        names += [b"" if name == "-" else bytes.fromhex(name) for name in self.switches.names.split(",") if name]

        def pieces() -> Iterator[list[bytes]]:
            for at in range(0, len(names), 50):
                yield names[at : at + 50]
            while self.switches.endless:
                yield [os.urandom(8).hex().encode()]

        return self._handle(_Open(names=pieces(), folder=path))

    def _names(self, opened: _Open) -> tuple[int, bytes]:
        piece = next(opened.names or iter(()), None)
        if piece is None:
            return STATUS, _status(EOF, b"End of file")
        return NAME, struct.pack(">I", len(piece)) + b"".join(self._name(name, opened.folder) for name in piece)

    # ---- what is answered

    def _answer(self, asked: int, kind: int, rest: bytes) -> None:
        number, self._replies = self._replies, self._replies + 1
        if number == self.switches.wrong_id:
            asked = (asked + 0x5EED) & 0xFFFFFFFF
        if number == self.switches.wrong_type:
            kind, rest = (NAME, struct.pack(">I", 0)) if kind == STATUS else (STATUS, _status(OK))
        packet = struct.pack(">BI", kind, asked) + rest
        if number == self.switches.cut:
            packet = packet[:-1]
        if number == self.switches.trailing:
            packet += b"and more"
        if number == self.switches.huge:
            self._out += struct.pack(">I", 1 << 31)
        for _ in range(2 if number == self.switches.twice else 1):
            self._put(packet)

    def _put(self, packet: bytes) -> None:
        self._out += _string(packet)

    def _handle(self, opened: _Open) -> tuple[int, bytes]:
        name = struct.pack(">I", self._next)
        self._next += 1
        self._handles[name] = opened
        return HANDLE, _string(name)

    def _path(self, reader: _Reader) -> bytes:
        path = reader.string()
        if self.switches.deny and self.switches.deny.encode() in path:
            raise {DENIED: PermissionError, NO_SUCH_FILE: FileNotFoundError}.get(self.switches.code, OSError)
        return os.path.join(self.switches.root.encode(), path)

    def _name(self, name: bytes, folder: bytes | None) -> bytes:
        try:
            found = None if folder is None else os.lstat(os.path.join(folder, name))
        except (OSError, ValueError):  # one that was made up
            found = os.lstat("/etc/passwd")
        return _string(name) + _string(b"-rw-r--r-- 1 a line for people " + name) + self._attributes(found)

    def _attributes(self, found: os.stat_result | None) -> bytes:
        if found is None or self.switches.no_attributes:
            return struct.pack(">I", 0)
        size = self.switches.size if self.switches.size >= 0 else found.st_size
        mode = self.switches.mode if self.switches.mode >= 0 else found.st_mode
        times = (int(found.st_atime), int(found.st_mtime))
        return struct.pack(">IQIIIII", 15, size, found.st_uid, found.st_gid, mode, *times)


class _Attributes:
    def __init__(self, reader: _Reader) -> None:
        flags = reader.take("I")
        self.size = reader.take("Q") if flags & 1 else None
        self.owner = (reader.take("I"), reader.take("I")) if flags & 2 else None
        self.mode = reader.take("I") if flags & 4 else None
        self.times = (reader.take("I"), reader.take("I")) if flags & 8 else None


def _change(where: bytes | int, reader: _Reader) -> None:
    given = _Attributes(reader)
    if given.size is not None:
        os.truncate(where, given.size)
    if given.owner is not None:
        os.chown(where, *given.owner)
    if given.mode is not None:
        os.chmod(where, given.mode & 0o7777)
    if given.times is not None:
        os.utime(where, given.times)


def _status(code: int, words: bytes = b"") -> bytes:
    return struct.pack(">I", code) + _string(words) + _string(b"")


class BadDuplex:
    """The server as a Duplex: every answer is there at once."""

    def __init__(self, piece: int = 0, **switches: Any) -> None:
        """`piece`: so many bytes are received at a time; 0: as many as there are."""
        self.server = BadSftp(**switches)
        self.closed = False
        self.most = 0  # the most that was ever answered and not received yet, in bytes
        self._piece = piece
        self._out = bytearray()
        self._more = asyncio.Event()

    def send(self, data: bytes | memoryview) -> None:
        self._out += self.server.feed(bytes(data))
        self.most = max(self.most, len(self._out))
        self._more.set()

    async def receive(self) -> bytes:
        while not self._out:
            if self.server.ended or self.closed:
                return b""
            self._more.clear()
            await self._more.wait()
        size = self._piece or len(self._out)
        data = bytes(self._out[:size])
        del self._out[:size]
        return data

    async def close(self) -> None:
        self.closed = True
        self.server.close()
        self._more.set()


def main(words: list[str]) -> None:
    kinds = {one.name: type(one.default) for one in fields(Switches)}
    given: dict[str, Any] = {}
    for word in words:
        name, _, value = word.partition("=")
        value = parse.unquote(value)
        given[name] = value == "True" if kinds[name] is bool else kinds[name](value)
    server = BadSftp(**given)
    while not server.ended and (data := os.read(0, 256 << 10)):
        out = memoryview(server.feed(data))
        while out:
            out = out[os.write(1, out) :]


if __name__ == "__main__":
    main(sys.argv[1:])
