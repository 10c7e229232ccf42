"""YAML as plain values, read strictly: what two readers could take for two things is an error or stays text.

Promises: only `true` and `false` are booleans, and a number is one only if it would be written back the same, so that
`no`, `010`, `1:30` and `1.10` stay text; a key said twice, a key that is no text and a tag of somebody's own are
findings with their lines. Nothing recurses, and what aliases stand for is counted before it is handed out.

Why not PyYAML's own loader: it takes the last of two keys, reads `no` as false, and expands aliases without end.
"""

import re
from collections.abc import Iterator
from contextlib import suppress
from typing import Any, NamedTuple

import yaml

from pssh.inventory.document import Finding
from pssh.inventory.sources.ansiblevars import VAULTED
from pssh.inventory.sources.ours import Lines, kind

MOST_ALIASES = 1_000
_MOST_DEPTH = 64
_MOST_ALIASED = 1_000_000  # values that aliases stand for
_LOADER: Any = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # in C where PyYAML was built with libyaml
_WORDS = {"": None, "~": None, "null": None, "true": True, "false": False}
_INT = re.compile(r"0|-?[1-9][0-9]{0,17}")
_FLOAT = re.compile(r"-?(?:0|[1-9][0-9]{0,16})\.[0-9]{1,17}")
_PREFIX = "tag:yaml.org,2002:"
_TAGS = {"str": str, "int": int, "float": float, "bool": bool, "null": type(None)}
_NONE: Any = object()  # no key is at hand
_MERGE: Any = object()  # the key `<<`


class Unreadable(Exception):
    """The text cannot be read on; `finding` says where and why."""

    def __init__(self, line: int, text: str) -> None:
        super().__init__(text)
        self.finding = Finding(line, text)


def read(text: str) -> tuple[Any, list[Finding]]:
    """Return the value of the one document in a text, and what is wrong in it; raises Unreadable."""
    reader = _Reader(lines=False)
    reader.read(text)
    return reader.value, reader.findings


def lines(text: str) -> Lines:
    """Return the line, from 1, of every key, items of a list by their place; only asked if something is wrong."""
    reader = _Reader(lines=True)
    with suppress(Unreadable):  # what was read before it is known
        reader.read(text)
    return reader.lines


class _Weight(NamedTuple):
    """How much a value is, with all that aliases in it stand for."""

    size: int = 1  # values
    aliases: int = 0
    depth: int = 0


_ONE = _Weight()


class _Frame:
    """A mapping or list that is not closed yet."""

    __slots__ = ("aliases", "anchor", "depth", "into", "key", "merges", "path", "size")

    def __init__(self, into: Any, anchor: str | None, path: tuple[str, ...]) -> None:
        self.into = into
        self.anchor = anchor
        self.path = path
        self.key: Any = _NONE
        self.merges: list[Any] = []
        self.size, self.aliases, self.depth = 1, 0, 1  # as a _Weight


class _Reader:
    def __init__(self, *, lines: bool) -> None:
        self.value: Any = None
        self.findings: list[Finding] = []
        self.lines: Lines = {}
        self.with_lines = lines
        self.stack: list[_Frame] = []
        self.anchors: dict[str, tuple[Any, _Weight]] = {}
        self.documents = 0
        self.aliases = 0
        self.aliased = 0

    def wrong(self, event: Any, text: str) -> None:
        self.findings.append(Finding(_line(event), text))

    def read(self, text: str) -> None:
        does = {
            yaml.ScalarEvent: self.scalar,
            yaml.MappingStartEvent: self.enter,
            yaml.SequenceStartEvent: self.enter,
            yaml.MappingEndEvent: self.leave,
            yaml.SequenceEndEvent: self.leave,
            yaml.AliasEvent: self.alias,
            yaml.DocumentStartEvent: self.begin,
        }
        for event in _events(text):
            if (do := does.get(type(event))) is not None:
                do(event)

    def begin(self, event: Any) -> None:
        self.documents += 1
        if self.documents > 1:
            raise Unreadable(_line(event), "a second document begins, and an inventory is one")

    def scalar(self, event: Any) -> None:
        value = event.value
        if event.tag is not None:
            value = self.tagged(event)
        elif event.implicit[0]:
            value = _plain(value)
        if event.anchor is not None:
            self.anchors[event.anchor] = (value, _ONE)
        self.put(value, event, _ONE)

    def tagged(self, event: Any) -> Any:
        text, tag = event.value, event.tag
        name = tag.removeprefix(_PREFIX)
        if tag == "!" or name == "str":
            return text
        if tag in ("!vault", "!vault-encrypted"):
            self.wrong(event, VAULTED)
        elif name not in _TAGS:
            self.wrong(event, f"tag `{tag}` is not known, values are plain here")
        elif type(_plain(text)) is not _TAGS[name]:
            self.wrong(event, f"`{text}` is not of the kind that its tag says, write it plainly")
        else:
            return _plain(text)
        return text

    def put(self, value: Any, event: Any, weight: _Weight) -> None:
        """Put a value where it belongs: it is the whole, an item, a key, or what a key says."""
        if not self.stack:
            self.value = value
            return
        frame = self.stack[-1]
        frame.size += weight.size
        if weight is not _ONE:
            frame.aliases += weight.aliases
            frame.depth = max(frame.depth, weight.depth + 1)
        if type(frame.into) is list:
            frame.into.append(value)
        elif frame.key is _NONE:
            self.key(frame, value, event)
        elif frame.key is _MERGE:
            frame.merges += value if type(value) is list else [value]
            if not all(type(merged) is dict for merged in frame.merges):
                self.wrong(event, f"`<<` is {kind(value)} and should be a table, or a list of tables")
                frame.merges.clear()
            frame.key = _NONE
        else:
            frame.into[frame.key] = value
            frame.key = _NONE

    def key(self, frame: _Frame, value: Any, event: Any) -> None:
        if type(value) is not str:
            shown = getattr(event, "value", "")
            self.wrong(event, f"key `{shown}` is {kind(value)} and should be a text: write it in quotes")
            value = str(value)
        elif value == "<<" and getattr(event, "implicit", (False,))[0]:
            frame.key = _MERGE
            return
        elif value in frame.into:
            self.wrong(event, f"key `{value}` is said twice")
        frame.into[value] = None
        frame.key = value
        if self.with_lines:
            self.lines.setdefault((*frame.path, value), _line(event))

    def enter(self, event: Any) -> None:
        path = self.inner(event)
        into: Any = {} if type(event) is yaml.MappingStartEvent else []
        name = "map" if type(into) is dict else "seq"
        if event.tag not in (None, "!", _PREFIX + name):
            self.wrong(event, f"tag `{event.tag}` is not known, values are plain here")
        if len(self.stack) >= _MOST_DEPTH:
            raise _too_deep(event)
        if event.anchor is not None:
            self.anchors.pop(event.anchor, None)
        self.stack.append(_Frame(into, event.anchor, path))

    def inner(self, event: Any) -> tuple[str, ...]:
        """Return the keys of what begins here."""
        if not self.stack:
            return ()
        frame = self.stack[-1]
        if type(frame.into) is dict and frame.key is _NONE:
            raise Unreadable(_line(event), "a key is a table or a list and should be a text")
        if not self.with_lines:
            return ()
        if type(frame.into) is dict:
            return (*frame.path, str(frame.key)) if frame.key is not _MERGE else frame.path
        path = (*frame.path, str(len(frame.into)))
        self.lines.setdefault(path, _line(event))
        return path

    def leave(self, event: Any) -> None:
        frame = self.stack.pop()
        for merged in frame.merges:
            for key, value in merged.items():
                frame.into.setdefault(key, value)
        weight = _Weight(frame.size, frame.aliases, frame.depth)
        if frame.anchor is not None:
            self.anchors[frame.anchor] = (frame.into, weight)
        self.put(frame.into, event, weight)

    def alias(self, event: Any) -> None:
        if event.anchor not in self.anchors:
            if any(frame.anchor == event.anchor for frame in self.stack):
                raise Unreadable(_line(event), f"`*{event.anchor}` stands inside what it names")
            raise Unreadable(
                _line(event), f"`*{event.anchor}` names nothing; `&{event.anchor}` does not stand before it"
            )
        value, weight = self.anchors[event.anchor]
        self.aliases += 1 + weight.aliases
        self.aliased += weight.size
        if len(self.stack) + weight.depth > _MOST_DEPTH:
            raise _too_deep(event)
        if self.aliases > MOST_ALIASES or self.aliased > _MOST_ALIASED:
            most = f"{MOST_ALIASES:,} aliases, or {_MOST_ALIASED:,} values through them, are the most"
            raise Unreadable(_line(event), f"aliases stand for too much: {most}")
        self.put(value, event, weight._replace(aliases=1 + weight.aliases))


def _events(text: str) -> Iterator[Any]:
    try:
        yield from yaml.parse(text, Loader=_LOADER)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        about = ", ".join(part for part in (error.context, error.problem) if part)
        raise Unreadable(mark.line + 1 if mark else 0, f"this is no YAML: {about}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise Unreadable(line, "this is no YAML: a control character, which no YAML may hold") from None
    except (yaml.YAMLError, RecursionError) as error:
        raise Unreadable(0, f"this is no YAML: {str(error).splitlines()[0]}") from None


def _too_deep(event: Any) -> Unreadable:
    return Unreadable(_line(event), f"values are nested more than {_MOST_DEPTH} deep")


def _line(event: Any) -> int:
    return int(event.start_mark.line) + 1


def _plain(text: str) -> Any:
    """Return what a plain word stands for."""
    if text in _WORDS:
        return _WORDS[text]
    if text[0] in "-0123456789":
        if _INT.fullmatch(text):
            return int(text)
        if _FLOAT.fullmatch(text) and repr(float(text)) == text:
            return float(text)
    return text
