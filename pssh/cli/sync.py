"""`pssh sync`: a folder on every target becomes the same as one here, or the other way round."""

from pathlib import Path
from typing import Any

import click

from pssh.cli import early, options
from pssh.cli.fileflags import via
from pssh.cli.help import Page
from pssh.cli.types import BYTES, Number
from pssh.errors import UsageError
from pssh.ops.sync.push import Sync

EXAMPLES = """
  pssh sync @web site /srv/www/site
  pssh sync @web --delete --exclude '*.log' --exclude /cache/ app /srv/app -n
  pssh sync @local --delete photos /backup/photos
  pssh sync --pull @web /etc/nginx conf/
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("targets")
@click.argument("folder", metavar="DIR")
@click.argument("dest", metavar="DEST")
@options.option("Files", "--delete", is_flag=True, help="Remove what is not in DIR, after asking.")
@options.option(
    "Files",
    "--max-delete",
    type=Number(0, 100),
    default=50,
    metavar="N",
    help="Stop where more than N % would go.  [50]",
)
@options.option("Files", "--checksum", is_flag=True, help="Compare by SHA-256, not by size and time.")
@options.named("Files", "--exclude", "patterns", metavar="PATTERN", multiple=True, help="Leave out, as in .gitignore.")
@options.named("Files", "--exclude-from", metavar="FILE", multiple=True, help="Patterns from FILE, one a line.")
@options.option("Files", "--gitignore", is_flag=True, help="The patterns of DIR/.gitignore, and leave .git out.")
@options.option("Files", "--pull", is_flag=True, help="DIR of each host to DEST/HOST here.")
@via
@options.option("Files", "--limit-rate", type=BYTES, default=0.0, metavar="SIZE", help="So much a second and host.")
@options.named("Targets", "-x", "exclude", metavar="TARGETS", default="", help="Leave these hosts out.")
@options.together(
    options.inventory, options.narrowing_but_exclude, options.reach, options.login, options.pace, options.starting
)
@options.together(options.stopping, options.privilege, options.output)
def command(targets: str, folder: str, dest: str, **flags: Any) -> int:
    """Make the content of DEST on every host that of DIR: only what differs in size or time is sent.

    What is left out is neither sent nor removed. A tree that is the same costs one listing on each host.
    """
    said = {
        "delete": flags["delete"],
        "checksum": flags["checksum"],
        "exclude": tuple(_patterns(folder, flags)),
        "max_delete": flags["max_delete"],
        "rate": flags["limit_rate"],
        "dry": flags.pop("dry_run"),
        "via": flags["via"],
    }
    if flags["pull"]:
        from pssh.ops.sync.pull import Pull  # and with it all that fetches files

        if flags["gitignore"]:
            raise UsageError("`--gitignore` and `--pull` do not go together", hint="`--exclude` says what is left out")
        return early.launch(Pull(folder=folder, dest=dest, **said), targets, flags)
    operation = Sync(folder=str(Path(folder).expanduser()), dest=dest, **said)
    return early.launch(operation, targets, flags)


def _patterns(folder: str, flags: dict[str, Any]) -> list[str]:
    found: list[str] = []
    if flags["gitignore"]:
        file = Path(folder) / ".gitignore"
        found += [".git/", *(_read(file) if file.exists() else [])]
    for name in flags["exclude_from"]:
        found += _read(Path(name))
    return [*found, *flags["patterns"]]


def _read(file: Path) -> list[str]:
    try:
        return file.read_text("utf-8", "surrogateescape").splitlines()
    except OSError as error:
        raise UsageError(f"The patterns `{file}` cannot be read: {error.strerror}") from None
