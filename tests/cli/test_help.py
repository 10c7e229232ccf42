"""Options on the command line, where click alone would not do."""

import click
import pytest

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
    with pytest.raises(click.BadParameter, match="it is empty"):
        parsed("--sudo=", "@web", "id")
