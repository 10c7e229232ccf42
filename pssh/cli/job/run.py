"""`pssh job run`: run a maintenance job, now or because it is due."""

from pathlib import Path
from typing import Any

import click
from msgspec import structs

from pssh.cli import options, past, start, terminal
from pssh.cli.help import Page
from pssh.cli.preview import preview
from pssh.errors import PsshError, UsageError
from pssh.history.queries import picks
from pssh.prepare import Sources
from pssh.report import words
from pssh.report.base import reporters
from pssh.report.safe import safe
from pssh.report.screen import Screen
from pssh.schedule import running
from pssh.schedule.attempt import Attempt, Go
from pssh.schedule.job import MaintenanceJob, load
from pssh.schedule.state import State
from pssh.schedule.watch import Watch

EXAMPLES = """
  pssh job run --dry-run jobs/patch-web.toml
  pssh job run --now jobs/patch-web.toml
  pssh job run --now --resume r42 jobs/patch-web.toml
  pssh job run --resume r42 --unknown jobs/patch-web.toml
"""


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
@options.option("Safety", "-n", "--dry-run", is_flag=True, help="Show what would be done, and connect nowhere.")
@options.option("Safety", "-y", "--yes", is_flag=True, help="Do not ask whether it is meant.")
@options.option("Time", "--now", is_flag=True, help="Also if it is not due; its window then begins now.")
@options.option("Time", "--force-window", is_flag=True, help="Also outside its window, and in a blackout.")
@options.option("Time", "--scheduled", is_flag=True, help="As a timer does: only if it is due, and never asking.")
@options.named("Targets", "--resume", metavar="RUN", default="", help="On the hosts that RUN did not finish.")
@options.option("Targets", "--unknown", is_flag=True, help="With --resume: also hosts where a step may have run.")
@options.output
def command(
    file: Path,
    dry_run: bool,
    yes: bool,
    now: bool,
    force_window: bool,
    scheduled: bool,
    resume: str,
    unknown: bool,
    **flags: Any,
) -> int:
    """Run the maintenance job of FILE, if it is due or `--now`.

    By hand it runs within its window; a timer gives `--scheduled`, and what is not to run then is recorded as skipped,
    and no error.

    Where a run was cut off in mid-step, what became of its host is not known: --resume names such hosts and leaves them
    aside, also those whose `undo` is owed, unless --unknown takes them from the first step on.
    """
    if scheduled and (now or force_window or resume or dry_run):
        raise UsageError("`--scheduled` goes by the schedule, and together with nothing else that says when")
    if unknown and not resume:
        raise UsageError("`--unknown` says more of `--resume`, which is not there")
    job = load(file)
    running.settle_in(job)
    sources = running.sources(job)
    text, first = _rest(job, resume, unknown) if resume else (job.file.targets, 0)
    if not text:
        click.echo(f"pssh: Nothing is left of {safe(resume)}", err=True)
        return 0
    if dry_run:
        wanted = running.options(job, sources, text, yes=yes)
        plan = start.planned(job.steps, text, running.flags(sources, quiet=True), wanted)
        click.echo(preview(plan, wanted) if plan else "0 hosts\n", nl=False)
        return 0
    attempt = Attempt(job, State(), lambda said: click.echo(f"pssh: {safe(job.name)}: {safe(said)}", err=True))
    if scheduled:
        allowed = attempt.scheduled()
    else:
        allowed = attempt.by_hand(anyway=now or bool(resume), forced=force_window, reason="resume" if resume else "now")
    with allowed as go:
        if go is None:
            return 0
        return _run(job, attempt, go, text, sources, {**flags, "yes": yes, "scheduled": scheduled}, first)


def _rest(job: MaintenanceJob, name: str, unknown: bool) -> tuple[str, int]:
    """Return the hosts that a run did not finish as targets, none if there are none, and the run that it belongs to."""
    with past.history() as queries:
        number, newest = queries.newest(name)
        kept = queries.run(number)
    if (kept.run.operation, kept.run.text) != ("steps", job.name):
        raise UsageError(f"The run r{number} is none of the job `{job.name}`", hint="`pssh log` lists earlier runs")
    doubtful = [one.host.name for one in newest if one.state == "end-unknown"]
    if doubtful:
        said = "are taken as well" if unknown else "are left aside; look there, then `--unknown` takes them as well"
        undone = [step.name for step in job.steps.steps if step.undo is not None]
        owed = f" (the undo of {', '.join(undone)} may be owed)" if undone else ""
        click.echo(
            f"pssh: What became of r{number} is not known on {words.hosts(doubtful)}{owed}; they {said}", err=True
        )
    left = [f"@r{number}:todo"] if any(picks("todo", "", one) for one in newest) else []
    left += [f"@r{number}:state=end-unknown"] if doubtful and unknown else []
    return ",".join(left), kept.first


def _run(
    job: MaintenanceJob,
    attempt: Attempt,
    go: Go,
    text: str,
    sources: Sources,
    flags: dict[str, Any],
    first: int,
) -> int:
    scheduled, watch = flags["scheduled"], Watch(job, attempt, go)
    watch.begin()
    try:
        how = start.display(flags)
        screen = Screen(*terminal.streams())
        wanted = running.options(job, sources, text, yes=flags["yes"] or scheduled)
        wanted = structs.replace(wanted, say=how.says)
        hears, attend = start.attended(reporters(how, screen), screen, how, wanted)
        given = running.flags(sources, quiet=how.quiet) | {"job": go.of(job.path)}
        finished = start.carried_out(job.steps, text, given, wanted, hears, (), watch.over(attend), first)
        report, code = (finished[1], finished[1].exit_code) if finished else (None, 0)
    except PsshError as error:
        if error.exit_code == 2 and not scheduled:
            watch.drop()
        else:
            watch.end(None, error.exit_code)
        raise
    except BaseException:
        watch.end(None, 1)
        raise
    watch.end(report, code)
    return code
