"""The question before protected hosts are touched."""

from dataclasses import replace

import pytest

from pssh.cli.guard import confirm
from pssh.errors import UsageError
from pssh.model.options import RunOptions
from pssh.model.report import Run
from pssh.plan import Plan


def plan(*protected: str, text: str = "reboot") -> Plan:
    hosts = ("web1", "web2", "db1")
    about = Run(id="", started=0, operation="command", text=text, targets="@all", inventory=(), hosts=hosts)
    return Plan(about, [], protected=protected)


class Person:
    def __init__(self, answer: str | None) -> None:
        self.answer, self.asked = answer, ""

    def __call__(self, prompt: str) -> str | None:
        self.asked = prompt
        return self.answer


def test_the_number_of_all_hosts_is_the_answer() -> None:
    person = Person(" 3 ")
    confirm(plan("db1"), RunOptions(), person)
    assert person.asked == (
        "command: reboot\n3 hosts: db1,web[1-2]\nprotected: db1\nType the number of hosts to go on: "
    )


@pytest.mark.parametrize("answer", ["", "y", "1", "03", "3."])
def test_anything_else_runs_nothing(answer: str) -> None:
    with pytest.raises(UsageError, match="nothing was run"):
        confirm(plan("db1"), RunOptions(), Person(answer))


def test_an_empty_answer_is_called_that() -> None:
    with pytest.raises(UsageError, match="and nothing was typed"):
        confirm(plan("db1"), RunOptions(), Person(" "))


def test_without_a_terminal_nothing_runs_unless_yes_was_said() -> None:
    with pytest.raises(UsageError, match="2 hosts are protected") as raised:
        confirm(plan("db1", "web1"), RunOptions(), Person(None))
    assert "`--yes`" in raised.value.hint
    person = Person(None)
    confirm(plan("db1"), RunOptions(yes=True), person)
    assert person.asked == ""


def test_nobody_is_asked_where_nothing_is_protected() -> None:
    person = Person(None)
    confirm(plan(), RunOptions(), person)
    assert person.asked == ""


def test_what_is_shown_cannot_act_on_the_terminal() -> None:
    person = Person("3")
    confirm(plan("db1", text="\x1b[2J"), RunOptions(), person)
    assert "\x1b" not in person.asked


def test_what_cannot_be_undone_is_asked_for_although_nobody_is_protected() -> None:
    dangerous = replace(plan(text="rm /srv/x"), dangers=True)
    person = Person("3")
    confirm(dangerous, RunOptions(), person)
    assert "rm /srv/x" in person.asked and "protected" not in person.asked
    with pytest.raises(UsageError, match="cannot be undone"):
        confirm(dangerous, RunOptions(), Person(None))
