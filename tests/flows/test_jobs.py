"""Maintenance jobs, argv in and screen out: files, runs, windows, and the loop, on this machine alone."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, redirect_stderr, redirect_stdout
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path

import pytest

from pssh.cli.main import command as program
from pssh.errors import PsshError
from pssh.schedule.state import State
from tests.house.test_readme import blocks, commands, words
from tests.support.command import Done, environment, pssh

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-4]"]
[groups.web]
hosts = "web[1-4]"
"""
HEAD = """\
version = 1
name = "tidy"
targets = "@web"
inventory = "inventory/"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder with an inventory of four hosts, all of them this machine."""
    tmp_path.chmod(0o700)
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    return tmp_path


def job(folder: Path, text: str, name: str = "tidy.toml", head: str = HEAD) -> Path:
    (folder / name).write_text(head + text)
    return folder / name


@contextmanager
def as_we_were(home: Path) -> Iterator[None]:
    """Be in a folder that is our home, with nothing else around us, as a process of a user's own would."""
    before, where = dict(os.environ), Path.cwd()
    try:
        os.environ.clear()
        os.environ.update(environment(home))
        os.chdir(home)
        yield
    finally:
        os.chdir(where)
        os.environ.clear()
        os.environ.update(before)


def within(*args: str, cwd: Path) -> Done:
    """Run a command that ends well in this process, where one of its own would show nothing more."""
    out, err = StringIO(), StringIO()
    with as_we_were(cwd), redirect_stdout(out), redirect_stderr(err):
        code = program.main(args, prog_name="pssh", standalone_mode=False)
    return Done(code or 0, out.getvalue(), err.getvalue())


def statuses(out: str) -> dict[str, str]:
    return {one["host"]: f"{one['status']} {one['cause'] or ''}".strip() for one in json.loads(out)["results"]}


def test_everything_wrong_is_listed_with_its_line_and_exits_with_2(fleet: Path) -> None:
    job(fleet, '[[step]]\nrun = ""\n[rollout]\ncanary = -1\n')
    job(fleet, '[[step]]\nrun = "true"\n', "good.toml")
    done = pssh("job", "check", "good.toml", "tidy.toml", cwd=fleet)
    assert (done.code, done.out) == (2, "good.toml: tidy is right\n")
    assert done.err.splitlines() == [
        "pssh: 2 things are wrong",
        f"  {fleet}/tidy.toml:6: `run`: it is empty",
        f"  {fleet}/tidy.toml:8: `canary` is -1 and should be 0 at least",
    ]


def test_the_schema_is_published(fleet: Path) -> None:
    done = within("job", "check", "--schema", cwd=fleet)
    assert done.code == 0
    assert json.loads(done.out)["title"] == "A maintenance job of pssh"


def test_explain_shows_times_in_both_zones_waves_steps_and_the_end(fleet: Path) -> None:
    schedule = '[schedule]\ncron = "30 2 * * *"\ntimezone = "Asia/Tokyo"\nwindow = "1h"\n'
    rollout = '[rollout]\ncanary = 1\nbatches = ["50%"]\n'
    path = job(fleet, f'{schedule}{rollout}[[step]]\nname = "clean"\nrun = "true"\ntimeout = "20m"\n')
    done = within("job", "explain", "tidy.toml", cwd=fleet)
    assert done.code == 0, done.err
    assert len(re.findall(r"^[MTWFS]\w\w [\d-]{10} 02:30:00 JST +[\d-]{10} 17:30:00$", done.out, re.M)) == 5
    assert "wave 1 of 3: 1 host: web1\nwave 2 of 3: 2 hosts: web[2-3]\nwave 3 of 3: 1 host: web4\n" in done.out
    assert re.search(r"^clean +host +true$", done.out, re.M)
    assert re.search(r"^estimated end: 1h00m after it begins, at 03:30 JST, within its window$", done.out, re.M)
    assert path.exists()
    assert max(map(len, done.out.splitlines())) <= 100


def test_a_job_runs_its_steps_in_waves_and_is_on_record(fleet: Path) -> None:
    job(
        fleet,
        '[rollout]\ncanary = 1\nbatches = ["2"]\n[[step]]\nrun = "echo {host} >> order"\n[[step]]\ncheck = "true"\n',
    )
    done = pssh("job", "run", "--now", "-f", "json", "tidy.toml", cwd=fleet)
    assert done.code == 0, done.err
    assert statuses(done.out) == {f"web{n}": "ok" for n in (1, 2, 3, 4)}
    order = (fleet / "order").read_text().split()
    assert (order[0], sorted(order[1:3]), order[3]) == ("web1", ["web2", "web3"], "web4")
    listed = within("job", "list", cwd=fleet).out.splitlines()
    assert re.match(r"tidy +\d\d-\d\d \d\d:\d\d UTC +by hand +ok +\+ +…\S+tidy\.toml$", listed[2])
    assert "steps tidy" in within("log", cwd=fleet).out


def test_steps_here_get_a_clean_environment_and_the_folder_of_the_file(fleet: Path) -> None:
    job(fleet, '[[step]]\nlocal = "env > env; pwd > pwd"\n', head=HEAD.replace("@web", "web1"))
    done = pssh(
        "job", "run", "--now", str(fleet / "tidy.toml"), cwd=fleet, LD_LIBRARY_PATH="/x", SECRET="y", LC_ALL="C"
    )
    assert done.code == 0, done.err
    names = dict(line.split("=", 1) for line in (fleet / "env").read_text().splitlines())
    assert not {"LD_LIBRARY_PATH", "SECRET", "PYTHONPATH"} & names.keys()
    assert (names["HOME"], names["LC_ALL"], names["PSSH_HOST"]) == (str(fleet), "C", "web1")
    assert names["PATH"] == "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
    assert (fleet / "pwd").read_text().strip() == str(fleet)


def test_a_dry_run_shows_and_does_nothing(fleet: Path) -> None:
    job(fleet, '[[step]]\nrun = "touch ran"\n')
    done = within("job", "run", "--dry-run", "tidy.toml", cwd=fleet)
    assert (done.code, "4 hosts: web[1-4]" in done.out) == (0, True)
    assert not (fleet / "ran").exists()
    assert "no job was run" in within("job", "list", cwd=fleet).err


def test_when_the_window_closes_no_further_host_begins_and_what_runs_may_finish(fleet: Path) -> None:
    schedule = '[schedule]\nevery = "1d"\nwindow = "6s"\n[rollout]\nparallel = 1\n'
    job(fleet, schedule + '[[step]]\nrun = "sleep 6.5"\n')
    done = pssh("job", "run", "--now", "-f", "json", "tidy.toml", cwd=fleet)
    found = statuses(done.out)
    assert done.code == 6
    assert found == {"web1": "ok", **{f"web{n}": "not-run stop/window" for n in (2, 3, 4)}}
    assert "window" in within("job", "list", cwd=fleet).out


def test_with_must_stop_the_window_ends_also_what_runs(fleet: Path) -> None:
    schedule = '[schedule]\nevery = "1d"\nwindow = "6s"\nmust_stop = true\n[rollout]\nparallel = 2\n'
    job(fleet, schedule + '[[step]]\nrun = "sleep 30"\n')
    began = time.monotonic()
    done = pssh("job", "run", "--now", "-f", "json", "tidy.toml", cwd=fleet)
    assert time.monotonic() - began < 25
    assert done.code == 6
    assert sorted(statuses(done.out).values()) == ["cancelled stop/window"] * 2 + ["not-run stop/window"] * 2


def test_outside_of_its_times_a_job_is_not_run_unless_that_is_meant(fleet: Path) -> None:
    job(fleet, '[schedule]\nat = "2020-01-01T00:00"\n[[step]]\nrun = "true"\n')
    done = pssh("job", "run", "tidy.toml", cwd=fleet)
    assert (done.code, done.err.splitlines()) == (
        2,
        ["pssh: The job `tidy` is not due now", "  `--now` runs it outside its times"],
    )
    quiet = pssh("job", "run", "--scheduled", "tidy.toml", cwd=fleet)
    assert (quiet.code, quiet.out, quiet.err) == (0, "", "")


def test_two_runs_at_once_are_one_run_and_a_skip_that_exits_with_0(fleet: Path) -> None:
    job(fleet, '[[step]]\nrun = "echo x >> ran; sleep 3"\n', head=HEAD.replace("@web", "web1"))
    first = subprocess.Popen(
        [sys.executable, "-m", "pssh", "job", "run", "--now", "tidy.toml"],
        cwd=fleet,
        env=environment(fleet),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (fleet / "ran").exists())
    second = pssh("job", "run", "--now", "tidy.toml", cwd=fleet)
    assert second.code == 0
    assert second.err == f"pssh: tidy: skipped rule/overlap: another run is under way (process {first.pid})\n"
    assert first.wait(timeout=60) == 0
    assert (fleet / "ran").read_text() == "x\n"
    assert re.search(r" \+\. ", within("job", "list", cwd=fleet).out)


def test_the_rest_of_a_run_is_finished_and_nothing_else(fleet: Path) -> None:
    job(fleet, '[[step]]\nrun = "echo {host} >> ran; test {host} != web2 || test -e fixed"\n')
    assert pssh("job", "run", "--now", "tidy.toml", cwd=fleet).code == 5
    (fleet / "fixed").write_text("")
    done = pssh("job", "run", "--resume", "r1", "-f", "json", "tidy.toml", cwd=fleet)
    assert (done.code, statuses(done.out)) == (0, {"web2": "ok"})
    again = pssh("job", "run", "--resume", "r1", "tidy.toml", cwd=fleet)
    assert (again.code, again.err) == (0, "pssh: Nothing is left of r1\n")
    assert sorted((fleet / "ran").read_text().split()) == ["web1", "web2", "web2", "web3", "web4"]


def test_after_a_kill_the_rest_is_done_and_hosts_that_were_cut_off_are_named_until_they_are_meant(fleet: Path) -> None:
    steps = '[[step]]\nname = "drain"\nlocal = "echo {host} >> drain"\nundo = "echo {host} >> undrain"\n'
    steps += '[[step]]\nrun = "cd FOLDER; echo {host} >> ran; until test -e go; do sleep 0.1; done"\n'
    job(fleet, "[rollout]\nparallel = 2\n" + steps.replace("FOLDER", str(fleet)))
    first = subprocess.Popen(
        [sys.executable, "-m", "pssh", "job", "run", "--now", "tidy.toml"],
        cwd=fleet,
        env=environment(fleet),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    wait_for(lambda: (fleet / "ran").exists() and len((fleet / "ran").read_text().split()) == 2)
    first.kill()
    first.wait()
    (fleet / "go").write_text("")
    shown = pssh("show", "r1", cwd=fleet)
    rest = f"`pssh job run --resume r1 {fleet}/tidy.toml`"
    assert f"r1 was ended from outside; {rest} runs what had not begun" in shown.err
    assert f"they were not reached; for the rest: {rest}" in shown.err
    assert f"look before you run it again with `pssh job run --resume r1 --unknown {fleet}/tidy.toml`" in shown.err
    assert "pssh rerun" not in shown.err + shown.out
    done = pssh("job", "run", "--resume", "r1", "-f", "json", "tidy.toml", cwd=fleet)
    assert (done.code, statuses(done.out)) == (0, {"web3": "ok", "web4": "ok"})
    owed = "pssh: What became of r1 is not known on web[1-2] (the undo of drain may be owed); they are "
    assert owed + "left aside" in done.err
    again = pssh("job", "run", "--resume", "r1", "--unknown", "-f", "json", "tidy.toml", cwd=fleet)
    assert (again.code, statuses(again.out)) == (0, {"web1": "ok", "web2": "ok"})
    assert owed + "taken as well" in again.err
    assert sorted((fleet / "undrain").read_text().split()) == ["web1", "web2", "web3", "web4"]
    refused = pssh("rerun", "r1", cwd=fleet)
    assert (refused.code, "one of the job `tidy`, which has a lock" in refused.err) == (2, True)
    assert f"`pssh job run --resume r1 {fleet}/tidy.toml`" in refused.err


@pytest.mark.parametrize(("timeout", "signals", "undone"), [("1s", 1, ["mask"]), ("1h", 2, ["drain", "mask"])])
def test_what_ctrl_c_leaves_undone_is_named_with_its_hosts(
    fleet: Path, timeout: str, signals: int, undone: list[str]
) -> None:
    steps = f'[[step]]\nname = "drain"\nlocal = "true"\nundo = "echo {{host}} >> {fleet}/enabled"\n'
    steps += f'[[step]]\nname = "mask"\nlocal = "true"\nundo = "echo x >> {fleet}/undoing; sleep 600"\n'
    steps += f'timeout = "{timeout}"\n[[step]]\nname = "work"\nrun = "echo {{host}} >> {fleet}/ran; sleep 600"\n'
    job(fleet, steps)
    running = subprocess.Popen(
        [sys.executable, "-m", "pssh", "job", "run", "--now", "tidy.toml"],
        cwd=fleet,
        env=environment(fleet),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    for what in ("ran", "undoing")[:signals]:
        wait_for(lambda what=what: (fleet / what).exists() and len((fleet / what).read_text().split()) == 4)
        running.send_signal(signal.SIGINT)
        began = time.monotonic()
    err = running.communicate(timeout=60)[1]
    assert running.returncode == 130, err
    assert time.monotonic() - began < (10 if signals == 1 else 3)
    lines = [line.split(": look there")[0] for line in err.splitlines() if "not undone" in line]
    said = "was not seen to be taken back"
    assert sorted(lines) == [f"  not undone  web[1-4]  the step `{name}` {said}" for name in undone], err
    if signals == 1:
        assert sorted((fleet / "enabled").read_text().split()) == ["web1", "web2", "web3", "web4"]


def test_a_job_that_boots_hosts_is_asked_about_by_hand_and_a_no_is_no_run(fleet: Path) -> None:
    job(fleet, '[[step]]\nreboot = { when = "false" }\n')
    done = pssh("job", "run", "--now", "tidy.toml", cwd=fleet)
    assert done.code == 2
    assert "`--yes` says so" in done.err
    assert "never ran" in within("job", "list", cwd=fleet).out
    assert pssh("job", "run", "--now", "--yes", "tidy.toml", cwd=fleet).code == 0


def test_a_run_that_could_not_begin_is_on_record_if_a_timer_began_it(fleet: Path) -> None:
    schedule = '[schedule]\nevery = "1h"\ncatch_up = "once"\ngrace = "1d"\n'
    path = job(fleet, f'{schedule}[[step]]\nrun = "true"\n', head=HEAD.replace("@web", "@wbe"))
    state = State(fleet / ".local" / "state" / "pssh")
    state.job(path, "tidy", datetime.now(UTC) - timedelta(hours=3))
    assert pssh("job", "run", "--now", "tidy.toml", cwd=fleet).code == 2
    assert state.answers(path) == []
    assert pssh("job", "run", "--scheduled", "tidy.toml", cwd=fleet).code == 2
    last, *before = (answer.word for answer in state.answers(path))
    assert (last, set(before)) == ("error", {"skipped rule/missed"})
    state.close()


def test_a_notice_that_cannot_be_sent_changes_nothing(fleet: Path, closed_port: int) -> None:
    job(fleet, f'[[step]]\nrun = "exit 3"\n[notify]\nwebhook = "http://127.0.0.1:{closed_port}/"\n')
    done = pssh("job", "run", "--now", "tidy.toml", cwd=fleet)
    assert done.code == 5
    assert "pssh: tidy: could not notify by webhook: [Errno 111] Connection refused" in done.err


def test_a_long_run_is_told_while_it_runs_and_a_failure_at_its_end(fleet: Path) -> None:
    (fleet / "tell").write_text('#!/bin/sh\necho "$1" >> told\n')
    (fleet / "tell").chmod(0o700)
    notify = f'[notify]\nlong = "200ms"\ncommand = ["{fleet}/tell", "{{occasion}} {{status}} {{exit}}"]\n'
    wait = "until grep -q long told 2>/dev/null; do sleep 0.1; done; exit 3"
    job(fleet, f'[[step]]\nrun = "cd {fleet}; {wait}"\n{notify}', head=HEAD.replace("@web", "web1"))
    done = pssh("job", "run", "--now", "tidy.toml", cwd=fleet)
    assert done.code == 5, done.err
    assert (fleet / "told").read_text() == "long running \nfailure failed 5\n"


def test_installed_twice_is_installed_once_and_removed_is_gone(fleet: Path) -> None:
    job(fleet, '[schedule]\ncron = "30 2 * * *"\n[[step]]\nrun = "true"\n')
    install = ("job", "install", "--systemd", "--into", "units", "tidy.toml")
    first, second = (within(*install, cwd=fleet) for _ in range(2))
    assert (first.code, second.code) == (0, 0)
    assert first.out.count("written: ") == second.out.count("unchanged: ") == 2
    assert f"job run --scheduled {fleet}/tidy.toml" in (fleet / "units" / "pssh-job-tidy.service").read_text()
    assert "tidy" in within("job", "list", cwd=fleet).out
    assert within("job", "remove", "--into", "units", "tidy.toml", cwd=fleet).code == 0
    assert list((fleet / "units").iterdir()) == []
    gone = pssh("job", "remove", "--into", "units", "tidy.toml", cwd=fleet)
    assert (gone.code, "No job `tidy.toml` is installed or known" in gone.err) == (2, True)


def test_pausing_and_resuming_are_seen_in_the_list(fleet: Path) -> None:
    job(fleet, '[schedule]\ncron = "30 2 * * *"\n[[step]]\nrun = "true"\n')
    assert within("job", "pause", "tidy.toml", cwd=fleet).out == "tidy: paused\n"
    assert "paused by " in within("job", "list", cwd=fleet).out
    assert within("job", "resume", "tidy.toml", cwd=fleet).out == "tidy: resumed\n"
    assert "paused" not in within("job", "list", cwd=fleet).out


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["job", "chekc"], "No command `pssh job chekc`"),
        (["job", "check"], "FILE is missing"),
        (["job", "install", "tidy.toml"], "Say by what it is run"),
        (["job", "install", "--cron", "tidy.toml"], "has no schedule"),
        (["job", "run", "--scheduled", "--now", "tidy.toml"], "`--scheduled` goes by the schedule"),
        (["job", "run", "gone.toml"], "No such file"),
        (["job", "approve", "tidy.toml"], "cannot approve of it"),
        (["sched", "run", "gone"], "There is no folder"),
    ],
)
def test_misuse_is_one_line(fleet: Path, monkeypatch: pytest.MonkeyPatch, args: list[str], said: str) -> None:
    job(fleet, '[[step]]\nrun = "true"\n')
    monkeypatch.chdir(fleet)
    monkeypatch.setenv("PSSH_STATE", str(fleet / "state"))
    with pytest.raises(PsshError) as caught:
        program.main(args, prog_name="pssh", standalone_mode=False)
    assert said in caught.value.message
    assert (caught.value.exit_code, "\n" in caught.value.message) == (2, False)


def wait_for(true: Callable[[], bool], seconds: float = 60.0) -> None:
    until = time.monotonic() + seconds
    while not true():
        assert time.monotonic() < until
        time.sleep(0.02)


class Loop:
    """A loop as a user starts it, over one job that is due at once."""

    def __init__(self, fleet: Path, command: str) -> None:
        self.fleet = fleet
        (fleet / "jobs").mkdir(exist_ok=True)
        schedule = '[schedule]\nevery = "1h"\ncatch_up = "once"\ngrace = "1d"\n'
        self.path = job(fleet / "jobs", f'{schedule}[[step]]\nrun = "{command}"\n', head=HEAD.replace("@web", "@local"))
        self.path.write_text(self.path.read_text().replace('inventory = "inventory/"\n', ""))
        state = State(fleet / ".local" / "state" / "pssh")
        state.job(self.path, "tidy", datetime.now(UTC) - timedelta(hours=3))
        state.close()
        self.process = self.start()

    def start(self) -> "subprocess.Popen[str]":
        with (self.fleet / "log").open("a") as log:
            return subprocess.Popen(
                [sys.executable, "-m", "pssh", "sched", "run", "jobs"],
                cwd=self.fleet,
                env=environment(self.fleet),
                stdout=log,
                stderr=subprocess.STDOUT,
                text=True,
            )

    def said(self, event: str) -> bool:
        return f"event={event} " in (self.fleet / "log").read_text()


def test_the_loop_runs_what_is_due_and_ends_its_runs_when_it_is_told_to_end(fleet: Path) -> None:
    loop = Loop(fleet, "echo x >> ran; sleep 30")
    wait_for((fleet / "jobs" / "ran").exists)
    taken = pssh("sched", "run", "jobs", cwd=fleet)
    assert (taken.code, f"are run already by process {loop.process.pid}" in taken.err) == (2, True)
    loop.process.send_signal(signal.SIGTERM)
    assert loop.process.wait(timeout=60) == 143
    log = (fleet / "log").read_text()
    assert re.search(r"event=start job=tidy due=\S+ reason=(due|catch-up) pid=\d+$", log, re.M)
    assert re.search(r"event=ended job=tidy due=\S+ pid=\d+ exit=143 ", log)
    assert "terminate" in within("job", "list", cwd=fleet).out


def test_a_killed_loop_ends_no_run_and_the_next_one_repeats_nothing(fleet: Path) -> None:
    loop = Loop(fleet, "echo x >> ran; while [ ! -e go ]; do sleep 0.1; done; echo y >> ran")
    wait_for((fleet / "jobs" / "ran").exists)
    loop.process.kill()
    loop.process.wait()
    second = loop.start()
    try:
        wait_for(lambda: loop.said("running"))
        (fleet / "jobs" / "go").write_text("")
        wait_for(lambda: (fleet / "jobs" / "ran").read_text() == "x\ny\n")
    finally:
        second.send_signal(signal.SIGINT)
        assert second.wait(timeout=60) == 130
    state = State(fleet / ".local" / "state" / "pssh")
    wait_for(lambda: state.answers(loop.path)[0].word == "ok")
    state.close()
    assert (fleet / "log").read_text().count("event=start ") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_a_job_that_needs_approval_runs_once_another_user_has_agreed_to_it_as_it_is(fleet: Path) -> None:
    path = job(fleet, '[rollout]\napproval = true\n[[step]]\nrun = "true"\n')
    refused = pssh("job", "run", "--now", "tidy.toml", cwd=fleet)
    assert (refused.code, "needs the approval of a second user" in refused.err) == (2, True)
    plan = re.search(r"^plan (\w+): not approved$", within("job", "explain", "tidy.toml", cwd=fleet).out, re.M)
    assert plan
    approval = Path(f"/var/tmp/pssh-approval-{plan[1]}-65534")
    try:
        approval.write_text(f"{plan[1]}\n")
        assert pssh("job", "run", "--now", "tidy.toml", cwd=fleet).code == 2  # it is root's, as the job is
        os.chown(approval, 65534, 65534)
        assert pssh("job", "run", "--now", "tidy.toml", cwd=fleet).code == 0
        path.write_text(path.read_text() + "# changed\n")
        assert pssh("job", "run", "--now", "tidy.toml", cwd=fleet).code == 2
    finally:
        approval.unlink()


def test_the_job_in_the_readme_runs_as_it_is_printed(fleet: Path) -> None:
    (text,) = (block for block in blocks("toml") if block.startswith("# jobs/tidy.toml\n"))
    (fleet / "jobs").mkdir()
    (fleet / "jobs" / "tidy.toml").write_text(text)
    lines = [line for line in commands() if line.endswith(" jobs/tidy.toml")]
    assert len(lines) >= 4
    for line in lines:
        done = pssh(*words(line)[1:], cwd=fleet)
        assert done.code == 0, (line, done.err)
