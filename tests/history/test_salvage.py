"""What is saved of a damaged history."""

import os
from contextlib import closing
from pathlib import Path

from pssh.history.queries import Queries
from pssh.history.store import FILE, History
from tests.support.history import kept
from tests.support.runs import ok

PAGE = 4096


def filled(folder: Path) -> Path:
    """Return the file of a history of 20 runs of 30 hosts."""
    with closing(History(folder)) as history:
        for number in range(20):
            kept(history, [ok(f"h{n}", b"%d of %d\n" % (n, number) * 40) for n in range(30)])
    return folder / FILE


def test_of_a_file_with_a_hole_what_lies_beside_it_is_saved_and_nothing_else(tmp_path: Path) -> None:
    path = filled(tmp_path / "state")
    pages = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        file.seek(pages // 2 * PAGE)
        file.write(bytes(3 * PAGE))
    os.truncate(path, pages * PAGE - 1)  # so that the hole is looked for
    before = path.read_bytes()
    with closing(History(tmp_path / "state")) as history:
        assert "runs of it were saved; the old one is" in history.notice
        queries = Queries(history)
        saved = [result for run in queries.runs() for result in queries.results(run.number)]
        assert 100 < len(saved) < 600
        for run in queries.runs():
            for result in queries.results(run.number):
                number = result.host.removeprefix("h").encode()
                assert result.end.stdout == b"%s of %d\n" % (number, run.number - 1) * 40
        assert kept(history, [ok("new")]) == 21
    (aside,) = (tmp_path / "state").glob("history.db.damaged-*")
    assert aside.read_bytes() == before
    assert {path.name for path in (tmp_path / "state").iterdir()} == {FILE, aside.name}


def test_nothing_is_saved_of_a_file_that_is_something_else(tmp_path: Path) -> None:
    (tmp_path / "state").mkdir(0o700)
    (tmp_path / "state" / FILE).write_bytes(b"something else" * 1000)
    with closing(History(tmp_path / "state")) as history:
        assert "a new one is begun" in history.notice
        assert Queries(history).runs() == []
