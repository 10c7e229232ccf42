"""What is data in HTML, and what is markup."""

import html5lib
from hypothesis import given
from hypothesis import strategies as st

from pssh.report.html.markup import Markup, join, lines, tag, text
from pssh.report.safe import safe


def test_data_is_escaped_and_markup_is_kept() -> None:
    assert tag("p", "a < b & c", tag("b", "d")) == "<p>a &lt; b &amp; c<b>d</b></p>"


def test_hidden_and_reordering_characters_are_spelt_out() -> None:
    assert text("a\u202e\x1b[31m\u200bz") == "a\\u202e\\x1b[31m\\u200bz"
    assert lines("a\r\nb\rc\n") == "a\nb\\rc\n"


def test_attributes_are_escaped_and_those_without_a_value_are_left_out() -> None:
    made = tag("td", class_='a" onclick="x', aria_label=None, open=True, hidden=False, width=1.5)
    assert made == '<td class="a&quot; onclick=&quot;x" open width="1.5"></td>'


def test_an_empty_element_has_no_end_tag() -> None:
    assert tag("meta", charset="utf-8") == '<meta charset="utf-8">'


def test_what_stands_between_parts_is_data_too() -> None:
    assert join(["a", Markup("<br>"), "b"], "<") == "a&lt;<br>&lt;b"


@given(st.text())
def test_whatever_comes_in_a_reader_gets_the_safe_text_and_nothing_else(data: str) -> None:
    found = html5lib.parseFragment(str(tag("p", data, title=data)), namespaceHTMLElements=False)
    (paragraph,) = found
    assert (paragraph.text or "", list(paragraph), paragraph.attrib) == (safe(data), [], {"title": safe(data)})
