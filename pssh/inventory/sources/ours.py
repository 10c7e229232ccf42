"""Our own schema, in whatever notation it is written: hosts, groups, variables and connection settings, one key each.

Every finding has its line, and all of a file are listed at once. A range in a host's name pairs with the ranges in its
values one to one; all are counted before any is built.
"""

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from pssh.errors import TargetsError
from pssh.inventory import schema
from pssh.inventory.document import MOST_HOSTS, Block, Document, Finding, GroupSaid, Paired
from pssh.inventory.nearest import also, meant
from pssh.model import names

Lines = dict[tuple[str, ...], int]

TOP = ("version", "vars", "connection", "hosts", "groups")
GROUP_RULE = "a group's name holds letters, digits, `.`, `_`, `-`"
_MOST_PAIRED = 1_000_000  # values that ranges stand for, in one file
_HOST = ("address", "vars", "connection")
_GROUP = ("hosts", "groups", "exclude", "vars", "connection", "priority", "protected")
_GROUP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_KINDS = {
    dict: "a table",
    list: "a list",
    str: "a text",
    bool: "true or false",
    int: "a number",
    float: "a number",
    type(None): "nothing",
}


def document(path: Path, said: dict[str, Any], lines: Callable[[], Lines], version: str) -> Document:
    """Return what the file says; `lines` is asked only if something is wrong, `version` is how it is to be written."""
    return _Reader(path, lines, version).document(said)


def unreadable(path: Path, line: int, text: str) -> Document:
    """Return a Document that only says why nothing can be read."""
    return Document(path=path, findings=[Finding(line, text)])


def group_name(name: str) -> bool:
    """Whether a group may be named so."""
    return _GROUP_NAME.fullmatch(name) is not None


def kind(value: Any) -> str:
    """Return what a value is, for a message."""
    return _KINDS.get(type(value), "a date or time")


class _Reader:
    def __init__(self, path: Path, find_lines: Callable[[], Lines], version: str) -> None:
        self.path = path
        self.base = path.absolute().parent
        self.find_lines = find_lines
        self.version = version
        self.lines: Lines = {}
        self.findings: list[Finding] = []
        self.paired = 0
        self.hosts = 0

    def line(self, *keys: str) -> int:
        """Return the line of a key, or of the nearest table around it."""
        if not self.lines:
            self.lines = {(): 0, **self.find_lines()}
        while keys not in self.lines:
            keys = keys[:-1]
        return self.lines[keys]

    def wrong(self, text: str, *keys: str) -> None:
        self.findings.append(Finding(self.line(*keys), text))

    def document(self, said: dict[str, Any]) -> Document:
        self.known(said, TOP)
        if "version" not in said:
            self.wrong(f"`{self.version}` is missing")
        elif said["version"] != 1 or said["version"] is True:
            self.wrong(f"version {said['version']!r} is not known, `{self.version}` is", "version")
        variables = self.take(said, "vars", dict, {})
        settings = self.settings(self.take(said, "connection", dict, {}), "connection")
        blocks = [block for name, table in self.tables(said, "hosts") for block in self.block(name, table)]
        groups = [group for name, table in self.tables(said, "groups") for group in self.group(name, table)]
        return Document(
            path=self.path,
            blocks=blocks,
            groups=groups,
            settings=settings,
            vars=variables,
            findings=self.findings,
            line=self.line,
        )

    def known(self, table: dict[str, Any], keys: tuple[str, ...], *path: str) -> None:
        for key in table.keys() - set(keys):
            self.wrong(also(f"unknown key `{key}`", meant(key, keys)), *path, key)

    def take(self, table: dict[str, Any], key: str, wanted: type, default: Any, *path: str) -> Any:
        value = table.get(key, default)
        if type(value) is not wanted:
            self.wrong(f"`{key}` is {kind(value)} and should be {_KINDS[wanted]}", *path, key)
            return default
        return value

    def tables(self, said: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, table in self.take(said, key, dict, {}).items():
            if isinstance(table, dict):
                yield name, table
            else:
                self.wrong(f"`{name}` is {kind(table)} and should be a table", key, name)

    def settings(self, said: dict[str, Any], *path: str) -> Any:
        found, wrong = schema.settings(said, self.base)
        for key, text in wrong:
            self.wrong(text, *path, key)
        return found

    def block(self, name: str, table: dict[str, Any]) -> Iterator[Block]:
        path = ("hosts", name)
        self.known(table, _HOST, *path)
        hosts = self.names(name, *path)
        if not hosts:
            return
        said = self.take(table, "connection", dict, {}, *path)
        variables = self.take(table, "vars", dict, {}, *path)
        if "address" in table and "address" in said:
            self.wrong("`address` is said twice", *path, "connection", "address")
        address = {key: value for key, value in table.items() if key == "address"}
        yield Block(
            hosts,
            self.host_settings(address, hosts, *path) | self.host_settings(said, hosts, *path, "connection"),
            {key: self.pair(value, hosts, *path, "vars", key) for key, value in variables.items()},
        )

    def names(self, text: str, *path: str) -> list[str]:
        try:
            self.hosts += names.count(text)
            if self.hosts > MOST_HOSTS:
                raise TargetsError(f"the hosts of this file are more than {MOST_HOSTS:,}")
            hosts = names.expand(text)
        except TargetsError as error:
            self.wrong(also(error.message, error.hint), *path)
            return []
        refused = next((host for host in hosts if not names.plain(host)), None if hosts else text)
        if refused is None:
            return hosts
        self.wrong(also(f"`{refused}` is refused", names.NAME_RULE), *path)
        return []

    def host_settings(self, said: dict[str, Any], hosts: list[str], *path: str) -> dict[str, Any]:
        found: dict[str, Any] = {}
        for key, value in said.items():
            paired = self.pair(value, hosts, *path, key)
            if isinstance(paired, Paired):
                each: list[Any] = [schema.settings({key: own}, self.base) for own in paired]
                if wrong := next((wrong for _, wrong in each if wrong), None):
                    self.wrong(wrong[0][1], *path, key)
                else:
                    found |= {name: Paired(own[name] for own, _ in each) for name in each[0][0]}
            elif paired is not None:
                found |= self.settings({key: paired}, *path)
        return found

    def pair(self, value: Any, hosts: list[str], *path: str) -> Any:
        """Return the value, or one for each host if there are several hosts and a range in it; None if it is wrong."""
        if len(hosts) == 1:
            return value
        ranges: dict[str, list[str]] = {}
        if not all(self.range(text, hosts, ranges, *path) for text in _texts(value)):
            return None
        if not ranges:
            return value
        return Paired([_replaced(value, ranges, place) for place in range(len(hosts))])

    def range(self, text: str, hosts: list[str], ranges: dict[str, list[str]], *path: str) -> bool:
        try:
            size = names.size(text)
        except TargetsError:
            return True  # a bracket that holds no range is text
        if size == 1:
            return True
        self.paired += len(hosts)
        if size <= names.MOST_NAMES and self.paired <= _MOST_PAIRED:
            each = names.spread(text)
            if len(each) == len(hosts):
                ranges[text] = each
                return True
            size = len(each)
        self.wrong(f"`{text}` stands for {size:,} values, and its host's name for {len(hosts):,}", *path)
        return False

    def group(self, name: str, table: dict[str, Any]) -> Iterator[GroupSaid]:
        path = ("groups", name)
        self.known(table, _GROUP, *path)
        if not group_name(name):
            self.wrong(f"`{name}` is refused: {GROUP_RULE}", *path)
            return
        yield GroupSaid(
            name=name,
            hosts=self.expressions(table, "hosts", *path),
            groups=self.expressions(table, "groups", *path),
            exclude=self.expressions(table, "exclude", *path),
            settings=self.settings(self.take(table, "connection", dict, {}, *path), *path, "connection"),
            vars=self.take(table, "vars", dict, {}, *path),
            priority=self.take(table, "priority", int, 0, *path),
            protected=self.take(table, "protected", bool, False, *path),
        )

    def expressions(self, table: dict[str, Any], key: str, *path: str) -> tuple[str, ...]:
        value = table.get(key, [])
        texts = [value] if isinstance(value, str) else value
        if not isinstance(texts, list) or not all(isinstance(text, str) for text in texts):
            self.wrong(f"`{key}` is {kind(value)} and should be a text or a list of texts", *path, key)
            return ()
        return tuple(texts)


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        if "[" in value:
            yield value
    elif isinstance(value, (list, dict)):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from _texts(inner)


def _replaced(value: Any, ranges: dict[str, list[str]], place: int) -> Any:
    if isinstance(value, str):
        return ranges[value][place] if value in ranges else value
    if isinstance(value, list):
        return [_replaced(inner, ranges, place) for inner in value]
    if isinstance(value, dict):
        return {key: _replaced(inner, ranges, place) for key, inner in value.items()}
    return value
