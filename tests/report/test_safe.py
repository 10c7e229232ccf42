"""What reaches a terminal is inert, whatever comes in."""

import os
import sys
import tty
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.report.safe import UNSAFE, safe, speakable

ANYTHING = st.one_of(st.binary(), st.text(st.characters()), st.text(st.characters(categories=["Cc", "Cf", "Cs", "Zl"])))


def inert(char: str) -> bool:
    return char in "\n\t" or unicodedata.category(char) not in ("Cc", "Cf", "Cs", "Zl", "Zp")


@given(ANYTHING)
def test_no_control_format_or_surrogate_character_comes_through(text: str | bytes) -> None:
    assert all(inert(char) for char in safe(text, newlines=True))
    assert "\n" not in safe(text)


@given(ANYTHING)
def test_safe_text_is_safe_already(text: str | bytes) -> None:
    assert safe(safe(text)) == safe(text)
    assert safe(safe(text, newlines=True), newlines=True) == safe(text, newlines=True)


@given(st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"])))
def test_printable_text_stays_as_it_is(text: str) -> None:
    assert safe(text) == text
    assert safe(text.encode()) == text


def test_the_fixed_list_covers_the_categories_of_this_unicode() -> None:
    bad = [chr(code) for code in range(sys.maxunicode + 1) if not inert(chr(code))]
    assert [char for char in bad if not UNSAFE.fullmatch(char)] == []


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"\x1b[2J", r"\x1b[2J"),
        (b"\x1b]0;title\x07", r"\x1b]0;title\x07"),
        (b"\x9b31m", r"\x9b31m"),
        ("\u009b31m".encode(), r"\x9b31m"),
        (b"caf\xe9", r"caf\xe9"),
        (b"ok\rfailed", r"ok\rfailed"),
        (b"a\nb", r"a\nb"),
        (b"a\tb", "a\tb"),
        (b"\0", r"\x00"),
        (b"\x7f", r"\x7f"),
        ("exe\u202egnp.".encode(), r"exe\u202egnp."),
        ("we\u200bb".encode(), r"we\u200bb"),
        ("\U000e0041", r"\U000e0041"),
        ("\udcff", r"\xff"),
        ("\udcc2\udc9b", r"\xc2\x9b"),
        ("\ud800", r"\ud800"),
        ("漢字 é 🎉 e\u0301", "漢字 é 🎉 e\u0301"),
    ],
)
def test_what_could_act_is_spelt_out(given: str | bytes, said: str) -> None:
    assert safe(given) == said


def test_with_newlines_only_a_lone_carriage_return_is_spelt_out() -> None:
    assert safe(b"a\r\nb\rc\n\r", newlines=True) == "a\nb\\rc\n\\r"


def test_a_real_terminal_receives_no_byte_outside_the_allowed_set() -> None:
    every = bytes(range(256)) + "".join(map(chr, [*range(0x80, 0xA0), 0x202E, 0x200B, 0xFEFF])).encode()
    master, slave = os.openpty()
    try:
        tty.setraw(slave)
        sent = safe(every, newlines=True).encode()
        os.write(slave, sent)
        received = os.read(master, 65536)
    finally:
        os.close(master)
        os.close(slave)
    assert received == sent
    assert not {byte for byte in received if (byte < 0x20 and byte not in b"\n\t") or byte >= 0x7F}


def test_speakable_text_fits_into_utf8_and_is_changed_no_further() -> None:
    assert speakable("a\udcff\ud800\x1b\n") == "a\\xff\\ud800\x1b\n"
