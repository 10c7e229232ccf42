"""`pssh report`: an earlier run written to files, in the forms that `--report` gives to a run that goes on."""

import os
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import click

from pssh.cli import options, past, terminal
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.report import aside, words
from pssh.report.forms import FORMS
from pssh.report.safe import safe
from pssh.report.screen import Screen

EXAMPLES = """
  pssh report --html last.html
  pssh report r42 --html r42.html --csv r42.csv
  pssh report last~1 --md - | mail -s 'Last night' ops
  pssh report r42 --junit build/pssh.xml
"""
# flag: the suffix of the same form, and what it is.
_FLAGS = {
    "html": (".html", "A page with drawings that stands alone."),
    "md": (".md", "Markdown: a table and the causes."),
    "junit": (".xml", "JUnit: a test suite with a case for each host."),
    "csv": (".csv", "A row for each host."),
    "json": (".json", "One document, as `-f json`."),
}


def _forms(function: Any) -> Any:
    for flag, (_, text) in reversed(_FLAGS.items()):
        function = options.named("Report", f"--{flag}", metavar="FILE", default="", help=text)(function)
    return function


@click.command(cls=Page, examples=EXAMPLES)
@click.argument("run", default="last")
@_forms
@options.together(options.quiet)
def command(run: str, quiet: bool, **wanted: str) -> int:
    """Write what came of RUN (default: last) to files; the file `-` is standard output.

    A file is there whole or not at all. `pssh show` shows a run on the screen.
    """
    files = {flag: name for flag, name in wanted.items() if name}
    _check(files)
    with past.history() as queries:
        number = queries.number(run)
        kept = queries.run(number)
        report = queries.report(number)
    for flag, name in files.items():
        pieces = FORMS[_FLAGS[flag][0]](report)
        if name == "-":
            _show(pieces)
        else:
            aside.save(Path(name), pieces)
    if quiet:
        return 0
    if kept.state == "running":
        click.echo(f"pssh: {kept.name} goes on; this is what there is so far", err=True)
    if written := [f"`{safe(name)}`" for name in files.values() if name != "-"]:
        click.echo(f"pssh: {kept.name}, {words.count(len(report.results))}: {', '.join(written)}", err=True)
    return 0


def _check(files: dict[str, str]) -> None:
    """Raise UsageError for files that cannot all be written, before anything is."""
    if not files:
        flags = ", ".join(f"`--{flag}`" for flag in _FLAGS)
        raise UsageError("There is no file to write to", hint=f"give one or more of {flags}, each with a file")
    if len({os.path.abspath(name) for name in files.values()}) < len(files):  # noqa: PTH100  a link stays a link
        raise UsageError("Two reports are to go to one file", hint="give each a name of its own")
    for name in files.values():
        if name != "-":
            aside.check(Path(name))


def _show(pieces: Iterable[str | bytes]) -> None:
    screen = Screen(*terminal.streams())
    for piece in pieces:
        screen.write(piece)
