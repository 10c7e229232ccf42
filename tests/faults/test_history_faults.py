"""A history on a full disk, cut off at any byte, and searched for a secret."""

import asyncio
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pssh.errors import HistoryError
from pssh.history.queries import Queries
from pssh.history.store import History
from pssh.model.event import Event, JobEnded
from pssh.model.host import Connection
from pssh.model.report import Run
from pssh.model.work import Job
from pssh.ops.command import Command
from pssh.plan import Plan
from pssh.runner import arun
from tests.support.command import environment, pssh
from tests.support.engines import Told, ended
from tests.support.history import begun, kept
from tests.support.runs import failed, ok

STEP = int(os.environ.get("PSSH_CUT_STEP", "61"))  # 1: the file is cut at every byte; a release is tried so


@pytest.fixture
def history(tmp_path: Path) -> Iterator[History]:
    opened = History(tmp_path / "state")
    yield opened
    opened.close()


def plan(number: str, hosts: int) -> Plan:
    names = tuple(f"web{n}" for n in range(hosts))
    run = Run(id=number, started=0, operation="command", text="true", targets="@web", inventory=(), hosts=names)
    jobs = [Job(n, name, Connection(address=name, user="me"), Command("true")) for n, name in enumerate(names)]
    return Plan(run, jobs)


class Hears:
    """A reporter that asks what is stored of each result at the moment it is shown."""

    def __init__(self, history: History, number: int) -> None:
        self.shown: list[str] = []
        self.unstored: list[str] = []
        self._history, self._number = History(history.folder), number

    def on(self, event: Event, /) -> None:
        if isinstance(event, JobEnded):
            host = event.result.host
            self.shown.append(host)
            if host not in {one.host for one in Queries(self._history).results(self._number)}:
                self.unstored.append(host)


async def test_a_result_is_stored_before_it_is_shown(history: History) -> None:
    ready = plan("r1", 20)
    keeper = begun(history, ready.run.hosts)
    hears = Hears(history, 1)
    await arun(ready, [hears], Told(), keeper=keeper)
    assert (len(hears.shown), hears.unstored) == (20, [])
    assert Queries(history).run(1).state == "ended"


async def test_results_that_arrive_together_are_one_transaction(history: History) -> None:
    ready = plan("r1", 100)
    keeper = begun(history, ready.run.hosts)
    commits = []
    history.database.set_trace_callback(lambda sql: commits.append(sql) if sql == "commit" else None)
    await arun(ready, [], Told(), keeper=keeper)
    assert len(commits) == 2  # the results, and the end


async def test_on_a_full_disk_nothing_new_begins_and_all_is_reported(history: History) -> None:
    ready = plan("r1", 40)
    keeper = begun(history, ready.run.hosts)
    pages = history.database.execute("pragma page_count").fetchone()[0]
    history.database.execute(f"pragma max_page_count={pages + 2}")

    def long(job: Job) -> Iterator[Event]:
        yield JobEnded(ended(job, os.urandom(2000)))

    class Slow(Told):
        async def run(self, jobs):  # type: ignore[no-untyped-def]  # as Told.run
            async for event in super().run(jobs):
                yield event
                await asyncio.sleep(0)  # each result arrives alone

    engine, hears = Slow(long), Hears(history, 1)
    with pytest.raises(HistoryError, match=r"database or disk is full; not stored: web\[") as caught:
        await arun(ready, [hears], engine, keeper=keeper)
    assert caught.value.exit_code == 1
    assert engine.stops == [("history", True)]
    assert len(hears.shown) == 40
    assert hears.unstored[-1] == "web39"
    assert keeper.unstored == hears.unstored
    keeper.close()
    history.database.execute("pragma max_page_count=100000")
    again = History(history.folder)
    rows = list(Queries(again).results(1))  # once there is room, every host has a row that says what is known
    assert len(rows) == 40
    assert {row.host for row in rows if row.ok}.isdisjoint(keeper.unstored)
    again.close()


def test_the_command_says_what_was_not_stored_and_ends_with_1(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text('version = 1\n[connection]\ntransport = "local"\n[hosts."web[01-40]"]\n')
    words = [sys.executable, "-m", "pssh", "run", "-i", "fleet.toml", "-p", "4", "@all", "head -c 30000 /dev/urandom"]
    limited = ["sh", "-c", 'ulimit -f 300; exec "$@"', "sh", *words]  # blocks of 512 bytes, for each file
    done = subprocess.run(limited, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True, check=False)
    assert done.returncode == 1, done.stderr
    assert "not stored: web[" in done.stderr
    assert "not-run" in done.stdout
    assert " stop/history " in done.stderr
    assert "Traceback" not in done.stderr
    assert pssh("show", "-f", "json", cwd=tmp_path).code == 0


def _opens(folder: Path) -> int:
    """Open a history, read all of it, and keep one more run; return how many runs it still had."""
    history = History(folder)
    queries = Queries(history)
    runs = queries.runs()
    for run in runs:
        assert all(result.host for result in queries.results(run.number))
    kept(history, [ok("new")])
    assert [one.host for one in queries.results(queries.number("last"))] == ["new"]
    history.close()
    return len(runs)


@pytest.mark.timeout(900)  # of every byte
@pytest.mark.parametrize("cut", ["log", "file"])
def test_a_history_that_was_cut_anywhere_in_its_last_4_kib_opens(tmp_path: Path, cut: str) -> None:
    whole = History(tmp_path / "whole")
    for number in range(12):
        kept(whole, [ok(f"h{n}", os.urandom(300)) for n in range(20)] + [failed("x", "dns/timeout", f"no {number}")])
    if cut == "file":
        whole.close()
    path = tmp_path / "whole" / ("history.db" if cut == "file" else "history.db-wal")
    size = path.stat().st_size
    quick = Path(tempfile.mkdtemp(dir="/dev/shm" if Path("/dev/shm").is_dir() else tmp_path))  # each open waits for it
    found = []
    for end in range(size - 4096, size, STEP):
        copy = quick / f"{end}"
        copy.mkdir(0o700)
        for name in ("history.db", "history.db-wal"):
            if (tmp_path / "whole" / name).exists():
                shutil.copyfile(tmp_path / "whole" / name, copy / name)
        os.truncate(copy / path.name, end)
        found.append(_opens(copy))
        shutil.rmtree(copy)
    quick.rmdir()
    if cut == "log":
        assert min(found) >= 11  # only what was written last may be missing
        whole.close()
    else:
        assert min(found) >= 8  # what stood in the page that is cut
