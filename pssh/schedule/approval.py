"""A second user agrees to a job as it is: with the very bytes of its file, scripts, calendars, inventories, and
of what it sends.

The proof is a file that belongs to that user, which only the kernel can make so: in a folder that everybody may write
to and where nobody can replace another's file (`/var/tmp`), named by the hash of the job, with that hash in it. Why no
password or signature: who may log in as whom is decided already. Root can be anybody, and so can approve of all.
"""

import hashlib
import os
import stat
from pathlib import Path

from pssh.errors import JobError
from pssh.inventory.folder import files
from pssh.ops.files.put import Put
from pssh.ops.steps import Packed
from pssh.schedule.job import MaintenanceJob

FOLDER = Path("/var/tmp")
_MOST = 1 << 10


def plan_hash(job: MaintenanceJob) -> str:
    """Return what one approves of; raises JobError for an inventory that cannot be read."""
    whole = hashlib.sha256()
    said = dict(job.files)
    for path in job.inventory:
        for file in files(path) if path.is_dir() else [path]:
            said[str(file)] = _hash(file, "inventory")
    said |= _sent(job)
    for name, digest in sorted(said.items()):
        whole.update(f"{digest} {name}\n".encode("utf-8", "surrogateescape"))
    return whole.hexdigest()[:32]


def _sent(job: MaintenanceJob) -> dict[str, str]:
    """Return the hash of each file that steps send; those of a path with placeholders are each host's own."""
    found: dict[str, str] = {}
    for step in job.steps.steps:
        doing = step.operation.opened() if isinstance(step.operation, Packed) else step.operation
        for source in (*(doing.sources if isinstance(doing, Put) else ()), getattr(doing, "folder", "")):
            if not source or "{" in source:
                continue
            path = Path(source)
            for file in sorted(path.rglob("*")) if path.is_dir() else [path]:
                if file.is_file():
                    found[str(file)] = _hash(file, "source")
    return found


def _hash(path: Path, what: str) -> str:
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise JobError(f"The {what} `{path}` cannot be read: {error.strerror}") from None


def approve(job: MaintenanceJob, folder: Path = FOLDER) -> Path:
    """Approve as the user that we are; raises JobError for whoever the file belongs to."""
    if job.path.stat().st_uid == os.geteuid():
        raise JobError("Whoever a job belongs to cannot approve of it", hint="another user runs `pssh job approve`")
    plan = plan_hash(job)
    path = _place(folder, plan, os.geteuid())
    new = path.with_name(f"{path.name}.{os.getpid()}")
    try:
        opened = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o644)
        with os.fdopen(opened, "wb") as file:
            os.fchmod(opened, 0o644)
            file.write(f"{plan}\n".encode())
        new.rename(path)
    except OSError as error:
        raise JobError(f"The approval `{path}` cannot be written: {error.strerror}") from None
    return path


def approved(job: MaintenanceJob, folder: Path = FOLDER) -> str:
    """Return which other user has approved of the job as it is now; empty if none has."""
    plan = plan_hash(job)
    for path in sorted(folder.glob(f"pssh-approval-{plan}-*")):
        try:
            with os.fdopen(os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:
                status = os.fstat(file.fileno())
                said = file.read(_MOST).decode("ascii", "replace").strip()
        except OSError:
            continue
        whose = status.st_uid
        ours = whose == os.geteuid() or path.name != _place(folder, plan, whose).name
        if stat.S_ISREG(status.st_mode) and status.st_nlink == 1 and not ours and said == plan:
            return _name(whose)
    return ""


def _place(folder: Path, plan: str, uid: int) -> Path:
    return folder / f"pssh-approval-{plan}-{uid}"


def _name(uid: int) -> str:
    import pwd

    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return str(uid)
