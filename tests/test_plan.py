"""Hosts and options become jobs."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.errors import UsageError
from pssh.model.host import Host, Settings
from pssh.model.rollout import Launch, Pace, Share
from pssh.ops.command import Command
from pssh.plan import PASSWORD, LockOption, RunOptions, connection, jobs_for, options_from

BUILT_IN: Settings = {"user": "me", "identity": ["~/.ssh/id_ed25519"], "known_hosts": ["/k"], "agent": "/a"}
SOURCES = ("defaults", "config", "inventory", "options", "typed")


@given(st.sets(st.sampled_from(SOURCES), min_size=1))
def test_a_setting_comes_from_the_highest_source_that_says_it(saying: set[str]) -> None:
    def said(source: str) -> Settings:
        return {"user": source} if source in saying else {}

    host = Host("web1", settings=said("inventory"), typed=said("typed"))
    options = RunOptions(user="options" if "options" in saying else "")
    defaults: Settings = {"user": "nobody", **said("defaults")}
    assert connection(host, said("config"), options, defaults).user == [one for one in SOURCES if one in saying][-1]


def test_a_host_without_an_address_is_reached_by_its_name() -> None:
    assert connection(Host("web1"), {}, RunOptions(), BUILT_IN).address == "web1"


def test_a_host_name_of_ssh_config_is_below_the_address_of_the_inventory() -> None:
    config: Settings = {"address": "10.0.0.1"}
    assert connection(Host("web1"), config, RunOptions(), BUILT_IN).address == "10.0.0.1"
    host = Host("web1", settings={"address": "10.0.0.2"})
    assert connection(host, config, RunOptions(), BUILT_IN).address == "10.0.0.2"


def test_every_option_of_a_connection_reaches_it() -> None:
    options = RunOptions(
        user="u", port=9, identity=("/i",), host_keys="off", connect_timeout=1.5, auth_timeout=2.5, speculate=True
    )
    found = connection(Host("web1", settings={"port": 22, "host_keys": "strict"}), {}, options, BUILT_IN)
    assert (found.user, found.port, found.identity, found.host_keys) == ("u", 9, ("/i",), "off")
    assert (found.connect_timeout, found.auth_timeout, found.speculate) == (1.5, 2.5, True)


def test_a_password_is_named_and_never_held() -> None:
    assert connection(Host("web1"), {}, RunOptions(ask_pass=True), BUILT_IN).password == PASSWORD


def test_a_tilde_is_our_home(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", "/home/me")
    found = connection(Host("web1", settings={"known_hosts": ["~/kh"]}), {}, RunOptions(), BUILT_IN)
    assert (found.identity, found.known_hosts) == (("/home/me/.ssh/id_ed25519",), ("/home/me/kh",))


def test_jobs_are_numbered_in_the_order_of_the_hosts_and_carry_the_limits() -> None:
    options = RunOptions(timeout=5, stall=3, host_timeout=9, retries=0, say=True)
    jobs = jobs_for(Command("true"), [Host("b"), Host("a")], options, lambda name, user, port: {}, BUILT_IN)
    assert [(job.id, job.host) for job in jobs] == [(0, "b"), (1, "a")]
    limits = jobs[0].limits
    assert (limits.total, limits.stall, limits.host, limits.retries, limits.say) == (5, 3, 9, 0, True)


def test_ssh_config_is_asked_with_the_user_and_the_port_that_are_settled_above_it() -> None:
    asked = []

    def lookup(name: str, user: str, port: int) -> Settings:
        asked.append((name, user, port))
        return {}

    there: Settings = {"user": "inv", "port": 2201}
    hosts = [Host("a"), Host("b", settings=there), Host("c", settings=there, typed={"user": "t", "port": 2202})]
    jobs_for(Command("true"), hosts, RunOptions(), lookup, BUILT_IN)
    jobs_for(Command("true"), hosts, RunOptions(user="opt", port=9), lookup, BUILT_IN)
    assert asked[:3] == [("a", "", 0), ("b", "inv", 2201), ("c", "t", 2202)]
    assert asked[3:] == [("a", "opt", 9), ("b", "opt", 9), ("c", "t", 2202)]


def test_a_report_is_told_how_many_at_once_and_what_was_said() -> None:
    assert RunOptions(timeout=5).told == {"parallel": 64, "timeout": 5}


def test_a_command_becomes_another_user_as_the_highest_source_says() -> None:
    there: Settings = {"become": "doas", "become_user": "postgres"}
    found = connection(Host("db1", settings=there), {}, RunOptions(become="sudo"), BUILT_IN)
    assert (found.become, found.become_user) == ("sudo", "postgres")
    found = connection(Host("db1", settings={**there, "become": ""}), {}, RunOptions(), BUILT_IN)
    assert found.become == ""


def test_who_names_a_user_to_become_means_it() -> None:
    found = connection(Host("db1"), {}, RunOptions(become_user="postgres"), BUILT_IN)
    assert (found.become, found.become_user) == ("sudo", "postgres")


@pytest.mark.parametrize(
    ("user", "settings", "name"),
    [
        ("deploy", {"become": "sudo", "become_user": "postgres"}, "become:deploy"),
        ("deploy", {"become": "doas"}, "become:deploy"),
        ("deploy", {"become": "su"}, "become:root"),
        ("deploy", {"become": "su", "become_user": "postgres"}, "become:postgres"),
        ("root", {"become": "sudo", "become_user": "postgres"}, ""),
        ("deploy", {}, ""),
        ("deploy", {"become": "sudo", "transport": "local"}, "become:me"),
    ],
)
def test_the_password_to_become_somebody_is_named_by_whose_it_is(user: str, settings: Settings, name: str) -> None:
    options = RunOptions(user=user, ask_become_pass=True)
    assert connection(Host("db1", settings=settings), {}, options, BUILT_IN).become_password == name


def test_nobody_is_asked_for_a_password_to_become_somebody_unless_it_was_said() -> None:
    assert connection(Host("a", settings={"become": "sudo"}), {}, RunOptions(), BUILT_IN).become_password == ""


def test_a_command_run_here_is_this_machines_and_nobody_elses() -> None:
    host = Host("db1", settings={"become": "sudo", "become_user": "postgres", "address": "10.0.0.1", "port": 9})
    found = connection(host, {}, RunOptions(local=True), BUILT_IN)
    assert (found.transport, found.become, found.address, found.port) == ("local", "", "10.0.0.1", 9)
    assert connection(host, {}, RunOptions(local=True, become="sudo"), BUILT_IN).become_user == ""


@pytest.mark.parametrize(
    ("text", "lock"),
    [
        ("patch", LockOption("patch")),
        ("a.b-c_1:skip", LockOption("a.b-c_1")),
        ("patch:fail", LockOption("patch", "fail")),
        ("patch:wait=1m30s", LockOption("patch", "wait", 90.0)),
    ],
)
def test_a_lock_is_a_name_and_what_to_do_where_another_has_it(text: str, lock: LockOption) -> None:
    assert LockOption.read(text) == lock


@pytest.mark.parametrize("text", ["", "..", ".a", "a/b", "a b", "a:", "a:later", "a:wait", "a:wait=soon", "a" * 65])
def test_anything_else_is_no_lock(text: str) -> None:
    with pytest.raises(ValueError, match="`"):
        LockOption.read(text)


def test_options_by_name_are_checked_and_read() -> None:
    options = options_from({"timeout": 5, "batch": "1,10%", "max_fail": "2%", "rate": "30/m", "env": ["A=1"]})
    assert (options.timeout, options.env) == (5.0, ("A=1",))
    rollout = options.rollout
    assert rollout.waves == (Share(1000), Share(10_000, percent=True))
    assert (rollout.max_fail, rollout.pace) == (Share(2000, percent=True), Pace(((0.0, 0.5),)))


def test_a_launch_widens_a_run_unless_its_width_was_said() -> None:
    options = options_from({"launch": "0:50,1:500"})
    assert options.parallel == 550
    assert options.rollout.pace == Launch(((0.0, 50), (1.0, 500)))
    assert options_from({"launch": "0:3"}).parallel == 64
    assert options_from({"launch": "0:50,1:500", "parallel": 9}).parallel == 9


@pytest.mark.parametrize(
    ("said", "message"),
    [
        ({"paralel": 3}, "No option `paralel`"),
        ({"parallel": "many"}, "The option `parallel` is wrong: Expected `int`, got `str`"),
        ({"halt": "later"}, "The option `halt` is wrong: Invalid enum value 'later'"),
        ({"parallel": 0}, "`--parallel` is at least 1"),
        ({"jump_limit": 0}, "`--jump-limit` is at least 1"),
        ({"timeout": -1.0}, "`--timeout` is at least 0"),
        ({"canary": -1}, "`--canary` is at least 0"),
        ({"batch": "1,x"}, "`x` is neither a number of hosts nor a part of them such as `10%`"),
        ({"tail": "95%"}, "`95%` is no share and time such as `95%:60s`"),
        ({"lock": "a b"}, "`a b` is no lock such as `patch`, `patch:fail` or `patch:wait=30s`"),
        ({"canary": 1, "pause": "soon"}, "`soon` is no duration; write `10`, `500ms` or `2m30s`"),
        ({"env": ["1A=x"]}, "`--env 1A=x` sets no variable"),
        ({"env": ["A"]}, "`--env A` sets no variable"),
        ({"pause": "5"}, "`--pause` is between waves, and there is one"),
        ({"rate": "5", "ramp": "0:5"}, "`--rate` and `--ramp` do not go together"),
        ({"rate": "5", "launch": "0:5"}, "`--rate` and `--launch` do not go together"),
        ({"barrier": True, "batch": "5"}, "`--barrier` and `--batch` do not go together"),
        ({"barrier": True, "canary": 1}, "`--barrier` and `--canary` do not go together"),
        ({"barrier": True, "one_per": "rack"}, "`--barrier` and `--one-per` do not go together"),
        ({"tail": "95%:9", "batch": "5"}, "`--tail` and `--batch` do not go together"),
        ({"leash": True, "stdin": "-"}, "`--leash` and `-I` or `--stdin` do not go together"),
        ({"shell": False, "env": ["A=1"]}, "`--no-shell` and `--env` do not go together"),
        ({"shell": False, "chdir": "/"}, "`--no-shell` and `--chdir` do not go together"),
        ({"shell": False, "leash": True}, "`--no-shell` and `--leash` do not go together"),
        ({"ask_pass": True, "password_file": "p"}, "`--ask-pass` and `--password-file` do not go together"),
        (
            {"shell": False, "stdin": "f", "become": "sudo", "ask_become_pass": True},
            "`--no-shell`, `-I` or `--stdin` and `--ask-become-pass` do not go together",
        ),
    ],
)
def test_options_that_cannot_be_meant_are_refused_with_their_names(said: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as raised:
        options_from(said)
    assert raised.value.message == message


def test_a_terminal_and_the_runs_input_go_together() -> None:
    assert options_from({"tty": True, "stdin": "-"}).tty
