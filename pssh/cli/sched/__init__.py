"""`pssh sched`: jobs at their times where neither systemd nor cron is wanted."""

import click

from pssh.cli.groups import Group

EXAMPLES = """
  pssh sched run jobs/
"""
MODULES = {"run": ("Run the jobs of a folder when they are due", "pssh.cli.sched.run")}


@click.command(cls=Group, modules=MODULES, examples=EXAMPLES)
def command() -> None:
    """Run maintenance jobs at their times, in the foreground: as in a container, or under another supervisor."""
