"""The rules that stop a run count what they say they count, and nothing else."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.engine import endings
from pssh.engine.rules import Rules
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.rollout import Rollout, Share
from pssh.model.work import Job
from tests.engine.support.toy import jobs

WORK = jobs(*["x"] * 20)
SECRET = [replace(job, connection=replace(job.connection, password="password")) for job in WORK]


def ended(job: Job, cause: str = "", *, begun: bool = False) -> Result:
    stage, _, kind = cause.partition("/")
    end = Failure(stage=stage, kind=kind, message="") if kind else Reply(exit_code=bool(stage))  # type: ignore[arg-type]
    return endings.result(job, end, begun=begun)


def broken(rules: Rules, work: list[Job], *causes: str) -> list[str]:
    return [rules.broken(job, ended(job, cause)) for job, cause in zip(work, causes, strict=False)]


def test_one_more_than_the_budget_breaks_it_whatever_went_wrong_but_not_what_was_skipped() -> None:
    rules = Rules(Rollout(max_fail=Share.read("2")), WORK)
    causes = ["exit", "", "rule/lock-held", "connect/refused", "rule/lock-held", "exec/total"]
    assert broken(rules, WORK, *causes) == ["", "", "", "", "", "budget"]


def test_a_budget_of_nothing_is_broken_by_the_first_and_none_by_all() -> None:
    assert broken(Rules(Rollout(max_fail=Share.read("0")), WORK), WORK, "", "exit") == ["", "budget"]
    assert broken(Rules(Rollout(), WORK), WORK, *["exit"] * 20) == [""] * 20


def test_a_part_of_the_hosts_is_rounded_down() -> None:
    rules = Rules(Rollout(max_fail=Share.read("9%")), WORK)  # of 20: 1
    assert broken(rules, WORK, "exit", "exit") == ["", "budget"]


@given(st.lists(st.sampled_from(["", "exit", "rule/lock-held"]), max_size=20), st.integers(0, 20), st.integers(0, 25))
def test_a_budget_counts_from_so_many_ended_hosts_on_and_is_broken_by_the_first_that_makes_both_true(
    causes: list[str], allowed: int, least: int
) -> None:
    rules = Rules(Rollout(max_fail=Share.read(str(allowed)), max_fail_from=least), WORK)
    said = broken(rules, WORK, *causes)
    bad = [sum(cause == "exit" for cause in causes[: at + 1]) for at in range(len(causes))]
    assert said == [
        "budget" if count > allowed and at + 1 >= min(least, len(WORK)) else "" for at, count in enumerate(bad)
    ]


def test_one_canary_that_is_not_ok_stops_the_run_and_none_of_the_others_does() -> None:
    assert broken(Rules(Rollout(canary=2), WORK), WORK, "", "", "exit", "rule/lock-held") == ["", "", "", ""]
    assert broken(Rules(Rollout(canary=2, max_fail=Share.read("0")), WORK), WORK, "", "exit") == ["", "canary"]


def test_a_canary_that_was_skipped_has_shown_nothing_and_stops_the_run_too() -> None:
    assert broken(Rules(Rollout(canary=2), WORK), WORK, "", "rule/lock-held") == ["", "canary"]


def test_five_denials_in_a_row_for_one_password_are_the_brake() -> None:
    assert broken(Rules(Rollout(), SECRET), SECRET, *["auth/denied"] * 5) == ["", "", "", "", "auth-brake"]


@pytest.mark.parametrize("cause", ["", "exit", "exec/total", "rule/lock-held"])
def test_a_host_that_took_the_password_resets_the_brake(cause: str) -> None:
    rules = Rules(Rollout(), SECRET)
    broken(rules, SECRET, *["auth/denied"] * 4)
    assert rules.broken(SECRET[4], ended(SECRET[4], cause, begun=True)) == ""
    assert broken(rules, SECRET, *["auth/denied"] * 5)[-2:] == ["", "auth-brake"]


@pytest.mark.parametrize("cause", ["connect/timeout", "dns/timeout", "kex/closed", "host-key/unknown", "auth/timeout"])
def test_a_host_that_never_saw_the_password_neither_counts_nor_resets(cause: str) -> None:
    rules = Rules(Rollout(), SECRET)
    broken(rules, SECRET, *["auth/denied"] * 4)
    assert broken(rules, SECRET, *[cause] * 8) == [""] * 8
    assert rules.broken(SECRET[0], ended(SECRET[0], "auth/denied")) == "auth-brake"


def test_a_login_that_was_seen_resets_the_brake_before_its_command_ends() -> None:
    rules = Rules(Rollout(), SECRET)
    broken(rules, SECRET, *["auth/denied"] * 4)
    rules.logged_in(SECRET[9])
    assert broken(rules, SECRET, "auth/denied") == [""]


def test_denials_without_a_password_and_of_another_password_do_not_count() -> None:
    assert broken(Rules(Rollout(), WORK), WORK, *["auth/denied"] * 20) == [""] * 20
    rules = Rules(Rollout(), SECRET)
    other = [replace(job, connection=replace(job.connection, password="other")) for job in WORK]
    assert broken(rules, SECRET, *["auth/denied"] * 4) + broken(rules, other, *["auth/denied"] * 4) == [""] * 8


@given(st.lists(st.sampled_from(["", "exit", "rule/lock-held", "auth/denied", "exec/total"]), max_size=20), st.data())
def test_the_budget_is_broken_by_exactly_the_result_after_the_last_that_it_allows(
    causes: list[str], data: st.DataObject
) -> None:
    allowed = data.draw(st.integers(0, 20))
    said = broken(Rules(Rollout(max_fail=Share(allowed * 1000)), WORK), WORK, *causes)
    bad = [at for at, cause in enumerate(causes) if cause not in ("", "rule/lock-held")]
    assert said.index("budget") == bad[allowed] if len(bad) > allowed else "budget" not in said
