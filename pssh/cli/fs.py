"""`pssh fs`: what there is in files and folders, and what is done with them, on every target and on this machine."""

from importlib import import_module

import click

from pssh.cli.help import Page
from pssh.errors import PsshError

# verb: (what `pssh fs --help` says of it, its section)
VERBS = {
    "ls": ("List what is in a folder", "Look"),
    "stat": ("Show names, kinds, owners, sizes and times", "Look"),
    "find": ("Find by name, kind, size and age", "Look"),
    "size": ("Sum up what files and trees take", "Look"),
    "checksum": ("Compare files and whole trees by SHA-256", "Look"),
    "df": ("Show how full file systems are", "Look"),
    "cat": ("Print files", "Look"),
    "tail": ("Print the last lines of files, or follow one", "Look"),
    "mkdir": ("Make folders", "Change"),
    "touch": ("Make empty files, or set their time to now", "Change"),
    "cp": ("Copy files and folders there", "Change"),
    "mv": ("Move or rename", "Change"),
    "link": ("Make a symbolic link, or a hard one", "Change"),
    "chmod": ("Set modes", "Change"),
    "chown": ("Set owners and groups", "Change"),
    "rm": ("Remove files and folders", "Change"),
    "archive": ("Pack folders", "Change"),
    "extract": ("Unpack archives into new folders", "Change"),
}
EXAMPLES = r"""
  pssh fs ls @web /etc/nginx
  pssh fs checksum @web /srv/app
  pssh fs find @all /var/log --name '*.gz' --older 30d --size +10M
  pssh fs rm @web '/var/cache/app/*.tmp' --dry-run
  pssh fs archive @local '/srv/data/*' --to /backup/
"""


class Verbs(Page, click.Group):
    """The verbs by name, each made when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(VERBS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in VERBS:
            return None
        module = import_module("pssh.cli.fslook" if VERBS[name][1] == "Look" else "pssh.cli.fschange")
        command: click.Command = getattr(module, name)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in VERBS and not args[0].startswith("-"):
            raise PsshError(f"No verb `{args[0]}`", hint=f"there are: {', '.join(VERBS)}")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(section for _, section in VERBS.values()):
            with formatter.section(section):
                formatter.write_dl([(name, said) for name, (said, where) in VERBS.items() if where == section])


@click.group(cls=Verbs, examples=EXAMPLES, invoke_without_command=True)
@click.pass_context
def command(ctx: click.Context) -> None:
    """Look at and change files and folders on every host that TARGETS name; @local is this machine.

    A path may hold `*`, `?` and `[...]`, which are matched on each host; quote it, so that your own shell leaves it
    alone. A relative path is from the login's home. On @local many paths are worked on at once, and each has a row of
    its own, `local:PATH`.
    """
    if not ctx.invoked_subcommand:
        click.echo(ctx.get_help())
