"""The job files of a folder, read again when they change.

A file that is wrong is told once and not run: neither as it is, nor as it was, for whoever changed it meant something.
What a job names belongs to it: it is read again where a script or a calendar changes; and one that was refused from
time to time, since that may be mended elsewhere.
"""

from dataclasses import dataclass
from pathlib import Path

from pssh.errors import JobError
from pssh.schedule.job import MaintenanceJob, load

Signature = tuple[tuple[int, int, int, int] | None, ...]  # of the file itself, and of those it names
_REFUSED = 10  # looks until what was refused is read again


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
        self._looks = 0
        self.seen: dict[Path, Seen] = {}
        if not folder.is_dir():
            raise JobError(f"There is no folder `{folder}`", hint="`pssh sched run FOLDER` runs the job files in it")

    def changes(self) -> list[Change]:
        """Return what has changed since the last look, and take it in."""
        found: list[Change] = []
        self._looks += 1
        there = [path for path in self._files() if path.exists()]
        for path in [path for path in self.seen if path not in there]:
            del self.seen[path]
            found.append(Change(path, None))
        for path in there:
            before = self.seen.get(path)
            again = before is not None and before.job is None and not self._looks % _REFUSED
            if before is None or again or before.signature != _signature(path, before.job):
                self.seen[path] = _read(path)
                if not (again and before and before.trouble == self.seen[path].trouble):
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


def _signature(path: Path, job: MaintenanceJob | None) -> Signature:
    return tuple(map(_one, [path, *(map(Path, job.files) if job else [])]))


def _one(path: Path) -> tuple[int, int, int, int] | None:
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_mtime_ns, status.st_ctime_ns, status.st_size, status.st_ino


def _read(path: Path) -> Seen:
    before = _signature(path, None)  # what changes while it is read is read again
    try:
        job = load(path)
        return Seen((*before, *_signature(path, job)[1:]), job)
    except JobError as error:
        more = f", and {len(error.findings) - 1} more" if len(error.findings) > 1 else ""
        return Seen(before, None, f"{error.findings[0]}{more}" if error.findings else error.message)
