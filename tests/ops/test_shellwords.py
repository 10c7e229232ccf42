"""Quoting holds for any text, through a real shell."""

import os
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pssh.errors import UsageError
from pssh.ops.shellwords import exact, join, quote, shown

words = st.binary(max_size=20).filter(lambda data: b"\0" not in data).map(os.fsdecode)


@settings(max_examples=60, deadline=None)
@given(st.lists(words, max_size=5))
def test_any_words_come_out_of_a_shell_as_they_went_in(texts: list[str]):
    command = exact(f"printf '%s\\0' {join(texts)}") if texts else b":"
    said = subprocess.run(["/bin/sh", "-c", command], stdout=subprocess.PIPE, check=True).stdout
    assert said.split(b"\0")[:-1] == [os.fsencode(text) for text in texts]


@pytest.mark.parametrize("word", ["", "=ls", "a b", "~", "$x", "`x`", "a'b", "é", "x\n", "*", "!", "#"])
def test_what_a_shell_could_read_as_more_than_text_is_quoted(word: str):
    assert quote(word).startswith("'") and quote(word).endswith("'")


def test_plain_words_stay_as_they_are():
    assert join(["tidy.sh", "-n", "a/b:c,d@e+f%"]) == "tidy.sh -n a/b:c,d@e+f%"


@pytest.mark.parametrize("word", ["a\0b", "\ud800"])
def test_what_no_command_line_can_hold_is_refused(word: str):
    with pytest.raises(UsageError):
        quote(word)


def test_bytes_that_are_not_utf8_are_sent_as_they_are_and_shown_escaped():
    assert (exact("caf\udce9"), shown("caf\udce9"), shown("café")) == (b"caf\xe9", "caf\\xe9", "café")
    assert shown("\ud800") == "\\ud800"
