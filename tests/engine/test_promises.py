"""The promises of an engine, one by one; `pool` and `serial` alike where both make them."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from pssh.engine.base import Engine
from pssh.engine.pool import Pool
from pssh.engine.serial import Serial
from pssh.model.event import Event, HostKeyLearned, JobConnected, JobEnded, JobSaid, JobStarted
from pssh.model.rollout import Pace
from pssh.model.work import Limits
from tests.engine.support.toy import events, jobs, options, results, run
from tests.support import processes

Make = Callable[..., Engine]


@pytest.fixture(params=[Pool, Serial], ids=["pool", "serial"])
def make(request: pytest.FixtureRequest) -> Make:
    """Make an engine of each kind."""
    return lambda **more: request.param(options(**more))


def pool(**more: Any) -> Pool:
    return Pool(options(**more))


def running(seen: list[Event]) -> int:
    """How many jobs are in flight after these events."""
    return sum(isinstance(event, JobStarted) and event.attempt == 1 for event in seen) - sum(
        isinstance(event, JobEnded) for event in seen
    )


# E1


async def test_e1_every_job_yields_exactly_one_result_whatever_becomes_of_it(make: Make) -> None:
    texts = [
        "exit 0", "exit 3", "signal SEGV", "fail dns/unknown-name", "fail auth/denied", "fail exec/connection-closed",
        "raise", "system-exit", "odd nothing", "odd text", "odd surrogate", "print 3000000",
    ]  # fmt: skip
    ended = await run(make(), jobs(*texts * 5, limits=Limits(keep=1 << 20)))
    assert [result.job_id for result in ended] == list(range(60))
    assert [result.status for result in ended[:12]] == [
        "ok", "failed", "failed", "unreachable", "auth", "lost", "error", "error", "error", "error", "ok", "ok",
    ]  # fmt: skip
    assert ended[6].cause == "worker/bug" and "nobody foresaw" in ended[6].end.message  # type: ignore[union-attr]
    assert ended[10].end.note == "\udcff"
    assert ended[11].end.stdout_bytes == 3_000_000


async def test_e1_a_result_that_the_parent_could_not_read_is_a_bug_of_its_operation_and_costs_no_worker() -> None:
    ended = await run(pool(workers=1), jobs("odd number", "odd types", "exit 0"))
    assert [result.cause for result in ended] == ["worker/bug", "worker/bug", ""]


async def test_e1_a_result_that_no_frame_holds_is_trimmed_and_not_lost() -> None:
    (ended,) = await run(pool(), jobs("print 5000000;print 5000000 stderr", limits=Limits(keep=8 << 20)))
    assert ended.status == "ok"
    assert (ended.end.stdout_bytes, ended.end.stderr_bytes) == (5_000_000, 5_000_000)
    assert 1 << 20 < len(ended.end.stdout) == len(ended.end.stderr) < 2 << 20


@pytest.mark.parametrize("text", [{1: object()}, 1j, "x" * (65 << 20)], ids=["object", "complex", "too-large"])
async def test_e1_an_operation_that_cannot_cross_costs_its_own_row_only(text: Any) -> None:
    work = jobs("exit 0", "exit 0", "exit 0")
    work[1] = type(work[1])(1, "h1", work[1].connection, type(work[1].operation)(text), work[1].limits)  # type: ignore[call-arg]
    ended = await run(pool(), work)
    assert [result.cause for result in ended] == ["", "local/operation", ""]


async def test_e1_a_transport_that_cannot_be_made_is_said_in_each_of_its_rows(make: Make) -> None:
    ended = await run(make(), [*jobs("exit 0", transport="broken"), jobs("", "exit 0")[1]])
    assert [result.status for result in ended] == ["error", "ok"]
    assert ended[0].end.message == "transport `broken` cannot be used: paramiko 4.0 is not supported"  # type: ignore[union-attr]
    (unknown,) = await run(make(), jobs("exit 0", transport="pigeon"))
    assert unknown.end.message == "there is no transport `pigeon`"  # type: ignore[union-attr]


async def test_e1_no_jobs_are_no_events(make: Make) -> None:
    assert await events(make(), []) == []


# E2


async def test_e2_at_most_parallel_jobs_are_in_flight_and_as_many_when_there_is_enough_to_do(make: Make) -> None:
    seen: list[Event] = []
    most = 0
    async for event in make(parallel=5).run(jobs(*["sleep 0.1"] * 20)):
        seen.append(event)
        most = max(most, running(seen))
    assert most == 5


async def test_e2_they_are_in_at_most_as_many_processes_as_workers() -> None:
    async for _ in (engine := pool(workers=3)).run(jobs(*["sleep 0.02"] * 60)):
        assert len(processes.workers()) <= 3
    ended = await run(engine, jobs(*["early 0.2;pids"] * 24))
    assert len({result.end.stdout for result in ended}) == len({result.worker for result in ended}) == 3


async def test_e2_handshakes_are_bounded_over_all_workers() -> None:
    ended = await run(pool(workers=3, connect_limit=8), jobs(*["early 0.2;about"] * 24))
    limits = {result.worker: int(result.end.stdout.split()[0]) for result in ended}
    assert sum(limits.values()) == 8 and len(limits) == 3


async def test_e2_handshakes_to_one_address_are_bounded_over_all_workers() -> None:
    ended = await run(pool(workers=3, jump_limit=9), jobs(*["early 0.2;about"] * 24))
    assert {int(result.end.stdout.split()[1]) for result in ended} == {3}


async def test_e2_a_short_run_is_shared_out_and_not_taken_by_the_process_that_is_ready_first():
    engine = pool(workers=2, parallel=64)
    engine.warm()  # one is ready before the other
    seen = await events(engine, jobs(*["early 0.1;exit 0"] * 6))
    most, held = 0, Counter[int]()
    for event in seen:
        if isinstance(event, JobStarted):
            held[event.worker] += 1
        elif isinstance(event, JobEnded):
            held[event.result.worker] -= 1
        most = max(most, *held.values(), 0)
    assert (most, len(results(seen))) == (3, 6)


async def test_e2_parallel_is_lowered_to_the_open_files_allowed_with_a_notice(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pssh.engine.base.open_files", lambda: 64)
    seen = await events(pool(workers=1, parallel=64), jobs(*["exit 0"] * 20))
    assert "8 instead of 64" in seen[0].text  # type: ignore[union-attr]
    assert len(results(seen)) == 20


# E3


async def test_e3_a_dead_worker_costs_only_its_own_started_jobs() -> None:
    texts = ["begin;early 0.3;kill KILL", *["early 0.6;exit 0"] * 15]  # these wait before their command
    ended = await run(pool(parallel=16, workers=2), jobs(*texts))
    assert Counter(result.status for result in ended) == {"lost": 1, "ok": 15}
    assert ended[0].cause == "worker/died" and ended[0].state == "end-unknown"
    assert "SIGKILL" in ended[0].end.message  # type: ignore[union-attr]
    assert {result.attempts for result in ended if result.ok} == {1, 2}


async def test_e3_a_job_that_kills_two_workers_before_its_command_is_given_up(tmp_path: Path) -> None:
    ended = await run(pool(workers=1, parallel=4), jobs(*["exit 0"] * 6, f"note {tmp_path / 'n'};kill KILL"))
    assert ended[6].status == "error" and ended[6].cause == "worker/died" and ended[6].state == "not-started"
    assert len((tmp_path / "n").read_text().splitlines()) == 2
    assert len(ended) == 7


async def test_e3_the_last_words_of_a_worker_are_the_reason() -> None:
    (ended,) = await run(pool(), jobs("begin;leave"))
    assert ended.end.message == "the worker process died: the last words"  # type: ignore[union-attr]


# E4


async def test_e4_for_one_job_started_connected_said_ended(make: Make) -> None:
    seen = await events(make(), jobs(*["learn;print 200000;exit 1"] * 30, limits=Limits(say=True)))
    for number in range(30):
        mine = [event for event in seen if getattr(event, "job_id", None) == number]
        ended = [at for at, event in enumerate(seen) if isinstance(event, JobEnded) and event.result.job_id == number]
        assert [type(event) for event in mine[:3]] == [JobStarted, HostKeyLearned, JobConnected]
        assert {type(event) for event in mine[3:]} == {JobSaid}
        assert all(len(event.data) <= 65536 for event in mine[3:])  # type: ignore[union-attr]
        assert b"".join(event.data for event in mine[3:]) == b"x" * 200_000  # type: ignore[union-attr]
        assert len(ended) == 1 and seen.index(mine[-1]) < ended[0]


async def test_e4_nothing_is_said_unless_it_was_asked_for(make: Make) -> None:
    seen = await events(make(), jobs("print 10"))
    assert [type(event) for event in seen] == [JobStarted, JobConnected, JobEnded]


async def test_e4_a_learned_key_names_the_file_that_it_belongs_to(make: Make) -> None:
    seen = await events(make(), jobs("learn"))
    assert HostKeyLearned(0, "h0", "/kh", "h0 ssh-toy AAAA") in seen


# E5


async def test_e5_after_a_stop_no_new_job_starts_and_what_runs_ends_within_the_grace_time(make: Make) -> None:
    engine = make(parallel=4, grace=1.0)
    seen: list[Event] = []
    loop = asyncio.get_running_loop()
    stopped = 0.0
    async for event in engine.run(jobs(*["hang"] * 2, *["fail connect/refused"] * 2, *["hang"] * 50)):
        seen.append(event)
        if sum(isinstance(event, JobConnected) for event in seen) == 2 and not stopped:
            stopped, before = loop.time(), len(seen)
            engine.stop("terminate")
    assert loop.time() - stopped < 0.5  # a host that answers to TERM does not cost the grace time
    assert not any(isinstance(event, JobConnected) for event in seen[before:])
    ended = results(seen)
    assert Counter(result.status for result in ended) == {"cancelled": 2, "not-run": 52}
    assert {result.cause for result in ended} == {"stop/interrupt"}
    assert ended[0].end.remote_end == "killed"  # type: ignore[union-attr]


async def test_e5_what_does_not_answer_a_stop_is_reported_at_the_end_of_the_grace_time(make: Make) -> None:
    engine = make(parallel=4, grace=0.2)
    loop = asyncio.get_running_loop()
    seen: list[Event] = []
    async with aclosing(engine.run(jobs("begin;early 0.01;sleep 0", "begin;deaf 3", "exit 0"))) as happening:  # type: ignore[type-var]
        async for event in happening:
            seen.append(event)
            if len(results(seen)) == 2:
                stopped = loop.time()
                engine.stop()
    assert 0.2 <= loop.time() - stopped < 2
    assert [result.status for result in results(seen)] == ["ok", "cancelled", "ok"]
    assert results(seen)[1].end.remote_end == "left running"  # type: ignore[union-attr]


async def test_e5_a_second_stop_reports_at_once(make: Make) -> None:
    engine = make(grace=60.0)
    loop = asyncio.get_running_loop()
    seen: list[Event] = []
    async for event in engine.run(jobs(*["begin;deaf 1"] * 4)):
        seen.append(event)
        if sum(isinstance(event, JobConnected) for event in seen) == 4:
            stopped = loop.time()
            engine.stop()
            engine.stop()
    assert loop.time() - stopped < 0.5
    assert [result.status for result in results(seen)] == ["cancelled"] * 4


async def test_e5_what_runs_may_finish_if_that_is_asked(make: Make) -> None:
    engine = make(parallel=2)
    seen: list[Event] = []
    async for event in engine.run(jobs(*["sleep 0.1"] * 10)):
        seen.append(event)
        if sum(isinstance(event, JobConnected) for event in seen) == 2:
            engine.stop(finish=True)
    assert Counter(result.status for result in results(seen)) == {"ok": 2, "not-run": 8}


async def test_e5_a_stop_before_the_run_is_for_the_run(make: Make) -> None:
    engine = make()
    engine.stop("hangup")
    seen = await events(engine, jobs(*["exit 0"] * 3))
    assert [result.status for result in results(seen)] == ["not-run"] * 3
    assert not any(isinstance(event, JobStarted) for event in seen)
    assert [result.status for result in await run(engine, jobs("exit 0"))] == ["ok"]


async def test_e5_no_worker_is_left_after_a_run_nor_after_a_run_that_was_left(make: Make) -> None:
    async with aclosing(make().run(jobs(*["hang"] * 3))) as happening:  # type: ignore[type-var]
        async for event in happening:
            if isinstance(event, JobConnected):
                break
    assert processes.workers() == []
    await run(make(), jobs("exit 0"))
    assert processes.workers() == []


# E6


async def test_e6_no_more_jobs_start_by_second_t_than_the_pace_allows(make: Make) -> None:
    pace = Pace(((0, 20), (0.3, 100)))
    loop = asyncio.get_running_loop()
    starts: list[float] = []
    async for event in make(pace=pace, parallel=64).run(jobs(*["exit 0"] * 40)):
        if isinstance(event, JobStarted):
            starts.append(loop.time())
    # The first start is second 0; an event is seen a little later than its job was handed out.
    assert all(number <= pace.allowed(start - starts[0] + 0.02) for number, start in enumerate(starts, 1))
    assert starts[-1] - starts[0] < pace.when(40) + 0.3


# E7


async def test_e7_output_waits_for_a_slow_listener_instead_of_filling_memory(make: Make) -> None:
    engine = make(parallel=4, workers=1)
    said = 0
    least = [0, 0]
    async for event in engine.run(jobs(*["print 50000000"] * 4, limits=Limits(say=True, keep=1000))):
        if isinstance(event, JobSaid):
            said += len(event.data)
            if not said % (10 << 20):
                await asyncio.sleep(0.02)  # long enough for the others to say more than is held
        least = [max(least[0], _held(engine)), said]
    assert said == 200_000_000
    assert least[0] < 8 << 20


def _held(engine: Any) -> int:
    course = engine._course
    return sum(len(event.data) for event in course.mail._events if isinstance(event, JobSaid)) if course else 0


async def test_e7_a_worker_does_not_grow_with_the_jobs_it_has_done() -> None:
    async def peak(count: int) -> int:
        most, seen = 0, 0
        texts = [f"print {200_000 + number};exit 0;{'x' * 20_000}" for number in range(count)]  # as many operations
        async for event in pool(workers=1).run(jobs(*texts)):
            seen += isinstance(event, JobEnded)
            if seen and seen % 100 == 0:
                most = max(most, *(processes.rss(child) for child in processes.workers()))
        return most

    assert await peak(1500) < await peak(200) + (4 << 20)


# E8


async def test_e8_nothing_that_may_have_run_is_run_again(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    texts = [f"begin;note {notes};early 0.05;exit 0"] * 40
    texts[7] = texts[23] = f"begin;note {notes};kill KILL"
    ended = await run(pool(parallel=8, workers=2), jobs(*texts))
    assert len(ended) == 40
    counts = Counter(notes.read_text().splitlines())
    assert set(counts.values()) == {1}
    assert all(result.host in counts for result in ended if result.state != "not-started")
    assert {7, 23} <= {result.job_id for result in ended if result.status == "lost"}


async def test_e8_only_what_had_not_started_is_tried_again_and_only_after_a_busy_host(make: Make) -> None:
    ends = {
        "fail connect/refused 2": ("ok", 3),
        "fail kex/closed 1": ("ok", 2),
        "fail connect/throttled 9": ("unreachable", 3),
        "fail connect/timeout 1": ("unreachable", 1),
        "fail auth/denied 1": ("auth", 1),
        "fail exec/connection-closed 1": ("lost", 1),
        "begin;fail kex/closed 1": ("unreachable", 1),
    }
    ended = await run(make(), jobs(*ends))
    assert [(result.status, result.attempts) for result in ended] == list(ends.values())


async def test_e8_a_worker_that_is_killed_at_any_moment_never_makes_a_command_run_twice(tmp_path: Path) -> None:
    notes = tmp_path / "notes"
    engine = pool(parallel=8, workers=2)
    seen = 0
    kills = 0
    ended = []
    async for event in engine.run(jobs(*[f"early 0.01;begin;note {notes};early 0.01;exit 0"] * 150)):
        seen += 1
        if seen % 60 == 0 and kills < 6:
            kills += 1
            for child in processes.workers()[:1]:
                os.kill(child, signal.SIGKILL)
        if isinstance(event, JobEnded):
            ended.append(event.result)
    assert sorted(result.job_id for result in ended) == list(range(150))
    counts = Counter(notes.read_text().splitlines())
    assert set(counts.values()) == {1}
    for result in ended:
        assert result.status in ("ok", "lost", "error")
        assert (result.state == "not-started") <= (counts[result.host] == 0)
