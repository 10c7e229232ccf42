"""A plan as one archive: the files that a host lacks under `f/`, and under `c/` the lists of what goes where.

What lies in a folder that the host does not have goes with that folder, in one rename; every other file is moved to
its folder by itself. The content is not in here, only where it is: every host reads it from the same files.
"""

from collections import defaultdict
from collections.abc import Iterable

from pssh.ops.files import tar
from pssh.ops.files.decide import Attributes, Plan, Step
from pssh.ops.files.tree import Entry

Parts = list[bytes | Entry]


def archived(plan: Plan, wanted: Attributes, *, backup: bool, inplace: bool) -> Parts:
    """Return the archive's bytes and contents, in order."""
    moved = lasting(plan)
    uid, gid = max(plan.facts.uid, 0), max(plan.facts.gid, 0)
    parts: Parts = [tar.header(b"c", "folder", 0o700), tar.header(b"f", "folder", 0o700)]
    for folder in _folders(plan, moved):
        parts.append(tar.header(b"f/" + folder, "folder", 0o700, uid=uid, gid=gid))
    for step in moved:
        parts += _member(step)
    for name, data in _lists(plan, moved, wanted, backup, inplace):
        parts += [tar.header(b"c/" + name, "file", 0o600, size=len(data)), data, bytes(tar.padding(len(data)))]
    parts += [tar.header(b"c/end", "file", 0o600), tar.END]
    return _joined(parts)


def lasting(plan: Plan) -> list[Step]:
    """Return what is made anew or replaced: a folder that is there gets no more than another mode."""
    return [step for step in plan.moved if not (step.entry.kind == "folder" and step.there is not None)]


def _member(step: Step) -> Parts:
    entry, name = step.entry, b"f/" + step.path[2:]
    if entry.kind == "folder":
        return [tar.header(name, "folder", 0o700, uid=step.uid, gid=step.gid)]
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


def _lists(
    plan: Plan, moved: list[Step], wanted: Attributes, backup: bool, inplace: bool
) -> Iterable[tuple[bytes, bytes]]:
    files = [step for step in moved if step.entry.kind == "file"]
    plain = [step for step in files if b"\n" not in step.path]
    odd = [step for step in files if b"\n" in step.path]
    yield b"plain", _list(b"./f" + step.path[1:] for step in plain)
    yield b"odd", _list(b"./f" + step.path[1:] for step in odd)
    yield b"sums", b"".join(step.entry.digest.hex().encode() + b"\n" for step in (*plain, *odd))
    owners: dict[str, list[bytes]] = defaultdict(list)
    modes: dict[int, list[bytes]] = defaultdict(list)
    for step in files:
        if step.owner and not (plan.facts.uid == 0 and step.owner.replace(":", "").isdigit()):
            owners[step.owner].append(b"./f" + step.path[1:])
        if step.mode > 0o777:
            modes[step.mode].append(step.path)
    for step in plan.moved:
        if step.entry.kind == "folder":
            modes[step.mode].append(step.path)
    for owner, paths in owners.items():
        yield b"owner." + owner.encode(), _list(paths)
    for mode, paths in modes.items():
        yield b"mode.%o" % mode, _list(sorted(paths, reverse=True))
    old = [step.path for step in files if step.there is not None and step.there.kind == "file"]
    yield b"backup", _list(old) if backup else b""
    yield b"inplace", _list(old) if inplace else b""
    for number, (folder, paths) in enumerate(moves(moved, set(old) if inplace else set())):
        yield b"to.%d" % number, folder
        yield b"move.%d" % number, _list(paths)


def moves(moved: list[Step], written: set[bytes]) -> Iterable[tuple[bytes, list[bytes]]]:
    """Yield for each folder that is there its name, and what is moved into it; what was `written` in place is not."""
    new = {step.path for step in moved if step.entry.kind == "folder"}
    into: dict[bytes, list[bytes]] = defaultdict(list)
    for step in moved:
        above = step.path.rpartition(b"/")[0]
        if above not in new and step.path not in written:
            into[above].append(step.path)
    return into.items()


def _list(paths: Iterable[bytes]) -> bytes:
    return b"".join(path + b"\0" for path in paths)


def _joined(parts: Parts) -> Parts:
    """Return the same with neighbouring bytes as one."""
    found: Parts = []
    bytes_: list[bytes] = []
    for part in parts:
        if isinstance(part, bytes):
            bytes_.append(part)
            continue
        found += [b"".join(bytes_), part]
        bytes_ = []
    return [*found, b"".join(bytes_)]
