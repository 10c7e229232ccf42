"""`pssh job install`: a timer and a service for systemd, or a line for cron."""

import os
import shutil
import sys
from datetime import UTC, datetime
from pathlib import Path
from zoneinfo import ZoneInfo

import click
from platformdirs import user_config_path

from pssh.cli.help import Page
from pssh.cli.options import option
from pssh.errors import UsageError
from pssh.report.safe import safe
from pssh.schedule import crontab, systemd
from pssh.schedule.job import load, local_zone
from pssh.schedule.state import State, folder_of

EXAMPLES = """
  pssh job install --systemd jobs/patch-web.toml
  pssh job install --systemd --user jobs/patch-web.toml
  pssh job install --cron jobs/patch-web.toml
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@option("Options", "--systemd", "by_systemd", is_flag=True, help="Write a timer and a service.")
@option("Options", "--cron", "by_cron", is_flag=True, help="Write a line into your crontab.")
@option("Options", "--user", is_flag=True, help="With --systemd: as units of your own.  [if you are not root]")
@option("Options", "--into", type=click.Path(path_type=Path), metavar="PATH", help="Write to that folder or crontab.")
def command(file: Path, by_systemd: bool, by_cron: bool, user: bool, into: Path | None) -> int:
    """Let FILE's job be run when it is due.

    What is installed may ask more often than the job is due: `pssh job run --scheduled` decides.
    """
    if by_systemd == by_cron:
        raise UsageError("Say by what it is run", hint="`--systemd` or `--cron`")
    if by_cron and user:
        raise UsageError("`--user` is for `--systemd`; a crontab is always its user's")
    job, now = load(file), datetime.now(UTC)
    state = str(folder_of()) if os.environ.get("PSSH_STATE") else ""
    State().job(job.path, job.name, now)  # from now on its times count
    user = user or os.geteuid() != 0
    if by_cron:
        line = crontab.line(job, program(), now, ZoneInfo(local_zone()), state=state)
        changed = crontab.change(job.path, line, into)
        click.echo(f"{'written' if changed else 'unchanged'}: {safe(line)}")
        return 0
    folder = into or (systemd.user_folder(user_config_path()) if user else systemd.SYSTEM)
    texts = systemd.units(job, program(), now, user=user, state=state)
    written = systemd.install(folder, texts, job.path)
    for name in texts:
        click.echo(f"{'written' if folder / name in written else 'unchanged'}: {safe(str(folder / name))}")
    if written and not into:
        systemctl = "systemctl --user" if user else "systemctl"
        timer = next(name for name in texts if name.endswith(".timer"))
        click.echo(f"  `{systemctl} daemon-reload && {systemctl} enable --now {timer}` starts it", err=True)
        if user:
            click.echo("  `loginctl enable-linger` lets it run while you are not logged in", err=True)
    return 0


def program() -> list[str]:
    """Return how this pssh is called by something that knows no search path."""
    called = shutil.which(sys.argv[0]) if Path(sys.argv[0]).name in ("pssh", "pssh-fleet") else None
    return [str(Path(called).absolute())] if called else [sys.executable, "-m", "pssh"]
