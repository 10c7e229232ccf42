"""The words of a result: what follows from a failure, and what cannot be said at all."""

from typing import get_args

import msgspec
import pytest

from pssh.model.outcome import Failure, Reply, Result, Stage, State, Status, status_of


def failure(cause: str, **more: object) -> Failure:
    stage, _, kind = cause.partition("/")
    return msgspec.convert({"type": "failure", "stage": stage, "kind": kind, "message": "words", **more}, Failure)


def result(end: Reply | Failure, status: Status = "failed") -> Result:
    return Result(job_id=0, host="web1", operation="true", status=status, state="finished", end=end)


@pytest.mark.parametrize("end", [{}, {"exit_code": 0, "signal": "TERM"}])
def test_a_reply_has_an_exit_code_or_a_signal_and_never_both(end: dict[str, object]):
    with pytest.raises(ValueError, match="exit code or a signal"):
        Reply(**end)


def test_a_result_has_a_reply_or_a_failure_and_never_both():
    reply, why = Reply(0), failure("exec/total")
    assert (result(reply).reply, result(reply).failure) == (reply, None)
    assert (result(why).reply, result(why).failure) == (None, why)


@pytest.mark.parametrize(
    ("end", "status", "cause"),
    [
        (Reply(0), "ok", ""),
        (Reply(2), "ok", ""),  # with --ok 2
        (Reply(255), "failed", "exit 255"),
        (Reply(signal="SEGV"), "failed", "signal SEGV"),
        (failure("connect/refused"), "unreachable", "connect/refused"),
    ],
)
def test_a_cause_is_a_stable_word(end: Reply | Failure, status: Status, cause: str):
    assert (result(end, status).cause, result(end, status).ok) == (cause, status == "ok")


@pytest.mark.parametrize(
    ("cause", "started", "status", "state"),
    [
        ("dns/unknown-name", False, "unreachable", "not-started"),
        ("connect/timeout", False, "unreachable", "not-started"),
        ("kex/closed", False, "unreachable", "not-started"),
        ("auth/timeout", False, "unreachable", "not-started"),
        ("auth/closed", False, "unreachable", "not-started"),
        ("host-key/changed", False, "host-key", "not-started"),
        ("auth/denied", False, "auth", "not-started"),
        ("auth/denied", True, "auth", "not-started"),  # the command went with the login, and sshd refused both
        ("exec/denied", True, "failed", "finished"),
        ("exec/total", True, "timed-out", "end-unknown"),
        ("exec/stall", True, "timed-out", "end-unknown"),
        ("exec/no-answer", True, "timed-out", "end-unknown"),
        ("exec/connection-closed", True, "lost", "end-unknown"),
        ("exec/keepalive", True, "lost", "end-unknown"),
        ("transfer/remote-disk-full", True, "failed", "finished"),
        ("transfer/stall", True, "timed-out", "end-unknown"),
        ("transfer/connection-closed", True, "lost", "end-unknown"),
        ("worker/died", True, "lost", "end-unknown"),
        ("worker/died", False, "error", "not-started"),
        ("worker/bug", False, "error", "not-started"),
        ("local/key-file", False, "error", "not-started"),
        ("stop/interrupt", True, "cancelled", "end-unknown"),
        ("stop/interrupt", False, "not-run", "not-started"),
        ("rule/condition", False, "skipped", "not-started"),
    ],
)
def test_status_and_state_follow_from_the_cause(cause: str, started: bool, status: Status, state: State):
    assert status_of(failure(cause), started=started) == (status, state)


@pytest.mark.parametrize(
    ("end", "state"), [("killed", "finished"), ("exited", "finished"), ("left running", "end-unknown")]
)
@pytest.mark.parametrize(("cause", "status"), [("exec/total", "timed-out"), ("stop/interrupt", "cancelled")])
def test_a_command_whose_end_was_seen_is_finished(cause: str, status: Status, end: str, state: State):
    assert status_of(failure(cause, remote_end=end), started=True) == (status, state)


@pytest.mark.parametrize("stage", get_args(Stage))
@pytest.mark.parametrize("started", [True, False])
def test_every_stage_has_a_status_even_for_a_kind_nobody_foresaw(stage: str, started: bool):
    status, state = status_of(failure(f"{stage}/never-heard-of"), started=started)
    assert status in get_args(Status) and status != "ok"
    assert state in get_args(State)


@pytest.mark.parametrize("cause", ["dns/x", "connect/x", "banner/x", "kex/x", "host-key/x", "auth/x"])
def test_what_ends_before_the_command_never_looks_like_a_timed_out_or_lost_command(cause: str):
    assert status_of(failure(cause), started=False)[0] in ("unreachable", "host-key", "auth")


def test_output_counts_what_was_cut():
    reply = Reply(0, stdout=b"ab", stdout_cut=10, stderr=b"c")
    assert (reply.stdout_bytes, reply.stderr_bytes, reply.truncated) == (12, 1, True)
    assert not Reply(0, stdout=b"ab").truncated


@pytest.mark.parametrize(
    "end", [Reply(0, stdout=b"\xff\0"), Reply(signal="KILL"), failure("exec/total", stderr=b"\xfe")]
)
def test_a_result_crosses_as_msgpack_and_comes_out_equal(end: Reply | Failure):
    before = result(end)
    assert msgspec.msgpack.decode(msgspec.msgpack.encode(before), type=Result) == before
