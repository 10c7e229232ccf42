"""Our own inventory format: TOML with hosts, groups, variables and connection settings, one spelling per key.

Every finding has its line, and all of a file are listed at once. A range in a host's name pairs with the ranges in its
values one to one; all are counted before any is built.
"""

import re
import tomllib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pssh.errors import TargetsError
from pssh.inventory import schema
from pssh.inventory.document import MOST_HOSTS, Block, Document, Finding, GroupSaid, Paired
from pssh.inventory.nearest import also, meant
from pssh.inventory.safety import read_text
from pssh.inventory.sources import tomllines
from pssh.model import names

_MOST_PAIRED = 1_000_000  # values that ranges stand for, in one file
_TOP = ("version", "vars", "connection", "hosts", "groups")
_HOST = ("address", "vars", "connection")
_GROUP = ("hosts", "groups", "exclude", "vars", "connection", "priority", "protected")
_GROUP_NAME = re.compile(r"[A-Za-z0-9_.-]{1,255}")
_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_KINDS = {dict: "a table", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


def load(path: Path) -> Document:
    """Return what the file says; raises InventoryError only if it cannot be read at all."""
    text = read_text(path)
    if line := tomllines.too_deep(text):
        return _unreadable(path, line, f"a key has more than {tomllines.MOST_PARTS} parts")
    try:
        said = tomllib.loads(text)
    except RecursionError:
        return _unreadable(path, 0, "values are nested too deeply")
    except ValueError as error:
        # Not only TOMLDecodeError: a number of thousands of digits is refused by `int` itself.
        message = str(error)
        place = _AT.search(message)
        line = (int(place[1]) if place[1] else text.count("\n") + 1) if place else 0
        reason = _AT.sub("", message)
        return _unreadable(path, line, f"this is no TOML: {reason[:1].lower()}{reason[1:]}")
    return _Reader(path, text).document(said)


def _unreadable(path: Path, line: int, text: str) -> Document:
    return Document(path=path, findings=[Finding(line, text)])


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self.path = path
        self.base = path.absolute().parent
        self.text = text
        self.lines: dict[tuple[str, ...], int] = {}
        self.findings: list[Finding] = []
        self.paired = 0
        self.hosts = 0

    def line(self, *keys: str) -> int:
        """Return the line of a key, or of the nearest table around it."""
        if not self.lines:
            self.lines = {(): 0, **tomllines.lines(self.text)}
        while keys not in self.lines:
            keys = keys[:-1]
        return self.lines[keys]

    def wrong(self, text: str, *keys: str) -> None:
        self.findings.append(Finding(self.line(*keys), text))

    def document(self, said: dict[str, Any]) -> Document:
        self.known(said, _TOP)
        if "version" not in said:
            self.wrong("`version = 1` is missing")
        elif said["version"] != 1 or said["version"] is True:
            self.wrong(f"version {said['version']!r} is not known, `version = 1` is", "version")
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

    def take(self, table: dict[str, Any], key: str, kind: type, default: Any, *path: str) -> Any:
        value = table.get(key, default)
        if type(value) is not kind:
            self.wrong(f"`{key}` is {_kind(value)} and should be {_KINDS[kind]}", *path, key)
            return default
        return value

    def tables(self, said: dict[str, Any], key: str) -> Iterator[tuple[str, dict[str, Any]]]:
        for name, table in self.take(said, key, dict, {}).items():
            if isinstance(table, dict):
                yield name, table
            else:
                self.wrong(f"`{name}` is {_kind(table)} and should be a table", key, name)

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
                each = [schema.settings({key: own}, self.base) for own in paired]
                if wrong := next((wrong for _, wrong in each if wrong), None):
                    self.wrong(wrong[0][1], *path, key)
                else:
                    found[key] = Paired(value for own, _ in each for value in own.values())
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
        if not _GROUP_NAME.fullmatch(name):
            self.wrong(f"`{name}` is refused: a group's name holds letters, digits, `.`, `_`, `-`", *path)
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
            self.wrong(f"`{key}` is {_kind(value)} and should be a text or a list of texts", *path, key)
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


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a date or time")
