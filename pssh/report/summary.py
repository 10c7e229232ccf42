"""What goes to stderr in every format: notices as they come, and the last lines, which say how a run ended and why.

The first of the last lines counts every host; then each cause that is no plain exit code has a line, with its hosts
folded and a hint.
"""

from collections.abc import Iterable

from pssh.model.event import Event, HostKeyLearned, Notice, RunEnded
from pssh.model.outcome import Failure, Result, Status
from pssh.model.report import BY_WEIGHT, Report
from pssh.report import words
from pssh.report.grid import clip
from pssh.report.hints import hint, shortly
from pssh.report.safe import safe
from pssh.report.screen import Screen

_MOST_HINTS = 5  # different ones for one cause; more of them share a line
_NAMES_WIDTH = 60


class Notices:
    """Shows what the person should know although it is no host's result; never silenced."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen

    def on(self, event: Event, /) -> None:
        if isinstance(event, Notice):
            more = f"  {safe(event.hint)}\n" if event.hint else ""
            self._screen.say(f"pssh: {safe(event.text)}\n{more}")


class Summary:
    """Shows the last lines."""

    def __init__(self, screen: Screen) -> None:
        self._screen = screen
        self._learned: dict[str, list[str]] = {}  # hosts by known_hosts file

    def on(self, event: Event, /) -> None:
        match event:
            case HostKeyLearned(host=host, file=file):
                self._learned.setdefault(file, []).append(host)
            case RunEnded(report=report):
                self._screen.say(f"\n{summary(report)}{self._keys()}")
            case _:
                pass

    def _keys(self) -> str:
        return "".join(_line("new key", names, f"now in {safe(file)}") for file, names in self._learned.items())


def summary(report: Report) -> str:
    """Return the last lines of a run."""
    return f"{ending(report)}\n{explained(report)}"


def ending(report: Report) -> str:
    """Return the line that counts every host and says how the run ended."""
    run, total = report.run, len(report.results)
    parts = [
        f"{words.count(total)}: {counts(report)}",
        words.seconds(report.seconds),
        "" if report.spread is None else f"began within {report.spread * 1000:,.0f} ms",
        safe(", ".join(run.inventory)),
        run.id and f"run {safe(run.id)}",
        report.stopped and f"stopped: {safe(report.stopped)}",
        f"exit {report.exit_code}",
    ]
    return "  ".join(filter(None, parts))


def explained(report: Report) -> str:
    """Return the lines that say why, with a hint each."""
    run = report.run
    job = run.job.file if run.job else ""
    return "".join((*causes(report.results, run.given, run.id, job), *undone(report), *_long(report.results, run.id)))


def counts(report: Report) -> str:
    """Return how many hosts have each status."""
    return ", ".join(f"{number:,} {status}" for status, number in report.counts.items())


def causes(results: Iterable[Result], given: str = "", run: str = "", job: str = "") -> Iterable[str]:
    """Return a line for each cause that is no plain exit code, with its hosts and a hint."""
    found: dict[tuple[Status, str], dict[str, list[Result]]] = {}
    for result in results:
        if isinstance(result.end, Failure):
            hints = found.setdefault((result.status, result.cause), {})
            # Hosts that each bring a hint of their own must not make the last lines as long as the table.
            own = result.end.hint if result.end.hint in hints or len(hints) < _MOST_HINTS else ""
            hints.setdefault(own, []).append(result)
    for (_, cause), hints in sorted(found.items(), key=lambda item: BY_WEIGHT.index(item[0][0])):
        for group in hints.values():
            yield _line(cause, [result.host for result in group], hint(group, given, run, job))


def undone(report: Report) -> Iterable[str]:
    """Return a line for each step that was not taken back everywhere, with the hosts."""
    for name, hosts in report.owed.items():
        yield _line("not undone", hosts, f"the step `{safe(name)}` was not seen to be taken back: look there")


def _long(results: Iterable[Result], run: str) -> Iterable[str]:
    """Yield what became of outputs that a report does not hold whole, of a run that is kept."""
    long = [result for result in results if result.end.truncated] if run else []
    for whole in (True, False):
        if names := [result.host for result in long if result.end.whole is whole]:
            text = f"`pssh show {safe(run)} {shortly(names, 'HOST')}` has "
            text += "all of it" if whole else "more of it; the rest was dropped, see `--max-output`"
            yield _line("long output", names, text)


def _line(cause: str, names: list[str], text: str) -> str:
    return f"  {safe(cause)}  {clip(words.hosts(names), _NAMES_WIDTH)}  {text}".rstrip() + "\n"
