"""The ledger keeps its promises for every order in which workers speak, die and are given jobs."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.engine import endings
from pssh.engine.ledger import Ledger
from pssh.model.event import (
    JobConnected,
    JobEnded,
    JobReady,
    JobSaid,
    JobStarted,
    Released,
    StepEnded,
    WaveEnded,
    WaveStarted,
)
from pssh.model.outcome import Failure, Reply, Result, StepResult
from pssh.model.rollout import Launch, Pace, Rollout, Share
from pssh.model.work import Job
from pssh.ops.command import Command
from pssh.ops.steps import Step, Steps
from tests.engine.support.toy import jobs


def ended(number: int, code: int = 0) -> JobEnded:
    end = Reply(exit_code=code)
    status: Any = "failed" if code else "ok"
    return JobEnded(Result(job_id=number, host="?", operation="", status=status, state="finished", end=end))


@given(st.integers(0, 12), st.integers(1, 5), st.data())
def test_whatever_happens_in_whatever_order_every_job_ends_once_and_none_begins_twice(
    count: int, parallel: int, data: st.DataObject
) -> None:
    ledger = Ledger(jobs(*["exit 0"] * count), parallel)
    ends: Counter[int] = Counter()
    begun: Counter[int] = Counter()
    hands: dict[int, int] = {}  # job -> worker
    worker = 0
    for step in range(200):
        if not ledger.left:
            break
        acts = ["take", "begin", "end", "die"] if step < 100 else ["take", "end"]
        act = data.draw(st.sampled_from(acts))
        job = data.draw(st.sampled_from(sorted(hands))) if hands else None
        if act == "take" and (taken := ledger.take(worker, 0, float(step), 0.0)):
            hands[taken[0].job.id] = worker
        elif act == "begin" and job is not None and ledger.heard(hands[job], JobConnected(job, "?")):
            begun[job] += 1
        elif act == "end" and job is not None:
            assert ledger.heard(hands[job] + 1, ended(job)) is None  # not from somebody else
            passed = ledger.heard(hands.pop(job), ended(job))
            assert isinstance(passed, JobEnded) and passed.result.host == f"h{job}"
            ends[job] += 1
        elif act == "die":
            for event in ledger.died(worker, "killed", float(step))[0]:
                ends[event.result.job_id] += 1
            hands.clear()
            worker += 2
        assert len(hands) <= parallel
    if ledger.left:
        for event in [*ledger.abandon(0.0), *ledger.rest(endings.stopped("interrupt"))]:
            ends[event.result.job_id] += 1
    assert ledger.left == 0
    assert ends == Counter(range(count))


def take(ledger: Ledger, who: Any, now: float = 0.0) -> int:
    taken = ledger.take(who, 0, now, 0.0)
    assert taken is not None
    return taken[0].job.id


def test_a_dead_worker_costs_what_had_begun_and_gives_back_the_rest_once() -> None:
    ledger = Ledger(jobs(*["exit 0"] * 3), 3)
    for _ in range(3):
        take(ledger, "a")
    ledger.heard("a", JobConnected(1, "h1"))
    (lost,), progress = ledger.died("a", "killed", 1.0)
    assert (lost.result.job_id, lost.result.status, lost.result.state, progress) == (1, "lost", "end-unknown", True)
    assert [take(ledger, "b"), take(ledger, "b")] == [0, 2]
    given_up, progress = ledger.died("b", "killed", 1.0)
    assert [(end.result.status, end.result.attempts) for end in given_up] == [("error", 2)] * 2
    assert not progress and not ledger.left


def test_what_could_not_be_read_may_have_been_a_beginning() -> None:
    ledger = Ledger(jobs("exit 0"), 1)
    take(ledger, "a")
    (lost,), _ = ledger.died("a", "garbled", 1.0, sure=False)
    assert lost.result.status == "lost"


def test_a_job_is_not_heard_from_after_its_end() -> None:
    ledger = Ledger(jobs("exit 0", "exit 0"), 1)
    take(ledger, "a")
    assert ledger.heard("a", ended(0)) is not None
    assert ledger.heard("a", JobSaid(0, "h0", "stdout", b"x")) is None
    assert ledger.heard("a", ended(0)) is None


def test_after_a_stop_nothing_is_handed_out_and_what_had_not_begun_was_not_run() -> None:
    ledger = Ledger(jobs(*["exit 0"] * 3), 2)
    take(ledger, "a"), take(ledger, "a")
    ledger.heard("a", JobConnected(0, "h0"))
    ledger.cause = "interrupt"
    assert ledger.take("a", 0, 0.0, 0.0) is None
    ends, _ = ledger.died("a", "killed", 1.0)
    assert [end.result.status for end in ends] == ["lost", "not-run"]
    assert [end.result.status for end in ledger.rest(endings.stopped("interrupt"))] == ["not-run"]


def test_the_pace_counts_from_the_first_start_and_a_job_given_back_counts_again() -> None:
    ledger = Ledger(jobs(*["exit 0"] * 3), 3, Rollout(pace=Pace(((0, 1),))))
    take(ledger, "a", 100.0)
    assert ledger.take("a", 0, 100.5, 0.0) is None and ledger.due(100.5) == pytest.approx(0.5)
    ledger.died("a", "killed", 100.6)
    assert ledger.take("b", 0, 100.7, 0.0) is None
    assert take(ledger, "b", 101.0) == 0


def test_two_jobs_of_one_id_are_refused() -> None:
    with pytest.raises(ValueError, match="same id"):
        Ledger([*jobs("exit 0"), *jobs("exit 1")], 1)


def worded(*words: str) -> list[Job]:
    return [replace(job, only_one=word) for job, word in zip(jobs(*["x"] * len(words)), words, strict=True)]


def all_of(ledger: Ledger, who: Any = "a", now: float = 0.0) -> list[int]:
    """Take what can be taken."""
    found = []
    while taken := ledger.take(who, 0, now, 0.0):
        found.append(taken[0].job.id)
    return found


def test_nothing_is_handed_out_after_the_result_that_breaks_the_budget() -> None:
    ledger = Ledger(jobs(*["x"] * 9), 2, Rollout(max_fail=Share(1000)))
    take(ledger, "a"), take(ledger, "a")
    ledger.heard("a", ended(0, 1))
    assert take(ledger, "a") == 2 and not ledger.cause
    ledger.heard("a", ended(2, 1))
    assert (ledger.cause, ledger.rule) == ("budget", "budget")
    assert ledger.take("a", 0, 0.0, 0.0) is None


def test_a_dead_worker_that_breaks_the_budget_gives_nothing_back() -> None:
    ledger = Ledger(jobs(*["x"] * 9), 3, Rollout(max_fail=Share(0)))
    all_of(ledger)
    ledger.heard("a", JobConnected(0, "h0"))
    ends, _ = ledger.died("a", "killed", 1.0)
    assert [end.result.cause for end in ends] == ["worker/died", "stop/budget", "stop/budget"]


def test_a_rule_does_not_change_the_cause_of_a_run_that_is_ending() -> None:
    ledger = Ledger(jobs("x", "x"), 2, Rollout(max_fail=Share(0)))
    all_of(ledger)
    ledger.cause = "interrupt"
    ledger.heard("a", ended(0, 1))
    assert (ledger.cause, ledger.rule) == ("interrupt", "")


@given(
    st.integers(0, 60),
    st.integers(1, 9),
    st.integers(0, 100).map(lambda percent: Share(percent * 1000, percent=True)),
    st.data(),
)
def test_no_more_begins_than_the_budget_and_what_was_in_flight(
    count: int, parallel: int, share: Share, data: st.DataObject
) -> None:
    ledger = Ledger(jobs(*["x"] * count), parallel, Rollout(max_fail=share))
    begun, good, hands = 0, 0, []
    while ledger.left and not (ledger.cause and not hands):
        found = all_of(ledger)
        begun += len(found)
        hands += found
        one = hands.pop(data.draw(st.integers(0, len(hands) - 1)))
        code = data.draw(st.integers(0, 1))
        good += not code
        ledger.heard("a", ended(one, code))
    assert begun - good <= share.down(count) + parallel
    assert (ledger.cause == "budget") == (begun - good > share.down(count))


def test_a_wave_begins_when_every_host_of_the_one_before_has_ended() -> None:
    ledger = Ledger(jobs(*["x"] * 6), 5, Rollout(canary=1, waves=(Share(3000),)))
    assert ledger.wave() == WaveStarted(1, 3, 1)
    assert all_of(ledger) == [0]
    assert ledger.close_wave() is None
    ledger.heard("a", ended(0))
    assert ledger.close_wave() == WaveEnded(1, 3) and ledger.close_wave() is None
    assert ledger.open_wave() and ledger.wave() == WaveStarted(2, 3, 3)
    assert all_of(ledger) == [1, 2, 3]
    ledger.heard("a", ended(1))
    ledger.died("a", "killed", 1.0)
    assert all_of(ledger, "b") == [2, 3]
    ledger.heard("b", ended(2)), ledger.heard("b", ended(3))
    assert ledger.close_wave() == WaveEnded(2, 3)
    assert ledger.open_wave() and all_of(ledger, "b") == [4, 5]
    assert not ledger.open_wave()


def test_every_result_says_in_which_wave_its_host_went_or_would_have_gone() -> None:
    ledger = Ledger(jobs(*["x"] * 7), 5, Rollout(canary=1, waves=(Share(3000),)))
    started, told = ledger.take("a", 0, 0.0, 0.0), ledger.heard("a", ended(0))
    assert started is not None and started[1].wave == 1
    assert isinstance(told, JobEnded) and told.result.wave == 1
    ledger.open_wave()
    assert all_of(ledger) == [1, 2, 3]
    lied = JobStarted(1, "h1", 0, 2, wave=9)  # of its wave a worker knows nothing
    assert ledger.heard("a", lied) == JobStarted(1, "h1", 0, 2, wave=2)
    assert [one.result.wave for one in ledger.died("a", "killed", 1.0, sure=False)[0]] == [2, 2, 2]
    assert (dropped := ledger.drop(5, "operator")) and dropped.result.wave == 3
    assert {one.result.job_id: one.result.wave for one in ledger.rest(endings.stopped("budget"))} == {4: 3, 6: 3}


def test_what_a_dead_worker_did_not_take_back_is_said_of_its_hosts() -> None:
    drain = Step(name="drain", operation=Command("x"), undo=Command("y"))
    steps = Steps(steps=(drain, Step(name="work", operation=Command("z"))))
    ledger = Ledger([replace(job, operation=steps) for job in jobs(*["x"] * 3)], 3)
    assert all_of(ledger) == [0, 1, 2]
    ledger.heard("a", JobConnected(0, "h0")), ledger.heard("a", JobConnected(1, "h1"))
    ledger.heard("a", StepEnded(0, "h0", StepResult(name="drain", status="ok")))
    ends = {one.result.job_id: one.result for one in ledger.died("a", "killed", 1.0)[0]}
    assert {job: [(one.name, one.undo, one.status) for one in end.steps] for job, end in ends.items()} == {
        0: [("drain", False, "ok"), ("drain", True, "not-run")],
        1: [("drain", True, "not-run")],
    }
    assert {end.state for end in ends.values()} == {"end-unknown"}
    assert {end.steps[-1].cause for end in ends.values()} == {"worker/died"}


def test_hosts_that_are_one_wave_are_none() -> None:
    ledger = Ledger(jobs("x"), 1, Rollout(canary=5))
    assert ledger.wave() is None
    take(ledger, "a"), ledger.heard("a", ended(0))
    assert ledger.close_wave() is None


def test_a_pace_saves_nothing_up_between_waves_and_a_launch_all() -> None:
    for pace, first in ((Pace(((0, 1),)), 1), (Launch(((0, 1), (1, 2))), 5)):
        ledger = Ledger(jobs(*["x"] * 6), 9, Rollout(pace=pace, waves=(Share(1000), Share(5000))))
        assert all_of(ledger) == [0]
        ledger.heard("a", ended(0))
        assert ledger.take("a", 0, 1.0, 0.0) is None and ledger.due(1.0) is None
        ledger.open_wave()
        assert len(all_of(ledger, now=60.0)) == first


def test_of_one_word_one_job_is_in_flight_also_where_its_worker_died() -> None:
    ledger = Ledger(worded("r1", "r1", "r2", ""), 9)
    assert all_of(ledger) == [0, 2, 3]
    ledger.died("a", "killed", 1.0)
    assert all_of(ledger, "b") == [0, 2, 3]
    ledger.heard("b", ended(0))
    assert all_of(ledger, "b") == [1]


def test_what_is_held_is_not_handed_out_and_not_waited_for_by_the_pace() -> None:
    ledger = Ledger(jobs("x", "x"), 2, Rollout(pace=Pace(((0, 1),))))
    take(ledger, "a")
    ledger.held = True
    assert ledger.take("a", 0, 5.0, 0.0) is None and ledger.due(5.0) is None
    ledger.held = False
    assert take(ledger, "a", 5.0) == 1


def test_more_or_fewer_are_in_flight_when_parallel_is_changed() -> None:
    ledger = Ledger(jobs(*["x"] * 9), 2)
    assert all_of(ledger) == [0, 1]
    ledger.parallel = 4
    assert all_of(ledger) == [2, 3]
    ledger.parallel = 1
    for number in range(3):
        ledger.heard("a", ended(number))
        assert all_of(ledger) == []
    ledger.heard("a", ended(3))
    assert all_of(ledger) == [4]


def test_a_job_that_waits_can_be_dropped_and_one_in_hand_cannot() -> None:
    ledger = Ledger(jobs("x", "x"), 1)
    take(ledger, "a")
    assert ledger.drop(0, "operator") is None
    end = ledger.drop(1, "operator")
    assert end is not None
    assert (end.result.status, end.result.cause, end.result.host) == ("not-run", "stop/operator", "h1")
    assert ledger.drop(1, "operator") is None and (ledger.left, ledger.waiting) == (1, 0)


def test_a_job_that_was_told_to_end_is_not_given_to_another_worker() -> None:
    ledger = Ledger(jobs("x", "x"), 2)
    all_of(ledger)
    told = ledger.having(0)
    assert told is not None
    told.why = "operator"
    (end,), _ = ledger.died("a", "killed", 1.0)
    assert (end.result.status, end.result.cause) == ("not-run", "stop/operator")
    assert all_of(ledger, "b") == [1]


def ready(number: int) -> JobReady:
    return JobReady(number, f"h{number}")


def test_the_barrier_opens_when_everybody_is_ready_or_has_ended() -> None:
    ledger = Ledger(jobs(*["x"] * 3), 3, Rollout(barrier=True))
    assert not ledger.gathered
    all_of(ledger)
    ledger.heard("a", ready(0)), ledger.heard("a", ready(1))
    assert not ledger.gathered
    ledger.heard("a", JobStarted(1, "h1", 0, 2))  # it lost its connection and tries again
    ledger.heard("a", ended(2, 1))
    assert not ledger.gathered
    ledger.heard("a", ready(1))
    assert ledger.gathered
    assert ledger.release() == Released(ready=2, missing=1)
    assert not ledger.gathering and not ledger.gathered


def test_the_barrier_waits_for_the_jobs_of_a_dead_worker() -> None:
    ledger = Ledger(jobs(*["x"] * 2), 2, Rollout(barrier=True))
    take(ledger, "a"), take(ledger, "b")
    ledger.heard("a", ready(0))
    ledger.died("a", "killed", 1.0)
    ledger.heard("b", ready(1))
    assert not ledger.gathered
    assert take(ledger, "b") == 0 and not ledger.gathered
    ledger.heard("b", ready(0))
    assert ledger.gathered


def test_the_barrier_does_not_wait_for_who_waits_for_a_host_behind_it() -> None:
    ledger = Ledger(worded("r1", "r1"), 2, Rollout(barrier=True))
    assert all_of(ledger) == [0]
    ledger.heard("a", ready(0))
    assert ledger.gathered
    assert ledger.release() == Released(ready=1, missing=0)


def test_the_barrier_stays_closed_when_the_budget_is_gone() -> None:
    ledger = Ledger(jobs(*["x"] * 2), 2, Rollout(barrier=True, max_fail=Share(0)))
    all_of(ledger)
    ledger.heard("a", ready(0))
    ledger.heard("a", ended(1, 1))
    assert ledger.cause == "budget" and not ledger.gathered


def test_the_barrier_stays_closed_while_the_run_is_held() -> None:
    ledger = Ledger(jobs("x"), 1, Rollout(barrier=True))
    all_of(ledger)
    ledger.held = True
    ledger.heard("a", ready(0))
    assert not ledger.gathered
    ledger.held = False
    assert ledger.gathered


def test_the_barrier_stays_closed_when_too_many_are_missing_because_nobody_takes_them() -> None:
    ledger = Ledger(jobs(*["x"] * 3), 3, Rollout(barrier=True, max_fail=Share(1000)))
    assert take(ledger, "a") == 0
    ledger.heard("a", ready(0))
    assert [end.result.status for end in ledger.rest(endings.died("no worker"))] == ["error", "error"]
    assert ledger.rule == "budget" and not ledger.gathered


@pytest.mark.parametrize("end", ["ended", "died", "abandoned"])
def test_the_steps_that_were_heard_of_are_in_the_result_whoever_gives_it(end: str) -> None:
    ledger = Ledger(jobs("exit 0"), 1)
    assert ledger.take("w", 0, 0.0, 0.0)
    drained, worked = StepResult(name="drain", status="ok"), StepResult(name="work", status="unreachable")
    assert ledger.heard("w", JobConnected(0, "h0", login=False))
    for one in (drained, worked):
        assert ledger.heard("w", StepEnded(0, "h0", one)) == StepEnded(0, "h0", one)
    if end == "ended":
        failure = Failure(stage="connect", kind="refused", message="refused")
        result = Result(job_id=0, host="?", operation="", status="unreachable", state="not-started", end=failure)
        passed = ledger.heard("w", JobEnded(result))
        assert isinstance(passed, JobEnded) and passed.result.state == "finished"  # something of it has run
    else:
        (passed,) = ledger.died("w", "killed", 1.0)[0] if end == "died" else ledger.abandon(1.0)
    assert passed.result.steps == (drained, worked)
