"""Reads what a host's own tools said of files, strictly: names are bytes and data, whatever they hold.

Promises: an entry lies at or below the path that was asked for; a name that is empty, `.`, `..` or holds a `/` never
comes out of here; an answer without its last word is none.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from stat import S_IFMT, S_IMODE

from pssh.model.files import Kind
from pssh.ops.fs.shell import BEGIN


class Garbled(ValueError):
    """What a host said is no answer."""


@dataclass(frozen=True, slots=True)
class Seen:
    """One file, folder or link on a host."""

    name: bytes  # below the root; empty: the root itself
    kind: Kind
    mode: int
    size: int
    mtime: int
    device: int
    inode: int
    links: int
    blocks: int  # of 512 bytes
    uid: int
    gid: int
    user: bytes
    group: bytes
    target: bytes = b""


@dataclass(slots=True)
class Brief:
    """Very many names, by what they are compared by and no more; the lists are of one length, and all data."""

    metas: list[bytes]  # kind, mode, size and time, as GNU's find prints them
    names: list[bytes]
    targets: list[bytes]


@dataclass(slots=True)
class Tree:
    """What there is at and below one path; by name, the path itself by an empty one."""

    root: bytes
    entries: dict[bytes, Seen] = field(default_factory=dict)
    hashes: dict[bytes, str] = field(default_factory=dict)
    brief: Brief | None = None  # instead of entries


@dataclass(slots=True)
class Said:
    """All that a program said."""

    trees: list[Tree] = field(default_factory=list)
    acts: list[tuple[str, bytes]] = field(default_factory=list)
    sums: list[tuple[int, int, int, bytes]] = field(default_factory=list)
    text: bytes = b""
    whole: bool = False


_LETTERS: dict[str, Kind] = {
    "f": "file", "d": "dir", "l": "link", "p": "fifo", "s": "socket", "b": "block", "c": "char",
}  # fmt: skip
_TYPES: dict[int, Kind] = {
    0o100000: "file", 0o040000: "dir", 0o120000: "link", 0o010000: "fifo", 0o140000: "socket", 0o060000: "block",
    0o020000: "char",
}  # fmt: skip
_LINE = re.compile(
    rb"(?P<mode>[0-9a-f]+) (?P<size>\d+) (?P<time>-?\d+) (?P<device>\d+) (?P<inode>\d+) (?P<links>\d+) (?P<blocks>\d+) "
    rb"(?P<uid>\d+) (?P<gid>\d+)/(?P<user>[^/\n]*)/(?P<group>[^/\n]*)/(?P<name>.+)",
    re.DOTALL,
)
_BRIEF = re.compile(rb"t\0([^\0]*)\0r\0([^\0]*)\0b\0")
_MOST = 1 << 64
_MOST_STRINGS = 8_000_000  # a million and a half of names
_HASH = re.compile(rb"(\\?)([0-9a-f]{64}) [ *]?(.+)", re.DOTALL)
_ESCAPED = re.compile(rb"\\([\\nr])")


def read(data: bytes) -> Said:
    """Return what a program said; raises Garbled."""
    _, begin, rest = data.partition(BEGIN)
    if not begin:
        raise Garbled("the answer has no beginning")
    said = Said()
    try:
        if (found := _BRIEF.match(rest)) is not None:
            _brief(found, rest, said)
        else:
            _read(_strings(rest), said)
    except (StopIteration, IndexError, RuntimeError):
        raise Garbled("the answer breaks off") from None
    except (ValueError, OverflowError) as error:
        raise Garbled(str(error)) from None
    if not said.whole:
        raise Garbled("the answer breaks off")
    return said


def _strings(data: bytes) -> Iterator[bytes]:
    """Yield what ends in NUL, one after the other: all of it at once takes many times the room."""
    at = number = 0
    while (end := data.find(b"\0", at)) >= 0:
        number += 1
        if number > _MOST_STRINGS:
            raise Garbled("the answer is longer than that of any files")
        yield data[at:end]
        at = end + 1


def _brief(found: re.Match[bytes], data: bytes, said: Said) -> None:
    """Read one listing of very many names: three strings each, then perhaps hashes, then the end."""
    said.text, tree = found[1], Tree(found[2])
    if data.count(b"\0") > _MOST_STRINGS:
        raise Garbled("the answer is longer than that of any files")
    strings = data[found.end() :].split(b"\0")
    if strings[-2:] != [b".", b""]:
        raise Garbled("the answer breaks off")
    end = len(strings) - 2
    if end % 3 and strings[end - 2] == b"h":
        end -= 2
        _hashes(strings[end + 1], tree)
    if end % 3:
        raise Garbled("the answer breaks off")
    tree.brief = Brief(strings[0:end:3], strings[1:end:3], strings[2:end:3])
    said.trees.append(tree)
    said.whole = True


def _read(strings: Iterator[bytes], said: Said) -> None:
    for mark in strings:
        if said.whole:
            raise Garbled("there is more behind the end")
        match mark:
            case b".":
                said.whole = True
            case b"r":
                said.trees.append(Tree(next(strings)))
                if next(strings) == b"s":
                    _lines(next(strings), said.trees[-1])
            case b"h":
                _hashes(next(strings), said.trees[-1])
            case b"l":
                _target(said.trees[-1], next(strings), next(strings))
            case b"d":
                said.acts.append((next(strings).decode("ascii", "replace"), next(strings)))
            case b"c":
                size, disk, files = (int(float(next(strings) or 0)) for _ in range(3))
                if not all(0 <= number < _MOST for number in (size, disk, files)):
                    raise Garbled("a sum is larger than that of any files")
                said.sums.append((size, disk, files, next(strings)))
            case b"t":
                said.text = next(strings)
            case _:
                seen = _printed(mark, next(strings), next(strings), next(strings), next(strings))
                said.trees[-1].entries[seen.name] = seen


def _printed(meta: bytes, user: bytes, group: bytes, name: bytes, target: bytes) -> Seen:
    """Return what GNU's find printed."""
    letter, mode, size, time, device, inode, links, blocks, uid, gid = meta.decode("ascii").split(" ")
    kind = _LETTERS.get(letter, "other")
    when, *numbers = int(time.partition(".")[0]), *map(int, (device, inode, links, blocks, uid, gid))
    return _seen(checked(name), kind, int(mode, 8), int(size), when, numbers, (user, group, target))


def _seen(
    name: bytes, kind: Kind, mode: int, size: int, when: int, numbers: list[int], words: tuple[bytes, bytes, bytes]
) -> Seen:
    device, inode, links, blocks, uid, gid = numbers
    if not all(0 <= number < _MOST for number in (size, *numbers, abs(when))):
        raise Garbled("a number is larger than that of any file")
    return Seen(name, kind, mode, size, when, device, inode, links, blocks, uid, gid, *words)


def _lines(blob: bytes, tree: Tree) -> None:
    """Read the lines of `stat`; a name may hold any number of line ends, and begins no line of ours."""
    for line in _parted(blob, tree.root, rb"[0-9a-f]+ \d+ -?\d+ [^/\n]*/[^/\n]*/[^/\n]*/"):
        found = _LINE.fullmatch(line)
        if not found:
            raise Garbled(f"`{line[:80]!r}` is no line of stat")
        mode = int(found["mode"], 16)
        name = _below(found["name"], tree.root)
        numbers = [int(found[key]) for key in ("device", "inode", "links", "blocks", "uid", "gid")]
        kind = _TYPES.get(S_IFMT(mode), "other")
        who = found["user"], found["group"], b""
        tree.entries[name] = _seen(name, kind, S_IMODE(mode), int(found["size"]), int(found["time"]), numbers, who)


def _hashes(blob: bytes, tree: Tree) -> None:
    for line in _parted(blob, tree.root, rb"\\?[0-9a-f]{64} [ *]?"):
        found = _HASH.fullmatch(line)
        if not found:
            raise Garbled(f"`{line[:80]!r}` is no line of sha256sum")
        path = _ESCAPED.sub(_plain, found[3]) if found[1] else found[3]
        tree.hashes[_below(path, tree.root)] = found[2].decode()


def _parted(blob: bytes, root: bytes, head: bytes) -> list[bytes]:
    """Return the lines; one ends where the next begins, with its head and the root."""
    mark = re.compile(rb"\n(?=" + head + re.escape(root) + rb"(?://\.|$))")
    escaped = root.replace(b"\\", b"\\\\").replace(b"\n", b"\\n").replace(b"\r", b"\\r")
    if escaped != root:
        mark = re.compile(rb"\n(?=" + head + rb"(?:" + re.escape(root) + rb"|" + re.escape(escaped) + rb")(?://\.|$))")
    blob = blob.removesuffix(b"\n")
    return mark.split(blob) if blob else []


def _target(tree: Tree, path: bytes, target: bytes) -> None:
    name = _below(path, tree.root)
    seen = tree.entries.get(name)
    if seen is not None:  # else it came after the listing
        tree.entries[name] = replace(seen, target=target)


def _plain(found: re.Match[bytes]) -> bytes:
    return {b"\\": b"\\", b"n": b"\n", b"r": b"\r"}[found[1]]


def _below(path: bytes, root: bytes) -> bytes:
    """Return the name below the root in a path that begins with it."""
    if path == root:
        return b""
    if not path.startswith(root + b"//."):
        raise Garbled(f"`{path[:80]!r}` is not below `{root[:80]!r}`")
    return checked(path[len(root) + 3 :].removeprefix(b"/"))


def checked(name: bytes) -> bytes:
    """Return a name below a root; raises Garbled for one that would lead elsewhere."""
    if name and any(part in (b"", b".", b"..") for part in name.split(b"/")):
        raise Garbled(f"the host names `{name[:80]!r}`, which leads elsewhere")
    return name
