"""`pssh job tail`: what detached commands print."""

from typing import Any

import click

from pssh.cli import detached, options
from pssh.cli.help import Page

EXAMPLES = """
  pssh job tail r42 @web
  pssh job tail -f r42 @web
  pssh job tail -f last
  pssh job tail --last 100 web07
"""


@click.command(cls=Page, examples=EXAMPLES)
@detached.WORDS
@options.option("Tail", "-f", "--follow", is_flag=True, help="Go on until it has ended, and end as it does.")
@options.option(
    "Tail", "--last", type=int, default=10, metavar="N", help="Begin with so many lines of each stream.  [10]"
)
@detached.REACHED
def command(words: tuple[str, ...], follow: bool, last: int, **flags: Any) -> int:
    """Show the last lines of what `pssh run --detach` began, of each host after its name.

    RUN is what it is called there, as `run --detach` says it; `last` alone is the last one that was detached, on all
    its hosts. Without a RUN it is the latest on each host. Ctrl-C ends the watching, and not the command.
    """
    flags = {**flags, "lines": True} if flags["format"] is None and not flags.get("gather") else flags
    return detached.launch("tail", words, flags, follow=follow, lines=max(last, 0))


for param in command.params:  # of `tail` everybody knows what `-f` is
    if param.name == "format":
        param.opts.remove("-f")
