"""YAML inventories: Ansible's shape (`all: {hosts, vars, children}`, groups at any depth), or our own schema.

A file is of our own schema if one of the schema's keys stands at the top; else each key there is a group.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

from msgspec import structs

from pssh.inventory.document import Document
from pssh.inventory.nearest import also, meant
from pssh.inventory.safety import read_text
from pssh.inventory.sources import ours, yamltext
from pssh.inventory.sources.ansiblevars import vaulted
from pssh.inventory.sources.gathered import Gathered

_PARTS = ("hosts", "vars", "children")
_Path = tuple[str, ...]


def load(path: Path) -> Document:
    """Return what the file says; raises InventoryError only if it cannot be read at all."""
    text = read_text(path)
    if vaulted(text):
        return ours.unreadable(path, 0, "the whole file is vaulted; `ansible-vault view` shows what it holds")
    try:
        said, findings = yamltext.read(text)
    except yamltext.Unreadable as error:
        return Document(path=path, findings=[error.finding])
    if said is None:
        return ours.unreadable(path, 0, "the file says nothing; an inventory has groups, such as `all:`")
    if type(said) is not dict:
        return ours.unreadable(path, 1, f"this is {ours.kind(said)} and should be groups, such as `all:`")
    if type(said.get("plugin")) is str:
        name = said["plugin"]
        reason = f"settings of Ansible's plugin `{name}`, which is not run; a program by `-i` may say what it would"
        return ours.unreadable(path, 0, reason)
    if said.keys() & set(ours.TOP):
        document = ours.document(path, said, lambda: yamltext.lines(text), "version: 1")
    else:
        document = _Reader(path, text).document(said)
    return structs.replace(document, findings=findings + document.findings)


class _Reader:
    def __init__(self, path: Path, text: str) -> None:
        self.text = text
        self.lines: ours.Lines = {}
        self.gathered = Gathered(path, self.line)

    def line(self, where: _Path) -> int:
        """Return the line of a key, or of the nearest one around it."""
        if not self.lines:
            self.lines = {(): 1, **yamltext.lines(self.text)}
        while where not in self.lines:
            where = where[:-1]
        return self.lines[where]

    def document(self, said: dict[str, Any]) -> Document:
        # By a list of what is left, in the order of the file: no depth of groups can end the program.
        left: list[tuple[str, Any, _Path]] = [(name, table, (name,)) for name, table in reversed(said.items())]
        while left:
            name, table, where = left.pop()
            left += reversed(list(self.group(name, table, where)))
        return self.gathered.document()

    def group(self, name: str, table: Any, where: _Path) -> Iterator[tuple[str, Any, _Path]]:
        """Take what a group says, and yield the groups inside it."""
        if not self.gathered.define(name, where):
            return
        for key in self.table(table, where):
            if key not in _PARTS:
                hint = meant(key, _PARTS) or "a group holds `hosts`, `vars` and `children`"
                self.gathered.wrong((*where, key), also(f"unknown key `{key}` in group `{name}`", hint))
        if type(table) is not dict:
            return
        inside = {key: self.table(table.get(key), (*where, key)) for key in _PARTS}
        if inside["vars"]:
            self.gathered.said_of(name, inside["vars"], (*where, "vars"))
        for host, said in inside["hosts"].items():
            place = (*where, "hosts", host)
            self.gathered.hosts(name, host, self.table(said, place) if said else {}, place)
        for child, said in inside["children"].items():
            place = (*where, "children", child)
            self.gathered.child(name, child, place)
            yield child, said, place

    def table(self, value: Any, where: _Path) -> dict[str, Any]:
        """Return a table; nothing is an empty one, and a single name is that name with nothing said of it."""
        if value is None:
            return {}
        if type(value) is str and where[-1] in ("hosts", "children"):
            return {value: None}
        if type(value) is not dict:
            listed = type(value) is list and where[-1] in ("hosts", "children")
            hint = ": write each name on a line of its own, with `:` after it" if listed else ""
            self.gathered.wrong(where, f"`{where[-1]}` is {ours.kind(value)} and should be a table{hint}")
            return {}
        table: dict[str, Any] = value
        return table
