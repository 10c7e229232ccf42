"""A placeholder becomes its value as one word, and every other brace stays what it is."""

import subprocess

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.errors import UsageError
from pssh.model.placeholders import fill, part, secrets
from pssh.model.secret import slot, veiled
from pssh.ops.shellwords import quote

NAMES = {"host": "web01", "user": "deploy", "n": "0", "var.user": "shadowed", "var.rack": "r 1", "var.a.b-c": "deep"}


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("echo {host}", "echo web01"),
        ("{host}{n}", "web010"),
        ("{rack}", "'r 1'"),
        ("{var.rack} {a.b-c}", "'r 1' deep"),
        ("{user} {var.user}", "deploy shadowed"),
        ("{raw:rack}", "r 1"),
        ("{{host}} {{raw:rack}} {{nobody}}", "{host} {raw:rack} {nobody}"),
        ("{{host}", "{web01"),
        ("${host} ${x} $${host}", "${host} ${x} $${host}"),
        ("awk '{print $1}' {a,b} {} { host } {a b}", "awk '{print $1}' {a,b} {} { host } {a b}"),
        ("{host:-x} {Raw:x} {raw:} {x", "{host:-x} {Raw:x} {raw:} {x"),
        ("", ""),
    ],
)
def test_a_name_in_braces_is_its_value_and_all_else_is_text(text: str, filled: str):
    assert fill(text, NAMES, quote) == filled


def test_a_value_that_looks_like_a_placeholder_is_not_looked_at_again():
    assert fill("{a} {b}", {"a": "{b}", "b": "{{a}}"}, str) == "{b} {{a}}"


@pytest.mark.parametrize("text", ["{nobody}", "{raw:nobody}", "{var.host}", "{1..5}", "{__class__}"])
def test_an_unknown_name_is_refused_with_those_that_there_are(text: str):
    with pytest.raises(UsageError) as caught:
        fill(text, NAMES, quote)
    assert "{a.b-c} {host} {n} {rack} {user}" in caught.value.hint


def test_a_long_list_of_names_is_cut():
    with pytest.raises(UsageError) as caught:
        fill("{x}", {f"var.v{n:02}": "" for n in range(20)}, quote)
    assert "{v11} and 8 more" in caught.value.hint


@pytest.mark.parametrize("text", ["{a}", "{raw:a}"])
def test_a_value_with_nul_is_refused(text: str):
    with pytest.raises(UsageError):
        fill(text, {"a": "x\0y"}, str)


def test_a_secret_is_a_slot_and_no_value():
    assert fill("{secret:db}", {"db": "not this"}, str) == slot("db")
    assert veiled(fill("a {secret:db} b", {}, quote)) == "a '***' b"
    assert secrets("{secret:a} {secret:b.c} {secret:a} {{secret:d}} ${secret:e} {raw:f} {g}") == ("a", "b.c")


@given(st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"])))
def test_any_value_comes_out_of_a_shell_as_it_is(value: str):
    line = fill("printf %s {x}", {"x": value}, quote)
    assert subprocess.run(["sh", "-c", line], capture_output=True).stdout == value.encode()


@pytest.mark.parametrize(
    "text",
    [
        "echo 'x {x}'",
        'echo "x {x}"',
        "echo \\{x}",
        'echo "it\'s {x}"',
        "echo 'a' \"b\" \\' '{x}'",
        "echo {raw:q}{x}",
        "cat <<E\n{x}\nE",
        'mysql -p"{secret:db}"',
    ],
)
def test_a_value_that_needs_quotes_is_refused_within_others(text: str):
    for value in ("a; reboot", "$(reboot)", "it's", "a b", ""):
        with pytest.raises(UsageError, match="break out of the quotes"):
            fill(text, {"x": value, "q": "'"}, quote, shell=True)


@pytest.mark.parametrize(
    "text", ["echo 'x {x}'", 'echo "x {x}"', "echo \\{x}", "awk '{print \"{x}\"}'", "cat <<E\n{x}\nE"]
)
def test_a_value_that_needs_no_quotes_may_stand_anywhere(text: str):
    assert fill(text, {"x": "web01"}, quote, shell=True) == text.replace("{x}", "web01")


@pytest.mark.parametrize(
    ("text", "printed"),
    [
        ("printf %s 'a'{x}\"b\"", "a{x}b"),
        ("printf %s \"it's \"{x}' \"'", "it's {x} \""),
        ("printf %s \\'{x}\\\"{x}\\\\", "'{x}\"{x}\\"),
        ("cat <<E >/dev/null; printf %s {x}\n\nE", "{x}"),
    ],
)
def test_between_quotes_any_value_is_one_word(text: str, printed: str):
    for value in ("a; reboot", "$(reboot)", "it's", "a b", ""):
        line = fill(text, {"x": value}, quote, shell=True)
        assert subprocess.run(["sh", "-c", line], capture_output=True, text=True).stdout == printed.replace(
            "{x}", value
        )


def test_what_stands_within_quotes_matters_to_shells_only():
    assert fill("'{x}", {"x": "a/b"}, part) == "'a%2Fb"


@given(st.text(), st.text(), st.text())
def test_only_placeholders_change(before: str, value: str, after: str):
    before, after, value = (
        text.replace("{", "(").replace("\0", "") for text in (before.removesuffix("$"), after, value)
    )
    before = before.rstrip("$")
    assert fill(f"{before}{{x}}{after}", {"x": value}, str) == before + value + after


@given(st.text(), st.text())
def test_a_value_is_always_one_part_of_a_path_and_two_values_are_two(one: str, other: str):
    name = part(one)
    assert name not in ("", ".", "..")
    assert not set(name) & set("/\0\n\r\t\x1b\x7f")
    assert (part(other) == name) == (other == one)


@pytest.mark.parametrize(
    ("value", "name"), [("web01", "web01"), ("a/b", "a%2Fb"), ("..", "%2E%2E"), (".x", ".x"), ("", "%"), ("5%", "5%25")]
)
def test_what_a_path_gives_meaning_to_is_escaped(value: str, name: str):
    assert part(value) == name
