"""The bytes of one host, as they come and as they are: for a pipe or a file.

Where our stderr is a terminal, what the host writes to its own is made safe, unless bytes are wanted there too.
"""

from pssh.model.event import Event, JobSaid
from pssh.report.safe import safe
from pssh.report.screen import Screen


class Raw:
    """Passes on what a host prints."""

    def __init__(self, screen: Screen, *, shows: bool) -> None:
        """`shows`: stderr is to be read by a person."""
        self._screen = screen
        self._shows = shows

    def on(self, event: Event, /) -> None:
        match event:
            case JobSaid(stream="stdout", data=data):
                self._screen.write(data)
            case JobSaid(data=data):
                self._screen.say(safe(data, newlines=True) if self._shows else data)
            case _:
                pass
