"""Hosts, an operation and the options of a run become jobs: purely, so that what is shown is what will run.

One precedence for every connection setting, low to high: built-in defaults, ssh_config, the inventory, options, and
what was typed in the targets themselves. Nothing is looked up here; every source comes in as a value.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from os.path import expanduser  # leaves an unknown user's `~` alone, where Path raises
from typing import Any, Literal, cast

from msgspec import Struct, structs

from pssh.model.duration import seconds
from pssh.model.event import Notice
from pssh.model.host import Become, Connection, Host, HostKeys, Settings
from pssh.model.report import ExitRule, Run
from pssh.model.rollout import Halt, Launch, Pace, Rollout, Share, Tail
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
    jump_limit: int = 8
    host_keys: HostKeys | None = None
    connect_timeout: float = 0.0
    auth_timeout: float = 0.0
    timeout: float = 0.0
    stall: float = 0.0
    host_timeout: float = 0.0
    open_timeout: float = 10.0
    kill_after: float = 2.0
    drain: float = 2.0
    keepalive: float | None = None
    deadline: float = 0.0
    tail: str = ""  # "95%:60s"
    retries: int = 2
    retry_on: tuple[str, ...] = ()  # "exit"
    rate: str = ""  # "5/s"
    ramp: str = ""  # "0:5,10:20"
    launch: str = ""  # "0:50,1:20,1:500"
    barrier: bool = False
    batch: str = ""  # "1,10%,50%"
    canary: int = 0
    pause: str = ""  # "30s" or "ask"
    order: Literal["inventory", "random"] = "inventory"
    one_per: str = ""  # the name of a variable
    max_fail: str = ""  # "3" or "2%"
    halt: Halt = "soon"
    ok: tuple[int, ...] = (0,)
    exit: ExitRule = "all"
    stdin: str = ""  # "-" is ours, else a file
    env: tuple[str, ...] = ()  # "NAME=value"
    chdir: str = ""
    template: bool = False
    tty: bool = False
    leash: bool = False
    shell: bool = True
    lock: str = ""  # "NAME", "NAME:fail", "NAME:wait=30s"
    become: Become = ""
    become_user: str = ""
    ask_become_pass: bool = False
    local: bool = False
    speculate: bool = False
    ask_pass: bool = False
    say: bool = False

    @property
    def settings(self) -> Settings:
        """The connection settings among the options, as far as they were said."""
        said = cast(Settings, {name: value for name in _SETTINGS if (value := getattr(self, name))})
        if self.keepalive is not None:
            said["keepalive"] = self.keepalive
        if self.ask_pass:
            said["password"] = PASSWORD
        return said

    @property
    def limits(self) -> Limits:
        return Limits(
            open=self.open_timeout,
            total=self.timeout,
            stall=self.stall,
            host=self.host_timeout,
            kill_after=self.kill_after,
            drain=self.drain,
            retries=self.retries,
            retry_exit="exit" in self.retry_on,
            ok=self.ok,
            say=self.say,
        )

    @property
    def rollout(self) -> Rollout:
        """How the run starts and stops; raises ValueError for what cannot be read."""
        pace: Pace | Launch | None = Launch.read(self.launch) if self.launch else None
        if self.rate or self.ramp:
            pace = Pace.rate(self.rate) if self.rate else Pace.ramp(self.ramp)
        return Rollout(
            pace=pace,
            barrier=self.barrier,
            waves=tuple(Share.read(text) for text in self.batch.split(",")) if self.batch else (),
            canary=self.canary,
            pause=seconds(self.pause) if self.pause and self.pause != "ask" else 0.0,
            ask=self.pause == "ask",
            max_fail=Share.read(self.max_fail) if self.max_fail else None,
            halt=self.halt,
            deadline=self.deadline,
            tail=Tail.read(self.tail) if self.tail else None,
        )

    @property
    def told(self) -> dict[str, Any]:
        """The options as a report keeps them: how many at once, and what differs from the defaults."""
        return {"parallel": self.parallel, **{k: v for k, v in structs.asdict(self).items() if v != _DEFAULT[k]}}


_SETTINGS = (
    *("user", "port", "identity", "host_keys", "connect_timeout", "auth_timeout", "speculate"),
    *("become", "become_user"),
)
PASSWORD = "password"  # the name of the one password that `--ask-pass` asks for
_DEFAULT = structs.asdict(RunOptions())


@dataclass(frozen=True, slots=True)
class Plan:
    """A run ready to begin: what it is, its jobs, the secrets they need, and what should be said first."""

    run: Run
    jobs: Sequence[Job]
    secrets: Mapping[str, Secret] = field(default_factory=dict)
    notices: Sequence[Notice] = ()
    exit: ExitRule = "all"


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
