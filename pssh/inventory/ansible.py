"""Ansible's host patterns, `web:!old:db`, rewritten as target expressions: `(@web,@db)!@old`.

Ansible takes all unions first, then all intersections, then all exclusions, whatever their order; the new form says so.
Only an expression without `@` that has `:&`, `:!` or a colon before a name is taken for one; `host:22` is a port.
"""

import re
from collections.abc import Container

from pssh.errors import TargetsError
from pssh.model import names

_SIGN = re.compile(r":[&!]|:(?=~?[A-Za-z_*][^:]*)")
_OURS = re.compile(r"[@=]|(?:^|[\s,&!])[/^(]")
_BRACKETED = re.compile(r"\[[^\[\]]*+\]")
_PART = re.compile(r"(?:\[[^\[\]]*+\]|[^\s:,\[\]])++")
_SUBSCRIPT = re.compile(r"(.+)\[-?[0-9]*(?::-?[0-9]*)?\]")


def rewritten(text: str, groups: Container[str]) -> str:
    """Return the expression in our form, or an empty text if it is not Ansible's; raises TargetsError."""
    bare = _BRACKETED.sub("", text)
    if _OURS.search(text) or not _SIGN.search(bare):
        return ""
    words = re.split(r"[\s,&!]+", bare)
    if any(word.count(":") >= 2 and names.ipv6(word) for word in words):
        return ""
    parts = _PART.findall(text)
    joined = [_term(part, groups) for part in parts if part[0] not in "&!"]
    kept = "".join(f"&{_term(part[1:], groups)}" for part in parts if part[0] == "&")
    removed = "".join(f"!{_term(part[1:], groups)}" for part in parts if part[0] == "!")
    first = ",".join(joined) or "@all"
    return (f"({first})" if len(joined) > 1 and (kept or removed) else first) + kept + removed


def _term(part: str, groups: Container[str]) -> str:
    if part.startswith("~"):
        return f"/{part[1:].replace('/', chr(92) + '/')}/"
    if part in groups or part in ("all", "ungrouped"):
        return f"@{part}"
    if part == "*":
        return "@all"
    subscript = _SUBSCRIPT.fullmatch(part)
    if subscript and subscript[1] in groups:
        raise TargetsError(f"`{part}` takes some hosts of a group", hint=f"write `@{subscript[1]}` with `--slice 1:1`")
    return part
