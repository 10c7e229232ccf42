"""Options on the command line, where click alone would not do."""

import click
import pytest

from pssh.cli.help import ORDER, PLAIN
from pssh.cli.main import COMMANDS
from pssh.cli.main import command as program
from pssh.cli.run import command


def parsed(*args: str) -> dict[str, object]:
    return command.make_context("run", list(args)).params


def test_a_flag_takes_a_value_after_an_equals_sign_and_never_the_next_word() -> None:
    found = parsed("--sudo", "@web", "id")
    assert (found["sudo"], found["become_user"], found["targets"]) == (True, "", "@web")
    found = parsed("-s", "@web", "id")
    assert (found["sudo"], found["targets"]) == (True, "@web")
    found = parsed("-g", "-t", "5", "--sudo=postgres", "--port", "9", "@web", "id")
    assert (found["sudo"], found["become_user"], found["port"]) == (True, "postgres", 9)


@pytest.mark.parametrize(
    "args",
    [
        ("@web", "id", "--sudo=x"),
        ("--", "@web", "id", "--sudo=x"),
        ("-gt", "5", "@web", "id", "--sudo=x"),
        ("-t5", "@web", "id", "--sudo=x"),
        ("--timeout=5", "@web", "id", "--sudo=x"),
        ("-l", "--sudo=x", "@web", "id", "--sudo=x"),
    ],
)
def test_what_is_the_commands_or_another_options_is_left_alone(args: tuple[str, ...]) -> None:
    found = parsed(*args)
    assert (found["sudo"], found["become_user"], found["words"]) == (False, "", ("id", "--sudo=x"))


def test_an_empty_user_is_refused() -> None:
    with pytest.raises(click.UsageError, match="`--sudo=` has no value"):
        parsed("--sudo=", "@web", "id")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_section_of_the_help_has_its_place(name: str) -> None:
    command = program.get_command(click.Context(program), name)
    assert command
    assert {getattr(param, "section", PLAIN) for param in command.params} <= set(ORDER)


def test_no_option_shows_a_range_of_its_own() -> None:
    command = program.get_command(click.Context(program), "demo")
    assert command and "<=" not in command.get_help(click.Context(command))
