"""What a job's run is given: where its inventory is, its options for as many hosts, a clean environment, and an end.

Steps on this machine get a fixed PATH and what says who and where we are, and nothing else of whoever started us: a
timer, a loop and a person get the same run. Nobody is asked anything but on a terminal.
"""

import asyncio
import os
import pwd
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from msgspec import structs

from pssh.inventory.find import find
from pssh.model.options import RunOptions
from pssh.prepare import Sources
from pssh.runner import Controls
from pssh.schedule.job import MaintenanceJob
from pssh.schedule.rollout import for_hosts

PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
_KEPT = {
    *("HOME", "USER", "LOGNAME", "SHELL", "LANG", "LANGUAGE", "TZ", "TERM", "COLUMNS", "NO_COLOR", "FORCE_COLOR"),
    *("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY"),
    *("SSH_AUTH_SOCK", "XDG_CONFIG_HOME", "XDG_STATE_HOME", "XDG_CACHE_HOME", "XDG_RUNTIME_DIR", "TMPDIR"),
}
_LOOK = 1.0  # seconds between two looks at the wall clock, which may jump


def clean(environ: Mapping[str, str]) -> dict[str, str]:
    """Return the environment of a job."""
    kept = {k: v for k, v in environ.items() if k in _KEPT or k.startswith(("LC_", "PSSH_"))}
    try:
        us = pwd.getpwuid(os.geteuid())
    except KeyError:
        return {**kept, "PATH": PATH}
    usual = {"HOME": us.pw_dir, "USER": us.pw_name, "LOGNAME": us.pw_name, "SHELL": us.pw_shell or "/bin/sh"}
    return {**usual, **kept, "PATH": PATH}


def settle_in(job: MaintenanceJob) -> None:
    """Make this process one that a job may run in: a clean environment, and the folder of its file."""
    kept = clean(os.environ)
    os.environ.clear()
    os.environ.update(kept)
    os.chdir(job.path.parent)


def sources(job: MaintenanceJob) -> Sources:
    """Return the inventories that the job names, and no others; raises InventoryError."""
    named = tuple(map(str, job.inventory))
    paths = find(named, environ={}, cwd=job.path.parent, config_home=job.path.parent) if named else []
    said = job.file.ssh_config
    config = said if said in ("", "none") else str(job.path.parent / Path(said).expanduser())
    return Sources(tuple(paths), config, named)


def options(job: MaintenanceJob, found: Sources, text: str, *, yes: bool) -> RunOptions:
    """Return the options of a run on these targets; raises NoHosts."""
    hosts = len(found.select(text, stdin=False).hosts)
    return structs.replace(for_hosts(job.options, job.file, hosts), yes=yes, config_file=found.config_file)


def flags(found: Sources, *, quiet: bool) -> dict[str, Any]:
    """Return what else the command line would have said."""
    narrowing = {"exclude": "", "first": None, "pick": None, "slice": "", "seed": None}
    return {**narrowing, "inventory": found.explicit, "sources": found, "allow_empty": False, "quiet": quiet}


@contextmanager
def closing(
    controls: Controls,
    until: datetime | None,
    *,
    must_stop: bool = False,
    now: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Iterator[None]:
    """Begin no further host from `until` on, and with `must_stop` end what runs; by the wall clock."""
    loop = asyncio.get_running_loop()
    timer: asyncio.TimerHandle | None = None

    def look() -> None:
        nonlocal timer
        assert until is not None
        if (left := (until - now()).total_seconds()) > 0:
            timer = loop.call_later(min(left, _LOOK), look)
        elif must_stop:
            controls.stop("window")
        else:
            controls.stop.gently("window")

    if until is not None:
        timer = loop.call_soon(look)  # type: ignore[assignment]  # a handle that can be cancelled as well
    try:
        yield
    finally:
        if timer is not None:
            timer.cancel()
