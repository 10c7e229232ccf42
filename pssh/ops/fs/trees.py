"""One digest for a whole tree, and enough of its parts to name what differs between two; purely.

The digest is over each name with its kind, and a file's SHA-256 or a link's target, in the order of the names. Modes,
owners and times are left aside: two copies of one tree are equal.
"""

from hashlib import sha256
from typing import Any

from pssh.model.files import Digest
from pssh.ops.fs.answer import Seen, Tree

MOST_PARTS = 4000
_SHORT = 12  # hexadecimal digits: enough to see a difference, not to prove that there is none


def digest(tree: Tree, **named: Any) -> Digest:
    """Return the digest of what was hashed; an entry whose hash is missing counts as unreadable."""
    top = tree.entries[b""]
    if top.kind != "dir":
        return Digest(**named, sha256=tree.hashes.get(b"", ""), type=top.kind, size=top.size)
    lines = {name: _line(name, seen, tree.hashes) for name, seen in sorted(tree.entries.items()) if name}
    files = [seen for name, seen in tree.entries.items() if seen.kind == "file"]
    return Digest(
        **named,
        sha256=sha256(b"".join(lines.values())).hexdigest(),
        type="dir",
        size=sum(seen.size for seen in files),
        files=len(files),
        parts=parts(lines),
    )


def _line(name: bytes, seen: Seen, hashes: dict[bytes, str]) -> bytes:
    what = hashes.get(name, "unreadable").encode() if seen.kind == "file" else seen.target
    return b"%s\0%s\0%s\0" % (name, seen.kind.encode(), what)


def parts(lines: dict[bytes, bytes]) -> dict[str, str]:
    """Return a short digest for each name; where there are too many, for what lies at most so deep."""
    depth = max((name.count(b"/") for name in lines), default=0) + 1
    while True:
        found: dict[bytes, Any] = {}
        for name, line in lines.items():
            found.setdefault(b"/".join(name.split(b"/")[:depth]), sha256()).update(line)
        if len(found) <= MOST_PARTS or depth == 1:
            break
        depth -= 1
    shown = {name.decode("utf-8", "backslashreplace"): made.hexdigest()[:_SHORT] for name, made in found.items()}
    return dict(list(shown.items())[:MOST_PARTS])
