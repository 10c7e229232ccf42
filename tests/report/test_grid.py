"""Cells in, aligned lines out."""

import subprocess
import sys

from hypothesis import given
from hypothesis import strategies as st
from wcwidth import wcswidth

from pssh.report.grid import clip, grid, width_of, wrap

PRINTABLE = st.text(st.characters(exclude_categories=["Cc", "Cf", "Cs", "Zl", "Zp"]))


def test_cells_are_shown_as_they_are() -> None:
    assert grid(["A", "B"], [["1.10", " 0017"], ["1e5", "x"]], right=["B"]).splitlines()[2:] == [
        "1.10   0017",
        "1e5       x",
    ]


def test_wide_characters_keep_columns_aligned() -> None:
    lines = grid(["A", "B"], [["漢字漢字", "x"], ["abc", "x"]]).splitlines()[2:]
    assert [wcswidth(line) for line in lines] == [11, 11]


def test_what_knows_wide_letters_is_imported_with_the_first_of_them() -> None:
    code = """
import sys
from pssh.report.grid import grid

grid(["A", "B"], [["abc", "x"]])
print(*{"tabulate", "wcwidth", "importlib.metadata", "email"} & set(sys.modules))
print(grid(["A", "B"], [["\u6f22\u5b57", "x"], ["abcde", "x"]]), end="")
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
    assert done.stdout.splitlines() == ["tabulate", "A      B", "-----  ---", "\u6f22\u5b57   x", "abcde  x"]


def test_no_line_ends_with_blanks() -> None:
    assert grid(["A", "B"], [["x", ""], ["x", "long cell"]]) == "A    B\n---  ---------\nx\nx    long cell\n"


@given(PRINTABLE, st.integers(1, 40))
def test_a_clipped_text_fits_and_says_that_it_was_clipped(text: str, width: int) -> None:
    short = clip(text, width)
    assert width_of(short) <= width
    assert short == text or short.endswith("…")
    assert text.startswith(short.removesuffix("…")) or short == text


def test_marks_without_width_cannot_make_a_cell_endless() -> None:
    assert len(clip("e" + "\u0301" * 10_000, 10)) <= 41


@given(st.lists(st.text("abcdefgh漢0123456789-", min_size=1), min_size=1), st.integers(3, 40))
def test_a_wrapped_list_fits_and_loses_nothing(names: list[str], width: int) -> None:
    text = ",".join(names)
    lines = wrap(text, width, 10_000).split("\n")
    assert "".join(lines) == text
    assert all(width_of(line) <= width for line in lines)


def test_a_list_is_broken_after_commas_and_ends_after_so_many_lines() -> None:
    assert wrap("db[1-2],web[01-06,08-20]", 18, 5) == "db[1-2],web[01-06,\n08-20]"
    assert wrap("aa,bb,cc,dd", 3, 2) == "aa,\nbb,\n…"
