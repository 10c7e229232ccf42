"""A short tour of the commands on a demo fleet: each is printed, then run as its user would run it.

The tour ends with 0 even though hosts fail in it, as some are there to fail; it ends with 1 if a command itself did.
Nothing of the user's takes part: no ssh_config, no inventory, no setting from the environment.
"""

import os
import shlex
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import IO, NamedTuple

from pssh.demo.faults import Level
from pssh.demo.fleet import DemoFleet, environment
from pssh.model.names import fold

_STEP_SECONDS = 60.0
# Where a host never answers, patience needs a bound; the words stand in the tour for all to see.
_ENDLESS = {"silent", "drip", "hang"}
_BOUNDS = ("--connect-timeout", "2", "--host-timeout", "3")
_FAULTS = {
    "differs": "older, with a full disk",
    "denied": "refuses our key",
    "down": "its port is closed",
    "slow": "slow",
    "silent": "never says a word",
    "drip": "says its first line too slowly",
    "wrong-key": "has another host key than known_hosts says",
    "drop": "drops the connection in mid-output",
    "hang": "its commands never end",
}
_SCRIPT = """\
#!/bin/sh
# Say how full the disk is; exit 1 above a limit.
used=$(df -h / | awk 'NR == 2 { print int($5) }')
echo "$used% of the disk is used"
[ "$used" -le "$1" ]
"""

_JOB = """\
version = 1
name = "tidy"
inventory = "inventory.toml"
targets = "@web"

[schedule]
cron = "30 2 * * SUN#2"
timezone = "Europe/Paris"
window = "3h"

[rollout]
canary = 1
batches = ["50%"]

[[step]]
name = "clean"
run = "find /tmp -maxdepth 1 -name 'core.*' -mtime +7 -print"
"""
_LOOKS = ("hosts", "report", "rerun", "log", "job")  # they connect nowhere, or as the run did that they repeat

Run = Callable[[Sequence[str], dict[str, str], Path], tuple[int, str]]


class _Step(NamedTuple):
    why: str
    words: tuple[str, ...]
    least: int = 1  # how many hosts there must be for its targets to name one


_STEPS = (
    _Step("The hosts, by group:", ("hosts", "--groups")),
    _Step("Who can be reached, and how fast each phase is:", ("ping", "@all")),
    _Step("One command everywhere; equal answers are one row:", ("run", "@all", "uname", "-r")),
    _Step("Longer answers are gathered, and what differs stands out:", ("run", "@prod", "df -h /; uname -m")),
    _Step("A group without another, and without one host:", ("run", "@prod!@db!web01", "systemctl is-active nginx"), 4),
    _Step(
        "In waves, of which the first must be well; more than one failure stops the run:",
        ("run", "--canary", "1", "--batch", "2,50%", "--max-fail", "1", "@web", "systemctl is-active nginx"),
        4,
    ),
    _Step("A script with an argument, sent, run and removed:", ("script", "@db,@cache", "disk.sh", "90"), 4),
    _Step("A file to many hosts, whole or not at all:", ("put", "--mkdir", "@db,@cache", "disk.sh", "bin/"), 4),
    _Step("Is it the same everywhere?", ("fs", "checksum", "@db,@cache", "bin/disk.sh"), 4),
    _Step("Every run is kept, and makes a page to hand on:", ("report", "--html", "report.html"), 4),
    _Step("The same again, only where it is not done:", ("rerun",), 4),
    _Step("What has been done so far:", ("log",)),
    _Step("A maintenance job is a file; when will it run, and how carefully?", ("job", "explain", "tidy.toml")),
)


def demo(
    hosts: int, seed: int, faults: Level, keep: bool, out: IO[str], *, until: Callable[[], object] | None = None
) -> int:
    """Start a fleet, give the tour on it, and end it: with `keep` not before the user says so, or `until` returns."""
    with DemoFleet(hosts, seed, faults) as fleet:
        _describe(fleet, out)
        code = tour(fleet, out)
        if keep:
            _say(out, *_how_to_use(fleet), "Enter or Ctrl-C ends the fleet.")
            (until or _told_to_end)()
        else:
            _say(out, "", f"To try it yourself: `{_command()} demo --keep`.")
    return code


def tour(fleet: DemoFleet, out: IO[str], run: Run | None = None) -> int:
    """Print each command and what it answers; return 0, or 1 if one of them failed by itself."""
    (fleet.folder / "disk.sh").write_text(_SCRIPT)
    _private(fleet.folder / "tidy.toml", _JOB)
    clean = {name: value for name, value in environment().items() if not name.startswith("PSSH_")}
    clean |= {"PSSH_INVENTORY": str(fleet.inventory), "PSSH_STATE": str(fleet.folder / "state")}
    clean |= {"COLUMNS": str(shutil.get_terminal_size().columns)}
    bounds = _BOUNDS if _ENDLESS & {host.fault for host in fleet.hosts} else ()
    broken = 0
    for why, (verb, *rest), least in _STEPS:
        if len(fleet.hosts) < least:
            continue
        words = [verb, *rest] if verb in _LOOKS else _with((verb, *rest), *bounds)
        _say(out, "", why, f"$ pssh {shlex.join(words)}")
        code, text = (run or _run)(words, clean, fleet.folder)
        out.write(text)
        out.flush()
        if code not in (0, 3, 4, 5, 6):  # those say how the hosts fared
            broken = 1
    return broken


def _run(words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, str]:
    # `-F none`: what the user's ssh_config says of 127.0.0.1 is not meant for these hosts.
    words = words if words[0] in _LOOKS else _with(words, "-F", "none")
    argv = [sys.executable, "-P", "-m", "pssh", *words]
    try:
        done = subprocess.run(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            env=env,
            cwd=folder,
            timeout=_STEP_SECONDS,
        )
    except subprocess.TimeoutExpired:
        return 1, f"no end after {_STEP_SECONDS:.0f} s\n"
    return done.returncode, done.stdout.decode(errors="replace")


def _with(words: Sequence[str], *options: str) -> list[str]:
    """Return the words of a command with options behind its verb."""
    verb = 2 if words[0] == "fs" else 1
    return [*words[:verb], *options, *words[verb:]]


def _private(path: Path, text: str) -> None:
    """Write a file that nobody else may write to, whatever the umask: job files must be so."""
    path.touch(0o600)
    path.write_text(text)


def _describe(fleet: DemoFleet, out: IO[str]) -> None:
    _say(out, f"{len(fleet.hosts)} hosts are up, each an SSH server on a port of {fleet.address}.")
    wrong = {words: fold(host.name for host in fleet.hosts if host.fault == fault) for fault, words in _FAULTS.items()}
    width = max(map(len, wrong.values()))
    _say(out, *(f"  {names:{width}}  {words}" for words, names in wrong.items() if names))


def _how_to_use(fleet: DemoFleet) -> list[str]:
    return [
        "",
        "The fleet stays up. In another terminal:",
        f"  export PSSH_INVENTORY={shlex.quote(str(fleet.inventory))}",
        f"  export PSSH_STATE={shlex.quote(str(fleet.folder / 'state'))}  # keeps your own history as it is",
        f"  {_command()} run @web uptime",
        f"Homes of the hosts: {fleet.folder / 'hosts'}",
        "Relative paths lie there; absolute ones are those of this machine, the same for all hosts.",
    ]


def _command() -> str:
    """Return how the user starts the very `pssh` that runs."""
    script = Path(sys.executable).with_name("pssh")
    if shutil.which("pssh") == str(script):
        return "pssh"
    return shlex.quote(str(script)) if script.exists() else f"{shlex.quote(sys.executable)} -m pssh"


def _told_to_end() -> None:
    """Return at Enter, Ctrl-C or SIGTERM; without a stdin to read, at a signal only."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        if not os.read(0, 1):
            threading.Event().wait()
    except KeyboardInterrupt:
        pass
    finally:
        signal.signal(signal.SIGTERM, before)


def _say(out: IO[str], *lines: str) -> None:
    out.writelines(f"{line}\n" for line in lines)
    out.flush()
