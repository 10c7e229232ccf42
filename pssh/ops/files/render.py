"""Files made for one host: their placeholders filled in, where they are text; the rest goes as it is."""

import os
from collections.abc import Mapping
from hashlib import sha256

from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.placeholders import fill, secrets
from pssh.ops.files.preview import content
from pssh.ops.files.tree import Entry, Tree
from pssh.ops.shellwords import shown

MOST = 1 << 20  # bytes of one file
_MOST_IN_ALL = 8 << 20


def rendered(tree: Tree, names: Mapping[str, str]) -> Tree:
    """Return the tree with every text filled in; raises UsageError for a placeholder that is unknown."""
    made = Tree(tuple(_rendered(entry, names) for entry in tree.entries), tree.skipped)
    if sum(len(entry.content) for entry in made.entries) > _MOST_IN_ALL:
        raise UsageError(f"More than {_MOST_IN_ALL >> 20} MiB would be filled in for each host")
    return made


def _rendered(entry: Entry, names: Mapping[str, str]) -> Entry:
    if entry.kind != "file" or not entry.size:
        return entry
    where = shown(os.fsdecode(entry.source))
    if entry.size > MOST:
        raise UsageError(f"`{where}` has more than {MOST >> 20} MiB, too much to fill in")
    try:
        text = content(entry).decode("utf-8")
    except UnicodeDecodeError:
        return entry
    except OSError as error:
        raise UsageError(f"`{where}` cannot be read: {error.strerror}") from None
    if secrets(text):
        raise UsageError(f"`{where}` asks for a secret, which no file may hold", hint="leave `{secret:...}` out")
    try:
        data = fill(text, names, str).encode()
    except UsageError as error:
        raise UsageError(f"{error.message} in `{where}`", hint=error.hint) from None
    return replace(entry, content=data, size=len(data), digest=sha256(data).digest())
