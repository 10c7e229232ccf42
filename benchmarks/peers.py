"""The tools that are compared, each as the command line its own manual would advise for many hosts.

All get the same hosts, key, user, limit and command, and check known hosts where they can. ssh, pdsh, clush, pssh and
ansible read one ssh_config, without ControlMaster. `-S` where a tool would otherwise call failed hosts a success.
"""

import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.fleet import Fleet

CLIENTS = Path(__file__).parent / "clients"
PEER_ENVIRONMENT = Path(__file__).parent.parent / ".bench" / "peers" / "bin"
OURS = "pssh run"


@dataclass(frozen=True)
class Ask:
    """What every tool is asked to do."""

    fleet: Fleet
    parallel: int
    command: str = "true"
    source: Path = Path()  # of a file figure
    dest: Path = Path()  # and where it goes: below, a folder for each host


@dataclass(frozen=True)
class Peer:
    """A tool: where it is, how it is asked, and how it says its version."""

    name: str
    program: str | None  # None: not on this machine
    argv: Callable[[str, Ask], list[str]]
    version: Callable[[str], list[str]]
    env: Callable[[Ask], dict[str, str]] = lambda ask: {}
    note: str = ""

    def said_version(self) -> str:
        """Return the first thing that looks like a version in what the tool says of itself."""
        if not self.program:
            return ""
        done = subprocess.run(self.version(self.program), capture_output=True, text=True, check=False)
        found = re.search(r"\d+(\.\d+)+\w*", done.stdout + done.stderr)
        return found[0] if found else ""


def _ours(python: str, ask: Ask) -> list[str]:
    fleet = ask.fleet
    options = ["-F", f"{fleet.ssh_config}", "-i", f"{fleet.host_list}", "-p", f"{ask.parallel}"]
    return [python, "-m", "pssh", "run", *options, "@all", ask.command]


def _xargs(xargs: str, ask: Ask) -> list[str]:
    fleet = ask.fleet
    ssh = ["ssh", "-n", "-F", f"{fleet.ssh_config}", "{}", ask.command]
    return [xargs, "-a", f"{fleet.host_list}", "-P", f"{ask.parallel}", "-I{}", *ssh]


def _pdsh(pdsh: str, ask: Ask) -> list[str]:
    return [pdsh, "-R", "ssh", "-S", "-f", f"{ask.parallel}", "-w", f"^{ask.fleet.host_list}", ask.command]


def _clush(clush: str, ask: Ask) -> list[str]:
    fleet = ask.fleet
    options = ["-S", "-f", f"{ask.parallel}", "-o", f"-F {fleet.ssh_config}", "--hostfile", f"{fleet.host_list}"]
    return [clush, *options, ask.command]


def _parallel_ssh(pssh: str, ask: Ask) -> list[str]:
    fleet = ask.fleet
    return [
        pssh,
        "-h",
        f"{fleet.host_list}",
        "-p",
        f"{ask.parallel}",
        "-t",
        "0",
        "-x",
        f"-F {fleet.ssh_config}",
        ask.command,
    ]


def _ansible(ansible: str, ask: Ask) -> list[str]:
    return [ansible, "all", "-i", f"{ask.fleet.host_list}", "-f", f"{ask.parallel}", "-m", "raw", "-a", ask.command]


def _ansible_env(ask: Ask) -> dict[str, str]:
    return {
        "ANSIBLE_SSH_ARGS": f"-F {ask.fleet.ssh_config}",
        "ANSIBLE_LOCALHOST_WARNING": "0",
    }


def _script(name: str) -> Callable[[str, Ask], list[str]]:
    def argv(python: str, ask: Ask) -> list[str]:
        fleet = ask.fleet
        words = [fleet.host_list, fleet.port, fleet.user, fleet.key, fleet.known_hosts, ask.parallel, ask.command]
        return [python, f"{CLIENTS / name}", *map(str, words)]

    return argv


def _says(*words: str) -> Callable[[str], list[str]]:
    return lambda program: [program, *words]


def _library(name: str) -> Callable[[str], list[str]]:
    return _says("-c", f"from importlib.metadata import version; print(version({name!r}))")


def _python_with(module: str) -> str | None:
    """Return the peers' interpreter if it has the module."""
    python = PEER_ENVIRONMENT / "python"
    look = f"import importlib.util, sys; sys.exit(not importlib.util.find_spec({module!r}))"
    found = python.exists() and not subprocess.run([python, "-P", "-c", look], check=False, cwd="/").returncode
    return str(python) if found else None


def peers() -> list[Peer]:
    """Return every tool, ours first, those too that are not on this machine."""
    ansible = shutil.which("ansible", path=f"{PEER_ENVIRONMENT}") or shutil.which("ansible")
    config = "PDSH_SSH_ARGS_APPEND"
    return [
        Peer(OURS, sys.executable, _ours, _says("-m", "pssh", "--version")),
        Peer("asyncssh", _python_with("asyncssh"), _script("asyncssh_client.py"), _library("asyncssh"), note="script"),
        Peer(
            "ParallelSSH",
            _python_with("pssh.clients"),
            _script("parallel_ssh_client.py"),
            _library("parallel-ssh"),
            note="script; checks no host key",
        ),
        Peer("ssh", shutil.which("xargs"), _xargs, lambda xargs: ["ssh", "-V"], note="under xargs -P"),
        Peer("pdsh", shutil.which("pdsh"), _pdsh, _says("-V"), lambda ask: {config: f"-F {ask.fleet.ssh_config}"}),
        Peer("clush", shutil.which("clush"), _clush, _says("--version")),
        Peer(
            "parallel-ssh", shutil.which("parallel-ssh"), _parallel_ssh, _says("--version"), note="the pssh of Debian"
        ),
        Peer("ansible", ansible, _ansible, _says("--version"), _ansible_env, note="-m raw"),
    ]
