"""The job files of a folder, read again when they change.

A file that is wrong is told once and not run: neither as it is, nor as it was, for whoever changed it meant something.
"""

from dataclasses import dataclass
from pathlib import Path

from pssh.errors import JobError
from pssh.schedule.job import MaintenanceJob, load

Signature = tuple[int, int, int]


@dataclass(frozen=True, slots=True)
class Seen:
    """One file as it was when it was last read."""

    signature: Signature
    job: MaintenanceJob | None
    trouble: str = ""


@dataclass(frozen=True, slots=True)
class Change:
    """A file that is new, was changed, or is gone."""

    path: Path
    seen: Seen | None


class JobFolder:
    """A folder that is looked at again and again; raises JobError if it is none."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.seen: dict[Path, Seen] = {}
        if not folder.is_dir():
            raise JobError(f"There is no folder `{folder}`", hint="`pssh sched run FOLDER` runs the job files in it")

    def changes(self) -> list[Change]:
        """Return what has changed since the last look, and take it in."""
        found: list[Change] = []
        there = {path: signature for path in self._files() if (signature := _signature(path))}
        for path in [path for path in self.seen if path not in there]:
            del self.seen[path]
            found.append(Change(path, None))
        for path, signature in there.items():
            if path not in self.seen or self.seen[path].signature != signature:
                self.seen[path] = _read(path, signature)
                found.append(Change(path, self.seen[path]))
        return found

    @property
    def jobs(self) -> list[MaintenanceJob]:
        """The jobs that have a schedule."""
        return [seen.job for seen in self.seen.values() if seen.job and seen.job.entry]

    def _files(self) -> list[Path]:
        try:
            return sorted(self.folder.glob("[!.]*.toml"))
        except OSError:
            return []


def _signature(path: Path) -> Signature | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns ^ status.st_ctime_ns, status.st_size, status.st_ino


def _read(path: Path, signature: Signature) -> Seen:
    try:
        return Seen(signature, load(path))
    except JobError as error:
        more = f", and {len(error.findings) - 1} more" if len(error.findings) > 1 else ""
        return Seen(signature, None, f"{error.findings[0]}{more}" if error.findings else error.message)
