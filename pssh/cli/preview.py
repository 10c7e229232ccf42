"""What `--dry-run` prints: the hosts, their waves, the commands, how each host would be reached; nothing connects."""

from collections.abc import Iterator, Sequence

from pssh.model.host import Connection
from pssh.model.options import RunOptions
from pssh.model.work import Job
from pssh.plan import Plan
from pssh.report import words
from pssh.report.grid import grid
from pssh.report.safe import safe

_MOST_COMMANDS = 10
_MOST_WAVES = 20


def preview(plan: Plan, options: RunOptions) -> str:
    """Return the plan in words and a table; every line of it is what would be done."""
    run = plan.run
    said = "".join(f"  {name} = {_value(value)}\n" for name, value in options.told.items())
    head = (
        f"{run.operation}: {safe(run.text)}\n"
        f"{words.count(len(run.hosts))}: {words.hosts(run.hosts)}\n"
        f"inventory: {safe(', '.join(run.inventory)) or 'none'}\n{safe(said, newlines=True)}"
    )
    if plan.protected:
        head += f"protected: {words.hosts(plan.protected)}\n"
    parts = (head, _section(_waves(plan, options)), _section(_commands(plan)), _table(plan.jobs))
    return "\n".join(filter(None, parts))


def _value(value: object) -> str:
    return ", ".join(map(str, value)) if isinstance(value, tuple) else str(value)


def _section(lines: Iterator[str]) -> str:
    return "".join(f"{line}\n" for line in lines)


def _waves(plan: Plan, options: RunOptions) -> Iterator[str]:
    """Yield the hosts of each wave in the order of their start, if there is more than one."""
    sizes = options.rollout.sizes(len(plan.jobs))
    if len(sizes) < 2:
        return
    begun = 0
    for number, size in enumerate(sizes[:_MOST_WAVES], 1):
        hosts = [job.host for job in plan.jobs[begun : begun + size]]
        yield f"wave {number} of {len(sizes)}: {words.count(size)}: {words.hosts(hosts)}"
        begun += size
    if len(sizes) > _MOST_WAVES:
        yield _more(len(sizes) - _MOST_WAVES, "wave")


def _commands(plan: Plan) -> Iterator[str]:
    """Yield each distinct command with its hosts, where it is not the same everywhere as it was typed."""
    found: dict[str, list[str]] = {}
    for job in plan.jobs:
        found.setdefault(job.operation.label, []).append(job.host)
    if list(found) == [plan.run.text]:
        return
    for text, hosts in list(found.items())[:_MOST_COMMANDS]:
        yield f"{words.hosts(hosts)}: {safe(text)}"
    if len(found) > _MOST_COMMANDS:
        yield _more(len(found) - _MOST_COMMANDS, "command")


def _more(number: int, what: str) -> str:
    return f"… {number:,} more {what}{'s' if number > 1 else ''}"


def _table(jobs: Sequence[Job]) -> str:
    become = any(job.connection.become for job in jobs)
    headers = ["HOST", "BY", "USER", "ADDRESS", "PORT", *(["AS"] if become else []), "KEYS"]
    return grid(headers, [_row(job, become) for job in jobs], right=["PORT"])


def _by(how: Connection) -> str:
    """Return how a host is reached: `ssh`, and through what, the nearest first."""
    *_, nearest = stages = list(how.stages)
    through = ["ProxyCommand"] if nearest.proxy_command else []
    through += [stage.via.name for stage in reversed(stages) if stage.via]
    return f"ssh via {', '.join(through)}" if through else "ssh"


def _row(job: Job, become: bool) -> list[str]:
    how = job.connection
    whose = [safe(f"{how.become_user or 'root'} by {how.become}") if how.become else ""] if become else []
    if how.transport != "ssh":
        return [safe(job.host), safe(how.transport), "", "", "", *whose, ""]
    return [
        safe(job.host),
        safe(_by(how)),
        safe(how.user),
        safe(how.address),
        str(how.port),
        *whose,
        safe(", ".join(how.identity)),
    ]
