"""One operation becomes each host's own."""

from collections.abc import Sequence
from typing import Any

import pytest

from pssh.errors import UsageError
from pssh.fit import MOST_OWN_BYTES, fitted, secrets_in
from pssh.inventory.model import Conflict
from pssh.model.host import Connection, Host
from pssh.model.options import RunOptions, options_from
from pssh.model.outcome import Reply
from pssh.model.secret import slot
from pssh.model.work import Job, Operation, Session
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.lock import Locked
from pssh.ops.ping import Ping
from pssh.ops.script import Script
from pssh.ops.steps import Step, Steps

HOSTS = (
    Host("web1", vars={"rack": "r 1", "port": 8080}, groups=("prod", "web")),
    Host("web2", vars={"rack": "r 1"}, groups=("web",)),
)


def jobs(operation: Operation, hosts: Sequence[Host] = HOSTS, **how: Any) -> list[Job]:
    return [
        Job(n, host.name, Connection(address=f"10.0.0.{n}", user="me", **how), operation)
        for n, host in enumerate(hosts)
    ]


def fit(operation: Operation, said: dict[str, Any], how: dict[str, Any] | None = None, **more: Any) -> list[Any]:
    """Return the operations of two hosts."""
    return [job.operation for job in fitted(jobs(operation, **(how or {})), HOSTS, options_from(said), **more)]


def test_without_such_options_the_jobs_stay_what_they_are() -> None:
    given = jobs(Command("echo {host} ${x}"))
    found = fitted(given, HOSTS, RunOptions(timeout=3, rate="5/s"))
    assert all(after is before for before, after in zip(given, found, strict=True))


def test_placeholders_are_filled_and_quoted_for_each_host() -> None:
    line = "echo {host} {address} {user} {port} {n}/{N} {groups} {run} {rack} {raw:rack} {var.rack} {{host}} ${host}"
    first, second = fit(Command(line), {"template": True}, run="r7")
    assert first.text == "echo web1 10.0.0.0 me 22 0/2 prod,web r7 'r 1' r 1 'r 1' {host} ${host}"
    assert second.text == "echo web2 10.0.0.1 me 22 1/2 web r7 'r 1' r 1 'r 1' {host} ${host}"


def test_a_variable_that_is_called_like_a_setting_is_found_by_its_whole_name() -> None:
    assert fitted(jobs(Command("{var.port}"))[:1], HOSTS[:1], RunOptions(template=True))[0].operation == Command("8080")


def test_hosts_for_which_the_same_comes_out_share_one_operation() -> None:
    first, second = fit(Command("echo {rack}"), {"template": True})
    assert first is second
    first, second = fit(Command("id"), {"become": "sudo"}, {"become": "sudo"})
    assert first is second


def test_a_command_that_is_run_here_is_a_template() -> None:
    assert [one.text for one in fit(Command("lbctl drain {host}"), {"local": True})] == [
        "lbctl drain web1",
        "lbctl drain web2",
    ]


def test_words_without_a_shell_are_quoted_once_filled() -> None:
    first, _ = fit(Command("printf '%s-{rack}' {rack}"), {"template": True, "shell": False})
    assert first.text == "printf '%s-r 1' 'r 1'"
    assert first.context == Context(shell=False)


def test_a_scripts_arguments_are_filled_each_one_word() -> None:
    first, _ = fit(Script("tidy.sh", b"exit", ("{rack}", "a b")), {"template": True})
    assert first.args == ("r 1", "a b")


def test_an_argument_that_is_no_text_is_filled_with_the_bytes_it_has() -> None:
    odd = "{host}\udcff"
    script, _ = fit(Script("tidy.sh", b"exit", (odd,)), {"template": True})
    assert script.raw == Script("tidy.sh", b"exit", ("web1\udcff",)).raw
    command, _ = fit(Command(f"echo {odd}"), {"template": True})
    assert command.raw == b"echo web1\xff"


def test_an_unknown_placeholder_names_its_host() -> None:
    with pytest.raises(UsageError, match=r"No placeholder `\{color\}` for the host `web1`"):
        fit(Command("echo {color}"), {"template": True})


def test_a_variable_about_which_groups_disagree_is_an_error_only_where_it_is_used() -> None:
    conflicts = [Conflict("web2", "tier", ("a", "b"))]
    hosts = [Host("web1", vars={"tier": "1"}), Host("web2")]
    fitted(jobs(Command("{host}"), hosts), hosts, RunOptions(template=True), conflicts=conflicts)
    with pytest.raises(UsageError, match="`web2`: groups `@a` and `@b` disagree on `tier`"):
        fitted(jobs(Command("{tier}"), hosts), hosts, RunOptions(template=True), conflicts=conflicts)
    with pytest.raises(UsageError, match="disagree on `tier`"):
        fitted(jobs(Command("true"), hosts), hosts, RunOptions(one_per="tier"), conflicts=conflicts)


def test_variables_come_with_those_that_say_where_and_in_which_run() -> None:
    first, second = fit(Command("true"), {"env": ["A=1", "B={host}"]}, run="r7")
    assert first.context.env == (
        ("PSSH_HOST", "web1"),
        ("PSSH_NODENUM", "0"),
        ("PSSH_NUMNODES", "2"),
        ("PSSH_GROUPS", "prod,web"),
        ("PSSH_RUN", "r7"),
        ("A", "1"),
        ("B", "{host}"),
    )
    assert dict(second.context.env)["PSSH_HOST"] == "web2"
    first, _ = fit(Command("true"), {"env": ["B={rack}"], "chdir": "/srv/{host}", "template": True})
    assert (dict(first.context.env)["B"], first.context.chdir) == ("r 1", "/srv/web1")


def test_a_script_is_told_where_it_runs_unless_that_would_multiply_a_large_one() -> None:
    first, _ = fit(Script("tidy.sh", b"exit"), {})
    assert dict(first.context.env)["PSSH_HOST"] == "web1"
    large = Script("tidy.sh", b"#" * (MOST_OWN_BYTES + 1))
    first, second = fit(large, {})
    assert first is second is large
    first, _ = fit(large, {"env": ["A=1"]})
    assert dict(first.context.env)["PSSH_HOST"] == "web1"


def test_what_surrounds_a_command_is_what_the_options_and_its_connection_say() -> None:
    how = {"become": "su", "become_user": "postgres", "become_password": "become:postgres"}
    (first, _) = fit(Command("id"), {"tty": True, "stdin": "-", "chdir": "/tmp"}, how)
    assert first.context == Context(tty=True, input=True, chdir="/tmp", **how)
    (first, _) = fit(Command("id", context=Context(tty=True)), {"leash": True})
    assert first.context == Context(tty=True, leash=True)


def test_a_lock_is_around_it_all() -> None:
    first, second = fit(Command("id"), {"lock": "patch:wait=5", "tty": True}, owner="me@here")
    inner = Command("id", context=Context(tty=True))
    assert first == Locked(name="patch", operation=inner, owner="me@here", mode="skip", wait=5.0)
    assert first is second
    assert fit(Command("id"), {"lock": "patch:fail"})[0].mode == "fail"


def test_one_per_variable_is_a_word_of_the_job_and_empty_where_a_host_has_none() -> None:
    hosts = (*HOSTS, Host("db1"))
    found = fitted(jobs(Command("id"), hosts), hosts, RunOptions(one_per="rack"))
    assert [job.only_one for job in found] == ["r 1", "r 1", ""]
    assert [job.only_one for job in fitted(jobs(Command("id")), HOSTS, RunOptions(one_per="user"))] == ["me", "me"]
    with pytest.raises(UsageError, match="No host has a variable `rak`"):
        fitted(jobs(Command("id")), HOSTS, RunOptions(one_per="rak"))


def test_a_password_for_nobody_is_refused() -> None:
    with pytest.raises(UsageError, match="no host does"):
        fitted(jobs(Command("id")), HOSTS, RunOptions(ask_become_pass=True))


class Own(Operation):
    """An operation of somebody else's, that knows no context."""

    label = "own"

    async def perform(self, session: Session) -> Reply:
        return await session.exec("true")


def test_an_operation_that_would_not_heed_an_option_is_refused() -> None:
    for options, how in ((RunOptions(tty=True), {}), (RunOptions(lock="a"), {}), (RunOptions(), {"become": "sudo"})):
        with pytest.raises(UsageError, match="`own` is neither a command nor a script"):
            fitted(jobs(Own(), **how), HOSTS, options)
    assert fitted(jobs(Ping(), become="sudo"), HOSTS, RunOptions())[0].operation == Ping()


def test_a_secret_is_not_for_the_process_list_of_this_machine() -> None:
    for options, how in (({"local": True}, {"transport": "local"}), ({"template": True}, {"transport": "local"})):
        for operation in (Command("curl -u {secret:user}"), Script("a.sh", b"", ("{secret:user}",))):
            with pytest.raises(UsageError, match="would stand in this machine's process list"):
                fit(operation, options, how)
    assert fit(Command("curl -u {secret:user}"), {"template": True})


def test_no_password_is_for_a_host_whose_key_is_not_checked() -> None:
    unchecked = {"host_keys": "off"}
    with pytest.raises(UsageError, match="No password is sent to `web1`"):
        fit(Command("curl -u {secret:user}"), {"template": True}, unchecked)
    with pytest.raises(UsageError, match="No password is sent to `web1`"):
        fit(Command("id"), {"ask_become_pass": True}, unchecked | {"become": "sudo", "become_password": "become:me"})
    assert fit(Command("id"), {"become": "sudo"}, unchecked | {"become": "sudo"})


def test_a_value_that_needs_quotes_is_refused_within_the_users() -> None:
    with pytest.raises(UsageError, match="would break out of the quotes around it for the host `web1`"):
        fit(Command("sh -c 'echo {rack}'"), {"template": True})
    assert fit(Command("sh -c 'echo {rack}'"), {"template": True, "shell": False})[0].text == "sh -c 'echo r 1'"


def test_the_secrets_that_a_command_asks_for_are_found_before_any_is_filled() -> None:
    options = RunOptions(template=True, env=("T={secret:token}",))
    assert secrets_in(Command("curl -u {secret:user}:{secret:token}"), options) == ["user", "token"]
    assert secrets_in(Script("a.sh", b"", ("{secret:x}",)), options) == ["x", "token"]
    assert secrets_in(Command("echo {secret:user}"), RunOptions()) == []


# ---- steps


def steps(*more: Step) -> Steps:
    drain = Step(name="drain", operation=Command("lb off {host}"), here=True, undo=Command("lb on {host}"))
    return Steps(steps=(drain, *more))


def work(line: str = "echo {rack}", **context: Any) -> Step:
    return Step(name="work", operation=Command(line, context=Context(**context)))


def test_each_step_and_what_takes_it_back_is_the_hosts_own() -> None:
    first, second = fit(steps(work()), {})
    assert [one.steps[0].operation.text for one in (first, second)] == ["lb off web1", "lb off web2"]
    assert second.steps[0].undo.text == "lb on web2"
    assert second.steps[1].operation.text == "echo 'r 1'"
    assert dict(second.steps[1].operation.context.env)["PSSH_HOST"] == "web2"
    assert dict(second.steps[0].operation.context.env)["PSSH_HOST"] == "web2"


def test_what_is_done_here_is_nobody_elses_and_in_no_other_folder() -> None:
    first, _ = fit(steps(work()), {"become": "sudo", "chdir": "/srv"}, {"become": "sudo"})
    assert (first.steps[0].operation.context.become, first.steps[0].operation.context.chdir) == ("", "")
    assert (first.steps[1].operation.context.become, first.steps[1].operation.context.chdir) == ("sudo", "/srv")


def test_codes_that_the_run_takes_for_success_are_taken_by_each_step_and_taking_back_has_its_time() -> None:
    found = fitted(jobs(steps(work())), HOSTS, options_from({"ok": (0, 2)}))[0]
    assert (found.operation.steps[1].ok, found.limits.ok) == ((0, 2), (0,))
    assert found.limits.undo == 60 + found.limits.kill_after + 1
    assert fitted(jobs(Steps(steps=(work(),))), HOSTS, RunOptions())[0].limits.undo == 0


def test_the_password_of_a_step_that_becomes_somebody_is_asked_for() -> None:
    found = fitted(jobs(steps(work(become="sudo"))), HOSTS, options_from({"ask_become_pass": True}))[0]
    assert found.connection.become_password == "become:me"
    assert found.operation.steps[1].operation.context.become_password == "become:me"
    assert fit(steps(work(become="sudo")), {})[0].steps[1].operation.context.become_password == ""


def test_steps_are_done_under_a_lock_as_a_command_is() -> None:
    first, _ = fit(steps(work()), {"lock": "patch"}, owner="me")
    assert isinstance(first, Locked) and isinstance(first.operation, Steps)


def test_steps_refuse_what_is_for_one_command_and_secrets_on_this_machine() -> None:
    with pytest.raises(UsageError, match="retry-on"):
        fit(steps(work()), {"retry_on": ("exit",)})
    secret = Step(name="tell", operation=Command("lb {secret:token}"), here=True)
    with pytest.raises(UsageError, match="process list"):
        fit(Steps(steps=(secret,)), {})
    assert secrets_in(steps(work("echo {secret:token}")), RunOptions()) == ["token"]
    told = Command("lb", context=Context(env=(("T", "{secret:token}"),)))
    with pytest.raises(UsageError, match="process list"):
        fit(Steps(steps=(Step(name="tell", operation=told, here=True),)), {})


def test_the_variables_of_a_step_are_filled_in_as_its_command_is() -> None:
    own = (("WHERE", "{host}/{rack}"), ("JSON", '{"a": 1}'), ("T", "x{secret:token}"))
    first, second = fit(steps(work("true", env=own)), {})
    env = dict(second.steps[1].operation.context.env)
    assert (env["WHERE"], env["JSON"], env["PSSH_HOST"]) == ("web2/r 1", '{"a": 1}', "web2")
    assert env["T"] == f"x{slot('token')}"
    assert dict(first.steps[1].operation.context.env)["WHERE"].startswith("web1/")
    assert secrets_in(steps(work("true", env=own)), RunOptions()) == ["token"]
    with pytest.raises(UsageError, match="No placeholder"):
        fit(steps(work("true", env=(("W", "{hots}"),))), {})
