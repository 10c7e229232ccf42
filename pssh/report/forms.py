"""The forms of a whole report, by the suffix of the file they go to, and the reporters that write such a form.

Each form is a pure function from a report to pieces of text, so that a report of any size is never in memory twice.
"""

import io
from collections.abc import Callable, Iterable
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

from pssh.errors import UsageError
from pssh.model.event import Event, RunEnded
from pssh.model.report import Report
from pssh.plugins import resolve
from pssh.report import aside
from pssh.report.screen import Screen

Form = Callable[[Report], Iterable[str | bytes]]


def _by(path: str) -> Form:
    """Return the form that `module:function` makes; it is imported when it is first made, for few runs need one."""
    return lambda report: resolve(path)(report)


FORMS = {
    ".html": _by("pssh.report.html.page:pieces"),
    ".md": _by("pssh.report.markdown:page"),
    ".json": _by("pssh.report.jsonout:document"),
    ".csv": _by("pssh.report.csvout:render"),
    ".xml": _by("pssh.report.junit:render"),
}
EVENTS = ".ndjson"  # made of the events as they come, and so of no report
SUFFIXES = (*FORMS, EVENTS)


class Whole:
    """Shows a report in one form when the run has ended."""

    def __init__(self, screen: Screen, form: Form) -> None:
        self._screen = screen
        self._form = form

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            for piece in self._form(event.report):
                self._screen.write(piece)


class Saved:
    """Writes a report to a file when the run has ended, also where it was stopped."""

    def __init__(self, path: Path, form: Form) -> None:
        self._path = path
        self._form = form

    def on(self, event: Event, /) -> None:
        if isinstance(event, RunEnded):
            aside.save(self._path, self._form(event.report))


class SavedEvents:
    """Collects the events of a run in a file without a name, and writes them to theirs at the end."""

    def __init__(self, path: Path, now: Callable[[], float], *, output: bool = False) -> None:
        import tempfile  # which takes longer than all of this module

        from pssh.report.jsonout import NdJson

        self._path = path
        self._file: BinaryIO = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115  it is ours until the end
        self._events = NdJson(Screen(self._file, io.BytesIO()), now=now, output=output)

    def on(self, event: Event, /) -> None:
        try:
            self._events.on(event)
        except OSError as error:
            with suppress(OSError):  # what is left to be written cannot be
                self._file.close()
            raise OSError(error.errno, error.strerror, str(self._path)) from error
        if isinstance(event, RunEnded):
            self._file.seek(0)
            with self._file:
                aside.save(self._path, iter(lambda: self._file.read(1 << 20), b""))


def form(path: Path) -> Form | None:
    """Return the form that a file's suffix asks for, None for the events; raises UsageError for another suffix."""
    suffix = path.suffix.lower()
    if suffix not in SUFFIXES:
        raise UsageError(f"`{path}` says no form of a report", hint=f"the suffixes are: {' '.join(SUFFIXES)}")
    return FORMS.get(suffix)


def saved(path: Path, now: Callable[[], float], *, output: bool = False) -> Saved | SavedEvents:
    """Return the reporter that writes this file; raises UsageError if it cannot be written."""
    wanted = form(path)
    aside.check(path)
    return Saved(path, wanted) if wanted else SavedEvents(path, now, output=output)
