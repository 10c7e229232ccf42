"""Hints that can be followed."""

import pytest

from pssh.model.outcome import _STATUS, Failure
from pssh.report.hints import _HINTS, hint
from tests.support.runs import failed, ok, result

COMMANDS = {"run", "script", "ping", "hosts", "trust", "demo", "log", "show", "rerun", "diff", "report"}
CAUSES = (
    ("dns", ("unknown-name", "timeout")),
    ("connect", ("refused", "no-route", "timeout", "throttled")),
    ("banner", ("timeout", "not-ssh", "too-long")),
    ("kex", ("timeout", "closed", "no-common-algorithm", "protocol")),
    ("host-key", ("unknown", "changed", "revoked", "unreadable-line")),
    ("auth", ("denied", "too-many-failures", "password-expired", "no-credentials", "key-locked", "timeout", "closed")),
    ("exec", ("denied", "total", "stall", "no-answer", "deadline", "connection-closed", "keepalive", "protocol")),
    ("exec", ("tail", "sudo-denied", "sudo-needs-password", "lock-held")),
    ("rule", ("lock-held",)),
    ("worker", ("bug", "died")),
    ("local", ("disk-full", "denied", "key-file", "changed", "descriptors", "missing", "operation", "secret")),
    ("transfer", ("remote-disk-full", "remote-denied", "remote-missing", "is-directory", "symlink", "name-refused")),
    ("transfer", ("changed-while-read", "verify", "no-sftp", "noisy-login", "stall", "connection-closed")),
    ("transfer", ("remote-failed", "remote-exists", "too-large", "not-a-file", "unsupported", "protocol")),
    ("connect", ("proxy",)),
    ("host-key", ("bad-certificate",)),
    ("rule", ("overlap",)),
    ("stop", ("window", "history", "output-limit")),
    ("stop", ("interrupt", "budget", "canary", "auth-brake", "deadline", "operator")),
)


@pytest.mark.parametrize("cause", [f"{stage}/{kind}" for stage, kinds in CAUSES for kind in kinds])
def test_every_cause_of_a_command_has_a_hint(cause: str) -> None:
    assert hint([failed("a", cause)])


def test_what_a_file_server_refuses_has_a_hint_of_its_own() -> None:
    kinds = ("remote-failed", "remote-exists", "too-large", "not-a-file", "unsupported", "protocol")
    assert len({hint([failed("a", f"transfer/{kind}")]) for kind in (*kinds, "anything")}) == len(kinds) + 1


def test_hosts_are_quoted_for_a_shell() -> None:
    assert "`pssh trust 'web[1-2]'`" in hint([failed("web1", "host-key/unknown"), failed("web2", "host-key/unknown")])


def test_a_job_lost_with_its_worker_may_have_run_and_one_that_never_started_has_not() -> None:
    assert "look before" in hint([failed("a", "worker/died", started=True)])
    assert "memory" in hint([failed("a", "worker/died", started=False)])


def test_a_cause_without_a_hint_has_none() -> None:
    assert hint([ok("a")]) == ""
    assert hint([result("a", Failure(stage="rule", kind="condition", message=""))]) == ""


def test_every_hint_is_reachable_by_a_stage_of_the_model() -> None:
    stages = {name.partition("/")[0] for name in _STATUS} | {"worker", "stop"}
    assert {name.split()[-1].partition("/")[0] for name in _HINTS} <= stages


def test_more_hosts_than_can_be_read_are_not_spelt_out_again() -> None:
    many = [failed(f"h{number**2}", "host-key/unknown") for number in range(200)]
    assert "`pssh trust TARGETS`" in hint(many)


def test_commands_that_were_left_running_are_counted() -> None:
    left = Failure(stage="stop", kind="interrupt", message="", remote_end="left running")
    killed = Failure(stage="stop", kind="interrupt", message="", remote_end="killed")
    assert "left running on 1 of 2" in hint([result("a", left), result("b", killed)])
    assert hint([result("b", killed)]) == ""


def test_what_was_left_running_is_counted_beside_what_set_the_limit() -> None:
    left = Failure(stage="exec", kind="total", message="", remote_end="left running")
    killed = Failure(stage="exec", kind="total", message="", remote_end="killed")
    assert hint([result("a", left), result("b", killed), result("c", left)]) == (
        "`--timeout` set this limit; the command is left running on 2 of 3: look before you run it again"
    )


def test_the_options_that_reach_the_hosts_are_in_the_command_to_type() -> None:
    assert hint([failed("web1", "connect/refused")], "-i 'my fleet.toml' --port 2200") == (
        "is sshd listening on that port? `pssh ping -i 'my fleet.toml' --port 2200 web1`"
    )


def test_hosts_that_a_rule_kept_from_being_run_can_be_run_alone() -> None:
    assert hint([failed("web1", "stop/budget", started=False), failed("web2", "stop/budget", started=False)]) == (
        "`--max-fail` was used up; for the rest: `pssh run 'web[1-2]' COMMAND`"
    )
    assert hint([failed("web1", "stop/budget", started=False)], run="r42") == (
        "`--max-fail` was used up; for the rest: `pssh rerun r42`"
    )


def test_the_rest_of_a_maintenance_jobs_run_is_run_by_its_job() -> None:
    job, quoted = "/srv/my jobs/patch.toml", "'/srv/my jobs/patch.toml'"
    assert hint([failed("a", "stop/budget", status="not-run")], run="r42", job=job).endswith(
        f"for the rest: `pssh job run --resume r42 {quoted}`"
    )
    assert hint([failed("a", "worker/died", status="lost")], run="r42", job=job).endswith(
        f"look before you run it again with `pssh job run --resume r42 --unknown {quoted}`"
    )


def test_what_may_have_run_is_named_with_what_runs_it_again() -> None:
    assert hint([failed("web1", "exec/keepalive")], run="r42") == (
        "the command may have run: look before you run it again with `pssh rerun --unknown r42`"
    )
    assert hint([failed("web1", "exec/keepalive")]) == "the command may have run: look before you run it again"
