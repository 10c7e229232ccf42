"""What a folder holds, as far as sync compares it, from either side; and what rules leave out of it."""

from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct, msgpack

from pssh.errors import UsageError
from pssh.ops.files.facts import There
from pssh.ops.fs.answer import Brief, Garbled, Tree, checked

Kind = Literal["file", "dir", "link", "other"]
PERMISSIONS = 0o777  # neither setuid nor setgid goes along


class Item(Struct, frozen=True, array_like=True, omit_defaults=True):
    """One name: what it is, and what makes it the same as another."""

    kind: Kind
    mode: int = 0
    size: int = 0
    mtime: int = 0  # whole seconds since 1970
    target: bytes = b""  # of a link
    digest: str = ""  # SHA-256 in hexadecimal, where it was asked for


Items = dict[bytes, Item]  # by path below the folder; the folder itself by an empty one


def packed(items: Items) -> bytes:
    """Return items as bytes, to be sent to workers."""
    return msgpack.encode(list(items.items()))


def unpacked(data: bytes) -> Items:
    return dict(msgpack.decode(data, type=list[tuple[bytes, Item]]))


def of_host(tree: Tree) -> Items:
    """Return what a host listed; raises Garbled."""
    if tree.brief is not None:
        return _of_brief(tree, tree.brief)
    found: Items = {}
    for name, seen in tree.entries.items():
        kind: Kind = seen.kind if seen.kind in ("file", "dir", "link") else "other"
        size = seen.size if kind == "file" else 0
        found[name] = Item(kind, seen.mode, size, seen.mtime, seen.target, tree.hashes.get(name, ""))
    return found


_TYPES: dict[str, Kind] = {"file": "file", "folder": "dir", "link": "link"}


def of_there(what: There) -> Item:
    """Return an item as what moves files tells of it."""
    kind = _TYPES.get(what.kind, "other")
    size = what.size if kind == "file" else 0
    return Item(kind, what.mode & 0o7777, size, what.mtime, what.target, what.digest.hex())


_KINDS: dict[bytes, Kind] = {b"f": "file", b"d": "dir", b"l": "link"}
_LETTERS = {kind: letter for letter, kind in _KINDS.items()}


def _of_brief(tree: Tree, brief: Brief) -> Items:
    found: Items = {}
    hashes = tree.hashes
    try:
        for meta, name, target in zip(brief.metas, brief.names, brief.targets, strict=True):
            letter, mode, size, when = meta.split(b" ")
            kind = _KINDS.get(letter, "other")
            whole = int(when.partition(b".")[0])
            found[checked(name)] = Item(
                kind, int(mode, 8), int(size) if kind == "file" else 0, whole, target, hashes.get(name, "")
            )
    except ValueError as error:
        raise Garbled(str(error)) from None
    return found


class Expected:
    """What a host says that has the very same, so that this is seen without a look at each name."""

    def __init__(self, items: Items) -> None:
        self._metas = {path: _meta(item) for path, item in items.items() if item.kind != "other"}
        self._targets = {path: item.target for path, item in items.items() if item.target}
        self._hashes = {path: item.digest for path, item in items.items() if item.digest}

    @property
    def same(self) -> int:
        return len(self._metas)

    def met(self, tree: Tree) -> bool:
        """Whether all is the same; where it is not, and for hosts that say it in another way, it has to be compared."""
        brief = tree.brief
        if brief is None or len(brief.names) != len(self._metas):
            return False
        targets = {name: target for name, target in zip(brief.names, brief.targets, strict=True) if target}
        metas = dict(zip(brief.names, [meta.partition(b".")[0] for meta in brief.metas], strict=True))
        return metas == self._metas and targets == self._targets and tree.hashes.items() >= self._hashes.items()


def _meta(item: Item) -> bytes:
    """Return how GNU's find prints it; that of a link has no mode of its own."""
    mode = 0o777 if item.kind == "link" else item.mode & PERMISSIONS
    return b"%b %o %d %d" % (_LETTERS[item.kind], mode, item.size, item.mtime)


class Rules:
    """What is left out, by patterns as in a `.gitignore`: a folder that is left out is so with all it holds."""

    def __init__(self, patterns: Sequence[str]) -> None:
        self._spec = None
        if not patterns:
            return
        from pathspec import GitIgnoreSpec  # which takes its time to load

        try:
            self._spec = GitIgnoreSpec.from_lines(patterns)
        except ValueError as error:
            raise UsageError(f"A pattern of `--exclude` cannot be read: {error}") from None

    def parted(self, items: Items) -> tuple[Items, set[bytes]]:
        """Return what is not left out, and what is."""
        if self._spec is None:
            return items, set()
        kept: Items = {}
        out: set[bytes] = set()
        for path, item in sorted(items.items()):
            above = path.rpartition(b"/")[0]
            if path and ((above and above in out) or self._leaves_out(path, item)):
                out.add(path)
            else:
                kept[path] = item
        return kept, out

    def _leaves_out(self, path: bytes, item: Item) -> bool:
        assert self._spec is not None
        text = path.decode("utf-8", "surrogateescape")
        return self._spec.match_file(f"{text}/" if item.kind == "dir" else text)


def above(paths: Iterable[bytes]) -> set[bytes]:
    """Return every folder that one of the paths lies in, but the top."""
    found: set[bytes] = set()
    for path in paths:
        while path := path.rpartition(b"/")[0]:
            if path in found:
                break
            found.add(path)
    return found
