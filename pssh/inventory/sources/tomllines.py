"""On which line of a TOML text each key stands: the standard parser does not say, and a finding needs it.

Promises: one pass, no recursion, and no exception for any text; for a text that is not TOML the answer is a guess. Only
run when something is wrong. The tables of an array, as `[[step]]`, are told apart by their place: the second one's
`name` is at `("step", "1", "name")`, and also at `("step",)` if it is asked for less. Keys inside other arrays are not
told apart: they are found by the array's own key.
"""

import re

Keys = tuple[str, ...]
MOST_PARTS = 64

_TOKEN = re.compile(
    r"""
    (?P<blank>[ \t\r]++|\#[^\n]*+)
  | (?P<newline>\n)
  | (?P<text>\"{3}(?:[^\"\\]|\\.|\"(?!\"\"))*+(?:\"{3,5}|\Z)|'{3}(?:[^']|'(?!''))*+(?:'{3,5}|\Z)
            |\"(?:[^\"\\\n]|\\[^\n])*+\"?|'[^'\n]*+'?)
  | (?P<word>[A-Za-z0-9_+:-]++)
  | (?P<mark>.)
    """,
    re.VERBOSE | re.DOTALL,
)
_MANY_DOTS = re.compile(r"""(?:(?:(?<![\w-])[\w-]++|"[^"\n]*+"|'[^'\n]*+')[ \t]*+\.[ \t]*+){64}""")


def lines(text: str) -> dict[Keys, int]:
    """Return the line, from 1, of every table and key."""
    return _Reader().read(text)


def too_deep(text: str) -> int:
    """Return the line of a key with more than 64 parts, or 0: the standard parser takes time by their square."""
    if not _MANY_DOTS.search(text):
        return 0
    return next((line for keys, line in lines(text).items() if len(keys) > MOST_PARTS), 0)


class _Reader:
    def __init__(self) -> None:
        self.found: dict[Keys, int] = {}
        self.table: Keys = ()
        self.open: list[tuple[str, Keys]] = []  # brackets of the value at hand, each with the keys it stands under
        self.parts: list[str] | None = []  # of the key at hand; None inside a value
        self.header = False
        self.double = False  # the header is that of one more table of an array
        self.sizes: dict[Keys, int] = {}  # of the arrays of tables
        self.base: Keys = ()  # what the value at hand belongs to

    def read(self, text: str) -> dict[Keys, int]:
        line = 1
        for token in _TOKEN.finditer(text):
            kind, word = token.lastgroup, token[0]
            if kind == "newline":
                if not self.open:
                    self.parts, self.header, self.double = [], False, False
            elif kind in ("word", "text"):
                if self.parts is not None and len(self.parts) <= 2 * MOST_PARTS:
                    self.parts.append(_plain(word))
            elif kind == "mark":
                self.mark(word, line)
            line += word.count("\n")
        return self.found

    def mark(self, mark: str, line: int) -> None:
        if self.parts is not None and not self.open and mark == "[" and (self.header or not self.parts):
            self.double = self.header
            self.header = True
        elif self.header and mark == "]":
            if self.parts:
                self.table = self.place(self.parts, line)
                self.found.setdefault(self.table, line)
            self.parts = None
        elif self.parts is not None and mark == "=":
            self.base = (self.open[-1][1] if self.open else self.table) + tuple(self.parts)
            self.found.setdefault(self.base, line)
            self.parts = None
        elif self.parts is None and mark in "[{":
            self.open.append((mark, self.base))
            self.parts = [] if mark == "{" else None
        elif mark in "]}" and self.open:
            _, self.base = self.open.pop()
            self.parts = None
        elif mark == "," and self.open:
            kind, self.base = self.open[-1]
            self.parts = [] if kind == "{" else None

    def place(self, parts: list[str], line: int) -> Keys:
        """Return the keys of a header: an array of tables in it means its last table, and a double one the next."""
        keys: Keys = ()
        for part in parts[:-1]:
            keys += (part,)
            if keys in self.sizes:
                keys += (str(self.sizes[keys] - 1),)
        keys += (parts[-1],)
        if not self.double:
            return keys
        self.found.setdefault(keys, line)
        self.sizes[keys] = self.sizes.get(keys, 0) + 1
        return (*keys, str(self.sizes[keys] - 1))


def _plain(word: str) -> str:
    if word[:1] == "'":
        return word.strip("'")
    if word[:1] != '"':
        return word
    inside = word.strip('"')
    if "\\" in inside:
        return re.sub(
            r"\\u([0-9A-Fa-f]{4})|\\(.)", lambda found: chr(int(found[1], 16)) if found[1] else found[2], inside
        )
    return inside
