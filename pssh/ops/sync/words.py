"""How a sync is worded: what was done in a line, what would be done in many, and why nothing is."""

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.files.names import size
from pssh.ops.files.put import count
from pssh.ops.shellwords import shown
from pssh.ops.sync.items import Items
from pssh.ops.sync.plan import Plan

MOST_LINES = 5000  # of a dry run


def path(name: bytes) -> str:
    """Return a path as one line."""
    return shown(name.decode("utf-8", "surrogateescape")).replace("\n", r"\n")


def line(what: Plan, sent: int) -> str:
    """Return what was done; `sent` in bytes."""
    parts = []
    if what.send:
        parts.append(f"{count(len(what.send), 'file')}, {size(sent)}")
    if what.mkdir:
        parts.append(count(len(what.mkdir), "folder"))
    if what.link:
        parts.append(count(len(what.link), "link"))
    if what.removed:
        parts.append(f"{what.removed:,} removed")
    if not parts and (what.chmod or what.times):
        parts.append(f"modes and times of {len({*dict(what.chmod), *dict(what.times)}):,}")
    return ", ".join(parts) or "same"


def lines(what: Plan, theirs: Items, *, exists: bool) -> bytes:
    """Return what would be done, a line for each path."""
    done = [("mkdir", b".")] if not exists else []
    done += [("remove", path) for path in what.clear]
    done += [("mkdir", path) for path in what.mkdir if path]
    done += [("replace" if path in theirs else "send", path) for path in what.send]
    done += [("link", path) for path in what.link]
    done += [("remove", path) for path in what.remove]
    told = {path for _, path in done}
    done += [("chmod", path or b".") for path, _ in what.chmod if path not in told]
    told |= {path for path, _ in what.chmod}
    done += [("touch", path or b".") for path, _ in what.times if path not in told]
    more = f"… {len(done) - MOST_LINES:,} more\n" if len(done) > MOST_LINES else ""
    text = "".join(f"{word:8}{path(name)}\n" for word, name in done[:MOST_LINES]) + more
    return (text or f"same    {what.same:,}\n").encode()


def refused(what: Plan) -> None:
    """Raise TransportError where a folder would have to go that may not."""
    if what.stuck:
        names = ", ".join(f"`{path(name)}`" for name in what.stuck[:3])
        message = f"a folder is where something else should be, and stays without --delete: {names}"
        raise TransportError(Failure(stage="transfer", kind="is-directory", message=message))


def too_many(what: Plan, there: int, most: int, *, dry: bool) -> str:
    """Raise TransportError where more than `most` percent of what is there would go; a dry run is told so instead."""
    if what.removed * 100 <= most * max(there, 1):
        return ""
    message = f"{what.removed:,} of {there:,} names would be removed, more than {most} %"
    if dry:
        return f"{message}: it takes `--max-delete 100`"
    hint = "`-n` lists them; `--max-delete 100` lets it"
    raise TransportError(Failure(stage="transfer", kind="max-delete", message=message, hint=hint))
