"""The steps of a run that goes in waves or waits at a barrier, one line each on stderr.

Where the next wave waits for an answer, the line is the report so far: that is what the person decides by.
"""

from msgspec.structs import replace

from pssh.model.event import Event, Released, RunStarted, WaveEnded, WaveStarted
from pssh.report import words
from pssh.report.screen import Screen
from pssh.report.summary import causes, counts


class Waves:
    """Shows waves and the release; of a quiet run only what there is to decide by."""

    def __init__(self, screen: Screen, *, quiet: bool) -> None:
        self._screen = screen
        self._quiet = quiet
        self._total = 0

    def on(self, event: Event, /) -> None:
        match event:
            case RunStarted(run=run):
                self._total = len(run.hosts)
            case WaveEnded(asks=asks) if asks or not self._quiet:
                self._screen.say(self._ended(event))
            case WaveStarted(number=number, of=of, hosts=hosts) if not self._quiet:
                self._screen.say(f"wave {number} of {of}: {words.count(hosts)}\n")
            case Released(ready=ready, missing=missing) if not self._quiet:
                self._screen.say(f"released on {words.count(ready)}, {missing:,} missing\n")
            case _:
                pass

    def _ended(self, event: WaveEnded) -> str:
        if not (report := event.report):
            return f"wave {event.number} of {event.of} ended\n"
        begun = tuple(result for result in report.results if result.status != "not-run")
        head = f"wave {event.number} of {event.of} ended, {len(begun):,} of {words.count(self._total)}: "
        line = f"{head}{counts(replace(report, results=begun))}  {words.seconds(report.seconds)}\n"
        return line + "".join(causes(begun, report.run.given, report.run.id)) if event.asks else line
