"""`pssh job explain`: when a job is due next, on which hosts in which waves, and how long it will take."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import click

from pssh.cli import start
from pssh.cli.help import Page
from pssh.model.options import RunOptions
from pssh.ops.steps import Packed, Step
from pssh.plan import Plan
from pssh.report import words
from pssh.report.grid import grid
from pssh.report.safe import safe
from pssh.schedule import outlook, running
from pssh.schedule.approval import approved, plan_hash
from pssh.schedule.job import MaintenanceJob, load
from pssh.schedule.state import State

EXAMPLES = """
  pssh job explain jobs/patch-web.toml
"""
_MOST_WAVES = 20


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("file", type=click.Path(path_type=Path))
def command(file: Path) -> int:
    """Show the next five times of FILE's job, its waves with their hosts, and its estimated end."""
    job, now = load(file), datetime.now(UTC)
    running.settle_in(job)
    sources = running.sources(job)
    wanted = running.options(job, sources, job.file.targets, yes=True)
    plan = start.planned(job.steps, job.file.targets, running.flags(sources, quiet=True), wanted)
    state = State()
    parts = [_head(job), _times(job, now)]
    if plan:
        seconds, how = outlook.estimate(job, len(plan.jobs), wanted, state.answers(job.path))
        parts += [_waves(plan, wanted), _steps(job), _end(job, seconds, how)]
    click.echo("\n".join(filter(None, parts)), nl=False)
    return 0


def _head(job: MaintenanceJob) -> str:
    said = f"{safe(job.name)}: {safe(job.file.description)}\n" if job.file.description else f"{safe(job.name)}\n"
    if job.file.rollout.approval:
        who = approved(job)
        said += f"plan {plan_hash(job)}: {f'approved by {safe(who)}' if who else 'not approved'}\n"
    return said


def _times(job: MaintenanceJob, now: datetime) -> str:
    entry = job.entry
    if entry is None:
        return "no schedule: it is run by hand\n"
    rows = [[safe(cell) for cell in row] for row in outlook.schedule_lines(entry, now)]
    if not rows:
        return "it is never due again\n"
    blackout = any(row[2] for row in rows)
    headers = [f"BEGINS ({safe(entry.rule.zone)})", "UTC", *(["BLACKOUT"] if blackout else [])]
    said = grid(headers, [row if blackout else row[:2] for row in rows])
    if entry.window:
        said += f"window {outlook.duration(entry.window.total_seconds())}"
        said += f", jitter {outlook.duration(entry.jitter.total_seconds())} on this machine\n" if entry.jitter else "\n"
    if entry.window and entry.grace > entry.window:
        said += "a missed time is made up only while its window is open\n"
    return said


def _waves(plan: Plan, options: RunOptions) -> str:
    return "".join(f"{line}\n" for line in _wave_lines(plan, options))


def _wave_lines(plan: Plan, options: RunOptions) -> Iterator[str]:
    sizes, begun = options.rollout.sizes(len(plan.jobs)), 0
    if len(sizes) == 1:
        yield f"{words.count(len(plan.jobs))}: {words.hosts(job.host for job in plan.jobs)}"
        return
    for number, size in enumerate(sizes[:_MOST_WAVES], 1):
        hosts = words.hosts(job.host for job in plan.jobs[begun : begun + size])
        yield f"wave {number} of {len(sizes)}: {words.count(size)}: {hosts}"
        begun += size
    if len(sizes) > _MOST_WAVES:
        yield f"… {len(sizes) - _MOST_WAVES} more waves"


def _steps(job: MaintenanceJob) -> str:
    rows = [[safe(step.name), "here" if step.here else "host", safe(_label(step))] for step in job.steps.steps]
    return grid(["STEP", "ON", "DOES"], rows)


def _label(step: Step) -> str:
    doing = step.operation
    return doing.opened().label if isinstance(doing, Packed) else doing.label


def _end(job: MaintenanceJob, seconds: float | None, how: str) -> str:
    if seconds is None:
        return f"estimated end: not known\n  {how}\n"
    coming = outlook.times(job.entry, datetime.now(UTC), 1) if job.entry else []
    zone = job.entry.rule.clock if job.entry else UTC
    end = f", at {(coming[0][0] + timedelta(seconds=seconds)).astimezone(zone):%H:%M %Z}" if coming else ""
    late = outlook.fits(job.entry, seconds)
    verdict = f", {late}" if late else ", within its window" if job.entry and job.entry.window else ""
    return f"estimated end: {outlook.duration(seconds)} after it begins{end}{verdict}\n  {how}\n"
