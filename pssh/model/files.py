"""What a host says of its files, one value each: the lines that a file operation prints as JSON.

Each line is one object with the field `what`: entry, sum, digest, space, act. Within these nothing is renamed or
removed. A path that is no UTF-8 is shown with its odd bytes as `\\xNN`, and stands as base64 in `raw`.
"""

from collections.abc import Iterable, Iterator
from typing import Literal

import msgspec
from msgspec import Struct

Kind = Literal["file", "dir", "link", "fifo", "socket", "block", "char", "other"]


class Named(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="what"):
    """Something about one path."""

    path: str
    raw: bytes = b""  # the path's exact bytes, where `path` is not them

    @property
    def exact(self) -> bytes:
        return self.raw or self.path.encode()


class Entry(Named, frozen=True, kw_only=True, omit_defaults=True, tag="entry"):
    """One file, folder or link, as `lstat` has it."""

    type: Kind
    size: int = 0  # bytes
    mode: int = 0  # permission bits, 0o7777
    mtime: int = 0  # seconds since 1970
    user: str = ""
    group: str = ""
    links: int = 1
    target: str = ""  # of a link


class Sum(Named, frozen=True, kw_only=True, omit_defaults=True, tag="sum"):
    """What a tree takes: bytes in files, bytes on disk, and how many files."""

    size: int
    disk: int
    files: int


class Digest(Named, frozen=True, kw_only=True, omit_defaults=True, tag="digest"):
    """A file's SHA-256, or that of a tree's names, kinds, link targets and contents; modes and times are left aside.

    `parts` has a short digest for each path below a tree, or for its folders alone where it has too many.
    """

    sha256: str
    type: Kind = "file"
    size: int = 0
    files: int = 1
    parts: dict[str, str] = {}


class Space(Named, frozen=True, kw_only=True, omit_defaults=True, tag="space"):
    """A file system, by where it is mounted; bytes."""

    device: str
    size: int
    used: int
    free: int


class Act(Named, frozen=True, kw_only=True, omit_defaults=True, tag="act"):
    """What was done, or would be."""

    did: str  # removed, made, moved, copied, linked, set, same, absent, ...; `would remove` and so on


Answer = Entry | Sum | Digest | Space | Act

_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(Answer)


def lines(answers: Iterable[Answer]) -> bytes:
    """Return answers as lines of JSON."""
    return b"".join(_encoder.encode(answer) + b"\n" for answer in answers)


def read(data: bytes) -> Iterator[Answer]:
    """Yield the answers in some lines; a line that is none, as where the middle was cut out, is passed over."""
    for line in data.split(b"\n"):
        if line:
            try:
                yield _decoder.decode(line)
            except msgspec.DecodeError:
                continue
