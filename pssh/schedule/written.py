"""A text file written whole or not at all: beside its final name, and then renamed."""

import os
from contextlib import suppress
from pathlib import Path


def write(path: Path, text: str, mode: int) -> bool:
    """Write the text and return True; False if it is there already. Raises OSError."""
    data = text.encode("utf-8", "surrogateescape")
    with suppress(OSError):
        if path.read_bytes() == data:
            return False
    new = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
        with os.fdopen(opened, "wb") as file:
            file.write(data)
            file.flush()
            os.fchmod(file.fileno(), mode)
            os.fsync(file.fileno())
        new.rename(path)
    except BaseException:
        with suppress(OSError):
            new.unlink()
        raise
    return True
