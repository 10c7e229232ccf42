"""How options are written: durations such as `10`, `500ms`, `2m30s`, counts, and values that may not be empty."""

import re
from typing import Any

import click
from click.core import ParameterSource

_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_PART = re.compile(r"(\d+(?:\.\d+)?)(ms|s|m|h|d)")
_PLAIN = re.compile(r"\d+(?:\.\d+)?")


def seconds(text: str) -> float:
    """Return a duration in seconds; a number alone is seconds. Raises ValueError."""
    if _PLAIN.fullmatch(text):
        return float(text)
    parts = _PART.findall(text)
    if not parts or "".join(number + unit for number, unit in parts) != text:
        raise ValueError(f"`{text}` is no duration")
    return sum(float(number) * _UNITS[unit] for number, unit in parts)


class Duration(click.ParamType[float]):
    """Seconds, as a float."""

    name = "sec"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float:
        if isinstance(value, float):
            return value
        try:
            return seconds(value)
        except ValueError:
            self.fail(f"`{value}` is no duration; write `10`, `500ms` or `2m30s`", param, ctx)


class Number(click.IntRange):
    """A whole number between two ends; refused in our words."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        try:
            return super().convert(value, param, ctx)
        except click.BadParameter:
            ends = f"from {self.min} on" if self.max is None else f"from {self.min} to {self.max}"
            self.fail(f"`{value}` is no number {ends}", param, ctx)


def not_empty(ctx: click.Context, param: click.Parameter, value: Any) -> Any:
    """Refuse an option that was given an empty value, as by a shell variable that is not set; a click callback."""
    given = ctx.get_parameter_source(str(param.name)) is ParameterSource.COMMANDLINE
    if given and "" in ([value] if isinstance(value, str) else value):
        raise click.BadParameter("it is empty", ctx, param)
    return value


SECONDS = Duration()
COUNT = Number(min=1)
