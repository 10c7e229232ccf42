"""Placeholders: `{name}` in a text, and what stands for it.

A name holds letters, digits, `_`, `.` and `-`, and no `$` stands before its brace; every other brace is text, so that
`${x}`, `awk '{print $1}'` and `{a,b}` stay what they are. `{{name}}` is a literal `{name}`. Substitution is plain text:
no attributes, no expressions, and a value is never looked at again.

In a line for a shell a value is one word, in quotes of its own where it needs any. Within the user's quotes those would
end the user's, and the value be read as commands; there it is refused.

`{raw:x}` is not quoted. `{secret:x}` becomes a slot that only a transport fills, so that neither plan nor report ever
holds the secret.
"""

import re
from collections.abc import Callable, Mapping
from typing import Protocol

from pssh.errors import UsageError
from pssh.model.secret import slot

Quote = Callable[[str], str]


class Places(Protocol):
    """What the paths of one host's operation become; an operation that has any takes this by a method `placed`."""

    @property
    def host(self) -> str:
        """The host's name as one part of a path."""

    @property
    def names(self) -> Mapping[str, str]:
        """What placeholders may name."""

    def here(self, path: str) -> str:
        """Return a path on this machine, filled in: each value is one part of it; raises UsageError."""

    def there(self, path: str) -> str:
        """Return a path on the host, filled in; raises UsageError."""


_NAME = r"(?:(?:raw|secret):)?[A-Za-z0-9_.-]+"
_PLACE = re.compile(rf"\{{(\{{{_NAME}\}})\}}|(?<!\$)\{{({_NAME})\}}")
_MOST_SHOWN = 12  # names that an error lists
# A line up to a place where a word may begin or go on: no quote is open, and nothing is escaped.
_OUTSIDE = re.compile(r"(?:[^\\'\"]|\\.|'[^']*'|\"(?:[^\\\"]|\\.)*\")*", re.DOTALL)
_HERE_DOCUMENT = re.compile(r"<<[^\n]*\n")  # in which quotes are text like any other, and `$(` is not
_BARE = "; `{raw:%s}` is the bare value"


def fill(text: str, names: Mapping[str, str], quote: Quote, *, shell: bool = False) -> str:
    """Return `text` with each placeholder replaced by its quoted value; raises UsageError for a name that is unknown.

    `names` holds what every host has (`host`, `user`, `n`) and the host's variables as `var.x`: these are found as
    `{var.x}`, and as `{x}` where nothing else is called so. `quote`: `ops.shellwords.quote` for a command, `part` for a
    local path. `shell`: a shell reads the text, so that a value that needs quotes is refused within others.
    """
    done, at = "", 0
    for place in _PLACE.finditer(text):
        done += text[at : place.start()]
        at = place.end()
        literal, name = place.groups()
        if literal:
            done += literal
            continue
        kind, _, rest = name.rpartition(":")
        found = slot(rest) if kind == "secret" else _find(rest, names)
        value = found if kind == "raw" else quote(found)
        if shell and value != found and (not _OUTSIDE.fullmatch(done) or _HERE_DOCUMENT.search(done)):
            hint = f"a value brings its own: leave those out{_BARE % rest if kind != 'secret' else ''}"
            raise UsageError(f"`{{{name}}}` would break out of the quotes around it", hint=hint)
        done += value
    return done + text[at:]


def secrets(text: str) -> tuple[str, ...]:
    """Return the names of the secrets that a text asks for, each once: what stands after `secret:`."""
    found = (name for _, name in _PLACE.findall(text) if name.startswith("secret:"))
    return tuple(dict.fromkeys(name.removeprefix("secret:") for name in found))


def part(value: str) -> str:
    """Return a value as one part of a local path: `/`, control characters, `.` and `..` become `%XX`."""
    if value in ("", ".", ".."):
        return value.replace(".", "%2E") or "%"
    return "".join(f"%{ord(c):02X}" if c in "/%" or ord(c) < 32 or ord(c) == 127 else c for c in value)


def _find(name: str, names: Mapping[str, str]) -> str:
    found = names.get(name, names.get(f"var.{name}"))
    if found is None:
        known = sorted({key.removeprefix("var.") for key in names})
        more = f" and {len(known) - _MOST_SHOWN} more" if len(known) > _MOST_SHOWN else ""
        listed = " ".join(f"{{{key}}}" for key in known[:_MOST_SHOWN])
        hint = f"there is {listed}{more}; `{{{{{name}}}}}` is a literal `{{{name}}}`"
        raise UsageError(f"No placeholder `{{{name}}}`", hint=hint)
    if "\0" in found:
        raise UsageError(f"The value of `{{{name}}}` holds a NUL byte")
    return found
