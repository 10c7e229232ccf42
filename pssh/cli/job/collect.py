"""`pssh job collect`: how detached commands ended, as one table."""

from typing import Any

import click

from pssh.cli import detached, options
from pssh.cli.help import Page

EXAMPLES = """
  pssh job collect r42 @web
  pssh job collect --remove r42 @web
"""


@click.command(cls=Page, examples=EXAMPLES)
@detached.WORDS
@options.option("Collect", "--remove", is_flag=True, help="Remove what is kept on the host, of those that have ended.")
@detached.REACHED
def command(words: tuple[str, ...], remove: bool, **flags: Any) -> int:
    """Show how what `pssh run --detach` began has ended, as if it had been run just now.

    A host where it still runs says so, and the exit code is 3. RUN is what it is called there; `last` alone is the last
    one that was detached, on all its hosts. Without a RUN it is the latest on each host.
    """
    return detached.launch("collect", words, flags, remove=remove)
