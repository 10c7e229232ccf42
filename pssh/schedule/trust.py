"""What a job file must be before it is read: its reader's own, and writable by nobody else.

A job runs unattended, often as root: whoever can write to its file, to a script it names, or to a folder on the way can
run anything on the whole fleet. What is read is what was looked at, because both are done on the open file.
"""

import os
import stat
from pathlib import Path

from pssh.errors import JobError
from pssh.inventory.safety import refusal

MOST_JOB = 1 << 20
MOST_FILE = 32 << 20  # a script, a calendar
_HINT = "whoever can write to it chooses what runs: `chown` it, or `chmod go-w`"


def read(path: Path, what: str, most: int = MOST_JOB, *, ours: bool = True) -> bytes:
    """Return a file's bytes; raises JobError where it, or the folder it lies in, may not be trusted.

    `ours`: it must belong to us; else to us, to root, or to the job's own user.
    """
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
            status = os.fstat(file.fileno())
            if not stat.S_ISREG(status.st_mode):
                raise JobError(f"The {what} `{path}` is no file")
            if ours and status.st_uid != os.geteuid():
                owner = _owner(status.st_uid)
                raise JobError(f"The {what} `{path}` belongs to {owner}, and only its owner may run it", hint=_HINT)
            places = dict.fromkeys((path.absolute().parent, path.resolve().parent))
            for place, seen in ((path, status), *((place, place.stat()) for place in places)):
                if reason := refusal(seen):
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
