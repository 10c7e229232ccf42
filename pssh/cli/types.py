"""How options are written: durations, counts, and values that may not be empty."""

from typing import Any

import click
from click.core import ParameterSource

from pssh.model.duration import seconds


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
