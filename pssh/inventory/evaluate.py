"""What an expression names, given the hosts and groups at hand: a mapping of names to what was typed for each.

One evaluator serves what a person types and what an inventory says of its groups; the latter knows no hosts beyond the
inventory, no files and no standard input. Operators are applied strictly from left to right.
"""

import re
from collections.abc import Iterable, Iterator, Mapping
from fnmatch import translate
from typing import Any, Protocol

from pssh.errors import NoHosts, TargetsError
from pssh.inventory.expr import Chain, FromFile, FromStdin, Group, Match, Named, OfRun, Operator, Regex, Term
from pssh.inventory.nearest import meant
from pssh.model import names
from pssh.model.host import Settings

Members = dict[str, Settings]
_NOTHING: Settings = {}
_MOST_GLOBS = 1_000


class Scope(Protocol):
    """The hosts and groups an expression is about."""

    @property
    def hosts(self) -> Mapping[str, Any]: ...

    @property
    def shown(self) -> str: ...

    def group_names(self) -> Iterable[str]: ...

    def members(self, group: str) -> Mapping[str, Any]:
        """Return the names in a group; raises KeyError."""

    def value(self, name: str, key: str) -> str | None: ...


class Evaluator:
    """Turns expressions into names; what it refuses here, a subclass may allow."""

    def __init__(self, scope: Scope) -> None:
        self.scope = scope
        self.twice: set[str] = set()  # reached more than once
        self.notices: list[str] = []
        self.emptied = ""  # the step after which nothing was left

    def chain(self, chain: Chain) -> Members:
        found = self.term(chain.first)
        for place, (operator, term) in enumerate(chain.rest):
            before = len(found)
            right = self.term(term)
            found = self.apply(operator, found, right)
            if before and not found:
                left = Chain(chain.first, chain.rest[:place])
                word = "none" if operator == "&" else "all"
                hosts = f"{before:,} host{'s' if before > 1 else ''}"
                self.emptied = f"`pssh hosts '{left}'` lists {hosts}, {word} of them in `{term}`"
        return found

    def apply(self, operator: Operator, left: Members, right: Members) -> Members:
        match operator:
            case ",":
                self.join(left, right)
                return left
            case "&":
                return {name: {**right[name], **typed} for name, typed in left.items() if name in right}
            case "!":
                return {name: typed for name, typed in left.items() if name not in right}

    def join(self, left: Members, right: Members) -> None:
        """Add what is on the right, in its order; what was typed must agree."""
        for name, typed in right.items():
            if name not in left:
                left[name] = typed
                continue
            self.twice.add(name)
            before = left[name]
            if any(before.get(key, value) != value for key, value in typed.items()):
                hint = "a host is one row; give each login a name of its own in an inventory"
                raise TargetsError(f"`{name}` is named with different users or ports", hint=hint)
            if typed:
                left[name] = {**typed, **before}

    def term(self, term: Term) -> Members:
        """Return the names of one term; the mapping is the caller's to change."""
        match term:
            case Chain():
                return self.chain(term)
            case Named():
                return self.named(term)
            case Group():
                return self.group(term)
            case OfRun():
                return self.run(term)
            case Regex(pattern=pattern):
                return self.search(re.compile(pattern).search, term)
            case Match():
                return self.match(term)
            case FromFile():
                return self.file(term)
            case FromStdin():
                return self.stdin(term)

    def search(self, matches: Any, term: Term) -> Members:
        found = {name: _NOTHING for name in self.scope.hosts if matches(name)}
        if not found:
            self.notices.append(f"`{term}` matches no host of {self.scope.shown}")
        return found

    def match(self, term: Match) -> Members:
        matches = _glob([term.value])
        values = ((name, self.scope.value(name, term.key)) for name in self.scope.hosts)
        known = [(name, value) for name, value in values if value is not None]
        if not known:
            self.notices.append(f"No host of {self.scope.shown} has a variable `{term.key}`")
        return {name: _NOTHING for name, value in known if matches(value)}

    def group(self, term: Group) -> Members:
        found: Members = {}
        for name in names.spread(term.name):
            try:
                members = self.scope.members(name)
            except KeyError:
                raise self.no_group(name) from None
            found |= dict.fromkeys(members, _NOTHING)
        return found

    def no_group(self, name: str) -> NoHosts:
        hint = f"`{name}` is a host" if name in self.scope.hosts else meant(name, self.scope.group_names(), "@")
        return NoHosts(f"No group `@{name}` in {self.scope.shown}", hint=hint)

    def named(self, term: Named) -> Members:
        typed = _typed(term)
        each = names.spread(term.name)
        if "*" in term.name or "?" in term.name:
            if len(each) > _MOST_GLOBS:
                raise TargetsError(f"`{term.name}` stands for {len(each):,} patterns, and {_MOST_GLOBS:,} is the most")
            return dict.fromkeys(self.search(_glob(each), term), typed)
        unknown = [name for name in each if name not in self.scope.hosts]
        if unknown:
            self.unknown(term, unknown)
        return dict.fromkeys(each, typed)

    def unknown(self, term: Named, missing: list[str]) -> None:
        """Take, or refuse, names that are no hosts at hand."""
        raise self.no_host(term, missing)

    def no_host(self, term: Named, missing: list[str]) -> NoHosts:
        name = missing[0]
        base, bracket, _ = term.name.partition("[")
        if name in self.scope.group_names():
            return NoHosts(f"No host `{name}`", hint=f"the group is `@{name}`")
        if bracket and base in self.scope.group_names() and len(missing) == names.size(term.name):
            return NoHosts(f"No host `{name}`", hint=f"the group is `@{base}`, and `--slice 1:1` takes its first host")
        word = "hosts" if len(missing) > 1 else "host"
        shown = names.clipped(names.fold(missing), 120)
        return NoHosts(f"No {word} `{shown}` in {self.scope.shown}", hint=meant(name, self.scope.hosts))

    def run(self, term: OfRun) -> Members:
        raise TargetsError(f"`{term}` has no place in an inventory", hint="name hosts and groups")

    def file(self, term: FromFile) -> Members:
        raise TargetsError(f"`{term}` has no place in an inventory", hint="name hosts and groups")

    def stdin(self, term: FromStdin) -> Members:
        raise TargetsError("`-` has no place in an inventory", hint="name hosts and groups")


def terms(chain: Chain) -> Iterator[tuple[Term, bool]]:
    """Yield every term of an expression, parentheses opened, and whether it adds (is not to the right of a `!`)."""
    for operator, term in ((",", chain.first), *chain.rest):
        if isinstance(term, Chain):
            for inner, adds in terms(term):
                yield inner, adds and operator != "!"
        else:
            yield term, operator != "!"


def _typed(term: Named) -> Settings:
    typed: Settings = {}
    if term.user:
        typed["user"] = term.user
    if term.port:
        typed["port"] = term.port
    return typed or _NOTHING


def _glob(patterns: list[str]) -> Any:
    # `translate` writes stars as atomic groups: matching is never more than a few passes.
    return re.compile("|".join(translate(pattern.replace("[", "[[]")) for pattern in patterns)).match
