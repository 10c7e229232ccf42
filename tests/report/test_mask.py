"""What is masked, what is not, and that masking twice is masking once."""

import re

import pytest
from hypothesis import example as instance
from hypothesis import given
from hypothesis import strategies as st

from pssh.report import mask
from pssh.report.mask import Mask, Masked

usual = Mask()


@pytest.mark.parametrize(
    ("text", "masked"),
    [
        ("Linux web01 6.1.0-28-amd64", "Linux ‹host› ‹number›-‹number›-amd‹number›"),
        ("web01.example.org: up", "‹host›: up"),
        ("web01: up", "‹host›: up"),
        (
            "web010 xweb01 my-web01 web01_a web01-b",
            "web‹number› xweb‹number› my-web‹number› web‹number›_a web‹number›-b",
        ),
        ("10.0.2.3:22 192.168.1.0/24", "‹address› ‹address›"),
        ("fe80::5054:ff:fe12:3456/64 dev eth0", "‹address›/‹number› dev eth‹number›"),
        ("::1 2001:db8::1", "‹address› ‹address›"),
        ("52:54:00:ab:cd:ef", "‹address›"),
        ("std::vector a::z ::", "std::vector a::z ::"),
        ("Sat Nov 28 14:30:24 UTC 2026", "‹time›"),
        ("Sat, 28 Nov 2026 14:30:24 +0000", "‹time›"),
        ("Nov  8 14:30 file", "‹time› file"),
        ("2026-11-28T14:30:24.123Z", "‹time›"),
        ("2026-11-28 14:30:24+02:00 x", "‹time› x"),
        ("14:30:24 up 3 days,  2:15", "‹time› up ‹number› days,  ‹time›"),
        ("load average: 0.02, 0,5 1,234.5", "load average: ‹number›, ‹number› ‹number›"),
        ("id 3f2504e0-4f89-41d3-9a0c-0305e82c3301", "id ‹number›"),
        ("commit 3fa9c1e at 0x7ffe", "commit ‹number› at ‹number›"),
        ("no digits in defaced facade", "no digits in defaced facade"),
        ("", ""),
    ],
)
def test_what_differs_without_meaning_is_masked(text: str, masked: str) -> None:
    assert usual(text, "web01.example.org").text == masked


def test_a_name_of_one_letter_or_of_digits_is_a_word_like_any_other() -> None:
    assert usual("a b 7", "a").text == "a b ‹number›"
    assert usual("a b 7", "7").text == "a b ‹number›"


def test_patterns_of_the_person_come_first_and_may_stand_alone() -> None:
    assert Mask([r"pid=\S+"])("pid=12x on web01", "web01").text == "‹mask› on ‹host›"
    alone = Mask([r"pid=\S+", "^a", ""], usual=False)
    assert alone("a pid=12x on web01\nab", "web01") == Masked("‹mask› ‹mask› on web01\n‹mask›b", ("a", "pid=12x", "a"))
    assert Mask(["(?P<x>a)(b)", "(?i)(?P<x>C)"], usual=False)("abc", "h").text == "‹mask›‹mask›"
    with pytest.raises(re.error):
        Mask(["("])


def test_only_what_varies_is_shown_masked() -> None:
    masked = usual("web1 has 5 of 9", "web1")
    assert masked.values == ("web1", "5", "9")
    assert masked.shown([True, False, True]) == "‹host› has 5 of ‹number›"


WORDS = st.sampled_from(
    "web01 web01.example.org host 10.0.0.1 ::1 fe80::a:1 a:b:c: 12:30 2026-11-28 Nov 5 -7 0x1f deadbe1 ‹number› ‹ › > "
    "x _ - . : / , é ٣ \n 5web01 aa:bb:cc:dd:ee:ff ffff::ffff:ffff 1.2.3.4.5".split(" ")
)
TEXTS = st.lists(WORDS | st.characters(), max_size=12).map("".join) | st.text()


@given(
    TEXTS,
    st.sampled_from(["web01.example.org", "host", "number", "x"]),
    st.sets(st.sampled_from("ab+ \\w+@ [^0-9]+ o".split())),
)
@instance("‹number›1", "number", set())
def test_masking_twice_is_masking_once(text: str, host: str, patterns: set[str]) -> None:
    mask = Mask(sorted(patterns))
    once = mask(text, host)
    assert mask(once.text, host).text == once.text


@given(TEXTS)
def test_nothing_is_lost_and_no_digit_is_left(text: str) -> None:
    masked = usual(text, "web01.example.org")
    assert masked.shown([False] * len(masked.values)) == text
    assert not any(char.isdecimal() for char in masked.text)


PLAIN = re.compile(mask._OURS.partition("]")[2][1:])  # without the look at what a match begins with
PARTS = st.sampled_from(
    [
        *(
            "10.0.0.7",
            "fe80::1",
            "::",
            "aa:bb:cc:dd:ee:ff",
            "Nov",
            "Mon, 3 Nov 2026",
            " ",
            "12:30:01",
            "0xff",
            "x",
            "٣",
        ),
        *(
            "deadbeef1",
            "2026-11-28T10:00:00Z",
            ".5",
            "-",
            ":",
            "Sat 28 Nov 2026",
            "11111111-1111-1111-1111-111111111111",
        ),
    ]
)


@given(st.lists(PARTS | st.text(max_size=3), max_size=8).map("".join))
def test_a_look_ahead_changes_nothing_of_what_is_found(text: str) -> None:
    assert [found.span() for found in re.finditer(mask._OURS, text)] == [found.span() for found in PLAIN.finditer(text)]
    assert mask._SOME.search(text) or not PLAIN.search(text.replace("\n", " "))
