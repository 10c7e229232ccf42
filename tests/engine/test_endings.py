"""The ends that no host gave have the words that are documented for them."""

import pytest

from pssh.engine import endings
from pssh.model.outcome import Failure
from pssh.model.work import Limits
from tests.engine.support.toy import jobs


@pytest.mark.parametrize(
    ("cause", "waiting", "begun"),
    [
        ("interrupt", ("not-run", "stop/interrupt"), ("cancelled", "stop/interrupt")),
        ("terminate", ("not-run", "stop/interrupt"), ("cancelled", "stop/interrupt")),
        ("hangup", ("not-run", "stop/interrupt"), ("cancelled", "stop/interrupt")),
        ("operator", ("not-run", "stop/operator"), ("cancelled", "stop/operator")),
        ("budget", ("not-run", "stop/budget"), ("cancelled", "stop/halt")),
        ("canary", ("not-run", "stop/canary"), ("cancelled", "stop/halt")),
        ("auth-brake", ("not-run", "stop/auth-brake"), ("cancelled", "stop/halt")),
        ("window", ("not-run", "stop/window"), ("cancelled", "stop/window")),
        ("deadline", ("not-run", "stop/deadline"), ("timed-out", "exec/deadline")),
        ("tail", ("not-run", "stop/deadline"), ("timed-out", "exec/tail")),
    ],
)
def test_a_stop_has_one_end_for_what_waits_and_one_for_what_had_begun(
    cause: str, waiting: tuple[str, str], begun: tuple[str, str]
) -> None:
    (job,) = jobs("x")
    for there, words, state in ((False, waiting, "not-started"), (True, begun, "end-unknown")):
        result = endings.result(job, endings.stopped(cause, there), begun=there)
        assert (result.status, result.cause, result.state) == (*words, state)
        assert "\n" not in endings.stopped(cause, there).message


@pytest.mark.parametrize(
    ("cause", "option"),
    [("budget", "--max-fail"), ("canary", "--canary"), ("deadline", "--deadline"), ("tail", "--tail")],
)
def test_a_limit_that_ended_a_job_is_named_as_the_option_that_set_it(cause: str, option: str) -> None:
    assert option in endings.stopped(cause, False).message
    assert option in endings.stopped(cause, True).message


def test_what_a_person_ended_is_told_from_what_a_person_kept_from_starting() -> None:
    assert endings.stopped("operator", True).message == "it was ended while the run went on"
    assert endings.stopped("operator", False).message == "it was kept from starting while the run went on"


def test_a_host_that_took_too_long_is_told_with_the_option() -> None:
    assert endings.late(5, True).message == "the host took longer than 5 s (`--host-timeout`)"
    assert endings.late(5, False).message == "no command could be sent within 5 s (`--host-timeout`)"


@pytest.mark.parametrize("kind", ["connection-closed", "keepalive"])
def test_a_connection_that_the_host_was_expected_to_close_is_ok_and_its_end_is_still_unknown(kind: str) -> None:
    (job,) = jobs("x", limits=Limits(expect_disconnect=True))
    failure = Failure(stage="exec", kind=kind, message="gone")
    result = endings.result(job, failure, begun=True)
    expected = kind == "connection-closed"
    assert (result.status, result.state) == ("ok" if expected else "lost", "end-unknown")
    assert result.cause == ("" if expected else "exec/keepalive")
    (other,) = jobs("x")
    assert endings.result(other, failure, begun=True).status == "lost"
