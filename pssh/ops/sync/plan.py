"""What must be done so that a folder becomes the same as another: purely, from what each of them holds.

Same is same size and whole second, or with digests the same content. A file that is there and should be a folder goes
away for it; a folder goes away for a file only where whatever is not wanted is to be removed.
"""

from msgspec import Struct

from pssh.ops.sync.items import PERMISSIONS, Item, Items, above


class Plan(Struct, frozen=True):
    """What is done, in this order; paths below the folder, in order, a folder before what it holds."""

    clear: tuple[bytes, ...] = ()  # removed first, because something else takes its name
    mkdir: tuple[bytes, ...] = ()
    send: tuple[bytes, ...] = ()
    link: tuple[bytes, ...] = ()
    remove: tuple[bytes, ...] = ()  # the tops alone: what is in a folder goes with it
    chmod: tuple[tuple[bytes, int], ...] = ()
    times: tuple[tuple[bytes, int], ...] = ()
    same: int = 0
    removed: int = 0  # how many go, with all that is in folders
    stuck: tuple[bytes, ...] = ()  # folders in the place of files, which are not removed unasked

    @property
    def changes(self) -> bool:
        return bool(
            self.clear or self.mkdir or self.send or self.link or self.remove or self.chmod or self.times or self.stuck
        )


def plan(ours: Items, theirs: Items, *, delete: bool = False, out: frozenset[bytes] = frozenset()) -> Plan:
    """Return what makes `theirs` the same as `ours`; `out`: what is there and left out, so that it stays."""
    held = above(out)
    made: dict[str, list[bytes]] = {word: [] for word in ("clear", "mkdir", "send", "link", "stuck")}
    chmod: list[tuple[bytes, int]] = []
    times: dict[bytes, int] = {}
    same = 0
    gone: set[bytes] = set()  # what goes away for something else
    for path, item in sorted(ours.items()):
        if item.kind == "other":  # it is not sent, and what has its name there is not in the way
            continue
        there = theirs.get(path)
        if there is not None and there.kind != item.kind:
            if there.kind == "dir" and (not delete or path in held):
                made["stuck"].append(path)
                continue
            made["clear"].append(path)
            gone.add(path)
            there = None
        if there is None or differs(item, there):
            made[_WORD[item.kind]].append(path)
            if item.kind == "link":
                times[path] = item.mtime
            if there is not None and item.kind == "file" and _mode(item) != _mode(there):
                chmod.append((path, _mode(item)))
            continue
        if item.kind != "link" and _mode(item) != there.mode & 0o7777:
            chmod.append((path, _mode(item)))
        elif item.mtime == there.mtime:
            same += 1
        if item.mtime != there.mtime:
            times[path] = item.mtime
    extra = _extra(ours, theirs, held, gone) if delete else set()
    tops = tuple(sorted(path for path in extra if path.rpartition(b"/")[0] not in extra or b"/" not in path))
    for path in (*made["clear"], *made["mkdir"], *made["send"], *made["link"], *tops):
        parent = path.rpartition(b"/")[0]
        if parent in ours and ours[parent].kind == "dir":
            times[parent] = ours[parent].mtime  # what is done in a folder changes its time
    if made["send"] or made["mkdir"] or made["link"]:
        times[b""] = ours[b""].mtime  # where they are put together
    for path in made["mkdir"]:
        times[path] = ours[path].mtime
        chmod.append((path, _mode(ours[path])))
    return Plan(
        clear=tuple(made["clear"]),
        mkdir=tuple(made["mkdir"]),
        send=tuple(made["send"]),
        link=tuple(made["link"]),
        remove=tops,
        chmod=tuple(sorted(chmod)),
        times=tuple(sorted(times.items())),
        same=same,
        removed=len(extra) + sum(1 for path in theirs if _below_any(path, gone)),
        stuck=tuple(made["stuck"]),
    )


_WORD = {"file": "send", "dir": "mkdir", "link": "link"}


def differs(ours: Item, theirs: Item) -> bool:
    """Whether what two of one kind hold is not the same."""
    if ours.kind == "file":
        if ours.size != theirs.size:
            return True
        return ours.digest != theirs.digest if ours.digest else ours.mtime != theirs.mtime
    return ours.target != theirs.target


def _mode(item: Item) -> int:
    return item.mode & PERMISSIONS


def _extra(ours: Items, theirs: Items, held: set[bytes], gone: set[bytes]) -> set[bytes]:
    """Return what is there alone, but no folder that holds something that stays."""
    return {path for path in theirs if path and path not in ours and path not in held and not _below_any(path, gone)}


def _below_any(path: bytes, tops: set[bytes]) -> bool:
    if not tops:
        return False
    while path := path.rpartition(b"/")[0]:
        if path in tops:
            return True
    return False
