"""Waves, limits, the barrier and orders from outside, with `pool` and `serial` alike."""

import asyncio
import os
import signal
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.engine.base import End, Engine, GoOn, Hold, Widen
from pssh.engine.pool import Pool
from pssh.engine.serial import Serial
from pssh.engine.spawn import Spawned
from pssh.errors import UsageError
from pssh.model.event import (
    Event,
    JobConnected,
    JobEnded,
    JobReady,
    JobStarted,
    Released,
    WaveEnded,
    WaveStarted,
)
from pssh.model.outcome import Result
from pssh.model.rollout import Launch, Pace, Rollout, Share, Tail
from pssh.model.work import Job, Limits
from tests.engine.support.toy import events, jobs, options, results, run
from tests.support import processes

Make = Callable[..., Engine]
ENGINES: tuple[Callable[..., Engine], ...] = (Pool, Serial)


@pytest.fixture(params=ENGINES, ids=["pool", "serial"])
def make(request: pytest.FixtureRequest) -> Make:
    """Make an engine of each kind."""
    return lambda **more: request.param(options(**more))


def secret(work: list[Job]) -> list[Job]:
    return [replace(job, connection=replace(job.connection, password="password")) for job in work]


def causes(seen: list[Event]) -> Counter[str]:
    return Counter(result.cause for result in results(seen))


def started(seen: list[Event]) -> int:
    return sum(isinstance(event, JobStarted) and event.attempt == 1 for event in seen)


# rules


@pytest.mark.parametrize("parallel", [1, 8, 64])
async def test_a_run_of_500_that_may_lose_2_percent_begins_no_more_than_these_and_what_was_in_flight(
    make: Make, parallel: int
) -> None:
    seen = await events(make(parallel=parallel, max_fail=Share.read("2%")), jobs(*["exit 1"] * 500))
    assert 11 <= started(seen) <= 10 + parallel
    assert set(causes(seen)) == {"exit 1", "stop/budget"}
    assert {result.state for result in results(seen) if result.cause == "stop/budget"} == {"not-started"}


async def test_halt_soon_lets_the_commands_finish_that_have_begun_and_ends_what_still_logs_in(make: Make) -> None:
    loop = asyncio.get_running_loop()
    since = loop.time()
    texts = ["sleep 0.6", "sleep 0.6", "early 0.3;exit 1", "early 60", "early 60", "exit 0"]
    seen = await events(make(parallel=5, max_fail=Share(0)), jobs(*texts))
    assert [result.cause for result in results(seen)] == ["", "", "exit 1", *["stop/budget"] * 3]
    assert [result.status for result in results(seen)][3:] == ["not-run"] * 3
    assert 0.6 <= loop.time() - since < 3


async def test_halt_now_ends_the_commands_that_have_begun_too(make: Make) -> None:
    texts = ["hang", "early 0.3;exit 1", "early 60", "exit 0"]
    seen = await events(make(parallel=3, max_fail=Share(0), halt="now"), jobs(*texts))
    ended = results(seen)
    assert [result.cause for result in ended] == ["stop/halt", "exit 1", "stop/budget", "stop/budget"]
    assert (ended[0].status, ended[0].end.remote_end) == ("cancelled", "killed")  # type: ignore[union-attr]


async def test_a_password_that_five_hosts_refuse_is_not_shown_to_the_others(make: Make) -> None:
    seen = await events(make(parallel=1), secret(jobs(*["fail auth/denied"] * 100)))
    assert causes(seen) == {"auth/denied": 5, "stop/auth-brake": 95}


async def test_hosts_that_take_the_password_keep_the_brake_open_while_their_commands_run(make: Make) -> None:
    texts = [
        "sleep 0.5",
        *["early 0.1;fail auth/denied"] * 4,
        "early 0.2;sleep 0.5",
        *["early 0.3;fail auth/denied"] * 4,
    ]
    seen = await events(make(parallel=10), secret(jobs(*texts)))
    assert causes(seen) == {"": 2, "auth/denied": 8}


async def test_at_the_deadline_what_runs_is_ended_and_the_rest_is_not_run(make: Make) -> None:
    seen = await events(make(parallel=3, deadline=2.0), jobs("hang", "hang", "early 60", "exit 0"))
    ended = results(seen)
    assert [result.cause for result in ended] == ["exec/deadline", "exec/deadline", "stop/deadline", "stop/deadline"]
    assert [result.status for result in ended] == ["timed-out", "timed-out", "not-run", "not-run"]
    assert ended[0].end.remote_end == "killed"  # type: ignore[union-attr]


async def test_once_the_window_has_closed_what_runs_may_finish_and_nothing_else_starts(make: Make) -> None:
    seen = await events(make(parallel=2, window=3.0), jobs("sleep 4", "sleep 4", "exit 0"))
    assert [(result.status, result.cause) for result in results(seen)] == [
        ("ok", ""),
        ("ok", ""),
        ("not-run", "stop/window"),
    ]


async def test_a_run_that_ends_before_its_deadline_does_not_wait_for_it(make: Make) -> None:
    assert [result.status for result in await run(make(deadline=60.0), jobs("exit 0"))] == ["ok"]


async def test_the_tail_gives_the_last_hosts_its_time_and_no_more(make: Make) -> None:
    seen = await events(
        make(parallel=10, tail=Tail.read("75%:0.2s")), jobs(*["exit 0"] * 5, "exit 3", "sleep 0.05", "hang")
    )
    assert causes(seen) == {"": 6, "exit 3": 1, "exec/tail": 1}
    assert results(seen)[7].status == "timed-out"


async def test_hosts_that_were_never_begun_do_not_bring_the_tail_nearer(make: Make) -> None:
    texts = ["early 0.8;exit 1", "sleep 1.6", *["exit 0"] * 18]
    seen = await events(make(parallel=2, max_fail=Share(0), tail=Tail.read("50%:0.1s")), jobs(*texts))
    assert results(seen)[1].cause == ""


async def test_a_first_stop_by_hand_does_not_cut_the_time_that_a_rule_has_given(make: Make) -> None:
    engine = make(parallel=4, grace=0.2, max_fail=Share(0), halt="now")
    seen: list[Event] = []
    asked = 0.0
    loop = asyncio.get_running_loop()
    async for event in engine.run(jobs(*["begin;deaf 2"] * 2, "hang", "early 0.3;exit 1")):
        seen.append(event)
        if isinstance(event, JobEnded) and not asked:  # the rule has ended the others
            asked = loop.time()
            engine.stop()
    assert 0.5 < loop.time() - asked < 2
    assert causes(seen) == {"exit 1": 1, "stop/halt": 3}


# waves


async def test_waves_go_one_after_the_other_and_are_announced(make: Make) -> None:
    seen = await events(make(parallel=4, waves=(Share(1000), Share(3000))), jobs(*["early 0.01"] * 6))
    told = [event for event in seen if isinstance(event, WaveStarted | WaveEnded)]
    assert told == [
        WaveStarted(1, 3, 1),
        WaveEnded(1, 3),
        WaveStarted(2, 3, 3),
        WaveEnded(2, 3),
        WaveStarted(3, 3, 2),
        WaveEnded(3, 3),
    ]
    wave = {0: 1, 1: 2, 2: 2, 3: 2, 4: 3, 5: 3}
    now = 0
    for event in seen:
        if isinstance(event, WaveStarted):
            now = event.number
        elif isinstance(event, JobStarted):
            assert wave[event.job_id] == now
        elif isinstance(event, JobEnded):
            assert wave[event.result.job_id] == now


async def test_hosts_that_are_one_wave_are_not_announced_as_waves(make: Make) -> None:
    seen = await events(make(waves=(Share.read("100%"),)), jobs("exit 0", "exit 0"))
    assert not [event for event in seen if isinstance(event, WaveStarted | WaveEnded)]


async def test_there_is_a_pause_between_waves(make: Make) -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    async for event in make(waves=(Share(1000),), pause=0.3).run(jobs("exit 0", "exit 0")):
        if isinstance(event, JobStarted | JobEnded):
            times.append(loop.time())
    assert times[2] - times[1] >= 0.29


async def test_a_canary_that_is_not_ok_stops_the_run(make: Make) -> None:
    seen = await events(make(canary=2), jobs("exit 0", "exit 1", *["exit 0"] * 8))
    assert causes(seen) == {"": 1, "exit 1": 1, "stop/canary": 8}
    assert [event for event in seen if isinstance(event, WaveStarted | WaveEnded)] == [
        WaveStarted(1, 2, 2),
        WaveEnded(1, 2),
    ]


async def test_canaries_that_are_ok_let_the_others_go(make: Make) -> None:
    seen = await events(make(canary=2), jobs("exit 0", "exit 0", *["exit 1"] * 8))
    assert causes(seen) == {"": 2, "exit 1": 8}


async def test_the_next_wave_waits_until_it_is_told_to_go_on(make: Make) -> None:
    engine = make(waves=(Share(1000),), ask=True)
    seen: list[Event] = []
    async for event in engine.run(jobs("exit 0", "exit 0")):
        seen.append(event)
        if isinstance(event, WaveEnded) and event.asks:
            asyncio.get_running_loop().call_later(0.1, engine.steer, GoOn())
    assert [event.asks for event in seen if isinstance(event, WaveEnded)] == [True, False]
    assert causes(seen) == {"": 2}


async def test_a_wave_that_is_not_wanted_is_not_run(make: Make) -> None:
    engine = make(waves=(Share(1000),), ask=True)
    seen: list[Event] = []
    async for event in engine.run(jobs(*["exit 0"] * 3)):
        seen.append(event)
        if isinstance(event, WaveEnded) and event.asks:
            engine.stop("operator", finish=True)
    assert causes(seen) == {"": 1, "stop/operator": 2}
    assert {result.status for result in results(seen)[1:]} == {"not-run"}


async def test_a_run_that_was_stopped_before_it_began_has_no_wave(make: Make) -> None:
    engine = make(waves=(Share(1000),))
    engine.stop()
    assert {type(event) for event in await events(engine, jobs("exit 0", "exit 0"))} == {JobEnded}


async def test_of_one_word_one_job_runs_at_a_time(make: Make) -> None:
    work = [replace(job, only_one=("a", "b", "")[job.id % 3]) for job in jobs(*["sleep 0.02"] * 18)]
    in_flight: Counter[str] = Counter()
    most: Counter[str] = Counter()
    async for event in make(parallel=18).run(work):
        if isinstance(event, JobStarted):
            in_flight[work[event.job_id].only_one] += 1
            most |= in_flight
        elif isinstance(event, JobEnded):
            in_flight[work[event.result.job_id].only_one] -= 1
    assert (most["a"], most["b"]) == (1, 1) and most[""] > 1


async def test_a_launch_starts_its_entries_at_their_times_and_then_the_rest(make: Make) -> None:
    loop = asyncio.get_running_loop()
    times: list[float] = []
    seen: list[Event] = []
    async for event in make(parallel=20, pace=Launch(((0, 5), (0.4, 3), (0.4, 1)))).run(jobs(*["sleep 1.5"] * 15)):
        seen.append(event)
        if isinstance(event, JobStarted):
            times.append(loop.time())
    assert times[5] - times[0] >= 0.39 and times[8] - times[0] >= 0.79
    assert not any(isinstance(event, JobEnded) for event in seen[: seen.index(_last_start(seen))])


def _last_start(seen: list[Event]) -> Event:
    return [event for event in seen if isinstance(event, JobStarted)][-1]


# barrier


def unseen(seen: list[Event]) -> None:
    """Assert that no command began before the release."""
    released = [at for at, event in enumerate(seen) if isinstance(event, Released)]
    begun = [at for at, event in enumerate(seen) if isinstance(event, JobConnected)]
    assert len(released) == 1 and all(at > released[0] for at in begun)


async def test_behind_a_barrier_no_command_begins_until_every_host_is_ready_or_has_ended(make: Make) -> None:
    texts = [*["exit 0"] * 20, "early 0.3;exit 0", "early 0.2;fail connect/timeout", "fail connect/refused 1;exit 0"]
    seen = await events(make(parallel=2, barrier=True), jobs(*texts))
    unseen(seen)
    assert [event for event in seen if isinstance(event, Released)] == [Released(ready=22, missing=1)]
    assert {event.job_id for event in seen if isinstance(event, JobReady)} == {*range(23)} - {21}
    assert causes(seen) == {"": 22, "connect/timeout": 1}


async def test_behind_a_barrier_nothing_begins_anywhere_when_too_many_are_missing(make: Make) -> None:
    texts = [*["exit 0"] * 20, *["early 0.2;fail connect/timeout"] * 2]
    seen = await events(make(barrier=True, max_fail=Share(1000)), jobs(*texts))
    assert not [event for event in seen if isinstance(event, Released | JobConnected)]
    assert causes(seen) == {"connect/timeout": 2, "stop/budget": 20}
    assert {result.status for result in results(seen)} == {"unreachable", "not-run"}


async def test_what_prepares_a_command_does_not_bring_it_past_a_barrier_that_stays_closed(make: Make) -> None:
    texts = ["prepare 0.5;exit 0", "prepare 0.01;exit 0", "early 0.2;fail connect/timeout"]
    seen = await events(make(barrier=True, max_fail=Share(0)), jobs(*texts))
    assert not [event for event in seen if isinstance(event, Released | JobConnected)]
    assert causes(seen) == {"connect/timeout": 1, "stop/budget": 2}
    assert {result.state for result in results(seen)} == {"not-started"}


async def test_a_barrier_of_hosts_that_all_fail_is_not_released(make: Make) -> None:
    seen = await events(make(barrier=True), jobs("fail connect/timeout", "fail dns/unknown-name"))
    assert not [event for event in seen if isinstance(event, Released)]
    assert causes(seen) == {"connect/timeout": 1, "dns/unknown-name": 1}


async def test_a_stop_before_the_release_begins_nothing(make: Make) -> None:
    engine = make(barrier=True)
    seen: list[Event] = []
    async for event in engine.run(jobs("exit 0", "exit 0", "early 60")):
        seen.append(event)
        if sum(isinstance(event, JobReady) for event in seen) == 2:
            engine.stop()
    assert {result.status for result in results(seen)} == {"not-run"}
    assert not [event for event in seen if isinstance(event, JobConnected)]


async def test_who_waits_for_a_word_begins_after_the_release(make: Make) -> None:
    work = [replace(job, only_one="a") for job in jobs(*["sleep 0.01"] * 4)]
    seen = await events(make(barrier=True), work)
    unseen(seen)
    assert causes(seen) == {"": 4}


async def test_a_host_ended_by_hand_is_not_waited_for_at_the_barrier(make: Make) -> None:
    engine = make(barrier=True)
    seen: list[Event] = []
    async for event in engine.run(jobs("exit 0", "early 60")):
        seen.append(event)
        if isinstance(event, JobReady):
            engine.steer(End(1))
    assert causes(seen) == {"": 1, "stop/operator": 1}


async def test_the_barrier_waits_for_the_hosts_of_a_worker_that_died() -> None:
    seen: list[Event] = []
    async for event in Pool(options(workers=2, barrier=True)).run(jobs(*["exit 0"] * 9, "early 0.5;exit 0")):
        seen.append(event)
        if sum(isinstance(event, JobReady) for event in seen) == 9 and isinstance(event, JobReady):
            os.kill(processes.workers()[0], signal.SIGKILL)
    unseen(seen)
    assert causes(seen) == {"": 10}
    assert {result.attempts for result in results(seen)} == {1, 2}
    assert [event for event in seen if isinstance(event, Released)] == [Released(ready=10, missing=0)]


async def test_a_barrier_stays_closed_while_the_run_is_held(make: Make) -> None:
    engine = make(barrier=True)
    seen: list[Event] = []
    async for event in engine.run(jobs("exit 0", "early 0.2;exit 0")):
        seen.append(event)
        if started(seen) == 2 and isinstance(event, JobStarted):
            engine.steer(Hold())
        if sum(isinstance(event, JobReady) for event in seen) == 2 and isinstance(event, JobReady):
            asyncio.get_running_loop().call_later(0.1, lambda: (seen.append(GO), engine.steer(GoOn())))
    unseen(seen)
    assert seen.index(GO) < seen.index(Released(ready=2, missing=0))
    assert causes([event for event in seen if event is not GO]) == {"": 2}


async def test_behind_a_barrier_nothing_begins_anywhere_when_too_many_have_no_worker(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    left = 2

    def spawned(transports: tuple[str, ...]) -> Spawned:
        nonlocal left
        left -= 1
        if left < 0:
            raise OSError("no more processes")
        return new(transports)

    new = Spawned.new
    monkeypatch.setattr(Spawned, "new", spawned)
    work = jobs(*["exit 0"] * 6, *["early 0.3;kill KILL"] * 2)  # half of them in each worker
    seen = await events(Pool(options(workers=2, barrier=True, max_fail=Share(0))), work)
    assert not [event for event in seen if isinstance(event, Released | JobConnected)]
    assert {result.state for result in results(seen)} == {"not-started"}
    assert set(causes(seen)) <= {"worker/died", "stop/budget"} and causes(seen)["worker/died"]


async def test_a_barrier_that_no_open_files_are_left_for_is_refused_before_anything_begins(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pssh.engine.base.open_files", lambda: 64)
    engine = Pool(options(workers=1, barrier=True))
    engine.warm()
    with pytest.raises(UsageError, match=r"20 hosts at once.* enough for 8") as error:
        await events(engine, jobs(*["exit 0"] * 20))
    assert "ulimit -n" in error.value.hint
    assert processes.workers() == []


# orders


async def test_a_run_that_is_held_starts_nothing_until_it_goes_on(make: Make) -> None:
    engine = make(parallel=2)
    seen: list[Event] = []
    held = 0
    async for event in engine.run(jobs(*["sleep 0.02"] * 8)):
        seen.append(event)
        if len(results(seen)) == 2 and not held:
            engine.steer(Hold())
            held = started(seen)
            asyncio.get_running_loop().call_later(0.3, lambda: (seen.append(GO), engine.steer(GoOn())))
    before = seen[: seen.index(GO)]
    assert held <= started(before) <= held + 2 and len(results(before)) == started(before)
    assert causes([event for event in seen if event is not GO]) == {"": 8}


GO: Any = object()


async def test_a_run_can_be_widened_and_narrowed_while_it_goes_on(make: Make) -> None:
    engine = make(parallel=2)
    in_flight, most, least = 0, 0, 99
    ends = 0
    async for event in engine.run(jobs(*["sleep 0.02"] * 60)):
        in_flight += isinstance(event, JobStarted) - isinstance(event, JobEnded)
        ends += isinstance(event, JobEnded)
        if isinstance(event, JobEnded) and ends == 4:
            engine.steer(Widen(3))
        if isinstance(event, JobEnded) and ends == 30:
            engine.steer(Widen(-99))
        if 10 < ends < 30:
            most = max(most, in_flight)
        if 40 < ends < 59:
            least = min(least, in_flight)
            assert in_flight <= 1
    assert (most, least) == (5, 0)


async def test_a_run_is_widened_no_further_than_its_workers_have_room(make: Make) -> None:
    engine = make(parallel=2, workers=2)
    in_flight = most = 0
    async for event in engine.run(jobs(*["sleep 0.05"] * 60)):
        if isinstance(event, JobStarted) and not most:
            engine.steer(Widen(1000))
        in_flight += isinstance(event, JobStarted) - isinstance(event, JobEnded)
        most = max(most, in_flight)
    assert most == 8


async def test_one_host_can_be_ended_and_the_others_go_on(make: Make) -> None:
    engine = make(parallel=2)
    seen: list[Event] = []
    async for event in engine.run(jobs("hang", "sleep 0.1", "exit 0", "exit 0")):
        seen.append(event)
        if isinstance(event, JobConnected) and event.job_id == 0:
            engine.steer(End(0))
            engine.steer(End(3))
            engine.steer(End(77))
    ended = results(seen)
    assert [result.status for result in ended] == ["cancelled", "ok", "ok", "not-run"]
    assert [result.cause for result in ended] == ["stop/operator", "", "", "stop/operator"]
    assert ended[0].end.remote_end == "killed"  # type: ignore[union-attr]


async def test_an_order_without_a_run_does_nothing(make: Make) -> None:
    engine = make()
    engine.steer(Hold())
    engine.steer(End(0))
    assert [result.status for result in await run(engine, jobs("exit 0"))] == ["ok"]


# everything at once

TEXTS = ["exit 0", "exit 1", "early 0.002;exit 0", "sleep 0.005", "fail connect/refused 1", "fail auth/denied", "hang"]
_share = st.one_of(
    st.integers(0, 6).map(lambda hosts: Share(hosts * 1000)),
    st.integers(0, 100).map(lambda percent: Share(percent * 1000, percent=True)),
)
_pace = st.sampled_from([None, None, Pace(((0, 300),)), Pace(((0, 100), (0.02, 1000))), Launch(((0, 2), (0.01, 3)))])
_rollouts = st.builds(
    Rollout,
    pace=_pace,
    barrier=st.booleans(),
    waves=st.lists(_share, max_size=3).map(tuple),
    canary=st.integers(0, 3),
    pause=st.sampled_from([0.0, 0.01]),
    max_fail=st.none() | _share,
    halt=st.sampled_from(["soon", "now"]),
    max_fail_from=st.integers(0, 4),
    window=st.sampled_from([0.0, 0.0, 0.01, 0.05]),
    deadline=st.just(0.25),  # so that a run that is held comes to an end
    tail=st.none() | st.builds(Tail, share=_share, seconds=st.sampled_from([0.0, 0.02])),
)
_orders = st.sampled_from([Hold(), GoOn(), GoOn(), Widen(-2), Widen(3), End(0), End(5), End(11)])


@given(
    st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(["", "", "a", "b"])), max_size=14),
    st.integers(1, 5),
    _rollouts,
    st.lists(st.tuples(st.integers(1, 30), _orders), max_size=4),
)
@settings(max_examples=40, suppress_health_check=[HealthCheck.too_slow])
def test_with_any_rules_and_orders_every_promise_is_kept(
    plan: list[tuple[str, str]], parallel: int, rollout: Rollout, orders: list[tuple[int, Any]]
) -> None:
    check(Serial, plan, parallel, rollout, orders)


@given(
    st.lists(st.tuples(st.sampled_from(TEXTS), st.sampled_from(["", "", "a", "b"])), min_size=6, max_size=14),
    st.integers(1, 5),
    _rollouts,
    st.lists(st.tuples(st.integers(1, 30), _orders), max_size=4),
)
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
def test_with_any_rules_and_orders_workers_keep_every_promise_too(
    plan: list[tuple[str, str]], parallel: int, rollout: Rollout, orders: list[tuple[int, Any]]
) -> None:
    check(Pool, plan, parallel, replace(rollout, deadline=2.0), orders)  # workers need a while to come up


def check(
    kind: Callable[..., Engine],
    plan: list[tuple[str, str]],
    parallel: int,
    rollout: Rollout,
    orders: list[tuple[int, Any]],
) -> None:
    plain = jobs(*[text for text, _ in plan], limits=Limits(total=0.1, kill_after=0.1))
    work = [replace(job, only_one=word) for job, (_, word) in zip(plain, plan, strict=True)]
    seen: list[Event] = []

    async def go() -> None:
        engine = kind(options(parallel=parallel, rollout=rollout, grace=0.5))
        async for event in engine.run(work):
            seen.append(event)
            for at, order in orders:
                if len(seen) == at:
                    engine.steer(order)

    asyncio.run(asyncio.wait_for(go(), 20))
    _every_job_ended_once(seen, work)
    most = len(work) if rollout.barrier else 4 * parallel
    _no_more_in_flight(seen, work, most if any(isinstance(order, Widen) for _, order in orders) else parallel, rollout)
    _budget(results(seen), rollout)
    _waves(seen, work, rollout)
    if rollout.barrier and (begun := [event for event in seen if isinstance(event, JobConnected)]):
        assert [type(event) for event in seen if isinstance(event, Released | JobConnected)].count(Released) == 1
        assert seen.index(begun[0]) > next(at for at, event in enumerate(seen) if isinstance(event, Released))


def _every_job_ended_once(seen: list[Event], work: list[Job]) -> None:
    assert [result.job_id for result in results(seen)] == list(range(len(work)))
    connected = Counter(event.job_id for event in seen if isinstance(event, JobConnected))
    assert all(count == 1 for count in connected.values())
    for result in results(seen):
        assert result.status != "error", result
        assert result.state == "not-started" or result.job_id in connected


def _no_more_in_flight(seen: list[Event], work: list[Job], most: int, rollout: Rollout) -> None:
    flying: set[int] = set()
    for event in seen:
        if isinstance(event, JobStarted):
            flying.add(event.job_id)
        elif isinstance(event, JobEnded):
            flying.discard(event.result.job_id)
        words = [work[number].only_one for number in flying if work[number].only_one]
        assert len(words) == len(set(words))
        assert rollout.barrier or len(flying) <= most


def _budget(ended: list[Result], rollout: Rollout) -> None:
    bad = sum(result.status not in ("ok", "skipped") for result in ended)
    if rollout.max_fail is not None and bad <= rollout.max_fail.down(len(ended)):
        assert not any(result.cause in ("stop/budget", "stop/halt") for result in ended) or rollout.canary


def _waves(seen: list[Event], work: list[Job], rollout: Rollout) -> None:
    sizes = rollout.sizes(len(work))
    told = [event for event in seen if isinstance(event, WaveStarted | WaveEnded)]
    if len(sizes) < 2:
        assert not told
        return
    assert [event.number for event in told] == [number // 2 + 1 for number in range(2, 2 + len(told))][
        : len(told)
    ] or told
    now, ended = 0, 0
    for event in seen:
        if isinstance(event, WaveStarted):
            assert event.number == now + 1 and event.hosts == sizes[now]
            now += 1
        elif isinstance(event, WaveEnded):
            assert event.number == now == ended + 1
            ended += 1
        elif isinstance(event, JobStarted):
            assert sum(sizes[: now - 1]) <= event.job_id < sum(sizes[:now])
    assert ended == now
