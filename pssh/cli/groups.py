"""A subcommand with subcommands of its own, each imported when it is called for."""

from importlib import import_module
from typing import Any

import click

from pssh.cli.help import Page
from pssh.errors import PsshError
from pssh.inventory.nearest import also, meant


class Group(Page, click.Group):
    """`modules` are the subcommands: of each what the help says of it, and the module that has it as `command`."""

    def __init__(self, *args: Any, modules: dict[str, tuple[str, str]], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.modules = modules

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        return super().parse_args(ctx, args or ["--help"])

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(self.modules)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in self.modules:
            return None
        command: click.Command = import_module(self.modules[name][1]).command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in self.modules and not args[0].startswith("-"):
            hint = also(f"there are: {', '.join(self.modules)}", meant(args[0], self.modules))
            raise PsshError(f"No command `{ctx.command_path} {args[0]}`", hint=hint)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        with formatter.section("Commands"):
            formatter.write_dl([(name, said) for name, (said, _) in self.modules.items()])
