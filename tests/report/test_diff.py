"""Two texts compared as `diff -u` does, whatever they hold and however long they are."""

from hypothesis import given
from hypothesis import strategies as st

from pssh.report.diff import MOST_LINES, drawn, unified
from pssh.report.safe import safe
from tests.support.inert import acting

TEXTS = st.lists(st.sampled_from("abcd"), max_size=30).map(lambda lines: "".join(f"{line}\n" for line in lines))


def test_what_is_the_same_has_no_difference() -> None:
    assert list(unified("a\nb\n", "a\nb\n")) == []


def test_a_changed_line_stands_among_its_neighbours_at_its_place() -> None:
    ours = "".join(f"{number}\n" for number in range(1, 21))
    assert list(unified(ours, ours.replace("15\n", "x\n"))) == [
        *("@@ -12,7 +12,7 @@", " 12", " 13", " 14", "-15", "+x", " 16", " 17", " 18"),
    ]


def applied(ours: str, lines: list[str]) -> str:
    """Return what the lines make of our text, read by what a diff means and by nothing of ours."""
    rest, done, at = ours.splitlines(), list[str](), 0
    for line in lines:
        if line.startswith("@@"):
            first, _, count = line.split()[1].lstrip("-").partition(",")
            start = int(first) - (count != "0")
            done += rest[at:start]
            at = start
        elif line.startswith("+"):
            done.append(line[1:])
        else:
            assert rest[at] == line[1:]
            at += 1
            done += [line[1:]] if line.startswith(" ") else []
    return "".join(f"{line}\n" for line in (*done, *rest[at:]))


@given(TEXTS, TEXTS)
def test_what_is_told_makes_one_text_of_the_other(ours: str, theirs: str) -> None:
    assert applied(ours, list(unified(ours, theirs))) == theirs


def test_texts_that_are_too_long_to_compare_are_told_apart_by_their_ends() -> None:
    ours = "".join(f"{number}\n" for number in range(100_000))
    theirs = "same\n" * 50_000
    assert list(unified(f"a\n{ours}b\n", f"a\n{theirs}b\n")) == ["@@ from line 2: 100,000 lines are 50,000 others @@"]
    assert len(list(unified(ours, ours.replace("70000\n", "x\n")))) == 9


def test_lines_are_clipped_capped_and_coloured_by_their_sign() -> None:
    lines = ["@@ -1 +1 @@", "-漢字漢字", "+new", " same"]
    assert list(drawn(iter(lines), width=8)) == ["| @@ -1…\n", "| -漢字…\n", "| +new\n", "|  same\n"]
    assert list(drawn(iter(lines), color=True))[1:] == [
        "| \x1b[31m-漢字漢字\x1b[0m\n",
        "| \x1b[32m+new\x1b[0m\n",
        "|  same\n",
    ]
    many = list(drawn(iter(["+x"] * (MOST_LINES + 5))))
    assert len(many) == MOST_LINES + 1 and many[-1] == "… 5 more lines\n"


@given(st.text(), st.text())
def test_no_line_is_without_our_sign(ours: str, theirs: str) -> None:
    lines = list(unified(safe(ours, newlines=True), safe(theirs, newlines=True)))
    assert all(line.startswith(("@@ ", " ", "+", "-")) and "\n" not in line for line in lines)
    assert not acting("".join(lines))
