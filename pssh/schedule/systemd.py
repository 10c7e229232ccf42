"""A job as a timer and a service of systemd, written whole or not at all.

The service belongs to the user whose file it is. A unit says which file it runs, so that one is never written over that
of another job, and can be found again where the file is gone.
"""

import os
import pwd
import re
from collections.abc import Sequence
from datetime import datetime
from math import ceil
from pathlib import Path

from pssh.errors import JobError
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.oncalendar import calendar
from pssh.schedule.written import write

SYSTEM = Path("/etc/systemd/system")
_STOP = 90  # seconds that a run gets to end, beside what it has to take back
_MARK = "X-PsshJob="


def user_folder(config: Path) -> Path:
    """Return where a user's own units lie, given that user's folder for configuration."""
    return config / "systemd" / "user"


def units(job: MaintenanceJob, argv: Sequence[str], now: datetime, *, user: bool, state: str = "") -> dict[str, str]:
    """Return the text of each unit by its name; `argv` is how pssh is called, `state` the folder of its records."""
    if job.entry is None:
        raise JobError(f"The job `{job.name}` has no schedule", hint="`pssh job run` runs it by hand")
    line = " ".join(map(_quoted, (*argv, "job", "run", "--scheduled", str(job.path))))
    name = f"pssh-job-{job.name}"
    who = "" if user else f"User={pwd.getpwuid(job.path.stat().st_uid).pw_name}\n"
    online = "" if user else "Wants=network-online.target\nAfter=network-online.target\n"
    environment = f"Environment={_quoted(f'PSSH_STATE={state}', dollars=False)}\n" if state else ""
    service = (
        f"[Unit]\nDescription=Maintenance job {job.name} of pssh\n{online}{_MARK}{_marked(job.path)}\n\n"
        f"[Service]\nType=oneshot\n{who}{environment}ExecStart={line}\nUMask=0077\n"
        f"KillMode=mixed\nTimeoutStartSec=infinity\nTimeoutStopSec={_STOP + ceil(job.ending)}\n"
    )
    lines = "".join(f"OnCalendar={said}\n" for said in calendar(job.entry.rule, now))
    timer = (
        f"[Unit]\nDescription=Times of the maintenance job {job.name} of pssh\n{_MARK}{_marked(job.path)}\n\n"
        f"[Timer]\n{lines}AccuracySec=1s\nPersistent=true\nUnit={name}.service\n\n"
        "[Install]\nWantedBy=timers.target\n"
    )
    return {f"{name}.service": service, f"{name}.timer": timer}


def install(folder: Path, texts: dict[str, str], path: Path) -> list[Path]:
    """Write the units and return those that changed; raises JobError for one that is not of this job."""
    for name in texts:
        if (folder / name).exists() and _job_of(folder / name) != _marked(path):
            raise JobError(
                f"The unit `{folder / name}` is there and runs another file", hint="give the job another `name`"
            )
    try:
        folder.mkdir(parents=True, exist_ok=True)
        return [folder / name for name, text in texts.items() if write(folder / name, text, 0o644)]
    except OSError as error:
        raise JobError(f"The units cannot be written to `{folder}`: {error.strerror}") from None


def remove(folder: Path, path: Path) -> list[Path]:
    """Remove the units of a job and return which they were."""
    ours = [unit for unit in sorted(folder.glob("pssh-job-*")) if _job_of(unit) == _marked(path)]
    try:
        for unit in ours:
            unit.unlink()
    except OSError as error:
        raise JobError(f"The unit `{error.filename}` cannot be removed: {error.strerror}") from None
    return ours


def _job_of(unit: Path) -> str:
    try:
        found = re.search(rf"^{_MARK}(.*)$", unit.read_text("utf-8", "replace"), re.MULTILINE)
    except OSError:
        return ""
    return found[1] if found else ""


def _marked(path: Path) -> str:
    return os.fspath(path).encode("unicode_escape").decode()


def _quoted(word: str, *, dollars: bool = True) -> str:
    """Return a word for a command line of systemd (systemd.service(5))."""
    if any(ord(char) < 32 for char in word):
        raise JobError(f"`{word.encode('unicode_escape').decode()}` cannot stand in a unit")
    word = word.replace("%", "%%").replace("\\", "\\\\").replace('"', '\\"')
    word = word.replace("$", "$$") if dollars else word
    return f'"{word}"' if re.search(r"[^A-Za-z0-9_./:=@%+,-]", word) else word
