"""Reads a table strictly by the type that describes it, and finds everything that is wrong, each with its line.

Unknown keys, missing ones, wrong types, values out of range, texts that their reader refuses. Why not `msgspec.convert`
on the whole: it stops at the first thing wrong, and knows no lines.
"""

from types import NoneType
from typing import Any, Literal, get_args, get_origin

import msgspec
from msgspec import Struct, UnsetType, ValidationError, inspect

from pssh.inventory.document import Finding
from pssh.inventory.nearest import also, meant
from pssh.inventory.sources import tomllines

_KINDS = {dict: "a table", list: "a list", str: "a text", bool: "true or false", int: "a number", float: "a number"}


class Places:
    """On which line each key of a text stands; looked up only once something is wrong."""

    def __init__(self, text: str) -> None:
        self._text = text
        self._lines: dict[tuple[str, ...], int] = {}

    def line(self, *keys: str) -> int:
        """Return the line of a key, or of the nearest table around it."""
        if not self._lines:
            self._lines = {(): 1, **tomllines.lines(self._text)}
        while keys not in self._lines:
            keys = keys[:-1]
        return self._lines[keys]


class Strict:
    """What was found while tables are read; a table with findings gives no value."""

    def __init__(self, places: Places) -> None:
        self.places = places
        self.findings: list[Finding] = []
        self.paths: set[tuple[str, ...]] = set()  # at which something is wrong, and all that they lie in

    def wrong(self, text: str, *keys: str) -> None:
        self.findings.append(Finding(self.places.line(*keys), text))
        self.paths |= {keys[:length] for length in range(len(keys) + 1)}

    def table(self, kind: type[Struct], said: dict[str, Any], *path: str) -> Any:
        """Return the Struct that a table describes, with the usual value where a key is wrong; None if it cannot be."""
        fields = {field.encode_name: field for field in msgspec.structs.fields(kind)}
        for key in said.keys() - fields.keys():
            self.wrong(also(f"unknown key `{key}`", meant(key, fields)), *path, key)
        found = {}
        for key, field in fields.items():
            if key in said:
                good, value = self.value(field.type, said[key], *path, key)
                if good:
                    found[field.name] = value
            elif field.required:
                self.wrong(f"`{key}` is missing", *path)
        needed = {field.name for field in fields.values() if field.required}
        return kind(**found) if needed <= found.keys() else None

    def value(self, kind: Any, said: Any, *path: str) -> tuple[bool, Any]:
        """Return whether a value is right, and what it is then."""
        name = next(key for key in reversed(path) if not key.isdigit())
        if struct := _struct(kind):
            if isinstance(said, dict):
                before = len(self.findings)
                found = self.table(struct, said, *path)
                return found is not None and len(self.findings) == before, found
            self.wrong(f"`{name}` is {_kind(said)} and should be a table", *path)
            return False, None
        if (element := _element(kind)) and isinstance(said, list):
            each = [self.value(element, one, *path, str(place)) for place, one in enumerate(said)]
            if not all(good for good, _ in each):
                return False, None
            said = [value for _, value in each]
            if _struct(element):
                return True, said
        try:
            value = msgspec.convert(said, kind)
            for read in _readers(kind):
                read(value)
        except ValidationError as error:
            self.wrong(f"`{name}` {_worded(str(error), kind, said)}", *path)
            return False, None
        except ValueError as error:
            self.wrong(f"`{name}`: {error}", *path)
            return False, None
        return True, value


def _bare(kind: Any) -> Any:
    """Return a type without what is said about it, and without `unset`."""
    while hasattr(kind, "__metadata__"):
        kind = kind.__origin__
    parts = [part for part in get_args(kind) if part not in (UnsetType, NoneType)]
    return parts[0] if UnsetType in get_args(kind) and len(parts) == 1 else kind


def _struct(kind: Any) -> type[Struct] | None:
    bare = _bare(kind)
    return bare if isinstance(bare, type) and issubclass(bare, Struct) else None


def _element(kind: Any) -> Any:
    bare = _bare(kind)
    return get_args(bare)[0] if get_origin(bare) is list else None


def _readers(kind: Any) -> list[Any]:
    said = [meta.extra for meta in getattr(kind, "__metadata__", ()) if meta.extra]
    return [extra["read"] for extra in said if "read" in extra]


def _worded(error: str, kind: Any, said: Any) -> str:
    """Return msgspec's words as ours."""
    bare = _bare(kind)
    if get_origin(bare) is Literal:
        return f"is {_shown(said)} and should be {' or '.join(map(_shown, get_args(bare)))}"
    if isinstance(said, list | dict):
        return f"is {_kind(said)} and should be {_wanted(bare)}"
    if "Expected `" in error and "got" in error:
        return f"is {_kind(said)} and should be {_wanted(bare)}"
    if ">=" in error or "<=" in error:
        ends: Any = inspect.type_info(kind)
        ends = getattr(ends, "type", ends)  # without its description
        least, most = getattr(ends, "ge", None), getattr(ends, "le", None)
        return f"is {said} and should be {f'from {least} to {most}' if most is not None else f'{least} at least'}"
    return (
        f"is {_shown(said)} and should be 1 to 64 letters, digits, `_`, `.`, `-`, of which the last two do not begin it"
    )


def _wanted(kind: Any) -> str:
    names = {str: "a text", bool: "true or false", int: "a whole number", float: "a number"}
    origin = get_origin(kind)
    if origin is list:
        return "a list"
    if origin is dict:
        return "a table of texts"
    kinds = list(map(_bare, get_args(kind) or (kind,)))
    if float in kinds:
        kinds = [part for part in kinds if part is not int]
    return " or ".join(dict.fromkeys(names.get(part, "a list of texts") for part in kinds))


def _kind(value: Any) -> str:
    return _KINDS.get(type(value), "a date or time without quotes")


def _shown(value: Any) -> str:
    return "`true`" if value is True else "`false`" if value is False else f"`{value}`"
