"""`pssh demo`: a fleet on this machine, and a short tour of what can be done with it."""

import sys
from typing import Any

import click

from pssh.cli.help import Option, Page
from pssh.cli.types import NUMBER, Number
from pssh.demo.tour import demo

EXAMPLES = """
  pssh demo
  pssh demo --keep --hosts 40
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.option("--hosts", cls=Option, type=Number(1, 1000), default=12, metavar="N", help="How many hosts.  [12]")
@click.option(
    "--seed",
    cls=Option,
    type=NUMBER,
    default=1,
    metavar="N",
    help="The same hosts and faults for the same number.  [1]",
)
@click.option(
    "--faults", type=click.Choice(["none", "default", "storm"]), default="default", help="What goes wrong.  [default]"
)
@click.option("--keep", is_flag=True, help="Leave the fleet up, to try it by hand.")
def command(**said: Any) -> int:
    """Start a fleet of SSH hosts on this machine, show what pssh does with it, and end it.

    The hosts listen on 127.0.0.1 only, with keys made for this run. Your own files and configuration are not touched.
    """
    return demo(**said, out=sys.stdout)
