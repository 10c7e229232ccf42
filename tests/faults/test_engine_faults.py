"""Workers that are killed, hang, babble or cannot start; parents that vanish. With real processes and real signals."""

import asyncio
import json
import os
import resource
import signal
import socket
import subprocess
import sys
from collections import Counter
from pathlib import Path

import pytest

from pssh.engine.pool import Pool
from pssh.model.event import JobConnected, JobEnded
from pssh.model.work import Limits
from tests.engine.support.toy import events, jobs, options, results, run
from tests.support import processes
from tests.support.processes import workers

ROOT = Path(__file__).parents[2]


async def test_a_worker_killed_in_mid_run_costs_only_what_it_had_begun() -> None:
    engine = Pool(options(parallel=8, workers=2))
    seen = []
    async for event in engine.run(jobs(*["sleep 0.5"] * 24)):
        seen.append(event)
        if sum(isinstance(event, JobConnected) for event in seen) == 8 and isinstance(event, JobConnected):
            os.kill(workers()[0], signal.SIGKILL)
    assert Counter(result.status for result in results(seen)) == {"ok": 20, "lost": 4}
    assert len({result.worker for result in results(seen) if result.status == "lost"}) == 1


async def test_a_worker_that_is_stopped_is_found_out_and_killed() -> None:
    engine = Pool(options(parallel=4, workers=2, heartbeat=0.1))
    seen = []
    loop = asyncio.get_running_loop()
    async for event in engine.run(jobs(*["sleep 2.5"] * 4, "exit 0")):
        seen.append(event)
        if sum(isinstance(event, JobConnected) for event in seen) == 4 and isinstance(event, JobConnected):
            os.kill(workers()[0], signal.SIGSTOP)
            since = loop.time()
        if isinstance(event, JobEnded) and event.result.status == "lost":
            assert loop.time() - since < 1.0
            assert "gave no answer" in event.result.end.message  # type: ignore[union-attr]
    assert Counter(result.status for result in results(seen)) == {"lost": 2, "ok": 3}


async def test_a_worker_that_is_only_busy_is_left_alone() -> None:
    ended = await run(Pool(options(workers=1, heartbeat=0.2)), jobs("begin;block 0.5;exit 0", "sleep 1"))
    assert [result.status for result in ended] == ["ok", "ok"]


def test_a_parent_that_was_asleep_does_not_blame_its_workers() -> None:
    # The parent's loop is held up for many heartbeats while the worker lives, as by a stop from the terminal.
    script = """
import asyncio, time, tests.engine.support.toy as toy
from pssh.engine.pool import Pool
async def main():
    async for event in Pool(toy.options(workers=1, heartbeat=0.05)).run(toy.jobs(*["sleep 0.8"] * 2)):
        if type(event).__name__ == "JobConnected":
            time.sleep(0.3)
        if type(event).__name__ == "JobEnded":
            print(event.result.status)
asyncio.run(main())
"""
    done = subprocess.run([sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["ok", "ok"]


async def test_a_listener_that_is_slow_does_not_cost_a_worker() -> None:
    engine = Pool(options(workers=1, heartbeat=0.2))
    seen = []
    async for event in engine.run(jobs("print 40000000", limits=Limits(say=True))):
        seen.append(event)
        if len(seen) in (100, 200, 300):
            await asyncio.sleep(0.8)  # more is waiting than is listened to, for many heartbeats
    assert [result.status for result in results(seen)] == ["ok"]


async def test_while_nobody_listens_a_worker_still_keeps_the_limits_of_its_hosts() -> None:
    work = [
        *jobs("print 40000000", limits=Limits(say=True)),
        *jobs("", "early 0.2;exit 0")[1:],  # wants to begin meanwhile
        *jobs("", "", "hang", limits=Limits(host=0.4))[2:],
    ]
    seen = []
    async for event in Pool(options(workers=1)).run(work):
        seen.append(event)
        if len(seen) == 100:
            await asyncio.sleep(2)  # more is waiting than is listened to
    ended = results(seen)
    assert [result.cause for result in ended] == ["", "", "exec/deadline"]
    assert ended[2].seconds["total"] < 1.5


@pytest.mark.parametrize("size", [64, 0, 1 << 30], ids=["garbage", "empty", "oversized"])
async def test_a_worker_that_says_what_cannot_be_read_is_given_up_with_all_it_had_in_hand(size: int) -> None:
    ended = await run(Pool(options(parallel=4, workers=2)), jobs(f"garbage {size};early 60", *["early 0.3;exit 0"] * 9))
    assert ended[0].status == "lost" and "cannot be read" in ended[0].end.message  # type: ignore[union-attr]
    assert Counter(result.status for result in ended) == {"lost": 2, "ok": 8}  # none of them is run a second time
    assert workers() == []


async def test_workers_that_cannot_start_are_one_clear_failure_and_not_an_endless_loop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    program = tmp_path / "python"
    program.write_text(f"#!/bin/sh\necho x >> {tmp_path}/starts\necho 'cannot find my libraries' >&2\nexit 9\n")
    program.chmod(0o700)
    monkeypatch.setattr(sys, "executable", str(program))
    ended = await run(Pool(options()), jobs(*["exit 0"] * 500))
    assert Counter((result.status, result.cause, result.state) for result in ended) == {
        ("error", "worker/died", "not-started"): 500
    }
    assert {result.end.message for result in ended} == {  # type: ignore[union-attr]
        "no worker process stays up: cannot find my libraries"
    }
    assert len((tmp_path / "starts").read_text().split()) <= 6


async def test_a_python_that_is_not_there_is_one_clear_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    ended = await run(Pool(options()), jobs(*["exit 0"] * 5))
    assert {(result.cause, result.end.message) for result in ended} == {  # type: ignore[union-attr]
        ("worker/died", "no worker process stays up: [Errno 2] No such file or directory: '/nowhere/python'")
    }


async def test_workers_that_die_one_after_the_other_before_any_command_come_to_an_end() -> None:
    ended = await run(Pool(options(parallel=2, workers=1)), jobs(*["kill SEGV"] * 40))
    assert {(result.status, result.cause) for result in ended} == {("error", "worker/died")}
    assert len(ended) == 40


PARENT = """
import asyncio, sys, tests.engine.support.toy as toy
from pssh.engine.pool import Pool
async def main():
    async for event in Pool(toy.options(workers=2, parallel=2)).run(toy.jobs(*sys.argv[1:])):
        if type(event).__name__ == "JobConnected":
            print("up", flush=True)
asyncio.run(main())
"""


@pytest.mark.parametrize("text", ["sleep 60", "begin;block 60"], ids=["working", "hanging"])
@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_parent_that_is_killed_leaves_no_worker_behind(number: int, text: str) -> None:
    command = [sys.executable, "-c", PARENT, *[text] * 2]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        for _ in range(2):
            assert parent.stdout.readline() == "up\n"
        left = processes.descendants(parent.pid)
        assert len(left) == 2
        parent.send_signal(number)
    assert processes.gone(left, within=2.0)


def test_a_worker_whose_parent_is_gone_before_it_listens_ends() -> None:
    ours, theirs = socket.socketpair()
    code = "import sys; from pssh.engine.worker import main; main([sys.argv[1], ''])"
    command = [sys.executable, "-c", code, str(theirs.fileno())]
    with subprocess.Popen(command, pass_fds=(theirs.fileno(),), cwd=ROOT) as worker:
        theirs.close()
        ours.close()
        try:
            assert worker.wait(5) == 0
        finally:
            worker.kill()


async def test_ctrl_c_reaches_only_the_parent() -> None:
    (ended,) = await run(Pool(options()), jobs("pids"))
    pid, session = ended.end.stdout.split()
    assert pid == session != str(os.getsid(0)).encode()
    seen = []
    async for event in Pool(options(workers=1)).run(jobs("sleep 0.1")):
        seen.append(event)
        if isinstance(event, JobConnected):
            os.kill(workers()[0], signal.SIGINT)
    assert [result.status for result in results(seen)] == ["ok"]


async def test_warmed_workers_take_the_run_and_are_ended_without_one() -> None:
    engine = Pool(options(workers=2))
    engine.warm(2, ())
    warmed = workers()
    ended = await run(engine, jobs(*["early 0.05;pids"] * 8))
    assert {int(result.end.stdout.split()[0]) for result in ended} <= set(warmed)
    engine.warm()
    engine.close()
    assert workers() == []


def look_into(pid: int) -> tuple[str, list[str]]:
    """Return the limits of a process, and what its descriptors are."""
    proc = Path(f"/proc/{pid}")
    return (proc / "limits").read_text(), [str(link.readlink()) for link in (proc / "fd").iterdir()]


async def test_a_worker_holds_no_core_and_no_descriptor_of_ours(tmp_path: Path) -> None:
    with (tmp_path / "ours").open("w") as ours:
        os.set_inheritable(ours.fileno(), True)
        async for event in Pool(options(workers=1)).run(jobs("sleep 0.05")):
            if isinstance(event, JobConnected):
                (pid,) = workers()
                limits, opened = look_into(pid)
    assert next(line for line in limits.splitlines() if line.startswith("Max core")).split()[4:6] == ["0", "0"]
    assert not any("ours" in name for name in opened)
    assert sum(name.startswith("/dev/null") for name in opened) == 2


async def test_a_worker_gets_the_open_files_that_its_lanes_need_and_no_more() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (100, hard))
    try:
        async for event in Pool(options(workers=1, parallel=50)).run(jobs("sleep 0.05")):
            if isinstance(event, JobConnected):
                (pid,) = workers()
                limits, _ = look_into(pid)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    words = next(line for line in limits.splitlines() if line.startswith("Max open files")).split()
    assert words[3:5] == [str(32 + 4 * 50), str(hard)]


SCRIPT = """
import asyncio, json, sys
sys.path.insert(0, {root!r})
from pssh.engine.pool import Pool
import tests.engine.support.toy as toy
ended = asyncio.run(toy.run(Pool(toy.options()), toy.jobs("exit 0", "exit 1")))
print(json.dumps([result.status for result in ended]))
"""


WARMED = """
import asyncio, sys
from pathlib import Path
from pssh.engine.pool import Pool
import tests.engine.support.toy as toy
engine = Pool(toy.options())
engine.warm(1, ())
warmed = Path(f"/proc/self/task/{Path('/proc/self').readlink()}/children").read_text()
(ended,) = asyncio.run(toy.run(engine, toy.jobs("pids")))
Path(sys.argv[1]).write_text(f"{warmed.strip()} {ended.end.stdout.split()[0].decode()}")
"""


def test_workers_start_without_any_standard_stream(tmp_path: Path) -> None:
    words = [sys.executable, "-c", WARMED, str(tmp_path / "out")]
    subprocess.run(["sh", "-c", 'exec "$@" <&- >&- 2>&-', "sh", *words], check=True, cwd=ROOT)
    warmed, used = (tmp_path / "out").read_text().split()
    assert warmed == used  # the very first one, whose socket could have taken the place of a stream


@pytest.mark.parametrize("how", ["stdin", "script", "safe"])
def test_workers_start_from_any_folder_without_a_main_guard(how: str, tmp_path: Path) -> None:
    (tmp_path / "msgspec.py").write_text("raise SystemExit('taken from the current folder')")
    folder = tmp_path / "scripts"
    folder.mkdir()
    script = folder / "run.py"
    script.write_text(SCRIPT.format(root=str(ROOT)))
    arguments = {"stdin": ["-P", "-"], "script": [str(script)], "safe": ["-P", str(script)]}[how]
    done = subprocess.run(
        [sys.executable, *arguments], input=script.read_text(), cwd=tmp_path, capture_output=True, text=True, check=True
    )
    assert json.loads(done.stdout) == ["ok", "failed"]


async def test_no_job_is_taken_twice_by_one_engine_at_a_time() -> None:
    engine = Pool(options())
    happening = engine.run(jobs("sleep 0.1"))
    await anext(happening)
    with pytest.raises(RuntimeError, match="under way"):
        await events(engine, jobs("exit 0"))
    await happening.aclose()


async def test_a_soak_leaves_descriptors_and_threads_as_they_were() -> None:
    before = processes.descriptors(os.getpid()), processes.threads(os.getpid())
    counts = Counter()
    done = 0
    async for event in Pool(options(parallel=32, workers=1)).run(
        jobs(*["exit 0", "fail auth/denied", "print 1000"] * 1000)
    ):
        done += isinstance(event, JobEnded)
        if isinstance(event, JobEnded) and done % 500 == 0:
            (pid,) = workers()
            counts[processes.descriptors(pid), processes.threads(pid)] += 1
    assert len(counts) == 1
    assert (processes.descriptors(os.getpid()), processes.threads(os.getpid())) == before
