"""The Python API, as scripts use it."""

import asyncio
import logging
import subprocess
import sys
import threading
from collections.abc import Iterable
from contextlib import closing
from pathlib import Path

import pytest

from pssh import Fleet, NoHosts, PsshError, Results, RunFailed
from pssh.history.queries import Queries
from pssh.history.store import History
from pssh.model.event import Event, JobEnded, JobSaid
from pssh.model.outcome import Result
from pssh.model.work import Job
from tests.support.command import environment
from tests.support.engines import Told, ended, plain

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-3]"]
[hosts.db1]
[groups.web]
hosts = "web[1-3]"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Fleet:
    (tmp_path / "fleet.toml").write_text(INVENTORY)
    return Fleet.load(tmp_path / "fleet.toml", config_file="none")


def test_a_run_is_a_mapping_of_results_by_host(fleet: Fleet) -> None:
    run = fleet.select("@web").run("true", engine=Told())
    assert list(run) == ["web1", "web2", "web3"]
    assert run["web2"].end.stdout == b"web2"
    assert run.counts == {"ok": 3}
    assert [result.host for result in run.ok] == list(run)
    assert run.failed == []
    assert run.check() is run
    assert "web3" in run.table()


def test_a_hosts_failure_is_data_and_check_raises(fleet: Fleet) -> None:
    def story(job: Job) -> Iterable[Event]:
        yield JobEnded(ended(job, code=3 if job.host == "web2" else 0))

    run: Results = fleet.run("false", engine=Told(story))
    assert [result.host for result in run.failed] == ["web2"]
    assert len(run.groups()) == 2
    with pytest.raises(RunFailed, match="1 of 4 hosts are not ok, the first is `web2`: exit 3"):
        run.check()


def test_misuse_raises_before_anything_runs(fleet: Fleet) -> None:
    with pytest.raises(NoHosts):
        fleet.select("@nobody").run("true", engine=Told())
    with pytest.raises(PsshError, match="No option `paralel`"):
        fleet.run("true", paralel=3)


def test_run_control_takes_the_same_options_as_the_command_line(fleet: Fleet) -> None:
    engine = Told(lambda job: [JobEnded(ended(job, job.operation.label.encode()))])
    run = fleet.run("echo {host}", engine=engine, template=True, order="random", batch="1", max_fail="2%")
    assert {host: result.end.stdout for host, result in run.items()} == {
        host: f"echo {host}".encode() for host in ("web1", "web2", "web3", "db1")
    }
    assert list(run) == ["web1", "web2", "web3", "db1"]
    with pytest.raises(PsshError, match="`--rate` and `--ramp` do not go together"):
        fleet.run("true", engine=Told(), rate="5/s", ramp="0:5")
    with pytest.raises(PsshError, match="has nobody to ask"):
        fleet.run("true", engine=Told(), batch="1", pause="ask")


def test_protected_hosts_are_not_touched_unless_they_are_meant(tmp_path: Path) -> None:
    (tmp_path / "fleet.toml").write_text(f"{INVENTORY}protected = true\n")
    fleet = Fleet.load(tmp_path / "fleet.toml", config_file="none")
    with pytest.raises(PsshError, match="Some hosts are protected, the first is `web1`"):
        fleet.run("reboot", engine=Told())
    assert len(fleet.run("reboot", engine=Told(), yes=True)) == 4
    assert len(fleet.select("db1").run("reboot", engine=Told())) == 1


def test_the_password_to_become_somebody_is_asked_of_the_caller(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))  # so that no key of whoever runs the tests is asked for
    asked: list[str] = []
    (tmp_path / "fleet.toml").write_text(INVENTORY.replace("local", "ssh"))

    def ask(prompt: str) -> str:
        asked.append(prompt)
        return "sesame"

    fleet = Fleet.load(tmp_path / "fleet.toml", config_file="none", ask=ask)
    fleet.run("id", engine=Told(), user="deploy", become="sudo", ask_become_pass=True)
    assert asked == ["sudo password of deploy: "]


def test_callbacks_run_in_the_callers_thread_and_hear_each_host(fleet: Fleet) -> None:
    def story(job: Job) -> Iterable[Event]:
        first, *rest = plain(job)
        yield first
        yield JobSaid(job.id, job.host, "stdout", b"x")
        yield from rest

    heard: list[tuple[str, str, int]] = []

    def note(kind: str, host: str) -> None:
        heard.append((kind, host, threading.get_ident()))

    fleet.select("web1,web2").run(
        "true",
        engine=Told(story),
        on_start=lambda event: note("start", event.host),
        on_output=lambda event: note("output", event.host),
        on_result=lambda result: note("result", result.host),
    )
    kinds = [(kind, host) for host in ("web1", "web2") for kind in ("start", "output", "result")]
    assert heard == [(*one, threading.get_ident()) for one in kinds]


def test_a_callback_that_raises_is_logged_and_loses_no_result(fleet: Fleet, caplog: pytest.LogCaptureFixture) -> None:
    def raises(result: Result) -> None:
        raise RuntimeError(result.host)

    with caplog.at_level(logging.ERROR, "pssh"):
        run = fleet.run("true", engine=Told(), on_result=raises)
    assert len(run) == 4
    assert len(caplog.records) == 4


def test_stream_yields_results_as_they_come_and_leaving_it_ends_the_run(fleet: Fleet) -> None:
    engine = Told()
    for result in fleet.stream("true", engine=engine):
        assert result.host == "web1"
        break
    assert engine.closed
    assert [result.host for result in fleet.stream("true", engine=Told())] == ["web1", "web2", "web3", "db1"]
    assert threading.active_count() == 1


async def test_astream_runs_in_the_callers_loop(fleet: Fleet) -> None:
    found = [result.host async for result in fleet.astream("true", engine=Told())]
    assert found == ["web1", "web2", "web3", "db1"]


async def test_run_works_inside_a_running_loop(fleet: Fleet) -> None:
    assert asyncio.get_running_loop().is_running()
    assert len(fleet.run("true", engine=Told())) == 4


def test_an_interrupt_in_a_callback_ends_the_run_and_goes_up(fleet: Fleet) -> None:
    engine = Told()

    def interrupt(result: Result) -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        fleet.run("true", engine=engine, on_result=interrupt)
    assert engine.closed


PROGRAM = """
from pssh import Fleet
run = Fleet.load("fleet.toml", config_file="none").run("echo $((6 * 7))", on_result=lambda one: print(one.host))
print(run["db1"].end.stdout, len(run), run.report.exit_code)
"""


@pytest.mark.parametrize("args", [["-"], ["-c", PROGRAM], ["program.py"]], ids=["stdin", "-c", "file"])
def test_it_works_without_a_main_guard(fleet: Fleet, tmp_path: Path, args: list[str]) -> None:
    (tmp_path / "program.py").write_text(PROGRAM)
    done = subprocess.run(
        [sys.executable, "-W", "error", *args],
        cwd=tmp_path,
        env=environment(tmp_path),
        input=PROGRAM,
        capture_output=True,
        text=True,
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[-1] == "b'42\\n' 4 0"
    assert len(done.stdout.splitlines()) == 5


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("PSSH_STATE", str(tmp_path / "state"))
    return tmp_path / "state"


def test_a_programs_run_is_kept_only_if_it_asks(fleet: Fleet, state: Path) -> None:
    assert fleet.select("web1").run("true").report.run.id == ""
    assert not state.exists()
    assert fleet.select("web1").run("true", history=True).report.run.id == "r1"
    assert [result.host for result in fleet.select("web[1-2]").stream("true", history=True)] == ["web1", "web2"]
    with closing(History(state)) as history:
        queries = Queries(history)
        assert [(run.number, run.state, run.counts) for run in queries.runs()] == [
            (2, "ended", {"ok": 2}),
            (1, "ended", {"ok": 1}),
        ]
        assert list(state.glob("r*")) == []


@pytest.mark.usefixtures("state")
async def test_runs_are_targets_in_a_program_too(fleet: Fleet) -> None:
    fails = 'test "$PSSH_HOST" = web2'
    results = fleet.select("@web").run(fails, env=("X=1",), history=True)
    assert [result.host for result in results.ok] == ["web2"]
    assert fleet.select("@last:failed").hosts == ("web1", "web3")
    kept = [result.host async for result in fleet.select("@r1:ok").astream("true", history=True)]
    assert kept == ["web2"]


def test_a_run_that_is_left_early_is_kept_as_stopped(fleet: Fleet, state: Path) -> None:
    stream = fleet.stream("true", parallel=1, workers=1, history=True)
    first = next(stream)
    stream.close()
    with closing(History(state)) as history:
        queries = Queries(history)
        assert (queries.run(1).state, queries.run(1).stopped) == ("ended", "interrupt")
        rows = {one.host: one.status for one in queries.results(1)}
    assert rows[first.host] == "ok"
    assert len(rows) == 4
