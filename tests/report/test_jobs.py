"""The table of jobs fits the screen."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.report.grid import width_of
from pssh.report.jobs import COLUMNS, jobs_table

ROW = {
    "JOB": "patch-web",
    "LAST": "2026-11-28 02:30 CET",
    "NEXT": "2026-12-13 02:30 CET",
    "STATUS": "skipped rule/overlap",
    "TREND": "+++-+.++++",
    "FILE": "/srv/jobs/patch.toml",
}


@pytest.mark.parametrize(
    ("width", "seen", "gone"),
    [
        (0, ["2026-11-28 02:30 CET", "/srv/jobs/patch.toml"], ["…"]),
        (110, ["2026-11-28 02:30 CET", "/srv/jobs/patch.toml"], ["…"]),
        (102, [" 11-28 02:30 CET", "/srv/jobs/patch.toml"], ["2026", "…"]),
        (97, ["patch-web", " 11-28 02:30 CET", "…v/jobs/patch.toml"], ["2026"]),
        (80, [" 11-28 02:30 CET", " 12-13 02:30 CET", "skipped rule/overlap ", "+++-+.++++"], ["2026", "FILE"]),
        (70, [" 11-28 02:30 C…", " 12-13 02:30 CET", "skipped rule/… ", "+++-+.++++"], ["2026", "FILE"]),
    ],
)
def test_what_can_be_missed_goes_first(width: int, seen: list[str], gone: list[str]) -> None:
    text = jobs_table([ROW], width=width)
    assert all(word in text for word in seen), text
    assert not any(word in text for word in gone), text


cells = st.text(st.characters(codec="utf-8", categories=("L", "N")), max_size=70)


@given(st.lists(st.fixed_dictionaries(dict.fromkeys(COLUMNS, cells)), min_size=1, max_size=4), st.integers(60, 200))
def test_no_line_is_wider_than_the_screen(rows: list[dict[str, str]], width: int) -> None:
    assert all(width_of(line) <= width for line in jobs_table(rows, width=width).splitlines())
