"""The jump hosts on the way to a host: each becomes a connection of its own, settled as that of any host.

Each is looked up in the inventory and in ssh_config. Options that say how somebody is known, and what is taken for
safe, are for them too; who logs in, where and by which password is the target's own affair. Of several the nearest may
itself be reached through others, as ssh(1) has it. A host that is on its own way is reached from where it would be
without itself, so that a group, or all, may be sent through one of its members.
"""

from collections.abc import Callable, Sequence

from msgspec.structs import replace

from pssh.errors import TargetsError, UsageError
from pssh.inventory.expr import Named, parse_host
from pssh.model.host import Connection, Hop, Host, Settings
from pssh.model.options import RunOptions
from pssh.model.work import Job
from pssh.plan import Lookup, connection

_MOST = 8  # jump hosts, one behind the other
_SHARED = ("identity", "host_keys", "connect_timeout", "auth_timeout", "keepalive", "speculate")


class Routes:
    """What is known of the jump hosts of one run."""

    def __init__(
        self, host: Callable[[str, Settings], Host], config: Lookup, options: RunOptions, defaults: Settings
    ) -> None:
        """`host` returns what the inventory says of a name, and takes what was typed for it."""
        self._host, self._config, self._defaults = host, config, defaults
        self._options = RunOptions(**{name: getattr(options, name) for name in _SHARED})
        self._known: dict[tuple[str, ...], Hop] = {}

    def jobs(self, jobs: Sequence[Job]) -> list[Job]:
        """Return the jobs with the ways settled; raises UsageError."""
        return [self._routed(job) for job in jobs]

    def _routed(self, job: Job) -> Job:
        if not job.connection.jump or job.connection.transport != "ssh":
            return job
        return replace(job, connection=self._settled(job.host, job.connection, 0))

    def _settled(self, name: str, reached: Connection, depth: int) -> Connection:
        jump = reached.jump
        for place, hop in enumerate(jump):
            if _read(hop).name == name:
                jump = jump[:place]
                break
        return replace(reached, jump=(), via=self._to(jump, depth) if jump else None)

    def _to(self, jump: tuple[str, ...], depth: int) -> Hop:
        if depth + len(jump) > _MOST:
            raise UsageError(
                f"More than {_MOST} jump hosts are on the way through `{jump[-1]}`",
                hint='does one of them lead through itself? `jump = "none"` ends a way',
            )
        if jump not in self._known:
            *before, last = jump
            named = _read(last)
            typed: Settings = {}
            if named.user:
                typed["user"] = named.user
            if named.port:
                typed["port"] = named.port
            host = self._host(named.name, typed)
            user = named.user or host.settings.get("user", "")
            port = named.port or host.settings.get("port", 0)
            reached = connection(host, self._config(host.name, user, port), self._options, self._defaults)
            if reached.transport != "ssh":
                raise UsageError(f"`{named.name}` is this machine, through which nobody is to be reached over SSH")
            if before:
                reached = replace(reached, jump=(), proxy_command="", via=self._to(tuple(before), depth + 1))
            else:
                reached = self._settled(named.name, reached, depth + 1)
            self._known[jump] = Hop(named.name, replace(reached, become="", become_user=""))
        return self._known[jump]


def _read(hop: str) -> Named:
    try:
        return parse_host(hop)
    except TargetsError as error:
        raise UsageError(f"`{hop}` is no jump host", hint=error.hint) from None
