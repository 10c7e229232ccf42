"""`pssh get`: files and folders from every target."""

from typing import Any

import click

from pssh.cli import early, fileflags
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.ops.files.get import Get

EXAMPLES = """
  pssh get @web /etc/nginx/nginx.conf conf/
  pssh get --flat @db '/var/log/mysql/*.err' logs/
  pssh get --dest 'logs/{host}.log' @all /var/log/syslog
  pssh get --sudo @all /etc/sudoers.d backup/
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("targets")
@click.argument("paths", nargs=-1, type=click.UNPROCESSED, metavar="SRC... DEST")
@fileflags.files
@fileflags.fetching
def command(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Fetch SRC from every host into DEST/HOST/, and leave alone what is the same already.

    SRC may hold `*`, `?` and `[...]`, for paths on the hosts: quote it. A file appears under its name only when it is
    whole: size and SHA-256 are compared first. `--dry-run` connects, and only looks.
    """
    path = flags["dest"]
    if len(paths) < (1 if path else 2):
        raise UsageError("There is no SRC or no DEST", hint="`pssh get TARGETS SRC... DEST`")
    if path and "{" not in path:
        raise UsageError(f"`--dest {path}` is the same path for every host", hint="write `--dest 'logs/{host}.log'`")
    sources, dest = (paths, ".") if path else (paths[:-1], paths[-1])
    own = ("flat", "via", "force", "follow", "links", "times")
    operation = Get(
        sources,
        dest,
        path=path,
        rate=flags["limit_rate"],
        dry=flags.pop("dry_run"),
        **{name: flags[name] for name in own},
    )
    return early.launch(operation, targets, flags)
