"""Targets become hosts: the expression a person typed, held against the inventory.

The order is the inventory's, then hosts that it does not know as they were written. Every host is in the selection
once. A name that is neither in the inventory nor clearly meant as an address is an error, never a guess.
"""

import random
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import InventoryError, NoHosts, TargetsError, UsageError
from pssh.inventory.ansible import rewritten
from pssh.inventory.evaluate import Evaluator, Members
from pssh.inventory.expr import FromFile, FromStdin, Named, OfRun, parse
from pssh.inventory.lines import expression, statements
from pssh.inventory.model import RESERVED, Conflict, Inventory
from pssh.inventory.safety import decoded, read_text
from pssh.model import names
from pssh.model.host import Host, Settings

# The hosts of an earlier run, given its name, a word and its value: of each its name, what was typed for it, and what
# the inventory of then said of it.
Runs = Callable[[str, str, str], Iterable[tuple[str, Settings, Settings]]]

MOST_HOSTS = 100_000
_MOST_FILES = 8  # one inside another
_SLICE = re.compile(r"([1-9][0-9]{0,8})?(:)?([1-9][0-9]{0,8})?", re.ASCII)


class Selection(Struct, frozen=True):
    """Hosts in order, what should be said about them, and the variables they are without because groups disagree."""

    hosts: tuple[Host, ...]
    notices: tuple[str, ...] = ()
    conflicts: tuple[Conflict, ...] = ()


def select(
    text: str,
    inventory: Inventory,
    *,
    exclude: str = "",
    is_named: Callable[[str], bool] = lambda name: False,
    read_stdin: Callable[[], str] = lambda: "",
    runs: Runs | None = None,
    cwd: Path | None = None,
) -> Selection:
    """Return the hosts that the targets name, without those that `exclude` names.

    `is_named`: whether ssh_config knows a host by that name; `runs` gives the hosts of earlier runs. Raises
    TargetsError, NoHosts, and InventoryError where groups of a selected host disagree.
    """
    targets = _Targets(inventory, is_named, read_stdin, runs, cwd or Path())
    found = targets.read(text)
    total = len(found)
    if exclude:
        without = targets.read(exclude)
        found = {name: typed for name, typed in found.items() if name not in without}
    if not found:
        shown = f"`{text}`" if not exclude else f"`{text}` without `{exclude}`"
        hint = (targets.notices[-1:] or [targets.emptied])[0]
        if not hint and not inventory.hosts:
            hint = f"there is no host in {inventory.shown}"
        if total:
            hint = f"`pssh hosts '{text}'` lists {total:,}, all of them excluded"
        raise NoHosts(f"No host matches {shown}", hint=hint)
    if len(found) > MOST_HOSTS:
        raise TargetsError(f"The targets are {len(found):,} hosts, and {MOST_HOSTS:,} is the most")
    ordered = [name for name in inventory.hosts if name in found]
    ordered += [name for name in found if name not in inventory.hosts]
    hosts = tuple(targets.host(name, found) for name in ordered)
    conflicts = tuple(one for host in hosts if host.groups for one in inventory.conflicts(host.name))
    return Selection(hosts, (*inventory.notices, *targets.said()), conflicts)


def groups(inventory: Inventory) -> list[tuple[str, list[str]]]:
    """Return every group with its hosts in the inventory's order; hosts of no group come last, as `ungrouped`."""
    found = [
        (name, [host for host in inventory.hosts if host in group.members]) for name, group in inventory.groups.items()
    ]
    left = _ungrouped(inventory)
    return [*found, ("ungrouped", left)] if left else found


def narrow(
    hosts: Sequence[Host],
    *,
    first: int | None = None,
    pick: int | None = None,
    slice: str = "",
    seed: int | None = None,
) -> tuple[Host, ...]:
    """Take hosts away: the slice `I:J` (from 1, both ends included), then a random `pick`, then the `first`.

    The order stays. Raises UsageError, and NoHosts if the slice is beyond the end.
    """
    for name, number in (("--first", first), ("--pick", pick)):
        if number is not None and number < 1:
            raise UsageError(f"`{name} {number}` takes nothing, it should be 1 or more")
    left = tuple(hosts)
    if slice:
        left = left[_bounds(slice)]
        if hosts and not left:
            raise NoHosts(f"`--slice {slice}` is beyond the last of {len(hosts):,} hosts")
    if pick is not None and pick < len(left):
        chosen = sorted(random.Random(seed).sample(range(len(left)), pick))
        left = tuple(left[place] for place in chosen)
    return left[:first]


def _bounds(text: str) -> "slice[int | None]":
    match = _SLICE.fullmatch(text)
    if match is None or not (match[1] or match[3]):
        raise UsageError(f"`--slice {text}` is no slice", hint="write `I:J`, from 1 and both included, such as `1:10`")
    start, end = int(match[1] or 1), int(match[3]) if match[3] else None
    if not match[2]:
        end = start
    if end is not None and end < start:
        raise UsageError(f"`--slice {text}` counts down", hint=f"write `--slice {end}:{start}`")
    return slice(start - 1, end)


def _ungrouped(inventory: Inventory) -> list[str]:
    grouped = {name for group in inventory.groups.values() for name in group.members}
    return [name for name in inventory.hosts if name not in grouped]


class _Scope:
    """An inventory as expressions see it, with the groups that are reserved."""

    def __init__(self, inventory: Inventory) -> None:
        self.inventory = inventory
        self.hosts = inventory.hosts
        self.shown = inventory.shown
        self.value = inventory.value

    def group_names(self) -> Iterable[str]:
        return (*self.inventory.groups, *RESERVED)

    def members(self, group: str) -> Mapping[str, Any]:
        match group:
            case "all":
                return self.hosts
            case "ungrouped":
                return dict.fromkeys(_ungrouped(self.inventory))
            case "local":
                return {"local": None}
        return self.inventory.groups[group].members


class _Targets(Evaluator):
    """Expressions as a person types them: with hosts beyond the inventory, files and standard input."""

    def __init__(
        self,
        inventory: Inventory,
        is_named: Callable[[str], bool],
        read_stdin: Callable[[], str],
        runs: Runs | None,
        cwd: Path,
    ) -> None:
        super().__init__(_Scope(inventory))
        self.inventory = inventory
        self.is_named = is_named
        self.read_stdin: Callable[[], str] | None = read_stdin
        self.folder = cwd
        self.open: list[Path] = []
        self.runs = runs
        self.known: dict[str, Settings] = {}  # of hosts of earlier runs, which the inventory need not have any more
        self.local = False

    def read(self, text: str) -> Members:
        if new := rewritten(text, self.inventory.groups):
            self.notices.append(f"`{text}` is read as `{new}`")
            text = new
        return self.chain(parse(text))

    def said(self) -> list[str]:
        said = list(dict.fromkeys(self.notices))
        if self.twice:
            said.append(f"Reached more than once, each is one job: {names.clipped(names.fold(self.twice), 120)}")
        return said

    def host(self, name: str, found: Members) -> Host:
        if name == "local" and self.local:
            known = name in self.inventory.hosts
            if known and self.inventory.host(name).settings.get("transport") != "local":
                hint = "rename that host"
                raise InventoryError(
                    f"`@local` is this machine, and `local` a host of {self.inventory.shown}", hint=hint
                )
            if not known:
                return Host(name, settings={"transport": "local"}, groups=("local",))
        host = self.inventory.host(name, found[name])
        return (
            replace(host, settings=self.known[name])
            if name in self.known and name not in self.inventory.hosts
            else host
        )

    def members_of_none(self, what: str) -> NoHosts:
        hint = "`-i FILE` names one, or put it in `inventory/`"
        return NoHosts(f"{what}, and no inventory is in use", hint=hint)

    def group(self, term: Any) -> Members:
        found = super().group(term)
        if not self.inventory.paths and "local" not in found:
            raise self.members_of_none(f"`{term}` names a group")
        self.local = self.local or "local" in names.spread(term.name)
        return found

    def no_group(self, name: str) -> NoHosts:
        return super().no_group(name) if self.inventory.paths else self.members_of_none(f"No group `@{name}`")

    def unknown(self, term: Named, missing: list[str]) -> None:
        for name in missing:
            if not names.plain(name):
                raise TargetsError(f"`{name}` is refused", hint=names.NAME_RULE)
        if term.user or term.port or not self.inventory.paths:
            return
        if strange := [name for name in missing if "." not in name and ":" not in name and not self.is_named(name)]:
            raise self.no_host(term, strange)

    def run(self, term: OfRun) -> Members:
        if self.runs is None:
            raise TargetsError(f"`{term}` names an earlier run, and none are kept here", hint="name hosts and groups")
        found: Members = {}
        for name, typed, known in self.runs(term.run, term.word, term.value):
            found[name], self.known[name] = typed, known
        if not found:
            self.notices.append(f"`{term}` has no host; `pssh show {term.run}` shows how each did")
        return found

    def file(self, term: FromFile) -> Members:
        path = self.folder / Path(term.path).expanduser()
        if path.resolve() in self.open:
            raise TargetsError(f"`{term}` reads itself")
        if len(self.open) >= _MOST_FILES:
            raise TargetsError(f"`{term}` is more than {_MOST_FILES} files deep")
        try:
            text = read_text(path, trusted=True)
        except InventoryError as error:
            raise TargetsError(error.message, hint=error.hint) from None
        self.open.append(path.resolve())
        folder, self.folder = self.folder, path.parent
        found = self.lines(text, str(term))
        self.folder = folder
        self.open.pop()
        return found

    def stdin(self, term: FromStdin) -> Members:
        if self.read_stdin is None:
            raise TargetsError("`-` stands twice, and standard input can be read once")
        text = self.read_stdin()
        self.read_stdin = None
        try:
            return self.lines(decoded(text.encode("utf-8", "surrogateescape"), "-"), "-")
        except InventoryError as error:
            raise TargetsError(error.message, hint=error.hint) from None

    def lines(self, text: str, shown: str) -> Members:
        found: Members = {}
        for number, line in statements(text):
            try:
                self.join(found, self.chain(expression(line)))
            except (TargetsError, NoHosts) as error:
                place = f"{shown}:{number}: "
                message = error.message if error.message.startswith(shown) else place + error.message
                raise type(error)(message, hint=error.hint) from None
        return found
