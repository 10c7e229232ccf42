"""How options are written: durations such as `10`, `500ms`, `2m30s`, and counts that begin at one."""

import re
from typing import Any

import click

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


SECONDS = Duration()
COUNT = click.IntRange(min=1)
