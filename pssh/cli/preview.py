"""What `--dry-run` prints: the hosts, the command and how each host would be reached. Nothing connects."""

from pssh.model.work import Job
from pssh.plan import Plan, RunOptions
from pssh.report import words
from pssh.report.grid import grid
from pssh.report.safe import safe


def preview(plan: Plan, options: RunOptions) -> str:
    """Return the plan in words and a table; every line of it is what would be done."""
    run = plan.run
    said = "".join(f"  {name} = {value}\n" for name, value in options.told.items())
    head = (
        f"{run.operation}: {safe(run.text)}\n"
        f"{words.count(len(run.hosts))}: {words.hosts(run.hosts)}\n"
        f"inventory: {safe(', '.join(run.inventory)) or 'none'}\n{safe(said, newlines=True)}\n"
    )
    return head + grid(
        ["HOST", "BY", "USER", "ADDRESS", "PORT", "KEYS"], [_row(job) for job in plan.jobs], right=["PORT"]
    )


def _row(job: Job) -> list[str]:
    how = job.connection
    if how.transport != "ssh":
        return [safe(job.host), safe(how.transport), "", "", "", ""]
    return [safe(job.host), "ssh", safe(how.user), safe(how.address), str(how.port), safe(", ".join(how.identity))]
