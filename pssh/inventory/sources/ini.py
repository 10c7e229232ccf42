"""Ansible's INI inventories: `[group]`, `[group:vars]`, `[group:children]`, `host:port key=value ...`.

All values are text, as they stand: nothing is interpolated. Quotes around a whole value are taken off, as by Ansible.
Why not configparser: a line of hosts is no `key = value`, and a `%` in a password would be refused.
"""

import ast
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

from pssh.inventory.document import Document
from pssh.inventory.nearest import also, meant
from pssh.inventory.safety import read_text
from pssh.inventory.sources.ansiblevars import vaulted
from pssh.inventory.sources.gathered import Gathered
from pssh.inventory.sources.ours import unreadable
from pssh.model import names

_SECTION = re.compile(r"\[([^:\]\s]+)(?::(\w+))?\]\s*(?:#.*)?")
_MEMBER = re.compile(r"([^:\]\s]+)\s*(?:#.*)?")
_KINDS = ("hosts", "vars", "children")
# What shlex would make of most lines, twenty times as fast: words, and quotes without a backslash.
_WORD = re.compile(r"""(?:[^ \t\r\n'"\\#]|'[^']*+'|"[^"\\]*+")++""")
_SIMPLE = re.compile(rf"(?:[ \t]*+{_WORD.pattern})++[ \t]*+(?:#.*)?")
_QUOTED = re.compile(r"""("(?:[^"\\]|\\.)*+"|'(?:[^'\\]|\\.)*+')\s*(?:#.*)?""")
_COMMENTED = re.compile(r"([0-9.]+|True|False)\s+#.*")


def load(path: Path) -> Document:
    """Return what the file says; raises InventoryError only if it cannot be read at all."""
    text = read_text(path)
    if vaulted(text):
        return unreadable(path, 0, "the whole file is vaulted; `ansible-vault view` shows what to write in its place")
    return _Reader(path).document(text)


class _Reader:
    def __init__(self, path: Path) -> None:
        self.gathered = Gathered(path, self.line)
        self.group = "ungrouped"
        self.kind = "hosts"
        self.vars: dict[str, dict[str, str]] = {}
        self.lines: dict[tuple[str, ...], int] = {}  # of the variables of groups, and of the groups that have any

    def line(self, where: int | tuple[str, ...]) -> int:
        return where if isinstance(where, int) else self.lines[where]

    def document(self, text: str) -> Document:
        for number, line in enumerate(text.split("\n"), 1):
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            if line[0] == "[" and self.section(line, number):
                continue
            try:
                match self.kind:
                    case "hosts":
                        self.hosts(line, number)
                    case "vars":
                        self.variable(line, number)
                    case "children":
                        self.child(line, number)
            except ValueError as error:
                self.gathered.wrong(number, str(error))
        for group, said in self.vars.items():
            self.gathered.said_of(group, said, (group,))
        return self.gathered.document()

    def section(self, line: str, number: int) -> bool:
        """Enter the section that a line begins; False if it is a host in brackets."""
        found = _SECTION.fullmatch(line)
        if found is None and not line.endswith("]"):
            return False
        if found is None and names.ipv6(line[1:-1]):
            return False
        if found is None:
            self.gathered.wrong(number, f"`{line}` is no section; write `[group]`, without blanks")
            self.kind = ""
            return True
        self.group, self.kind = found[1], found[2] or "hosts"
        if self.kind not in _KINDS:
            known = "`:vars` and `:children` are"
            self.gathered.wrong(
                number, also(f"`[{self.group}:{self.kind}]` is not known, {known}", meant(self.kind, _KINDS))
            )
            self.kind = ""
        elif not self.gathered.define(self.group, number, defined=self.kind != "vars"):
            self.kind = ""
        return True

    def hosts(self, line: str, number: int) -> None:
        host, *pairs = _words(line)
        said: dict[str, str] = {}
        for pair in pairs:
            key, equals, value = pair.partition("=")
            if not equals or not key:
                raise ValueError(f"`{pair}` is no `key=value`; one line holds one host or range and its variables")
            if key in said:
                raise ValueError(f"`{key}` is said twice")
            said[key] = _unquoted(value) if value[:1] in ("'", '"') else value
        self.gathered.hosts(self.group, host, said, number)

    def variable(self, line: str, number: int) -> None:
        key, equals, value = line.partition("=")
        key, value = key.strip(), value.strip()
        if not equals or not key:
            raise ValueError(f"`{line}` is no `key=value`, as a section of variables has")
        if before := self.lines.get((self.group, key)):
            raise ValueError(f"`{key}` is said twice, in line {before} too")
        self.lines[self.group, key] = number
        self.lines.setdefault((self.group,), number)
        commented = _COMMENTED.fullmatch(value)
        self.vars.setdefault(self.group, {})[key] = commented[1] if commented else _unquoted(value)

    def child(self, line: str, number: int) -> None:
        found = _MEMBER.fullmatch(line)
        if found is None:
            raise ValueError(f"`{line}` is no group; `[{self.group}:children]` holds one group per line")
        self.gathered.child(self.group, found[1], number)


def _words(line: str) -> list[str]:
    if "'" not in line and '"' not in line and "\\" not in line:
        words = line.partition("#")[0].split()
    elif _SIMPLE.fullmatch(line):
        words = [_bare(word[0]) for word in _plain_words(line)]
    else:
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            raise ValueError("a quote is not closed, or a backslash stands at the end") from None
    if not words:
        raise ValueError("the line holds no host")
    return words


def _plain_words(line: str) -> Iterator[re.Match[str]]:
    place = 0
    while found := _WORD.search(line, place):
        if "#" in line[place : found.start()]:
            return
        yield found
        place = found.end()


def _bare(word: str) -> str:
    return re.sub(r"""'([^']*)'|"([^"]*)\"""", lambda found: found[1] or found[2] or "", word)


def _unquoted(value: str) -> str:
    """Return the text that a quoted value stands for."""
    found = _QUOTED.fullmatch(value)
    if found is None:
        return value
    try:
        return str(ast.literal_eval(found[1]))
    except (ValueError, SyntaxError):
        return value
