"""What can be said of a finished run: its counts, its exit code, and which results are equal."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from pssh.model.outcome import Failure, Reply, Result, Status, StepResult
from pssh.model.report import BY_WEIGHT, ExitRule, Report, Run, grouped, spoken_for

RUN = Run(id="", started=0.0, operation="command", text="true", targets="@all", inventory=(), hosts=())


def row(status: Status, cause: str = "", *, host: str = "web1", **output: object) -> Result:
    """A result with that status; `cause` is `stage/kind`, or empty for a reply."""
    stage, _, kind = cause.partition("/")
    end: Reply | Failure = Reply(0 if status == "ok" else 1, **output)
    if cause:
        end = Failure(stage=stage, kind=kind, message=cause, **output)
    return Result(job_id=0, host=host, operation="true", status=status, state="finished", end=end)


def report(*rows: Result, stopped: str = "", exit_rule: ExitRule = "all") -> Report:
    return Report(run=RUN, results=rows, seconds=1.0, stopped=stopped, exit_rule=exit_rule)


def answered(code: int | None = None, signal: str = "") -> Result:
    """A failed result of a command that answered so."""
    end = Reply(exit_code=code, signal=signal)
    return Result(job_id=0, host="web1", operation="true", status="failed", state="finished", end=end)


OK, FAILED = row("ok"), row("failed")
DOWN, LOST = row("unreachable", "connect/refused"), row("lost", "exec/connection-closed")
OURS = row("error", "worker/bug")


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ((), 0),
        ((OK, row("skipped", "rule/condition")), 0),
        ((OK, FAILED), 5),
        ((FAILED, DOWN), 4),
        ((row("host-key", "host-key/changed"), FAILED), 4),
        ((row("auth", "auth/denied"), OK), 4),
        ((DOWN, LOST), 3),
        ((row("timed-out", "exec/total"), DOWN), 3),
        ((row("cancelled", "stop/interrupt"), FAILED), 3),
        ((LOST, row("not-run", "stop/budget")), 6),
        ((row("not-run", "stop/interrupt"),), 3),
        ((OURS, row("not-run", "stop/budget")), 1),
        ((row("lost", "worker/died"), OK), 1),
    ],
)
def test_the_exit_code_is_that_of_the_first_rule_that_matches(rows: tuple[Result, ...], code: int):
    assert report(*rows).exit_code == code
    assert report(*reversed(rows)).exit_code == code


@pytest.mark.parametrize(("stopped", "code"), [("interrupt", 130), ("terminate", 143), ("hangup", 129)])
def test_an_interrupted_run_has_the_signals_code_whatever_came_of_it(stopped: str, code: int):
    assert report(OK, OURS, stopped=stopped).exit_code == code


def test_a_run_stopped_by_a_rule_has_the_code_of_its_rows():
    assert report(OK, row("not-run", "stop/canary"), stopped="canary").exit_code == 6


@pytest.mark.parametrize(
    ("rows", "code"),
    [
        ((), 0),
        ((OK, row("skipped", "rule/lock-held")), 0),
        ((answered(3), OK, answered(7)), 7),
        ((answered(signal="TERM"),), 143),
        ((answered(signal="strange"),), 255),
        ((answered(70_000),), 255),
        ((answered(0),), 5),  # `--ok 1`
        ((answered(3), row("timed-out", "exec/total")), 124),
        ((row("timed-out", "exec/total"), DOWN), 255),
        ((row("auth", "auth/denied"),), 255),
        ((row("failed", "exec/denied"),), 126),
        ((OK, row("cancelled", "stop/operator")), 3),
        ((OK, row("not-run", "stop/budget")), 6),
        ((answered(9), row("not-run", "stop/budget")), 9),
        ((answered(9), OURS), 1),
    ],
)
def test_exit_max_is_the_largest_code_that_a_host_counts_for(rows: tuple[Result, ...], code: int):
    assert report(*rows, exit_rule="max").exit_code == code


@pytest.mark.parametrize(
    ("rows", "code"),
    [((OK, DOWN, LOST), 0), ((OK, row("not-run", "stop/budget")), 0), ((DOWN, FAILED), 4), ((OK, OURS), 1), ((), 0)],
)
def test_exit_any_is_0_once_one_host_is_ok(rows: tuple[Result, ...], code: int):
    assert report(*rows, exit_rule="any").exit_code == code


@pytest.mark.parametrize("bad", [FAILED, DOWN, LOST, row("not-run", "stop/budget"), row("cancelled", "stop/operator")])
def test_exit_0_is_0_whatever_hosts_do(bad: Result):
    assert report(bad, exit_rule="0").exit_code == 0


@pytest.mark.parametrize("exit_rule", ["max", "any", "0"])
def test_a_signal_and_a_fault_of_our_own_are_told_under_every_exit_rule(exit_rule: ExitRule):
    assert report(OK, exit_rule=exit_rule, stopped="interrupt").exit_code == 130
    assert report(OK, OURS, exit_rule=exit_rule).exit_code == 1


def test_counts_begin_with_ok_and_go_on_with_the_worst():
    counts = report(FAILED, OK, DOWN, OK, LOST).counts
    assert list(counts.items()) == [("ok", 2), ("lost", 1), ("unreachable", 1), ("failed", 1)]


def test_what_was_not_taken_back_is_said_by_step_with_its_hosts():
    def ended(host: str, *undone: str) -> Result:
        steps = [StepResult(name="drain", status="ok"), StepResult(name="drain", status="ok", undo=True)]
        steps += [StepResult(name=name, status="not-run", undo=True) for name in undone]
        return structs.replace(row("failed", host=host), steps=tuple(steps))

    found = report(ended("a"), ended("b", "mask"), ended("c", "mask", "stop")).owed
    assert found == {"mask": ["b", "c"], "stop": ["c"]}


def test_the_waves_of_a_report_hold_every_result_once_and_one_wave_is_none():
    rows = [structs.replace(row("ok", host=f"h{number}"), wave=wave) for number, wave in enumerate([1, 1, 3, 2, 3])]
    assert [[one.host for one in wave] for wave in report(*rows).waves] == [["h0", "h1"], ["h3"], ["h2", "h4"]]
    assert report(row("ok"), row("failed")).waves == []


def test_equal_results_are_one_group_in_the_order_of_the_targets():
    same = [row("ok", host=name, stdout=b"6.1\n") for name in ("web2", "web1", "web3")]
    other = row("ok", host="web9", stdout=b"6.2\n")
    assert [[result.host for result in group] for group in grouped([same[0], other, *same[1:]])] == [
        ["web2", "web1", "web3"],
        ["web9"],
    ]


@pytest.mark.parametrize(
    "other",
    [
        row("ok", stdout=b"a", stderr=b"b"),
        row("ok", stdout=b"a", stdout_cut=1),
        row("ok", stdout=b"a", note="stream-left-open"),
        row("failed", stdout=b"a"),
        row("failed", "exec/denied", stdout=b"a"),
    ],
)
def test_results_that_differ_in_anything_shown_are_apart(other: Result):
    assert len(grouped([row("ok", stdout=b"a"), other])) == 2


def test_hosts_that_fail_alike_are_together_whatever_of_it_is_their_own():
    ends = [Failure("connect", "refused", "refused", detail=f"10.0.0.{n}:22") for n in (1, 2)]
    down = [structs.replace(DOWN, host=f"web{n}", end=end) for n, end in enumerate(ends)]
    (group,) = grouped(down)
    assert [result.failure.words for result in group] == [
        "refused (10.0.0.1:22)",
        "refused (10.0.0.2:22)",
    ]
    assert spoken_for(group).failure.words == "refused"
    assert spoken_for(group[:1]).failure.words == "refused (10.0.0.1:22)"


def test_failures_come_first_then_the_largest_group():
    few, many = row("ok", stdout=b"few"), row("ok", stdout=b"many")
    groups = report(few, many, many, FAILED, OURS).groups()
    assert [(group[0].status, len(group)) for group in groups] == [("error", 1), ("failed", 1), ("ok", 2), ("ok", 1)]


@given(st.lists(st.tuples(st.sampled_from(BY_WEIGHT), st.sampled_from([b"", b"a", b"b"])), max_size=20))
def test_grouping_loses_nobody_and_counts_everybody(rows: list[tuple[Status, bytes]]):
    results = [row(status, stdout=stdout, host=f"h{n}") for n, (status, stdout) in enumerate(rows)]
    hosts = [result.host for group in grouped(results) for result in group]
    assert sorted(hosts) == sorted(result.host for result in results)
    assert sum(report(*results).counts.values()) == len(results)


def test_a_command_that_was_left_running_is_not_in_the_row_of_one_that_was_killed():
    killed, left = (
        structs.replace(found, end=structs.replace(found.end, remote_end=end))
        for found in (row("cancelled", "stop/interrupt"),)
        for end in ("killed", "left running")
    )
    assert grouped([killed, left, killed]) == [[killed, killed], [left]]
