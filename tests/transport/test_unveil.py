"""A secret enters a command line on its last step, and comes out of every shell as it is."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.placeholders import fill
from pssh.model.secret import Secret
from pssh.model.work import TransportError
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.shellwords import quote
from pssh.transport.unveil import unveiled

ODD = 'it\'s "$HOME" `id` \\ %s\n*'


def output(line: str) -> bytes:
    return subprocess.run(["sh", "-c", line], capture_output=True).stdout


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_secret_comes_out_of_a_shell_as_it_is(text: str):
    line = fill("printf %s {secret:x}", {}, quote)
    assert output(unveiled(line, {"secret:x": Secret(text)})) == text.encode()


@pytest.mark.parametrize("depth", [1, 2, 3, 4])
def test_a_secret_comes_out_of_shells_within_shells(depth: int):
    line = fill("printf %s a{secret:x}b", {}, quote)
    for _ in range(depth):
        line = f"sh -c {quote(line)}"
    assert output(unveiled(line, {"secret:x": Secret(ODD)})) == f"a{ODD}b".encode()


def test_a_secret_in_an_argument_that_is_quoted_as_a_whole_is_quoted_once():
    argument = fill("--token={secret:x}", {}, str)
    assert output(unveiled(f"printf %s {quote(argument)}", {"secret:x": Secret(ODD)})) == f"--token={ODD}".encode()


def test_a_command_shows_stars_and_holds_no_secret():
    command = Command(fill("login {secret:x}", {}, quote), context=Context(env=(("A", "b"),)))
    assert command.label == "login '***'"
    assert unveiled(command.raw.decode(), {"secret:x": Secret("s")}) == "login 's'"


def test_a_line_without_a_slot_is_the_same_object():
    line = "uptime"
    assert unveiled(line, {}) is line


@pytest.mark.parametrize("secrets", [{}, {"secret:x": Secret("a\0b")}])
def test_a_secret_that_nobody_gave_or_that_no_line_can_hold_is_a_failure_of_our_side(secrets: dict[str, Secret]):
    with pytest.raises(TransportError) as caught:
        unveiled(fill("{secret:x}", {}, quote), secrets)
    assert caught.value.failure.cause == "local/secret"
