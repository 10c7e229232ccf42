"""Hosts, groups and variables as Ansible knows them, gathered into a Document from whatever form they are written in.

`all` is every host and `ungrouped` is no group; of what a file says of one host or group, the later wins key by key.
`where` is whatever the form names a place by: it is turned into a line only when something is wrong.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from pssh.errors import TargetsError
from pssh.inventory.document import MOST_HOSTS, Block, Document, Finding, GroupSaid
from pssh.inventory.nearest import also
from pssh.inventory.sources.ansiblevars import Variables
from pssh.inventory.sources.ours import GROUP_RULE, group_name
from pssh.model import names

_WITH_PORT = re.compile(r"(.+):([0-9]{1,8})")
_NO_GROUPS = ("all", "ungrouped")


class _Group:
    def __init__(self, where: Any) -> None:
        self.where = where
        self.members: list[str] = []
        self.children: dict[str, Any] = {}  # and where each is named
        self.settings: dict[str, Any] = {}
        self.vars: dict[str, Any] = {}
        self.defined = False


class Gathered:
    """All that one file says, as far as it was read."""

    def __init__(self, path: Path, line: Callable[[Any], int], base: Path | None = None) -> None:
        self.path = path
        self.line = line
        self.variables = Variables(base or path.absolute().parent)
        self.findings: list[Finding] = []
        self.blocks: list[Block] = []
        self.groups: dict[str, _Group] = {name: _Group(None) for name in _NO_GROUPS}
        self.total = 0

    def wrong(self, where: Any, text: str) -> None:
        self.findings.append(Finding(self.line(where), text))

    def define(self, name: str, where: Any, *, defined: bool = True) -> bool:
        """Take note of a group; False: it may not be named so, and nothing more is to be said of it."""
        if name not in self.groups:
            if not group_name(name):
                self.wrong(where, f"group `{name}` is refused: {GROUP_RULE}")
                return False
            self.groups[name] = _Group(where)
        if defined and not self.groups[name].defined:
            self.groups[name].defined = True
            self.groups[name].where = where
        return True

    def hosts(self, group: str, text: str, said: Mapping[str, Any], where: Any, *, ranges: bool = True) -> None:
        """Add hosts to a group, with what is said of each; `text` is a name or a range, with or without a port."""
        try:
            each, port = self.expanded(text) if ranges else ([_checked(text)], 0)
        except TargetsError as error:
            self.wrong(where, also(error.message, error.hint))
            return
        self.groups[group].members += each
        settings, plain = self.split({"ansible_port": port, **said} if port else said, where)
        silent = not settings and not plain
        if silent and self.blocks and not self.blocks[-1].settings and not self.blocks[-1].vars:
            self.blocks[-1].names.extend(each)
        else:
            self.blocks.append(Block(each, settings, plain))

    def expanded(self, text: str) -> tuple[list[str], int]:
        """Return the names that a host's text stands for, and its port or 0; raises TargetsError."""
        name, port = _parted(text)
        self.total += names.size(name) if "[" in name else 1
        if self.total > MOST_HOSTS:
            raise TargetsError(f"the hosts of this file are more than {MOST_HOSTS:,}")
        return [_checked(each) for each in names.spread(name)] if "[" in name else [_checked(name)], port

    def said_of(self, group: str, said: Mapping[str, Any], where: Any) -> None:
        """Add variables to a group."""
        if group == "ungrouped" and said:
            self.wrong(where, "`ungrouped` is no group here and has no variables; make a group of its hosts")
            return
        settings, plain = self.split(said, where)
        self.groups[group].settings |= settings
        self.groups[group].vars |= plain

    def split(self, said: Mapping[str, Any], where: Any) -> tuple[dict[str, Any], dict[str, Any]]:
        if not said:
            return {}, {}
        settings, plain, wrong = self.variables.split(said, where)
        for key, text in wrong:
            self.wrong(self.inside(where, key), text)
        return settings, plain

    def inside(self, where: Any, key: str) -> Any:
        """Return the place of a variable of what stands at `where`: a path of keys goes on, a line is that of all."""
        return (*where, key) if isinstance(where, tuple) else where

    def child(self, group: str, name: str, where: Any) -> None:
        """Put a group into a group."""
        if name in _NO_GROUPS:
            if name == "all" or group != "all":
                self.wrong(where, f"`{name}` cannot be in a group")
        elif not group_name(name):
            self.wrong(where, f"group `{name}` is refused: {GROUP_RULE}")
        elif group == "ungrouped":
            self.wrong(where, "`ungrouped` holds hosts and no groups")
        else:
            self.groups[group].children.setdefault(name, where)

    def document(self, notices: Iterable[str] = ()) -> Document:
        for where, text in self.variables.disputes():
            self.wrong(where, text)
        everybody = self.groups.pop("all")
        del self.groups["ungrouped"]
        for name, where in everybody.children.items():
            if name not in self.groups:
                self.wrong(where, f"group `{name}` is named and defined nowhere")
        return Document(
            path=self.path,
            blocks=self.blocks,
            groups=[_as_said(name, group) for name, group in self.groups.items()],
            settings=everybody.settings,  # type: ignore[arg-type]  # the schema has checked the keys
            vars=everybody.vars,
            findings=self.findings,
            notices=list(notices),
            line=self.where,
        )

    def where(self, *keys: str) -> int:
        """Return the line of `groups, NAME` or of `groups, NAME, groups, @CHILD`."""
        group = self.groups[keys[1]]
        child = keys[3].removeprefix("@") if len(keys) > 3 else ""
        return self.line(group.children.get(child, group.where))


def _as_said(name: str, group: _Group) -> GroupSaid:
    return GroupSaid(
        name=name,
        members=group.members,
        groups=tuple(group.children),
        settings=group.settings,  # type: ignore[arg-type]  # as above
        vars=group.vars,
        adds_only=not group.defined,
    )


def _parted(text: str) -> tuple[str, int]:
    """Return a host's name or range, and the port after it or 0."""
    if names.word(text) or names.ipv6(text):
        return text, 0
    found = _WITH_PORT.fullmatch(text)
    if found and not 0 < int(found[2]) < 65536:
        raise TargetsError(f"`{found[2]}` is no port from 1 to 65535")
    return (found[1], int(found[2])) if found else (text, 0)


def _checked(name: str) -> str:
    if names.word(name) or names.plain(name):
        return name
    if "@" in name:
        raise TargetsError(f"`{name}` is refused", hint="the user goes into `ansible_user`")
    raise TargetsError(f"`{name}` is refused", hint=names.NAME_RULE)
