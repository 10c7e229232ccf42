"""`pssh job`: maintenance jobs, each a file."""

import click

from pssh.cli.groups import Group

EXAMPLES = """
  pssh job check jobs/patch-web.toml
  pssh job explain jobs/patch-web.toml
  pssh job run --now jobs/patch-web.toml
  pssh job install --systemd jobs/patch-web.toml
  pssh job list
"""
MODULES = {
    "check": ("Find everything that is wrong with a job file", "pssh.cli.job.check"),
    "explain": ("Show its next times, its waves and how long it takes", "pssh.cli.job.explain"),
    "run": ("Run it", "pssh.cli.job.run"),
}


@click.command(cls=Group, modules=MODULES, examples=EXAMPLES)
def command() -> None:
    """Maintenance jobs: steps for a fleet, a schedule and a rollout, in one TOML file each."""
