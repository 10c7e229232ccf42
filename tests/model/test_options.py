from typing import Any

import pytest

from pssh.errors import UsageError
from pssh.model.options import LockOption, RunOptions, options_from
from pssh.model.rollout import Launch, Pace, Share


def test_a_report_is_told_how_many_at_once_and_what_was_said() -> None:
    assert RunOptions(timeout=5).told == {"parallel": 64, "timeout": 5}


@pytest.mark.parametrize(
    ("text", "lock"),
    [
        ("patch", LockOption("patch")),
        ("a.b-c_1:skip", LockOption("a.b-c_1")),
        ("patch:fail", LockOption("patch", "fail")),
        ("patch:wait=1m30s", LockOption("patch", "wait", 90.0)),
        ("patch:lease=2h", LockOption("patch", lease=7200.0)),
        ("patch:fail,lease=5", LockOption("patch", "fail", lease=5.0)),
        ("patch:lease=5,wait=30s", LockOption("patch", "wait", 30.0, 5.0)),
    ],
)
def test_a_lock_is_a_name_and_what_to_do_where_another_has_it(text: str, lock: LockOption) -> None:
    assert LockOption.read(text) == lock


WRONG = ["", "..", ".a", "a/b", "a b", "a:", "a:later", "a:wait", "a:wait=soon", "a" * 65]
WRONG += ["a:skip,fail", "a:lease=", "a:lease=1,lease=2", "a:skip,"]


@pytest.mark.parametrize("text", WRONG)
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
        ({"lock": "a b"}, "`a b` is no lock such as `patch`, `patch:fail` or `patch:wait=30s,lease=2h`"),
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
