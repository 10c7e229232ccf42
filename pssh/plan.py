"""Hosts, an operation and the options of a run become jobs: purely, so that what is shown is what will run.

One precedence for every connection setting, low to high: built-in defaults, ssh_config, the inventory, options, and
what was typed in the targets themselves. Nothing is looked up here; every source comes in as a value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import expanduser  # leaves an unknown user's `~` alone, where Path raises
from typing import Any, cast

from msgspec import Struct, structs

from pssh.model.event import Notice
from pssh.model.host import Connection, Host, HostKeys, Settings
from pssh.model.report import Run
from pssh.model.secret import Secret
from pssh.model.work import Job, Limits, Operation

# What ssh_config says of a host, by its name, and the user and port above it (empty and 0: not settled yet).
Lookup = Callable[[str, str, int], Settings]


class RunOptions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a run can be told, once; times in seconds, 0 is no limit, and an empty value was not said."""

    parallel: int = 64
    workers: int = 0
    connect_limit: int = 64
    user: str = ""
    port: int = 0
    identity: tuple[str, ...] = ()
    config_file: str = ""
    host_keys: HostKeys | None = None
    connect_timeout: float = 0.0
    auth_timeout: float = 0.0
    timeout: float = 0.0
    stall: float = 0.0
    host_timeout: float = 0.0
    retries: int = 2
    speculate: bool = False
    ask_pass: bool = False
    say: bool = False

    @property
    def settings(self) -> Settings:
        """The connection settings among the options, as far as they were said."""
        names = ("user", "port", "identity", "host_keys", "connect_timeout", "auth_timeout", "speculate")
        said = cast(Settings, {name: value for name in names if (value := getattr(self, name))})
        if self.ask_pass:
            said["password"] = PASSWORD
        return said

    @property
    def limits(self) -> Limits:
        return Limits(total=self.timeout, stall=self.stall, host=self.host_timeout, retries=self.retries, say=self.say)

    @property
    def told(self) -> dict[str, Any]:
        """The options as a report keeps them: how many at once, and what differs from the defaults."""
        return {"parallel": self.parallel, **{k: v for k, v in structs.asdict(self).items() if v != _DEFAULT[k]}}


PASSWORD = "password"  # the name of the one password that `--ask-pass` asks for
_DEFAULT = structs.asdict(RunOptions())


@dataclass(frozen=True, slots=True)
class Plan:
    """A run ready to begin: what it is, its jobs, the secrets they need, and what should be said first."""

    run: Run
    jobs: Sequence[Job]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    notices: Sequence[Notice] = ()


def connection(host: Host, config: Settings, options: RunOptions, defaults: Settings) -> Connection:
    """Return how a host is reached, each setting from the highest source that says it."""
    said: dict[str, Any] = {
        "address": host.name,
        **defaults,
        **config,
        **host.settings,
        **options.settings,
        **host.typed,
    }
    for files in ("identity", "known_hosts"):
        said[files] = tuple(map(expanduser, said.get(files, ())))
    return Connection(**said)


def jobs_for(
    operation: Operation, hosts: Iterable[Host], options: RunOptions, config: Lookup, defaults: Settings
) -> list[Job]:
    """Return one job per host, numbered in the order of the hosts."""
    found = []
    for number, host in enumerate(hosts):
        user = host.typed.get("user") or options.user or host.settings.get("user", "")
        port = host.typed.get("port") or options.port or host.settings.get("port", 0)
        settled = connection(host, config(host.name, user, port), options, defaults)
        found.append(Job(number, host.name, settled, operation, options.limits))
    return found
