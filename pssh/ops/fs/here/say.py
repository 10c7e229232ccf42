"""What this program prints: the same strings, each ended by NUL, as the shell's programs on hosts."""

import grp
import os
import pwd
import stat
import sys
from functools import cache

_LETTERS = {
    stat.S_IFREG: "f", stat.S_IFDIR: "d", stat.S_IFLNK: "l", stat.S_IFIFO: "p", stat.S_IFSOCK: "s", stat.S_IFBLK: "b",
    stat.S_IFCHR: "c",
}  # fmt: skip


class Out:
    """Standard output and error, and whether anything went wrong."""

    def __init__(self) -> None:
        self.bad = False
        self._kept: list[bytes] = []
        self._size = 0

    def say(self, *strings: bytes) -> None:
        for string in strings:
            self._kept.append(string + b"\0")
            self._size += len(string)
        if self._size > 1 << 16:
            self.flush()

    def flush(self) -> None:
        sys.stdout.buffer.write(b"".join(self._kept))
        sys.stdout.buffer.flush()
        self._kept, self._size = [], 0

    def no(self, path: bytes, words: object) -> None:
        """Say what could not be done."""
        self.bad = True
        if isinstance(words, OSError):
            words = words.strerror or words
        self.flush()
        sys.stderr.buffer.write(path + b": " + os.fsencode(str(words)) + b"\n")
        sys.stderr.buffer.flush()

    def did(self, word: str, path: bytes) -> None:
        self.say(b"d", word.encode(), path)

    def root(self, path: bytes) -> None:
        self.say(b"r", path, b"g")

    def entry(self, below: bytes, name: bytes, folder: int, seen: os.stat_result) -> None:
        """Say one name; `name` is looked up in `folder` where it is a link."""
        target = b""
        if stat.S_ISLNK(seen.st_mode):
            try:
                target = os.readlink(name, dir_fd=folder)
            except OSError:
                target = b""
        letter = _LETTERS.get(stat.S_IFMT(seen.st_mode), "?")
        time = seen.st_mtime_ns // 10**9
        meta = (
            f"{letter} {stat.S_IMODE(seen.st_mode):o} {seen.st_size} {time} {seen.st_dev} {seen.st_ino} "
            f"{seen.st_nlink} {seen.st_blocks} {seen.st_uid} {seen.st_gid}"
        )
        self.say(meta.encode(), _user(seen.st_uid), _group(seen.st_gid), below, target)


@cache
def _user(number: int) -> bytes:
    try:
        return os.fsencode(pwd.getpwuid(number).pw_name)
    except KeyError:
        return b"%d" % number


@cache
def _group(number: int) -> bytes:
    try:
        return os.fsencode(grp.getgrgid(number).gr_name)
    except KeyError:
        return b"%d" % number
