"""Lets other users come to a test's folder: pytest makes what lies above it for its own user alone."""

import os
from pathlib import Path


def opened_to_all(folder: Path) -> None:
    """Let everybody pass through our folders down to this one, however many there are.

    Nothing is closed again: tests in other processes may lie below the same folders.
    """
    for place in (folder, *folder.parents):
        seen = place.stat()
        if seen.st_uid == os.geteuid() and seen.st_mode & 0o055 != 0o055:
            place.chmod((seen.st_mode & 0o7777) | 0o055)
