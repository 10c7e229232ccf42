"""`pssh job remove`: a job out of systemd and cron, and out of the record."""

import shutil
from pathlib import Path

import click
from platformdirs import user_config_path

from pssh.cli.help import Page
from pssh.cli.options import option
from pssh.errors import JobError
from pssh.report.safe import safe
from pssh.schedule import crontab, systemd
from pssh.schedule.state import State

EXAMPLES = """
  pssh job remove jobs/patch-web.toml
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@option(
    "Options",
    "--into",
    type=click.Path(path_type=Path),
    metavar="PATH",
    help="What it was written to.",
)
def command(file: Path, into: Path | None) -> int:
    """Remove what `install` wrote for FILE, which may be gone, and forget the job; its runs stay in the history."""
    path, state = file.resolve(), State()
    folders = [systemd.SYSTEM, systemd.user_folder(user_config_path())]
    crontabs: list[Path | None] = [None]
    if into is not None:
        folders, crontabs = ([into], []) if into.is_dir() else ([], [into])
    removed = [str(unit) for folder in folders for unit in systemd.remove(folder, path)]
    for each in crontabs:
        if (each is not None or shutil.which("crontab")) and crontab.change(path, "", each):
            removed.append(str(each or "a line of the crontab"))
    known = state.look(path) is not None
    state.forget(path)
    for what in removed:
        click.echo(f"removed: {safe(what)}")
    if not removed and not known:
        raise JobError(f"No job `{file}` is installed or known", hint="`pssh job list` shows those that are")
    for timer in (Path(unit) for unit in removed if into is None and unit.endswith(".timer")):
        systemctl = "systemctl" if timer.parent == systemd.SYSTEM else "systemctl --user"
        told = f"`{systemctl} stop {timer.name}; {systemctl} daemon-reload` lets systemd forget it"
        click.echo(f"  {safe(told)}", err=True)
    return 0
