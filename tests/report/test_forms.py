"""Reports in files: the form is that of the suffix, and what is written is what stdout would show."""

import json
from pathlib import Path

import pytest

from pssh.errors import UsageError
from pssh.model.event import JobEnded, JobSaid, JobStarted, RunEnded, RunStarted
from pssh.report.base import Display
from pssh.report.forms import FORMS, SUFFIXES, form, saved
from tests.support.runs import example, shown


@pytest.mark.parametrize("suffix", FORMS)
def test_each_form_is_written_when_the_run_has_ended(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"report{suffix}"
    shown(example(), Display(saved=(path,)))
    pieces = (piece if isinstance(piece, bytes) else piece.encode() for piece in FORMS[suffix](example()))
    assert path.read_bytes() == b"".join(pieces)
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_file_of_events_is_what_ndjson_shows_and_there_only_at_the_end(tmp_path: Path) -> None:
    run = example()
    events = [
        RunStarted(run.run),
        JobStarted(9, "web07"),
        JobSaid(9, "web07", "stdout", b"x"),
        JobEnded(run.results[9]),
    ]
    path = tmp_path / "run.ndjson"
    reporter = saved(path, lambda: 1795341600.0)
    for event in events:
        reporter.on(event)
    assert not list(tmp_path.iterdir())
    reporter.on(RunEnded(run))
    assert path.read_text() == shown([*events, RunEnded(run)], Display(format="ndjson"))[0]
    assert [json.loads(line)["event"] for line in path.read_text().splitlines()] == [
        "run.start",
        "host.start",
        "host.end",
        "run.end",
    ]


def test_a_suffix_decides_whatever_its_case_and_another_is_refused() -> None:
    assert form(Path("a.b.CSV")) is FORMS[".csv"]
    assert form(Path("a.ndjson")) is None
    for name in ("report", "report.pdf", "csv"):
        with pytest.raises(UsageError) as raised:
            form(Path(name))
        assert raised.value.hint == f"the suffixes are: {' '.join(SUFFIXES)}"


def test_a_report_that_cannot_be_written_at_the_end_names_its_file(tmp_path: Path) -> None:
    for name in ("r.csv", "r.ndjson"):
        folder = tmp_path / name.partition(".")[2]
        folder.mkdir()
        reporter = saved(folder / name, lambda: 0.0)
        (folder / name).mkdir()
        with pytest.raises(OSError, match="irectory") as raised:
            reporter.on(RunEnded(example()))
        assert raised.value.filename == str(folder / name)
