"""Target expressions as written: `@web&@prod!web07` becomes a tree of terms, strictly from left to right.

Only reading happens here; what a term names is decided where the inventory is at hand. A message names the column, from
1, and says what to write instead. Every pattern is possessive or has one way to match, so that reading is one pass.
"""

import re
from typing import Literal

from msgspec import Struct

from pssh.errors import TargetsError
from pssh.model import names

MOST_BYTES = 64 << 10
MOST_DEPTH = 32
Operator = Literal[",", "&", "!"]
_OPERATORS: dict[str, Operator] = {",": ",", "&": "&", "!": "!"}

_NAME = re.compile(r"(?:\[[^\[\]]*+\]|[^\s,&!()\[\]])++")
_GROUP = re.compile(r"@((?:\[[^\[\]]*+\]|[^\s,&!()\[\]])*+)")
_GROUP_NAME = re.compile(r"(?:\[[^\[\]]*+\]|[A-Za-z0-9_.-])++")
_REGEX = re.compile(r"/((?:\\.|[^\\/])++)/", re.DOTALL)
_MATCH = re.compile(r"([A-Za-z_][A-Za-z0-9_.-]*+)=")
_VALUE = re.compile(r'"([^"]*+)"|([^\s,&!()"]++)')
_FILE = re.compile(r'\^(?:"([^"]++)"|([^\s,&!()"]++))')
_HOST = re.compile(r"(?:\[[^\[\]]*+\]|[A-Za-z0-9._*?-])++")
_RUN = re.compile(r"last(~[0-9]+)?|r[0-9]+")
_OF_RUN = re.compile(r'@(last(?:~[0-9]+)?|r[0-9]+)(?::([a-z-]*+)(?:=(?:"([^"]*+)"|([^\s,&!()"]*+)))?)?(?=[\s,&!()]|\Z)')
_BRACKETS = re.compile(r"\[[^\[\]]*+\]")
_BLANK = re.compile(r"\s*+")


class Named(Struct, frozen=True, gc=False):
    """Hosts by name, with ranges and globs still unread, and how to reach them if that was typed."""

    name: str
    user: str = ""
    port: int = 0

    def __str__(self) -> str:
        host = f"[{self.name}]" if self.port and names.ipv6(self.name) else self.name
        return f"{self.user}{'@' if self.user else ''}{host}{f':{self.port}' if self.port else ''}"


class Group(Struct, frozen=True, gc=False):
    """A group, or several if the name holds a range."""

    name: str

    def __str__(self) -> str:
        return f"@{self.name}"


class OfRun(Struct, frozen=True, gc=False):
    """Hosts of an earlier run: all of them, or those that `word`, or `word=value`, says of how they did."""

    run: str  # "last", "last~1", "r42"
    word: str = ""
    value: str = ""

    def __str__(self) -> str:
        bare = re.fullmatch(r'[^\s,&!()"]+', self.value)
        said = (f"={self.value}" if bare else f'="{self.value}"') if self.value else ""
        return f"@{self.run}{':' if self.word else ''}{self.word}{said}"


class Regex(Struct, frozen=True):
    """Hosts of the inventory whose name holds a match."""

    pattern: str

    def __str__(self) -> str:
        return f"/{self.pattern}/"


class Match(Struct, frozen=True):
    """Hosts of the inventory that have this value; `*` and `?` stand for any text and any character."""

    key: str
    value: str

    def __str__(self) -> str:
        return f"{self.key}={self.value}"


class FromFile(Struct, frozen=True):
    """One expression per line of a file."""

    path: str

    def __str__(self) -> str:
        return f"^{self.path}"


class FromStdin(Struct, frozen=True):
    """One expression per line of standard input."""

    def __str__(self) -> str:
        return "-"


class Chain(Struct, frozen=True):
    """Terms joined by operators, to be applied from left to right."""

    first: "Term"
    rest: "tuple[tuple[Operator, Term], ...]" = ()

    def __str__(self) -> str:
        return str(self.first) + "".join(
            operator + (f"({term})" if isinstance(term, Chain) else str(term)) for operator, term in self.rest
        )


Term = Named | Group | OfRun | Regex | Match | FromFile | FromStdin | Chain


def is_run(name: str) -> bool:
    """Whether a group's name stands for an earlier run."""
    return _RUN.fullmatch(name) is not None


def parse(text: str, *, bare: Literal["host", "group"] = "host") -> Chain:
    """Read an expression; `bare` says what a word without a mark is. Raises TargetsError."""
    if len(text.encode("utf-8", "surrogateescape")) > MOST_BYTES:
        raise TargetsError(
            "The targets are longer than 64 KiB", hint="write them to a file, one per line, and use `^FILE`"
        )
    if not text.strip():
        raise TargetsError("The targets are empty", hint="`@all` is every host of the inventory")
    return _Parser(text, bare).whole()


def parse_host(word: str) -> Named:
    """Read `[user@]host[:port]`, ranges and globs unread; raises TargetsError."""
    user, at, place = word.rpartition("@")
    if at and not names.plain(user):
        raise _refused(word)
    address, _, after = place[1:].partition("]") if place.startswith("[") else ("", "", "")
    if names.ipv6(address):
        if after[:1] not in ("", ":"):
            raise _refused(word)
        return Named(address, user, _port(word, after[1:]) if after else 0)
    bare = _BRACKETS.sub("", place)
    if bare.count(":") >= 2:
        if not all(map(names.ipv6, names.spread(place))):
            raise _refused(word)
        return Named(place, user)
    host, colon, port = place.rpartition(":") if ":" in bare else (place, "", "")
    if not _HOST.fullmatch(host) or host.startswith("-"):
        raise _refused(word)
    return Named(host, user, _port(word, port) if colon else 0)


def hops(text: str) -> list[str]:
    """Read jump hosts, the nearest first, each `[user@]host[:port]`; `none` is none. Raises ValueError."""
    found = [hop.strip() for hop in text.split(",")]
    if found == ["none"]:
        return []
    for hop in found:
        try:
            name = parse_host(hop).name
        except TargetsError as error:
            raise ValueError(f"{error}: {error.hint}" if error.hint else str(error)) from None
        if not names.plain(name):  # a range, or a pattern
            raise ValueError(f"`{hop}` is not one machine, `[user@]host[:port]`")
    return found


def _port(word: str, text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 5 and 0 < int(text) < 65536):
        raise TargetsError(f"`{word}` has `{text}` where a port from 1 to 65535 belongs")
    return int(text)


def _refused(word: str) -> TargetsError:
    return TargetsError(f"`{word}` is refused", hint=names.NAME_RULE)


class _Parser:
    def __init__(self, text: str, bare: Literal["host", "group"]) -> None:
        self.text = text
        self.bare = bare
        self.place = 0

    def whole(self) -> Chain:
        chain = self.chain(0)
        if self.place < len(self.text):
            raise TargetsError(f"`)` at column {self.place + 1} closes nothing")
        return chain

    def chain(self, depth: int) -> Chain:
        if depth > MOST_DEPTH:
            raise TargetsError(f"Parentheses are more than {MOST_DEPTH} deep at column {self.place}")
        first = self.term(depth)
        rest: list[tuple[Operator, Term]] = []
        while (mark := self.next()) not in ("", ")"):
            operator = _OPERATORS.get(mark)
            if operator is None:
                hint = "`,` joins, `&` keeps what both have, `!` removes"
                raise TargetsError(f"Two terms without an operator at column {self.place + 1}", hint=hint)
            self.place += 1
            rest.append((operator, self.term(depth, after=mark)))
        return Chain(first, tuple(rest))

    def next(self) -> str:
        """Return the next character that is no blank, without taking it; empty at the end."""
        blank = _BLANK.match(self.text, self.place)
        self.place = blank.end() if blank else self.place
        return self.text[self.place : self.place + 1]

    def term(self, depth: int, after: str = "") -> Term:
        match self.next():
            case "" | ")" if after:
                column = len(self.text[: self.place].rstrip())
                raise TargetsError(f"`{after}` at column {column} has nothing on its right")
            case "":
                raise TargetsError(f"Nothing stands after column {self.place}")
            case ")":
                raise TargetsError(f"`)` at column {self.place + 1} has nothing before it")
            case "," | "&" | "!" as mark:
                raise self.nothing_left(mark)
            case "(":
                return self.parenthesis(depth)
            case "@":
                return self.group()
            case "/":
                return self.regex()
            case "^":
                return self.file()
        if match := _MATCH.match(self.text, self.place):
            return self.match(match)
        return self.name()

    def nothing_left(self, mark: str) -> TargetsError:
        follows = _NAME.match(self.text, self.place + 1)
        hint = f"write `@all!{follows[0]}`" if mark == "!" and follows else ""
        return TargetsError(f"`{mark}` at column {self.place + 1} has nothing on its left", hint=hint)

    def parenthesis(self, depth: int) -> Chain:
        column = self.place + 1
        self.place += 1
        if not self.next():
            raise TargetsError(f"`(` at column {column} is not closed")
        chain = self.chain(depth + 1)
        if self.place >= len(self.text):
            raise TargetsError(f"`(` at column {column} is not closed")
        self.place += 1
        return chain

    def group(self) -> Group | OfRun:
        if found := _OF_RUN.match(self.text, self.place):
            self.place = found.end()
            return OfRun(found[1], found[2] or "", found[4] or "" if found[3] is None else found[3])
        name = self.take(_GROUP)[1]
        source, colon, rest = name.partition(":") if ":" in _BRACKETS.sub("", name) else ("", "", name)
        run = _RUN.match(name)
        if run and run.end() in (len(name), name.find(":")):
            hint = f"write `@{run[0]}:failed`, or `@{run[0]}:cause=connect/*`"
            raise TargetsError(f"`@{name}` means no hosts of a run", hint=hint)
        if colon:
            raise TargetsError(f"`@{name}` names the source `{source}`, and this version reads none")
        if not _GROUP_NAME.fullmatch(rest):
            raise TargetsError(
                f"`@{name}` is no group's name", hint="groups have letters, digits, `.`, `_`, `-`, ranges"
            )
        return Group(name)

    def regex(self) -> Regex:
        found = _REGEX.match(self.text, self.place)
        if found is None:
            raise TargetsError(f"`/` at column {self.place + 1} begins a regular expression that is not closed")
        pattern = found[1].replace("\\/", "/")
        try:
            re.compile(pattern)
        except (re.error, OverflowError, RecursionError) as error:
            raise TargetsError(f"`/{found[1]}/` is no regular expression: {error}") from None
        self.place = found.end()
        return Regex(pattern)

    def file(self) -> FromFile:
        found = _FILE.match(self.text, self.place)
        if found is None:
            raise TargetsError(f"`^` at column {self.place + 1} has no file", hint="write `^hosts.txt`")
        self.place = found.end()
        return FromFile(found[1] or found[2])

    def match(self, key: re.Match[str]) -> Match:
        value = _VALUE.match(self.text, key.end())
        if value is None:
            raise TargetsError(f"`{key[0]}` at column {self.place + 1} has no value", hint=f"write `{key[0]}TEXT`")
        self.place = value.end()
        return Match(key[1], value[2] if value[1] is None else value[1])

    def name(self) -> Term:
        word = self.take(_NAME)[0]
        follows = self.text[self.place : self.place + 1]
        if follows == "(" or not word:
            # One word to the person: `a$(id)` is refused whole.
            raise _refused(self.text[self.place - len(word) :].split()[0])
        if word == "-":
            return FromStdin()
        if self.bare == "group":
            if not _GROUP_NAME.fullmatch(word):
                raise TargetsError(f"`{word}` is no group's name")
            return Group(word)
        return parse_host(word)

    def take(self, pattern: re.Pattern[str]) -> re.Match[str]:
        found = pattern.match(self.text, self.place)
        if found is None or self.text[found.end() : found.end() + 1] in ("[", "]"):
            word = self.text[self.place :].split()[0]
            raise TargetsError(f"`{word}` has a bracket that is not closed")
        self.place = found.end()
        return found
