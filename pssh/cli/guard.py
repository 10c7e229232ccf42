"""The question before protected hosts are touched: how many hosts is this run for?

Whoever types the number has read it; a `y` is typed before the question has been. Without a terminal and without
`--yes` nothing is run.
"""

from collections.abc import Callable

from pssh.cli import terminal
from pssh.errors import UsageError
from pssh.model.options import RunOptions
from pssh.plan import Plan
from pssh.report import words
from pssh.report.safe import safe


def confirm(plan: Plan, options: RunOptions, ask: Callable[[str], str | None] = terminal.ask_line) -> None:
    """Return if nobody need be asked, or the answer is right; raises UsageError."""
    if options.yes or not (plan.protected or plan.dangers):
        return
    hosts = words.count(len(plan.run.hosts))
    answer = ask(
        f"{plan.run.operation}: {safe(plan.run.text)}\n"
        f"{hosts}: {words.hosts(plan.run.hosts)}\n"
        + (f"protected: {words.hosts(plan.protected)}\n" if plan.protected else "")
        + "Type the number of hosts to go on: "
    )
    if answer is None:
        raise UsageError(f"{_why(plan)}, and there is no terminal to ask whether that is meant", hint="`--yes` says so")
    if answer.strip() != str(len(plan.run.hosts)):
        typed = f"`{answer.strip()}`" if answer.strip() else "nothing"
        raise UsageError(f"The run is for {hosts}, and {typed} was typed; nothing was run")


def _why(plan: Plan) -> str:
    if not plan.protected:
        return f"`{plan.run.operation}` cannot be undone"
    number = len(plan.protected)
    return f"{words.count(number)} {'is' if number == 1 else 'are'} protected"
