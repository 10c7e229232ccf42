"""Hosts, an operation and the options of a run become jobs: purely, so that what is shown is what will run.

One precedence for every connection setting, low to high: built-in defaults, ssh_config, the inventory, options, and
what was typed in the targets themselves. Nothing is looked up here; every source comes in as a value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import expanduser  # leaves an unknown user's `~` alone, where Path raises
from typing import Any

from pssh.model.event import Notice
from pssh.model.host import Connection, Host, Settings
from pssh.model.options import RunOptions
from pssh.model.report import ExitRule, Run
from pssh.model.secret import Secret
from pssh.model.work import Job, Operation

BECOME = "become:"  # what the name of the secret begins with that makes a login another user

# What ssh_config says of a host, by its name, and the user and port above it (empty and 0: not settled yet).
Lookup = Callable[[str, str, int], Settings]


@dataclass(frozen=True, slots=True)
class Plan:
    """A run ready to begin: what it is, its jobs, the secrets they need, and what should be said first."""

    run: Run
    jobs: Sequence[Job]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    asks: Sequence[str] = ()  # the names of secrets that the command asks for
    protected: Sequence[str] = ()  # the hosts that are touched only once somebody has said so
    exit: ExitRule = "all"
    hosts: Sequence[Host] = ()  # those of the jobs, in their order before any was changed
    dangers: bool = False  # what it does cannot be undone: somebody must say so first


def connection(host: Host, config: Settings, options: RunOptions, defaults: Settings) -> Connection:
    """Return how a host is reached, each setting from the highest source that says it.

    With `local` that is this machine, without what the inventory says of becoming somebody there.
    """
    said: dict[str, Any] = {
        "address": host.name,
        **defaults,
        **config,
        **host.settings,
        **(_HERE if options.local else {}),
        **options.settings,
        **host.typed,
    }
    for files in ("identity", "known_hosts"):
        said[files] = tuple(map(expanduser, said.get(files, ())))
    said["jump"] = tuple(said.get("jump", ()))
    if options.become_user and not said.get("become"):
        said["become"] = "sudo"  # who names a user wants to be that user
    if options.ask_become_pass and said.get("become"):
        login = defaults.get("user", "") if said.get("transport") == "local" else said["user"]
        said["become_password"] = password_of(said["become"], said.get("become_user", ""), login)
    return Connection(**said)


def password_of(become: str, user: str, login: str) -> str:
    """Return the name of the secret by which a login becomes that user; empty for root, who is not asked."""
    whose = user or "root" if become == "su" else login
    return "" if login == "root" else BECOME + whose


_HERE: Settings = {"transport": "local", "become": "", "become_user": ""}


def jobs_for(
    operation: Operation, hosts: Iterable[Host], options: RunOptions, config: Lookup, defaults: Settings
) -> list[Job]:
    """Return one job per host, numbered in the order of the hosts."""
    found = []
    limits = options.limits
    for number, host in enumerate(hosts):
        user = host.typed.get("user") or options.user or host.settings.get("user", "")
        port = host.typed.get("port") or options.port or host.settings.get("port", 0)
        settled = connection(host, config(host.name, user, port), options, defaults)
        found.append(Job(number, host.name, settled, operation, limits))
    return found
