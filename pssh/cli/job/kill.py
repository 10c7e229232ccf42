"""`pssh job kill`: detached commands are ended."""

from typing import Any

import click

from pssh.cli import detached
from pssh.cli.help import Page

EXAMPLES = """
  pssh job kill r42 @web
  pssh job kill --kill-after 30s r42 @web
"""


@click.command(cls=Page, examples=EXAMPLES)
@detached.WORDS
@detached.REACHED
def command(words: tuple[str, ...], **flags: Any) -> int:
    """End what `pssh run --detach` began: TERM to all of it, and KILL after `--kill-after`.

    RUN is what it is called there; `last` alone is the last one that was detached, on all its hosts. Without a RUN it
    is the latest on each host. A process that has only got its number by now is left alone.
    """
    return detached.launch("kill", words, flags, grace=flags["kill_after"])
