"""The ledger keeps its promises for every order in which workers speak, die and are given jobs."""

from collections import Counter
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.engine import endings
from pssh.engine.ledger import Ledger
from pssh.model.event import JobConnected, JobEnded, JobSaid
from pssh.model.outcome import Reply, Result
from pssh.model.rollout import Pace, Rollout
from tests.engine.support.toy import jobs


def ended(number: int) -> JobEnded:
    end = Reply(exit_code=0)
    return JobEnded(Result(job_id=number, host="?", operation="", status="ok", state="finished", end=end))


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
