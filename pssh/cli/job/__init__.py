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
    "install": ("Let systemd or cron run it when it is due", "pssh.cli.job.install"),
    "list": ("Show every job: last time, next time, how it went", "pssh.cli.job.list"),
    "pause": ("Let its times pass until it is resumed", "pssh.cli.job.pause"),
    "resume": ("Run it at its times again", "pssh.cli.job.resume"),
    "approve": ("Agree to another user's job as it is now", "pssh.cli.job.approve"),
    "tail": ("Show what detached commands print", "pssh.cli.job.tail"),
    "kill": ("End detached commands", "pssh.cli.job.kill"),
    "collect": ("Show how detached commands ended", "pssh.cli.job.collect"),
    "remove": ("Take it from systemd and cron, and forget it", "pssh.cli.job.remove"),
}


@click.command(cls=Group, modules=MODULES, examples=EXAMPLES)
def command() -> None:
    """Maintenance jobs: steps for a fleet, a schedule and a rollout, in one TOML file each.

    `tail`, `kill` and `collect` look after what `pssh run --detach` began.
    """
