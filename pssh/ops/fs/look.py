"""What there is on the hosts: names, kinds, sizes, hashes, file systems, and the text of a file; nothing is changed."""

import re
from collections.abc import Iterable
from typing import Any, ClassVar

from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.files import Answer, Entry, Kind, Space, Sum
from pssh.model.outcome import Reply
from pssh.model.work import Session
from pssh.ops.fs import shell
from pssh.ops.fs.answer import Said, Seen, Tree
from pssh.ops.fs.base import FileOperation, field, joined
from pssh.ops.fs.matching import Test
from pssh.ops.fs.paths import calls, normal
from pssh.ops.fs.trees import digest
from pssh.ops.shellwords import quote

TYPES: dict[str, Kind] = {"f": "file", "d": "dir", "l": "link", "p": "fifo", "s": "socket", "b": "block", "c": "char"}


class Looking(FileOperation, frozen=True, kw_only=True, omit_defaults=True):
    """A verb that changes nothing."""

    looks: ClassVar[bool] = True


def entry(root: bytes, seen: Seen) -> Entry:
    """Return a name as it is printed."""
    return Entry(
        **field(joined(root, seen.name)),
        type=seen.kind,
        size=seen.size,
        mode=seen.mode,
        mtime=seen.mtime,
        user=seen.user.decode("utf-8", "backslashreplace"),
        group=seen.group.decode("utf-8", "backslashreplace"),
        links=seen.links,
        target=seen.target.decode("utf-8", "backslashreplace"),
    )


def _entries(trees: Iterable[Tree], *, hidden: bool = True) -> Iterable[Entry]:
    for tree in trees:
        for name, seen in sorted(tree.entries.items()):
            if hidden or not name.startswith(b"."):
                yield entry(tree.root, seen)


class Ls(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """What is in a folder, or the file itself; `all`: hidden names too."""

    all: bool = False
    verb: ClassVar[str] = "list"

    def told(self) -> dict[str, Any]:
        return {"depth": 1}

    def program(self) -> str:
        body = 'if [ -d "$1" ]; then walk "$1" -mindepth 1 -maxdepth 1; else self "$1"; fi'
        return shell.program(body, self.paths)

    def answers(self, said: Said) -> Iterable[Answer]:
        return _entries(said.trees, hidden=self.all)


class Stat(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """The names themselves; a link is not followed."""

    verb: ClassVar[str] = "list"

    def told(self) -> dict[str, Any]:
        return {"itself": True}

    def program(self) -> str:
        return shell.program('self "$1"', self.paths)

    def answers(self, said: Said) -> Iterable[Answer]:
        return _entries(said.trees)


class Find(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """What lies at or below a folder and passes all tests; one file system."""

    name: str = ""  # a glob, of the last part of the path
    type: str = ""  # one letter of f d l p s b c
    size: str = ""  # "+1M": more; "-1M": less; "1M": as much
    older: float = 0.0  # seconds since it was changed, at least
    newer: float = 0.0  # at most
    empty: bool = False
    max_depth: int | None = None
    verb: ClassVar[str] = "list"

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.type and self.type not in TYPES:
            raise UsageError(f"`{self.type}` is no type", hint="one letter: f, d, l, p, s, b or c")
        self.test(0)

    def test(self, now: float) -> Test:
        """Return what a name must pass; `now` in seconds since 1970, as the host has it."""
        return Test.read(
            name=self.name, kind=TYPES.get(self.type), size=self.size, older=self.older, newer=self.newer,
            empty=self.empty, now=now,
        )  # fmt: skip

    def told(self) -> dict[str, Any]:
        return {"depth": -1 if self.max_depth is None else self.max_depth, "top": True}

    def program(self) -> str:
        tests = ["-xdev"]
        if self.max_depth is not None:
            tests.append(f"-maxdepth {self.max_depth}")
        if self.type and not self.empty:  # for that, what folders hold is looked at
            tests.append(f"-type {self.type}")
        if self.name and not self.empty and re.fullmatch(r"[A-Za-z0-9._@%+=:,*?-]+", self.name):  # less to send
            tests.append(f"-name {quote(self.name)}")
        body = f'if [ -d "$1" ]; then walk "$1" {" ".join(tests)}; else self "$1"; fi'
        return shell.program(body, self.paths, first='o d now "$(date +%s)"')

    def answers(self, said: Said) -> Iterable[Answer]:
        (now,) = (int(path) for word, path in said.acts if word == "now")
        test = self.test(now)
        for tree in said.trees:
            held = {name.rpartition(b"/")[0] for name in tree.entries if name}
            for name, seen in sorted(tree.entries.items()):
                if test.passes(joined(tree.root, name), seen, holds=name in held):
                    yield entry(tree.root, seen)


class Size(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """What files and trees take; a file with several names counts once."""

    verb: ClassVar[str] = "sum"

    def program(self) -> str:
        seen = 'if [ ! -e "$1" ] && [ ! -L "$1" ]; then no "$1" "No such file or directory"; return; fi'
        summed = (
            'if [ "$G" = x ]; then find -H "$1" -xdev -printf "%y %s %b %n %D:%i\\n" || echo bad; '
            'else find -H "$1" -xdev -exec stat "$S" "$K" {} + || echo bad; fi | '
            'awk \'$1 == "bad" { x = 1; next } { if ($4 > 1 && $1 !~ /^(d|4)/) { if ($5 in k) next; k[$5] } b += $3; '
            "if ($1 ~ /^(f|8)/ || NR == 1 && $1 !~ /^(d|4)/) { s += $2; n++ } } "
            'END { printf "%.0f %.0f %.0f %d", s, b * 512, n, x }\''
        )
        body = f'{seen}; set -- "$1" $({summed}); o c "$2" "$3" "$4" "$1"; [ "$5" = 0 ] || bad=1'
        needs = shell.LISTING + "if [ \"$S\" = -f ]; then K='%Xp %z %b %l %d:%i'; else K='%f %s %b %h %d:%i'; fi; "
        return shell.program(body, self.paths, needs=needs)

    def answers(self, said: Said) -> Iterable[Answer]:
        for size, disk, files, path in said.sums:
            yield Sum(**field(joined(path, b"")), size=size, disk=disk, files=files)


class Checksum(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """The SHA-256 of files, and one of a whole tree: its names, kinds, link targets and contents."""

    verb: ClassVar[str] = "hash"

    def program(self) -> str:
        body = (
            'if [ -d "$1" ]; then walk "$1" -xdev; o h; find -H "$1//." -xdev -type f -exec $H {} + || bad=1; '
            'printf "\\0"; else self "$1"; if [ -f "$1" ]; then o h; $H "$1" || bad=1; printf "\\0"; '
            'elif [ -e "$1" ] && [ ! -L "$1" ]; then no "$1" "it is no regular file"; fi; fi'
        )
        return shell.program(body, self.paths, needs=shell.LISTING + shell.HASHES)

    def answers(self, said: Said) -> Iterable[Answer]:
        for tree in said.trees:
            if b"" in tree.entries:
                yield digest(tree, **field(joined(tree.root, b"")))


_DF = re.compile(r"(.+?)\s+(\d+)\s+(-?\d+)\s+(-?\d+)\s+\S+\s+(/.*)")


class Df(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """How full file systems are; without a path all that lie on a device."""

    paths: tuple[str, ...] = ()
    apart: ClassVar[bool] = False

    def __post_init__(self) -> None:
        for path in self.paths:
            normal(path)

    def program(self) -> str:
        head = 'LC_ALL=C; export LC_ALL; printf "pssh-fs\\0t\\0"; bad=0; '
        head += 'v() { df -Pk "$1" || bad=1; }; g() { shift; for f do v "$f"; done; }; '
        body = calls(self.paths) if self.paths else "df -Pk || bad=1\n"
        return f"{head}\n{body}printf '\\0.\\0'; exit $bad"

    def answers(self, said: Said) -> Iterable[Answer]:
        known = set()
        for line in said.text.decode("utf-8", "backslashreplace").splitlines():
            found = _DF.fullmatch(line)
            if not found or found[5] in known:
                continue
            if not self.paths and not found[1].startswith("/") and ":" not in found[1]:  # tmpfs, proc and the like
                continue
            known.add(found[5])
            size, used, free = (int(found[number]) << 10 for number in (2, 3, 4))
            yield Space(path=found[5], device=found[1], size=size, used=used, free=free)

    async def perform(self, session: Session) -> Reply:
        return await super(Looking, replace(self, here=False)).perform(session)


class Cat(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """The content of files, as it is."""

    apart: ClassVar[bool] = False
    tells: ClassVar[bool] = False

    def program(self) -> str:
        return f'{_EACH}v() {{ special "$1" || cat "$1" || bad=1; }}; {calls(self.paths)}exit $bad'

    async def perform(self, session: Session) -> Reply:
        return await self.context.exec(session, f"sh -c {quote(self.program())}")


class Tail(Looking, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """The last lines of files; `follow`: and what comes, until the run is stopped."""

    lines: int = 10
    follow: bool = False
    apart: ClassVar[bool] = False
    tells: ClassVar[bool] = False

    def __post_init__(self) -> None:
        super().__post_init__()
        if self.follow and len(self.paths) > 1:
            raise UsageError("One file can be followed at a time on each host")

    def program(self) -> str:
        body = f'exec tail -n {self.lines} -f "$1"' if self.follow else f'tail -n {self.lines} "$1" || bad=1'
        return f'{_EACH}v() {{ special "$1" || {body}; }}; {calls(self.paths)}exit $bad'

    async def perform(self, session: Session) -> Reply:
        return await self.context.exec(session, f"sh -c {quote(self.program())}")


_EACH = (
    'LC_ALL=C; export LC_ALL; bad=0; g() { p=$1; shift; if [ $# = 1 ] && [ ! -e "$1" ]; then '
    'printf "%s: nothing matches\\n" "$p" >&2; bad=1; return; fi; for f do v "$f"; done; }; '
    # Of a FIFO nothing may ever come, and of a device there may be no end.
    'special() { [ -e "$1" ] && [ ! -f "$1" ] && [ ! -d "$1" ] && '
    'printf "%s: it is no regular file\\n" "$1" >&2 && bad=1; }; '
)
