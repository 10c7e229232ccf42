"""How help looks: options under the headings of their sections, then examples that can be copied.

A command of class `Page` takes `examples=`; an option of class `Option` takes `section=`. Why not click's own list: 25
options in one column are not read.
"""

from collections.abc import Iterable
from typing import Any

import click

PLAIN = "Options"


class Option(click.Option):
    """An option that knows the section of the help it belongs to."""

    def __init__(self, *args: Any, section: str = PLAIN, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.section = section

    def get_help_extra(self, ctx: click.Context) -> Any:
        """Leave out the range of a number: whoever leaves it is told."""
        extra = super().get_help_extra(ctx)
        extra.pop("range", None)
        return extra


class Page(click.Command):
    """A command whose help has sections and examples."""

    def __init__(self, *args: Any, examples: str = "", **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.examples = examples

    def format_options(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        self.format_commands(ctx, formatter)
        for section, rows in _sections(self.get_params(ctx), ctx).items():
            with formatter.section(section):
                formatter.write_dl(rows)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """Write the subcommands, where there are any."""

    def format_epilog(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        if self.examples:
            with formatter.section("Examples"):
                formatter.write("".join(f"  {line.strip()}\n" for line in self.examples.strip().splitlines()))


def _sections(params: Iterable[click.Parameter], ctx: click.Context) -> dict[str, list[tuple[str, str]]]:
    """Return the help of the options by section, the plain section last."""
    found: dict[str, list[tuple[str, str]]] = {}
    for param in params:
        record = param.get_help_record(ctx)
        if record and isinstance(param, click.Option):
            found.setdefault(getattr(param, "section", PLAIN), []).append(record)
    return dict(sorted(found.items(), key=lambda item: item[0] == PLAIN))
