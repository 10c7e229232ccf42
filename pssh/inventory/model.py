"""The inventory: hosts in their order, groups, and what they say together of one host.

Layers, low to high: every host, outer groups, inner groups, the host itself. Depth decides between groups, then
`priority`. Groups of one rank that disagree are never decided by chance: for a connection setting that is an error, a
variable is left out and named in `conflicts`. Nothing outside can change an inventory, and only hosts that are asked
for are merged.
"""

import json
from collections.abc import Mapping
from datetime import date, datetime, time
from itertools import groupby
from pathlib import Path
from types import MappingProxyType
from typing import Any

from msgspec import Struct

from pssh.errors import InventoryError
from pssh.inventory.document import Block
from pssh.model.host import Host, Settings

RESERVED = ("all", "ungrouped", "local")
Place = tuple[Block, int]


class Group(Struct, frozen=True, kw_only=True):
    """A group of an inventory, everything about it settled."""

    name: str
    members: Mapping[str, Any]  # names of hosts
    depth: int = 1  # 1 is outermost
    priority: int = 0
    protected: bool = False
    settings: Settings = {}
    vars: dict[str, Any] = {}

    @property
    def rank(self) -> tuple[int, int]:
        return self.depth, self.priority


class Conflict(Struct, frozen=True):
    """Groups of one rank that disagree about a host."""

    host: str
    key: str
    groups: tuple[str, ...]

    def __str__(self) -> str:
        return f"`{self.host}`: groups {' and '.join(f'`@{name}`' for name in self.groups)} disagree on `{self.key}`"


class _Merged(Struct, frozen=True):
    """What all hosts of the same groups have in common."""

    settings: dict[str, Any]
    vars: dict[str, Any]
    disputed: dict[str, tuple[str, ...]]  # a setting, and the groups that disagree
    disputed_vars: dict[str, tuple[str, ...]]
    protected: tuple[str, ...]  # those of the groups where a run is confirmed


class Inventory:
    """Every host and group, as read from `paths`; without paths none is in use."""

    def __init__(
        self,
        *,
        paths: tuple[Path, ...] = (),
        hosts: Mapping[str, tuple[Place, ...]] | None = None,
        groups: Mapping[str, Group] | None = None,
        settings: Settings | None = None,
        vars: dict[str, Any] | None = None,
        notices: tuple[str, ...] = (),
    ) -> None:
        self.notices = notices
        self._paths = paths
        self._hosts = hosts or {}
        self._groups = groups or {}
        self._ranked = sorted(self._groups.values(), key=lambda group: group.rank)
        self._base = (settings or {}, vars or {})
        self._merged: dict[tuple[str, ...], _Merged] = {}

    @property
    def paths(self) -> tuple[Path, ...]:
        """The files it was read from, in order; empty: no inventory is in use."""
        return self._paths

    @property
    def hosts(self) -> Mapping[str, Any]:
        """The names of all hosts, in order."""
        return MappingProxyType(self._hosts)

    @property
    def groups(self) -> Mapping[str, Group]:
        """All groups by name, in the order of their definition."""
        return MappingProxyType(self._groups)

    @property
    def shown(self) -> str:
        """The inventory as messages name it."""
        if len(self._paths) == 1:
            return f"`{short(self._paths[0])}`"
        return f"{len(self._paths)} inventory files" if self._paths else "no inventory"

    def groups_of(self, name: str) -> tuple[str, ...]:
        """Return every group the host belongs to, outermost first."""
        return tuple(group.name for group in self._ranked if name in group.members)

    def host(self, name: str, typed: Settings | None = None) -> Host:
        """Return all that is said of a host, which need not be in the inventory.

        Raises InventoryError if groups of one rank disagree about a setting of it.
        """
        groups = self.groups_of(name)
        if name not in self._hosts:
            return Host(name, typed=typed or {})
        merged = self._together(groups)
        settings, variables = self._own(name)
        for key, sides in merged.disputed.items():
            if key not in settings:
                hint = "give one of them a higher `priority`, or say it on the host"
                raise InventoryError(str(Conflict(name, key, sides)), hint=hint)
        return Host(
            name,
            settings={**merged.settings, **settings},  # type: ignore[typeddict-item]  # sources check the keys
            typed=typed or {},
            groups=groups,
            vars={**merged.vars, **variables},
            protected=merged.protected,
        )

    def conflicts(self, name: str) -> tuple[Conflict, ...]:
        """Return the variables about which groups of one rank disagree; they are missing in the host's variables."""
        own = self._own(name)[1]
        disputed = self._together(self.groups_of(name)).disputed_vars
        return tuple(Conflict(name, key, sides) for key, sides in disputed.items() if key not in own)

    def value(self, name: str, key: str) -> str | None:
        """Return the text of a host's variable, or of its name, address, user, port or transport; None: it has none.

        Raises InventoryError if groups of one rank disagree about it.
        """
        if key == "name":
            return name
        host = self.host(name)
        if key in ("address", "user", "port", "transport"):
            value = host.settings.get(key)
            return text_of(value) if value is not None else {"address": name, "transport": "ssh"}.get(key)
        if key in host.vars:
            return text_of(host.vars[key])
        for conflict in self.conflicts(name):
            if conflict.key == key:
                raise InventoryError(str(conflict), hint="give one of them a higher `priority`, or say it on the host")
        return None

    def _own(self, name: str) -> tuple[dict[str, Any], dict[str, Any]]:
        settings: dict[str, Any] = {}
        variables: dict[str, Any] = {}
        for block, place in self._hosts.get(name, ()):
            said = block.said(place)
            settings |= said[0]
            variables |= said[1]
        return settings, variables

    def _together(self, names: tuple[str, ...]) -> _Merged:
        if names not in self._merged:
            self._merged[names] = self._merge([self._groups[name] for name in names])
        return self._merged[names]

    def _merge(self, groups: list[Group]) -> _Merged:
        settings: dict[str, Any] = {**self._base[0]}
        variables = {**self._base[1]}
        disputed: dict[str, tuple[str, ...]] = {}
        disputed_vars: dict[str, tuple[str, ...]] = {}
        for _, rank in groupby(groups, key=lambda group: group.rank):
            peers = list(rank)
            _layer(settings, disputed, [(group.name, dict(group.settings)) for group in peers])
            _layer(variables, disputed_vars, [(group.name, group.vars) for group in peers])
        protected = tuple(group.name for group in groups if group.protected)
        return _Merged(settings, variables, disputed, disputed_vars, protected)


def _layer(
    settled: dict[str, Any], disputed: dict[str, tuple[str, ...]], peers: list[tuple[str, dict[str, Any]]]
) -> None:
    """Put what groups of one rank say over what is settled, and what they dispute out of it."""
    sides: dict[str, list[tuple[str, Any]]] = {}
    for name, said in peers:
        for key, value in said.items():
            sides.setdefault(key, []).append((name, value))
    for key, values in sides.items():
        settled[key] = values[0][1]
        disputed.pop(key, None)
        if any(_differ(values[0][1], value) for _, value in values[1:]):
            del settled[key]
            disputed[key] = tuple(name for name, _ in values)


def _differ(one: Any, other: Any) -> bool:
    return type(one) is not type(other) or one != other


def text_of(value: Any) -> str:
    """Return a variable as text: what `key=value` compares."""
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False, default=_dated)


def _dated(value: Any) -> str:
    return value.isoformat() if isinstance(value, (date, datetime, time)) else str(value)


def short(path: Path) -> str:
    """Return a path as briefly as it can be named from here."""
    try:
        return str(path.absolute().relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)
