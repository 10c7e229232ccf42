"""What a job file must be before it is read: its reader's own, and writable by nobody else.

A job runs unattended, often as root: whoever can write to its file, to a script it names, or to a folder on the way can
run anything on the whole fleet. What is read is what was looked at, because both are done on the open file.
"""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from pssh.errors import JobError
from pssh.inventory.safety import refusal

MOST_JOB = 1 << 20
MOST_FILE = 32 << 20  # a script, a calendar
_HINT = "whoever can write to it chooses what runs: `chown` it, or `chmod go-w`"


@dataclass(frozen=True, slots=True)
class Trust:
    """Whose files are read: ours and root's, and for who only looks at a job, also those of its owner."""

    owner: int | None = None

    def job(self, path: Path) -> bytes:
        """Return the bytes of a job file; raises JobError unless it belongs to us, or to that owner."""
        return self._read(path, "job file", MOST_JOB, theirs=os.geteuid() if self.owner is None else self.owner)

    def file(self, path: Path, what: str) -> bytes:
        """Return the bytes of a file that a job names; raises JobError."""
        return self._read(path, what, MOST_FILE)

    def refusal(self, status: os.stat_result) -> str:
        """Return why a file or folder may not be trusted, or an empty text."""
        if status.st_uid == self.owner:
            status = os.stat_result((*status[:4], 0, *status[5:10]))  # as if it were root's
        return refusal(status)

    def _read(self, path: Path, what: str, most: int, theirs: int | None = None) -> bytes:
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
                status = os.fstat(file.fileno())
                if not stat.S_ISREG(status.st_mode):
                    raise JobError(f"The {what} `{path}` is no file")
                if theirs not in (None, status.st_uid):
                    owner = _owner(status.st_uid)
                    raise JobError(f"The {what} `{path}` belongs to {owner}, and only its owner may run it", hint=_HINT)
                places = dict.fromkeys((*path.absolute().parents, *path.resolve().parents))
                for place, seen in (
                    (path, path.lstat()),  # of a link, whose it is
                    (path, status),
                    *((place, place.stat()) for place in places),
                ):
                    if reason := self.refusal(seen):
                        raise JobError(f"The {what} `{path}` is refused: `{place}` {reason}", hint=_HINT)
                data = file.read(most + 1)
        except OSError as error:
            raise JobError(f"The {what} `{path}` cannot be read: {error.strerror}") from None
        if len(data) > most:
            raise JobError(f"The {what} `{path}` is larger than {most >> 20} MiB")
        return data


def _owner(uid: int) -> str:
    import pwd

    try:
        return f"`{pwd.getpwuid(uid).pw_name}`"
    except KeyError:
        return f"user {uid}"
