"""How options are written: durations, and counts that begin at one."""

from typing import Any

import click

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


SECONDS = Duration()
COUNT = click.IntRange(min=1)
