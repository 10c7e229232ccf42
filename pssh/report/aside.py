"""Files of ours that are there whole or not at all: written aside in their folder, then renamed.

They are 0600 from the open call. What stood at the name stays until the rename, and a link there is replaced and not
followed, since in a shared folder others may have put it there.
"""

import os
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

from pssh.errors import UsageError


def check(path: Path) -> None:
    """Raise UsageError if no file can be written there; nothing is left behind."""
    try:
        if path.is_dir():
            raise IsADirectoryError(0, "it is a folder")
        aside = _aside(path)
        os.close(_open(aside))
        aside.unlink()
    except OSError as error:
        missing = isinstance(error, FileNotFoundError | NotADirectoryError) and not path.parent.is_dir()
        why = f"there is no folder `{path.parent}`" if missing else error.strerror
        raise UsageError(f"`{path}` cannot be written: {why}") from error


def save(path: Path, pieces: Iterable[str | bytes]) -> None:
    """Write the pieces, to the disk, and put the file at its name; raises OSError with that name."""
    aside = _aside(path)
    try:
        with open(_open(aside), "wb") as file:
            for piece in pieces:
                file.write(piece if isinstance(piece, bytes) else piece.encode())
            file.flush()
            os.fsync(file.fileno())
        aside.replace(path)
    except OSError as error:
        raise OSError(error.errno or 0, error.strerror or str(error), str(path)) from error
    finally:
        with suppress(OSError):
            aside.unlink()
    _settle(path.parent)


def _aside(path: Path) -> Path:
    return path.parent / f".pssh-{os.urandom(8).hex()}"


def _open(path: Path) -> int:
    return os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)


def _settle(folder: Path) -> None:
    """Let the folder itself reach the disk, where its file system can."""
    with suppress(OSError):
        fd = os.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            os.fsync(fd)
        finally:
            os.close(fd)
