"""Files become one inventory: joined in order, every group settled, every finding listed with its file and line.

A host or group that several files or tables name is one; of what they say of it, the later wins key by key. Groups are
settled in the order of their dependencies, without recursion, so that no depth of nesting can end the program.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from graphlib import CycleError, TopologicalSorter
from pathlib import Path
from typing import Any

from pssh.errors import InventoryError, PsshError, TargetsError
from pssh.inventory import folder
from pssh.inventory.document import MOST_HOSTS, Document, Finding, GroupSaid
from pssh.inventory.evaluate import Evaluator, terms
from pssh.inventory.expr import Chain, Named, is_run, parse
from pssh.inventory.expr import Group as GroupTerm
from pssh.inventory.model import RESERVED, Group, Inventory, Place, short, text_of
from pssh.inventory.nearest import also
from pssh.model import names

_MOST_MEMBERS = 3_000_000  # of all groups together


def load(paths: Sequence[Path]) -> Inventory:
    """Return the union of inventory files and folders; raises InventoryError with all that is wrong in them.

    A program is run if it is one of `paths` itself, never for lying in a folder.
    """
    named = {path for path in paths if not path.is_dir()}
    files = [file for path in paths for file in ([path] if path in named else folder.files(path))]
    documents, refused = [], []
    for file in dict.fromkeys(files):
        try:
            documents.append(folder.source(file, named=file in named)(file))
        except InventoryError as error:
            refused.append(error)
    if len(refused) == 1 and not any(document.findings for document in documents):
        raise refused[0]
    union = _Union(documents)
    # Half of an inventory cannot be checked: what is missing may be in the file that could not be read.
    if not refused and not any(finding.line == 0 for document in documents for finding in document.findings):
        union.settle()
    findings = [*(error.message for error in refused), *union.listed()]
    if findings:
        many = f"{len(findings)} things are" if len(findings) > 1 else "One thing is"
        raise InventoryError(f"{many} wrong in the inventory", findings=tuple(findings))
    return union.inventory(_unread(files))


def _unread(files: Sequence[Path]) -> Iterator[str]:
    """Yield what Ansible would read beside the files and we do not, each with a word about it."""
    for parent in dict.fromkeys(file.parent for file in files):
        if unread := [name for name in ("group_vars", "host_vars") if (parent / name).is_dir()]:
            shown = " and ".join(f"`{short(parent / name)}`" for name in unread)
            yield f"{shown} {'is' if len(unread) == 1 else 'are'} not read: what is said there has no effect here"


class _Union:
    """Hosts and groups of several documents; also the scope in which the groups' own expressions are read."""

    def __init__(self, documents: Sequence[Document]) -> None:
        self.documents = documents
        self.hosts: dict[str, tuple[Place, ...]] = {}
        self.said: dict[str, list[tuple[int, GroupSaid]]] = {}
        self.settled: dict[str, dict[str, Any]] = {}
        self.depth: dict[str, int] = {}
        self.found: list[list[Finding]] = [list(document.findings) for document in documents]
        for number, document in enumerate(documents):
            self.add_hosts(document)
            for group in document.groups:
                self.said.setdefault(group.name, []).append((number, group))
        self.shown = Inventory(paths=tuple(document.path for document in documents)).shown

    def add_hosts(self, document: Document) -> None:
        for block in document.blocks:
            if len(self.hosts) + len(block.names) > MOST_HOSTS:
                raise InventoryError(f"The inventory has more than {MOST_HOSTS:,} hosts")
            silent = not block.settings and not block.vars
            for place, name in enumerate(block.names):
                before = self.hosts.get(name, ())
                self.hosts[name] = before if silent else (*before, (block, place))

    def listed(self) -> Iterator[str]:
        for document, findings in zip(self.documents, self.found, strict=True):
            yield from (finding.at(document.path) for finding in sorted(set(findings)))

    def inventory(self, notices: Iterable[str]) -> Inventory:
        settings: Any = {}
        variables: dict[str, Any] = {}
        for document in self.documents:
            settings |= document.settings
            variables |= document.vars
        return Inventory(
            paths=tuple(document.path for document in self.documents),
            hosts=self.hosts,
            groups={name: self.group(name) for name in self.said},
            settings=settings,
            vars=variables,
            notices=(*(notice for document in self.documents for notice in document.notices), *notices),
        )

    def group(self, name: str) -> Group:
        settings: Any = {}
        variables: dict[str, Any] = {}
        priority = 0
        for _, said in self.said[name]:
            settings |= said.settings
            variables |= said.vars
            priority = said.priority or priority
        return Group(
            name=name,
            members=self.settled[name],
            depth=self.depth[name],
            priority=priority,
            protected=any(said.protected for _, said in self.said[name]),
            settings=settings,
            vars=variables,
        )

    # The scope of the groups' expressions.

    def group_names(self) -> Mapping[str, Any]:
        return self.said

    def members(self, group: str) -> Mapping[str, Any]:
        return self.hosts if group == "all" else self.settled[group]

    def value(self, name: str, key: str) -> str | None:
        """Return what the host itself says: groups are not settled yet, and must not decide about each other."""
        if key == "name":
            return name
        values: list[Mapping[str, Any]] = [{"address": name, "transport": "ssh"}]
        for document in self.documents:
            values += [document.vars, document.settings]
        for block, place in self.hosts[name]:
            own = block.said(place)
            values += [own[1], own[0]]
        return next((text_of(said[key]) for said in reversed(values) if key in said), None)

    # Settling.

    def settle(self) -> None:
        """Find the members and the depth of every group; what is wrong is added to the findings."""
        read = {name: self.read(name) for name in self.said}
        refers: dict[str, set[str]] = {name: set() for name in self.said}
        children: dict[str, set[str]] = {name: set() for name in self.said}
        for name, expressions in read.items():
            for key, place, chain in expressions:
                for other, adds in self.references(name, key, place, chain):
                    refers[name].add(other)
                    if key == "groups" and adds:
                        children[name].add(other)
        try:
            order = list(TopologicalSorter(refers).static_order())
        except CycleError as error:
            # graphlib names each group after the one that refers to it.
            circle = " in ".join(f"`@{name}`" for name in error.args[1])
            self.wrong(error.args[1][0], "", f"groups hold each other: {circle}")
            return
        self.depth = dict.fromkeys(order, 1)
        for name in reversed(order):
            for child in children[name]:
                self.depth[child] = max(self.depth[child], self.depth[name] + 1)
        total = 0
        for name in order:
            self.settled[name] = self.evaluate(name, read[name])
            total += len(self.settled[name])
            if total > _MOST_MEMBERS:
                raise InventoryError(f"The groups hold more than {_MOST_MEMBERS:,} hosts, counted in each group")

    def read(self, name: str) -> list[tuple[str, int, Chain]]:
        """Return the group's expressions with the key and the document each stands in."""
        if name in RESERVED or is_run(name):
            self.wrong(name, "", f"`@{name}` has a meaning of its own, and no group may be named so")
        if all(said.adds_only for _, said in self.said[name]):
            self.wrong(name, "", f"variables for a group `{name}` that is defined nowhere")
        found = []
        for place, (_, said) in enumerate(self.said[name]):
            for key, texts in (("hosts", said.hosts), ("groups", said.groups), ("exclude", said.exclude)):
                for text in texts:
                    try:
                        found.append((key, place, parse(text, bare="group" if key == "groups" else "host")))
                    except TargetsError as error:
                        self.wrong(name, key, also(error.message, error.hint), place)
        return found

    def references(self, name: str, key: str, place: int, chain: Chain) -> Iterator[tuple[str, bool]]:
        for term, adds in terms(chain):
            if isinstance(term, Named) and (term.user or term.port):
                self.wrong(name, key, f"`{term}` has a user or port, which belong in `connection`", place)
            if not isinstance(term, GroupTerm):
                continue
            try:
                each = names.spread(term.name)
            except TargetsError:
                continue  # evaluating says it
            # One that is not defined is found when the expression is evaluated.
            yield from ((other, adds) for other in each if other in self.said)

    def evaluate(self, name: str, expressions: list[tuple[str, int, Chain]]) -> dict[str, Any]:
        members: dict[str, Any] = {}
        excluded: dict[str, Any] = {}
        for _, said in self.said[name]:
            members.update(dict.fromkeys(said.members))
        for key, place, chain in expressions:
            try:
                found = Evaluator(self).chain(chain)
            except PsshError as error:
                self.wrong(name, key, also(error.message, error.hint), place, str(chain))
                continue
            (excluded if key == "exclude" else members).update(found)
        for host in excluded.keys() & members.keys():
            del members[host]
        return dict.fromkeys(members)

    def wrong(self, group: str, key: str, text: str, place: int = 0, expression: str = "") -> None:
        number, _ = self.said[group][place]
        keys = ("groups", group, key, expression) if key else ("groups", group)
        self.found[number].append(Finding(self.documents[number].line(*keys), text))
