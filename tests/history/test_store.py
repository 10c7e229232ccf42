"""What is stored of a run, and what becomes of it whoever dies."""

import os
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from pssh.errors import HistoryError
from pssh.history import schema
from pssh.history.queries import Queries
from pssh.history.retention import Retention
from pssh.history.store import History
from pssh.model.outcome import Reply
from tests.support.history import STARTED, begun, kept, numbered_as
from tests.support.runs import failed, ok, result


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "state")
    yield opened
    opened.close()


def again(history: History, **how: int) -> History:
    """Return the history as the next process opens it, once all of this one are gone."""
    history.close()
    return History(history.folder, **how)


def test_runs_are_numbered_from_1_and_a_run_that_does_not_begin_gives_its_number_back(history: History) -> None:
    first = history.allot()
    assert first.name == "r1"
    first.close()
    assert kept(history, [ok("a")]) == 1
    assert kept(history, [ok("a")]) == 2


def test_a_report_comes_back_as_it_was(history: History) -> None:
    results = [
        ok("a", b"6.1\n", banner="SSH-2.0-x", changed=True, worker=3, attempts=2, started=STARTED),
        failed("b", "connect/timeout", "no answer from 10.0.0.1:22", hint="look"),
        result("c", Reply(exit_code=3, stderr=b"\xff\x00", stdout_cut=5, note="left")),
        result("d", Reply(signal="KILL")),
        ok("e", b"6.1\n", operation="echo e"),
    ]
    number = kept(history, results)
    report = Queries(history).report(number)
    assert report.results == tuple(numbered_as(place, one) for place, one in enumerate(results))
    assert (report.run.id, report.run.hosts, report.seconds) == ("r1", ("a", "b", "c", "d", "e"), 1.5)
    assert report.run.inventory == ("fleet.toml",)


def test_equal_outputs_are_stored_once(history: History) -> None:
    kept(history, [ok(f"h{number}", b"x" * 100_000) for number in range(50)])
    assert history.database.execute("select count(*) from ends").fetchone() == (1,)


def test_text_that_is_no_unicode_comes_back_unchanged(history: History) -> None:
    odd = os.fsdecode(b"/srv/\xff.toml")
    number = kept(history, [ok("a")], inventory=(odd,), text=odd, targets=f"^{odd}")
    run = Queries(history).run(number).run
    assert (run.inventory, run.text, run.targets) == ((odd,), odd, f"^{odd}")


def test_a_stored_result_is_seen_by_others_at_once(history: History) -> None:
    keeper = begun(history, ["a", "b"])
    keeper.keep([numbered_as(0, ok("a", b"6.1\n"))])
    other = History(history.folder)
    assert [one.host for one in Queries(other).results(keeper.number)] == ["a"]
    assert Queries(other).run(keeper.number).state == "running"  # its process, which is this one, is alive
    other.close()


def test_a_dead_run_is_interrupted_and_each_host_says_what_is_known(history: History) -> None:
    keeper = begun(history, ["done", "begun", "waits"], waves=[1, 1, 2])
    keeper.keep([numbered_as(0, ok("done"))])  # as a run without waves, or one of an older version, kept it
    with keeper.marks.open("r+b") as marks:
        marks.seek(1)
        marks.write(b"\1")
    keeper.close()
    reopened = again(history)
    queries = Queries(reopened)
    found = {one.host: (one.status, one.state, one.cause) for one in queries.results(1)}
    assert found == {
        "done": ("ok", "finished", ""),
        "begun": ("lost", "end-unknown", "worker/died"),
        "waits": ("not-run", "not-started", "stop/interrupt"),
    }
    assert {one.host: one.wave for one in queries.results(1)} == {"done": 0, "begun": 1, "waits": 2}
    assert (queries.run(1).state, queries.run(1).exit) == ("interrupted", None)
    assert not list(reopened.folder.glob("r1.*"))
    reopened.close()


def test_a_dead_run_whose_marks_are_gone_may_have_begun_everywhere(history: History) -> None:
    keeper = begun(history, ["a", "b"])
    keeper.close()
    keeper.marks.unlink()
    reopened = again(history)
    assert {one.state for one in Queries(reopened).results(1)} == {"end-unknown"}
    reopened.close()


def test_a_dead_run_with_a_damaged_record_keeps_no_other_from_being_read(history: History) -> None:
    kept(history, [ok("a")])
    begun(history, ["a"]).close()
    history.database.execute("update runs set targets = x'ff' where number = 2")
    reopened = again(history)
    queries = Queries(reopened)
    assert [(run.number, run.state) for run in queries.runs()] == [(2, "interrupted"), (1, "ended")]
    with pytest.raises(HistoryError, match="is damaged"):
        queries.report(2)
    assert [one.host for one in queries.report(1).results] == ["a"]
    reopened.close()


def test_a_run_that_died_before_it_began_leaves_nothing(history: History) -> None:
    history.database.execute(
        "insert into runs (number, first, state, counts, started) values (1, 1, 'preparing', 1, 0)"
    )
    reopened = again(history)
    assert Queries(reopened).runs() == []
    reopened.close()


def test_old_runs_are_forgotten_by_number_and_by_age_but_never_the_newest(tmp_path: Path) -> None:
    history = History(tmp_path / "state", Retention(keep=3))
    for _ in range(6):
        kept(history, [ok("a")])
    begun(history, ["a"])
    assert [run.number for run in Queries(history).runs()] == [7, 6, 5]
    assert history.database.execute("select distinct run from results order by run").fetchall() == [(5,), (6,)]
    assert history.database.execute("select distinct run from ends order by run").fetchall() == [(5,), (6,)]
    history.forget(STARTED + 91 * 86400)
    assert [run.number for run in Queries(history).runs()] == [7]
    history.close()


def test_what_is_forgotten_takes_no_room_any_more(tmp_path: Path) -> None:
    history = History(tmp_path / "state", Retention(keep=2))
    for _ in range(3):
        kept(history, [ok(f"h{number}", os.urandom(10_000)) for number in range(40)])
    large = history.database.execute("pragma page_count").fetchone()[0]
    for _ in range(4):
        kept(history, [ok("a")])
    assert history.database.execute("pragma page_count").fetchone()[0] < large / 10
    history.close()


def test_runs_at_the_same_time_have_numbers_of_their_own_and_share_the_file(history: History) -> None:
    other = History(history.folder)
    one, two = begun(history, ["a", "b"]), begun(other, ["a", "b"])
    assert (one.name, two.name) == ("r1", "r2")
    for place in range(2):
        one.keep([numbered_as(place, ok("ab"[place], b"1"))])
        two.keep([numbered_as(place, ok("ab"[place], b"2"))])
    assert not one.trouble and not two.trouble
    queries = Queries(other)
    assert [[result.end.stdout for result in queries.results(number)] for number in (1, 2)] == [[b"1"] * 2, [b"2"] * 2]
    one.close()
    two.close()
    other.close()


@pytest.fixture
def open_umask() -> Iterator[None]:
    before = os.umask(0)
    yield
    os.umask(before)


@pytest.mark.usefixtures("open_umask")
def test_all_that_we_make_is_ours_alone_under_any_umask(tmp_path: Path) -> None:
    history = History(tmp_path / "new" / "state")
    keeper = begun(history, ["a"])
    keeper.keep([numbered_as(0, ok("a"))])
    made = list((tmp_path / "new").rglob("*"))
    assert {path.suffix or path.name for path in made} == {"state", ".db", ".db-wal", ".db-shm", ".marks", ".alive"}
    for path in (tmp_path / "new", *made):
        assert stat.S_IMODE(path.stat().st_mode) == (0o700 if path.is_dir() else 0o600), path
    history.close()


def test_a_history_of_a_newer_version_is_left_alone(history: History) -> None:
    history.database.execute(f"pragma user_version={schema.VERSION + 1}")
    with pytest.raises(HistoryError, match="newer version"):
        again(history)


@pytest.mark.parametrize(
    "junk", [b"this is no database at all, but long enough to be taken for one" * 20, b"\0" * 8192]
)
def test_a_file_that_is_no_history_is_moved_aside_with_one_notice(tmp_path: Path, junk: bytes) -> None:
    folder = tmp_path / "state"
    folder.mkdir(0o700)
    (folder / "history.db").write_bytes(junk)
    history = History(folder)
    assert "could not be read" in history.notice
    assert kept(history, [ok("a")]) == 1
    (aside,) = folder.glob("history.db.damaged-*")
    assert aside.read_bytes() == junk
    history.close()
    assert again(history).notice == ""
