"""A plan as one archive: the files that a host lacks under `f/`, and `c/do`, the program that puts them where they go.

What lies in a folder that the host does not have goes with that folder, in one rename; every other file is moved to
its folder by itself. The content is not in here, only where it is: every host reads it from the same files.

The program is in words of `programs.TREE` and runs in `f/`, so that `../..` is the destination. It is made for the
plan, so that a host starts no process for what has nothing to do there.
"""

import re
from collections import defaultdict, deque
from collections.abc import Iterable, Iterator
from threading import Lock

from pssh.ops.files import tar
from pssh.ops.files.decide import Attributes, Plan, Step
from pssh.ops.files.streams import BLOCK, Block, Part
from pssh.ops.files.tree import Entry
from pssh.ops.shellwords import quote

Parts = list[Part]

_MOST_WORDS = 32 << 10  # bytes of one line of the program: an argument list has a limit
_ODD = re.compile(rb"[\\\x00-\x1f\x7f]")  # what tools that read a list of names may take for something else


def archived(plan: Plan, wanted: Attributes, *, backup: bool, inplace: bool) -> Parts:
    """Return the archive's bytes and contents, in order: the same for all hosts for which the plan is the same."""
    key = (max(plan.facts.uid, 0), max(plan.facts.gid, 0), wanted, backup, inplace)
    with _ONE:
        for steps, other, parts in _made:
            if steps is plan.steps and other == key:
                return parts
        parts = _archived(plan, wanted, backup, inplace)
        _made.append((plan.steps, key, parts))
        return parts


_ONE = Lock()
_made: deque[tuple[tuple[Step, ...], tuple[object, ...], Parts]] = deque(maxlen=4)


def _archived(plan: Plan, wanted: Attributes, backup: bool, inplace: bool) -> Parts:
    moved = lasting(plan)
    uid, gid = max(plan.facts.uid, 0), max(plan.facts.gid, 0)
    parts: list[bytes | Entry] = [tar.header(b"c", "folder", 0o700), tar.header(b"f", "folder", 0o700)]
    for folder in _folders(plan, moved):
        parts.append(tar.header(b"f/" + folder, "folder", 0o700, uid=uid, gid=gid))
    for step in moved:
        parts += _member(step)
    if wanted.wants_times:  # once more: what came to lie in a folder has changed its time
        parts += [part for step in reversed(moved) if settled(step) for part in _member(step)]
    for name, data in ((b"c/sums", _sums(moved)), (b"c/do", _program(plan, moved, backup, inplace))):
        parts += [tar.header(name, "file", 0o600, size=len(data)), data, bytes(tar.padding(len(data)))]
    parts += [tar.header(b"c/end", "file", 0o600), tar.END]
    return _joined(parts)


def lasting(plan: Plan) -> list[Step]:
    """Return what is made anew or replaced: a folder that is there gets no more than another mode."""
    return [step for step in plan.moved if not (step.entry.kind == "folder" and step.there is not None)]


def settled(step: Step) -> bool:
    """Whether an archive gives a folder its mode and time: one that its owner may not use stays open until the end."""
    return step.entry.kind == "folder" and step.there is None and step.mode & 0o700 == 0o700


def _member(step: Step) -> list[bytes | Entry]:
    entry, name = step.entry, b"f/" + step.path[2:]
    if entry.kind == "folder":
        mode = step.mode & 0o777 if settled(step) else 0o700
        return [tar.header(name, "folder", mode, mtime=entry.mtime, uid=step.uid, gid=step.gid)]
    head = tar.header(
        name,
        entry.kind,
        step.mode & 0o777,
        size=entry.size if entry.kind == "file" else 0,
        mtime=entry.mtime,
        uid=step.uid,
        gid=step.gid,
        target=entry.target,
    )
    return [head, entry, bytes(tar.padding(entry.size))] if entry.size else [head]


def _folders(plan: Plan, moved: Iterable[Step]) -> list[bytes]:
    """Return the folders that are there already, and that the files in the archive need above them as well."""
    new = {step.path for step in plan.steps if step.entry.kind == "folder" and step.there is None}
    found: set[bytes] = set()
    for step in moved:
        above = step.path.rpartition(b"/")[0]
        while above not in (b".", b"") and above not in new:
            found.add(above[2:])
            above = above.rpartition(b"/")[0]
    return sorted(found)


def _files(moved: Iterable[Step]) -> list[Step]:
    return [step for step in moved if step.entry.kind == "file"]


def _sums(moved: Iterable[Step]) -> bytes:
    """Return what the files must hold, as `sha256sum -c` reads it."""
    plain = (step for step in _files(moved) if not _ODD.search(step.path))
    return b"".join(b"%b  %b\n" % (step.entry.digest.hex().encode(), step.path) for step in plain)


def _program(plan: Plan, moved: list[Step], backup: bool, inplace: bool) -> bytes:
    """Return the program that compares what came, and gives it owners, final names and modes."""
    files = _files(moved)
    odd = [step for step in files if _ODD.search(step.path)]
    lines = ["sums"] if len(odd) < len(files) else []
    lines += [f"sum {step.entry.digest.hex()} {_word(step.path)}" for step in odd]
    owners: dict[str, list[bytes]] = defaultdict(list)
    for step in files:
        if step.owner and not (plan.facts.uid == 0 and step.owner.replace(":", "").isdigit()):
            owners[step.owner].append(step.path)
    for owner, paths in owners.items():
        lines += _lines(f"chown {quote(owner)}", paths)
    lines += _lines("store", [step.path for step in files], " || :")
    old = [step.path for step in files if step.there is not None and step.there.kind == "file"]
    lines += _lines("keep 1" if inplace else "keep ''", map(_final, old)) if backup else ()
    lines += _lines("over", old) if inplace else ()
    into = dict(moves(moved, set(old) if inplace else set()))
    if any(folder != b"." for folder in into):
        lines += _lines("near ../..", map(_final, into))
    for folder, paths in into.items():
        lines += _lines(f"into {_word(_final(folder))}", paths)
    modes: dict[int, list[bytes]] = defaultdict(list)
    for step in plan.moved:
        if (step.mode > 0o777) if step.entry.kind == "file" else step.entry.kind == "folder" and not settled(step):
            modes[step.mode].append(step.path)
    for mode, paths in modes.items():
        lines += _lines(f"mode {mode:o}", map(_final, sorted(paths, reverse=True)))
    return "".join(f"{line}\n" for line in lines).encode("utf-8", "surrogateescape")


def _lines(command: str, paths: Iterable[bytes], end: str = " || exit") -> Iterator[str]:
    """Yield what does something to all of these paths, in as many lines as it takes."""
    words: list[str] = []
    size = 0
    for word in map(_word, paths):
        words.append(word)
        size += len(word)
        if size > _MOST_WORDS:
            yield f"{command} {' '.join(words)}{end}"
            words, size = [], 0
    if words:
        yield f"{command} {' '.join(words)}{end}"


def _word(path: bytes) -> str:
    return quote(path.decode("utf-8", "surrogateescape"))


def _final(path: bytes) -> bytes:
    """Return where something comes to lie, as seen from `f/`."""
    return b"../.." + path[1:]


def moves(moved: list[Step], written: set[bytes]) -> Iterable[tuple[bytes, list[bytes]]]:
    """Yield for each folder that is there its name, and what is moved into it; what was `written` in place is not."""
    new = {step.path for step in moved if step.entry.kind == "folder"}
    into: dict[bytes, list[bytes]] = defaultdict(list)
    for step in moved:
        above = step.path.rpartition(b"/")[0]
        if above not in new and step.path not in written:
            into[above].append(step.path)
    return into.items()


def _joined(parts: list[bytes | Entry]) -> Parts:
    """Return the same with what is small together with its neighbours."""
    found: Parts = []
    small: list[bytes | Entry] = []
    size = 0
    for part in parts:
        count = len(part) if isinstance(part, bytes) else part.size
        if small and size + count > BLOCK:
            found.append(Block(tuple(small), size))
            small, size = [], 0
        if count > BLOCK:
            found.append(part)
            continue
        small.append(part)
        size += count
    return [*found, Block(tuple(small), size)] if small else found
