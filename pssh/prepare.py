"""From what the person typed to a run that can begin: everything a run reads on this machine is read here.

Inventory and ssh_config are read once, targets become hosts, hosts become jobs, and missing secrets are asked for.
Nothing connects; whatever is wrong is raised as a PsshError before any host has been touched.
"""

import os
import random
import socket
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field, replace
from functools import cached_property
from itertools import chain
from pathlib import Path
from shlex import join
from typing import Protocol

from msgspec import structs
from platformdirs import user_config_path

from pssh.credentials import Ask, settle
from pssh.errors import UsageError
from pssh.fit import fitted, looks, parted, secrets_in
from pssh.history.records import KeptHost
from pssh.inventory.find import find
from pssh.inventory.load import load
from pssh.inventory.model import Inventory, short
from pssh.inventory.select import Selection, narrow, select
from pssh.model.event import Notice
from pssh.model.host import Settings
from pssh.model.options import RunOptions
from pssh.model.report import JobRun, Run
from pssh.model.work import Job, Operation
from pssh.ops.command import Command
from pssh.ops.ping import Ping
from pssh.ops.script import Script
from pssh.plan import Plan, jobs_for
from pssh.route import Routes
from pssh.settings import defaults
from pssh.transport.ssh.userconfig import UserConfig

UNCHECKED = Notice(
    "Host keys are not checked: whoever is on the path can read and change what is sent",
    hint="`pssh trust TARGETS` collects them once, then `--host-keys off` is not needed",
)


class Asked(Protocol):
    """A history, as far as targets ask it."""

    def pick(self, name: str, word: str, value: str, /) -> Sequence[KeptHost]: ...


@dataclass(frozen=True)
class Sources:
    """The inventory and the ssh_config in use, each read when it is first needed."""

    paths: tuple[Path, ...]
    config_file: str = ""
    explicit: tuple[str, ...] = ()  # the inventories that were named, as they were typed
    said: list[str] = field(default_factory=list)  # what reading a source brought to light
    opened: list[Asked] = field(default_factory=list)  # the history, where somebody has opened it already

    @classmethod
    def found(cls, explicit: Sequence[str], config_file: str = "") -> "Sources":
        """Return the sources for the inventories named, or else of the first place that has any."""
        home = user_config_path("pssh")
        paths = find(explicit, environ=os.environ, cwd=Path.cwd(), config_home=home)
        return cls(tuple(paths), config_file, tuple(explicit))

    @cached_property
    def inventory(self) -> Inventory:
        return load(self.paths)

    @cached_property
    def config(self) -> UserConfig:
        return UserConfig.load(self.config_file or None, home=Path.home())

    @property
    def used(self) -> tuple[str, ...]:
        """The inventories in use, named as briefly as they can be from here."""
        return tuple(map(_short, self.paths))

    def select(
        self,
        targets: str,
        *,
        exclude: str = "",
        slice: str = "",
        pick: int | None = None,
        seed: int | None = None,
        first: int | None = None,
        stdin: bool = True,
    ) -> Selection:
        """Return the hosts that the targets name, then narrowed in this order; raises TargetsError or NoHosts.

        Without `stdin` they cannot be on standard input, which is for the commands.
        """
        found = select(
            targets,
            self.inventory,
            exclude=exclude,
            is_named=lambda name: name in self.config.names(),
            read_stdin=sys.stdin.read if stdin else _taken,
            runs=self.runs,
            cwd=Path.cwd(),
        )
        hosts = narrow(found.hosts, first=first, pick=pick, slice=slice, seed=seed)
        return structs.replace(found, hosts=hosts, notices=(*found.notices, *self.said))

    def runs(self, run: str, word: str, value: str) -> Iterable[tuple[str, Settings, Settings]]:
        """Return the hosts that a target such as `@last:failed` means; raises NoHosts, TargetsError, HistoryError."""
        if self.opened:
            return [(host.name, host.typed, host.settings) for host in self.opened[0].pick(run, word, value)]
        from pssh.history.queries import Queries  # SQLite, which other targets do not need
        from pssh.history.store import History

        with closing(History.usual()) as history:
            self.said.extend(filter(None, [history.notice]))
            return [(host.name, host.typed, host.settings) for host in Queries(history).pick(run, word, value)]

    def lookup(self, name: str, user: str = "", port: int = 0) -> Settings:
        return self.config.lookup(name, user=user, port=port)


def prepare(
    operation: Operation,
    targets: str,
    sources: Sources,
    selection: Selection,
    options: RunOptions,
    seed: int | None = None,
    number: str = "",
    job: JobRun | None = None,
) -> Plan:
    """Return the run of an operation on the selected hosts; what a login needs from the person is still missing.

    `seed` makes a random order the same again, `number` is the run's in the history, `job` the
    maintenance job that it belongs to. Raises UsageError for what the
    options ask of hosts that they have not.
    """
    usual = defaults(os.environ, Path.home())
    began = time.time()
    jobs = jobs_for(operation, selection.hosts, options, sources.lookup, usual)
    jobs = Routes(sources.inventory.host, sources.lookup, options, usual).jobs(jobs)
    reached, hosts = parted(jobs, selection.hosts)
    name = number or f"{time.strftime('%Y%m%dT%H%M%SZ', time.gmtime(began))}-{os.getpid()}"
    jobs = fitted(
        reached,
        hosts,
        options,
        run=name,
        owner=f"{usual['user']}@{socket.gethostname()}, run {name}",
        conflicts=selection.conflicts,
    )
    if options.order == "random":
        random.Random(seed).shuffle(jobs)
    if not isinstance(operation, Command | Script | Ping):
        from pssh.loaded import with_trees  # and with it all that sends files, which other runs do not wait for

        jobs = with_trees(jobs)
    run = Run(
        id=number,
        started=began,
        operation=type(operation).__name__.lower(),
        text=operation.label,
        targets=targets,
        inventory=sources.used,
        hosts=tuple(host.name for host in hosts),
        user=usual["user"],
        options=options.told,
        given=_given(sources, options),
        job=job,
    )
    return Plan(
        run,
        jobs,
        notices=_notices(selection, sources, jobs),
        asks=secrets_in(operation, options),
        protected=() if looks(operation) else tuple(host.name for host in hosts if host.protected),
        exit=options.exit,
        hosts=hosts,
        dangers=getattr(operation, "dangers", False),
    )


def with_credentials(plan: Plan, options: RunOptions, ask: Ask) -> Plan:
    """Return the plan with every secret its jobs need; raises CredentialError."""
    jobs, secrets = settle(plan.jobs, defaults(os.environ, Path.home())["identity"], ask, options, plan.asks)
    return replace(plan, jobs=jobs, secrets=secrets)


def _taken() -> str:
    raise UsageError("`-` reads the targets where `-I` reads the commands' input", hint="`^FILE` reads targets as well")


def _notices(selection: Selection, sources: Sources, jobs: Sequence[Job]) -> list[Notice]:
    said = [Notice(text) for text in (*selection.notices, *sources.config.notices)]
    over_ssh = (job.connection for job in jobs if job.connection.transport == "ssh")
    unchecked = any(stage.host_keys == "off" for connection in over_ssh for stage in connection.stages)
    return [*said, UNCHECKED] if unchecked else said


def _given(sources: Sources, options: RunOptions) -> str:
    """Return the options that every subcommand needs again to reach the same hosts in the same way."""
    said = [("-i", path) for path in sources.explicit]
    said += [("-F", options.config_file), ("-J", options.jump), ("-l", options.user)]
    said += [("--port", str(options.port or ""))]
    return join(chain.from_iterable((flag, value) for flag, value in said if value))


def _short(path: Path) -> str:
    return f"{short(path)}/" if path.is_dir() else short(path)
