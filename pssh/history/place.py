"""Where history lies, and what must be true of a folder or file before anything is written there.

What we make is ours alone from the call that makes it: folders 0700, files 0600, whatever the umask. What is there
already is refused if it is a link, belongs to another user, or may be written to by others: who can change a history
chooses what `rerun` runs.
"""

import os
import stat
from collections.abc import Mapping
from pathlib import Path

from pssh.errors import HistoryError

_HINT = "`PSSH_STATE` names another folder, `--no-history` keeps nothing"


def state_folder(environ: Mapping[str, str], usual: Path) -> Path:
    """Return the folder for what is kept between runs: `PSSH_STATE`, or the usual one."""
    return Path(said).expanduser().absolute() if (said := environ.get("PSSH_STATE", "")) else usual


def secure(folder: Path) -> None:
    """Make the folder if there is none; raises HistoryError for one that is not ours alone to write to."""
    try:
        for missing in reversed([path for path in (folder, *folder.parents) if not path.exists()]):
            missing.mkdir(0o700, exist_ok=True)
        status = folder.lstat()
    except OSError as error:
        raise HistoryError(f"The folder `{folder}` cannot be made: {error.strerror}", hint=_HINT) from None
    if stat.S_ISLNK(status.st_mode):
        raise _refused(folder, "is a link")
    if not stat.S_ISDIR(status.st_mode):
        raise _refused(folder, "is no folder")
    if reason := _not_ours(status):
        raise _refused(folder, reason)


def open_file(path: Path) -> int:
    """Open a file for reading and writing, made if there is none; raises HistoryError for one that is not ours alone.

    The caller closes the descriptor.
    """
    try:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK, 0o600)
    except OSError as error:
        if path.is_symlink():
            raise _refused(path, "is a link") from None
        raise HistoryError(f"The history `{path}` cannot be opened: {error.strerror}", hint=_HINT) from None
    status = os.fstat(descriptor)
    reason = _not_ours(status) if stat.S_ISREG(status.st_mode) else "is no file"
    if reason:
        os.close(descriptor)
        raise _refused(path, reason)
    return descriptor


def _not_ours(status: os.stat_result) -> str:
    if status.st_uid != os.geteuid():
        return f"belongs to user {status.st_uid} and not to us"
    return "may be written to by others" if status.st_mode & 0o022 else ""


def _refused(path: Path, reason: str) -> HistoryError:
    return HistoryError(f"The history is refused: `{path}` {reason}", hint=_HINT)
