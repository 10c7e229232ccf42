"""A host as the inventory knows it, and the settled way to reach it.

A `Host` holds only what was said about it, a `Settings` mapping; what ssh_config, the inventory, options and defaults
say together is a `Connection`, in which nothing is left open. Only the latter crosses the process border.
"""

from collections.abc import Iterator
from typing import Any, Literal, TypedDict

from msgspec import Struct

Become = Literal["", "sudo", "su", "doas"]
HostKeys = Literal["strict", "accept-new", "off"]


class Settings(TypedDict, total=False):
    """What one source says of a connection: a key that is absent was not said. The keys are those of `Connection`."""

    address: str
    port: int
    user: str
    transport: str
    identity: list[str]
    identities_only: bool
    agent: str
    host_keys: HostKeys
    jump: list[str]
    proxy_command: str
    host_key_alias: str
    known_hosts: list[str]
    keepalive: float
    connect_timeout: float
    auth_timeout: float
    speculate: bool
    password: str
    become: Become
    become_user: str
    become_password: str


class Connection(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How one host is reached, every value settled; times in seconds, paths absolute."""

    address: str  # a name for the resolver, or a literal address without brackets
    user: str
    port: int = 22
    transport: str = "ssh"
    identity: tuple[str, ...] = ()  # private key files, tried in this order
    identities_only: bool = False  # of the agent's keys, offer only those named in `identity`
    agent: str = ""  # the agent's socket, empty: no agent
    jump: tuple[str, ...] = ()  # the jump hosts as they were written, until `via` is known
    via: "Hop | None" = None  # the jump host from which it is reached
    proxy_command: str = ""  # a command whose streams are the connection, for a shell of this machine
    host_keys: HostKeys = "strict"
    host_key_alias: str = ""  # stands for the address in known_hosts, port left aside
    known_hosts: tuple[str, ...] = ()  # read in this order; accept-new writes to the first
    keepalive: float = 15.0  # after so much silence the host is asked; three misses end it; 0: never
    connect_timeout: float = 10.0  # dns, connect, banner and kex together
    auth_timeout: float = 15.0
    speculate: bool = False  # request the command together with the login
    password: str = ""  # the name of a secret that the workers were given, never the secret
    become: Become = ""  # how a command becomes another user's; empty: it stays the login's
    become_user: str = ""  # empty: root
    become_password: str = ""  # the name of a secret, as above; empty: none was given

    @property
    def stages(self) -> "Iterator[Connection]":
        """This one, and those to the jump hosts, the nearest of us last."""
        stage: Connection | None = self
        while stage is not None:
            yield stage
            stage = stage.via.connection if stage.via else None


class Hop(Struct, frozen=True, omit_defaults=True):
    """A jump host: what it is called, and how it is reached itself."""

    name: str
    connection: Connection


class Host(Struct, frozen=True, omit_defaults=True):
    """One machine we may log in to, with what the inventory and the targets say of it."""

    name: str
    settings: Settings = {}  # what the inventory says: @all, groups and the host itself, merged
    typed: Settings = {}  # `user@` and `:port` as written in the targets: they win over every option
    groups: tuple[str, ...] = ()  # every group it belongs to, outermost first
    vars: dict[str, Any] = {}
    protected: tuple[str, ...] = ()  # those of its groups where a run is confirmed
