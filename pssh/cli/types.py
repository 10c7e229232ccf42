"""How options are written: durations, counts, values that may not be empty, and texts that only the plan takes apart.

The latter are read here once and thrown away, so that what is wrong is told with the name of its option.
"""

import re
from collections.abc import Callable
from typing import Any

import click
from click.core import ParameterSource

from pssh.inventory.expr import hops
from pssh.model.duration import seconds
from pssh.model.options import LockOption
from pssh.model.rollout import Launch, Pace, Share, Tail
from pssh.model.size import size


class Duration(click.ParamType[float]):
    """Seconds, as a float."""

    name = "sec"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return seconds(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


class Number(click.IntRange):
    """A whole number between two ends; refused in our words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            first = "" if self.min is None else f" from {self.min} on"
            ends = first if self.max is None else f" from {self.min} to {self.max}"
            self.fail(f"`{value}` is no number{ends}", param, ctx)


class Size(click.ParamType[float]):
    """A number of bytes: `64K`, `1.5M`; units of 1024."""

    name = "size"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            number = size(value.removesuffix("/s"))
        except ValueError as error:
            self.fail(str(error), param, ctx)
        if not number:
            self.fail(f"`{value}` is nothing", param, ctx)
        return float(number)


class Readable(click.ParamType[str]):
    """A text that a reader understands; it stays a text."""

    def __init__(self, name: str, read: Callable[[str], Any]) -> None:
        self.name = name
        self._read = read

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> str:
        try:
            self._read(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)
        return str(value)


class Codes(click.ParamType[tuple[int, ...]]):
    """Exit codes with commas between them."""

    name = "codes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, ...]:
        if isinstance(value, tuple):
            return value
        try:
            return tuple(dict.fromkeys(map(_code, value.split(","))))
        except ValueError:
            self.fail(f"`{value}` is no list of exit codes from 0 to 255, such as `0,2`", param, ctx)


class Handshakes(click.ParamType[tuple[int, int]]):
    """How many handshakes at once, and if it was said how many of them to one place: else 0."""

    name = "handshakes"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        total, slash, jump = value.partition("/jump:")
        numbers = [int(text) if text.isascii() and text.isdigit() and len(text) < 7 else 0 for text in (total, jump)]
        if not numbers[0] or (slash and not numbers[1]):
            self.fail(f"`{value}` is neither `N` nor `N/jump:M`, each a number from 1 on", param, ctx)
        return numbers[0], numbers[1]


class Output(click.ParamType[tuple[int, int]]):
    """How many bytes of one host are kept, and if it was said how many of the whole run: else -1."""

    name = "output"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> tuple[int, int]:
        if isinstance(value, tuple):
            return value
        host, slash, run = value.partition("/run:")
        try:
            return size(host), size(run) if slash else -1
        except ValueError as error:
            self.fail(str(error), param, ctx)


def _code(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) <= 3 and int(text) <= 255):
        raise ValueError(text)
    return int(text)


def _shares(text: str) -> None:
    for share in text.split(","):
        if not Share.read(share).thousandths:
            raise ValueError(f"`{text}` has a wave without hosts")


def _pause(text: str) -> None:
    try:
        _ = text == "ask" or seconds(text)
    except ValueError as error:
        raise ValueError(f"{error}, or `ask`") from None


def _regex(text: str) -> None:
    try:
        re.compile(text)
    except re.error as error:
        raise ValueError(f"`{text}` is no regular expression: {error}") from None


def not_empty(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Refuse an option that was given an empty value, as by a shell variable that is not set; a click callback."""
    given = ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
    if given and "" in ([value] if isinstance(value, str) else value):
        raise click.BadParameter("it is empty", ctx, param)
    return value


SECONDS = Duration()
NUMBER = Number()
COUNT = Number(min=1)
CODES = Codes()
OUTPUT = Output()
HANDSHAKES = Handshakes()
HOPS = Readable("hops", hops)
BATCH = Readable("shares", _shares)
SHARE = Readable("share", Share.read)
PAUSE = Readable("pause", _pause)
RATE = Readable("rate", Pace.rate)
RAMP = Readable("ramp", Pace.ramp)
REGEX = Readable("regex", _regex)
LAUNCH = Readable("launch", Launch.read)
TAIL = Readable("tail", Tail.read)
LOCK = Readable("lock", LockOption.read)
BYTES = Size()
