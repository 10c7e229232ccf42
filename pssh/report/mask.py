"""What differs from host to host and means nothing, and what stands for it: `‹host›`, `‹address›`, `‹time›`.

Masking what is masked changes nothing: what stands for something is left alone, no digit is left beside it, and no
pattern of ours begins or ends there. (A pattern of the person's that looks at what is around it may.)
"""

import re
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from functools import lru_cache
from typing import NamedTuple

from pssh.model.names import ipv6

_HEX = "[0-9A-Fa-f]"
_BEGIN, _END = r"(?<![\w›-])", r"(?![\w‹-])"
_DAY = "(?:(?:Mon|Tue|Wed|Thu|Fri|Sat|Sun)[a-z]{0,6},? )?"
_MONTH = "(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]{0,6}"
_CLOCK = r"\d{1,2}:\d\d(?::\d\d(?:[.,]\d+)?)?(?!\d)(?: ?[AP]M)?(?:Z|[+-]\d\d:?\d\d)?(?: (?:UTC|[A-Z]{3,4}T|[+-]\d{4}))?"
_TIMES = (
    rf"{_DAY}{_MONTH} {{1,2}}\d{{1,2}}(?:,? {{1,2}}\d{{4}})?(?: {_CLOCK})?(?: \d{{4}})?",
    rf"{_DAY}\d{{1,2}}[ -]{_MONTH}[ -]\d{{4}}(?:[ ,]{{1,2}}{_CLOCK})?",
    rf"(?<!\d)\d{{4}}(?:-\d\d-|/\d\d/)\d\d(?:[T ]{_CLOCK})?",
    rf"(?<![\d:]){_CLOCK}(?![\d:])",
)
_ADDRESSES = (
    rf"{_BEGIN}{_HEX}{{2}}(?::{_HEX}{{2}}){{5}}{_END}",
    r"(?<![\w.])\d{1,3}(?:\.\d{1,3}){3}(?:[:/]\d{1,5})?(?![\w.]*\w)",
)
_MAYBE = rf"(?<![\w:›])(?=(?:[0-9A-Fa-f.]*:){{2}})(?=[:.]*{_HEX})[0-9A-Fa-f:.]{{2,45}}(?![\w:‹])"  # an IPv6 address
_NUMBERS = (
    rf"{_BEGIN}{_HEX}{{8}}(?:-{_HEX}{{4}}){{3}}-{_HEX}{{12}}{_END}",
    rf"0x{_HEX}+",
    rf"{_BEGIN}(?=[a-f]*\d)[0-9a-f]{{7,64}}{_END}",
    r"\d+(?:[.,]\d+)*",
)
# Compiled where they are first used: few runs mask, and it takes a tenth of a start.
# The first look is at what any of them begins with: without it most of the time goes into letters that begin none.
_OURS = (
    rf"(?=[\dA-FJMNOSTWa-f:.])(?:(?P<address>{'|'.join(_ADDRESSES)})|(?P<time>{'|'.join(_TIMES)})|(?P<maybe>{_MAYBE})|"
    f"(?P<number>{'|'.join(_NUMBERS)}))"
)
_SOME = re.compile(r"\d|:.*:")  # what each line has in which there is anything of ours
_NUMBER = "|".join(_NUMBERS)
_TOKEN = re.compile("‹(?:host|address|time|number|mask)›")
_KNOWN = 4096  # lines that are remembered masked
_KEPT = "\n"  # what no line holds
_LEAST = 2  # letters of a host's name that is looked for: a shorter one is a word like any other

_Place = tuple[int, int, str]  # from, to, and what is to stand there


class Masked(NamedTuple):
    """A text with what stands for something in it, and what each of those stands for, in order."""

    text: str
    values: tuple[str, ...]

    def shown(self, varies: Sequence[bool]) -> str:
        """Return the text in which only what varies is masked."""
        told = iter([None if hidden else value for value, hidden in zip(self.values, varies, strict=True)])
        return _TOKEN.sub(lambda found: found[0] if (value := next(told)) is None else value, self.text)


class Mask:
    """Masks what the patterns match, and with `usual` each host's own name, addresses, times and numbers."""

    def __init__(self, patterns: Sequence[str] = (), *, usual: bool = True) -> None:
        """Raises re.error for a pattern that is none."""
        self._patterns = [re.compile(pattern, re.MULTILINE) for pattern in patterns]
        self._usual = usual
        self._line = lru_cache(maxsize=_KNOWN)(_masked_line)

    def __call__(self, text: str, host: str) -> Masked:
        """Return what a host printed, masked."""
        if not text:
            return Masked("", ())
        masked = Masked(text, _tokens(text))
        for pattern in self._patterns:
            masked = _marked(masked, _matches(pattern, masked.text))
        if self._usual:
            for name in dict.fromkeys((host, host.partition(".")[0])):
                if name in masked.text and len(name) >= _LEAST and not name.isdigit():
                    masked = _marked(masked, _named(name, masked.text))
            masked = self._usual_in(masked)
        return masked

    def _usual_in(self, masked: Masked) -> Masked:
        """Mask what is ours to mask, line by line, because hosts have most of their lines in common."""
        known = iter(masked.values)
        lines: list[str] = []
        values: list[str] = []
        for line in masked.text.split("\n"):
            text, found = self._line(line)
            lines.append(text)
            values.extend([next(known) if value == _KEPT else value for value in found] if _KEPT in found else found)
        return Masked("\n".join(lines), tuple(values))


def _masked_line(line: str) -> Masked:
    """Mask what is ours to mask; `_KEPT` is in the place of what already stands for something."""
    if not _SOME.search(line):
        return Masked(line, (_KEPT,) * len(_tokens(line)))
    return _marked(Masked(line, (_KEPT,) * len(_tokens(line))), _ours(line))


def _tokens(text: str) -> tuple[str, ...]:
    """Return what already stands for something."""
    return tuple(_TOKEN.findall(text)) if "‹" in text else ()


def _marked(masked: Masked, places: Iterable[_Place]) -> Masked:
    """Return the text with more of it masked; a place that has to do with what already is, is left alone."""
    text, known = masked
    done: list[str] = []
    values: list[str] = []
    at = 0
    if not known:
        for start, end, kind in places:
            done += (text[at:start], kind)
            values.append(text[start:end])
            at = end
        return Masked("".join(done) + text[at:], tuple(values)) if done else masked
    tokens = deque(found.span() for found in _TOKEN.finditer(text))
    for start, end, kind in places:
        while tokens and tokens[0][1] <= start:
            tokens.popleft()
            values.append(known[-1 - len(tokens)])
        if not tokens or end <= tokens[0][0]:
            done.append(text[at:start])
            done.append(kind)
            values.append(text[start:end])
            at = end
    if not done:
        return masked
    return Masked("".join(done) + text[at:], (*values, *known[len(known) - len(tokens) :]))


def _matches(pattern: re.Pattern[str], text: str) -> Iterator[_Place]:
    """Yield where a pattern of the person's matches; what meets a token does not count, and is looked for behind it."""
    tokens = deque(found.span() for found in _TOKEN.finditer(text))
    at = 0
    while at <= len(text) and (found := pattern.search(text, at)):
        start, end = found.span()
        while tokens and tokens[0][1] <= start:
            tokens.popleft()
        if tokens and tokens[0][0] < end:
            at = tokens[0][1]
        elif start == end:
            at = end + 1
        else:
            yield start, end, "‹mask›"
            at = end


def _named(name: str, text: str) -> Iterator[_Place]:
    """Yield where a name stands as a word."""
    start = text.find(name)
    while start >= 0:
        end = start + len(name)
        apart = not (_in_word(text[start - 1 : start], "›") or _in_word(text[end : end + 1], "‹"))
        if apart:
            yield start, end, "‹host›"
        start = text.find(name, end if apart else start + 1)


def _in_word(char: str, token: str) -> bool:
    return char.isalnum() or (char != "" and char in f"_-{token}")


def _ours(text: str) -> Iterator[_Place]:
    for found in re.finditer(_OURS, text):
        start, end = found.span()
        if found.lastgroup != "maybe":
            yield start, end, f"‹{found.lastgroup}›"
        elif ipv6(found[0]):
            yield start, end, "‹address›"
        else:
            yield from ((*number.span(), "‹number›") for number in re.compile(_NUMBER).finditer(text, start, end))
