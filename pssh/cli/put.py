"""`pssh put`: files and folders to every target."""

from typing import Any

import click

from pssh.cli import early, fileflags
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.ops.files.decide import Attributes
from pssh.ops.files.put import Put

EXAMPLES = """
  pssh put @web nginx.conf /etc/nginx/nginx.conf --sudo
  pssh put @web site/ notes.txt /srv/www/
  pssh put --mode 0644 --mkdir '@db&@prod' my.cnf /etc/mysql/conf.d/
  pssh put -n --diff @all motd /etc/motd
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("targets")
@click.argument("paths", nargs=-1, type=click.UNPROCESSED, metavar="SRC... DEST")
@fileflags.files
@fileflags.sending
def command(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Copy SRC to DEST on every host, and leave alone what is the same already.

    DEST is the new path, or the folder to put things into if it ends in `/` or is a folder there. A file appears under
    its name only when it is whole: size and SHA-256 are compared first, and the old file stays until then. `--dry-run`
    connects, and only looks.
    """
    if len(paths) < 2:
        raise UsageError("There is no SRC or no DEST", hint="`pssh put TARGETS SRC... DEST`")
    wanted = Attributes(**{name: flags[name] for name in ("mode", "owner", "group", "times", "preserve")})
    own = ("via", "force", "follow", "skip_links", "mkdir", "backup", "inplace", "render", "diff")
    operation = Put(
        paths[:-1],
        paths[-1],
        attributes=wanted,
        rate=flags["limit_rate"],
        dry=flags.pop("dry_run"),
        **{name: flags[name] for name in own},
    )
    return early.launch(operation, targets, flags)
