"""`pssh script`: a script of ours on every target."""

from pathlib import Path
from typing import Any

import click

from pssh.cli import early, options
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.ops.script import Script

MOST_BYTES = 32 << 20  # it travels with every worker's first job, and is sent to every host

EXAMPLES = """
  pssh script @web tidy.sh
  pssh script -t 60 @db check.py --verbose /var/lib/db
"""


@click.command(cls=Page, examples=EXAMPLES, context_settings={"allow_interspersed_args": False})
@click.argument("targets")
@click.argument("file", type=click.Path(path_type=Path))
@click.argument("args", nargs=-1, type=click.UNPROCESSED, metavar="[ARGS]...")
@options.together(options.work, options.compare, options.raw)
def command(targets: str, file: Path, args: tuple[str, ...], **flags: Any) -> int:
    """Upload FILE to a private folder on every host, run it with ARGS, and remove it.

    Options stand before TARGETS; all that follows FILE is for the script. Without a `#!` line it is run by sh.
    """
    return early.launch(Script(file.name, _content(file), args), targets, flags)


def _content(file: Path) -> bytes:
    try:
        with file.open("rb") as source:
            content = source.read(MOST_BYTES + 1)
    except OSError as error:
        raise UsageError(f"The script `{file}` cannot be read: {error.strerror}") from error
    if len(content) > MOST_BYTES:
        raise UsageError(f"The script `{file}` has more than {MOST_BYTES >> 20} MiB", hint="let it fetch its data")
    return content
