"""The table, to the character."""

import pytest
from wcwidth import wcswidth

from pssh.model.outcome import Failure, Reply
from pssh.report.base import Display
from pssh.report.table import cause_table, table
from tests.support.runs import example, failed, ok, report, result, shown

WIDE = """\
HOSTS                       N  STATUS         CODE    TIME  OUTPUT
------------------------  ---  -----------  ------  ------  -------------------------------------------
db3                         1  unreachable          10.0 s  connect/timeout: no answer from 10.0.2.3:22
web07                       1  failed            3   0.4 s  uname: extra operand
db[1-2],web[01-06,08-20]   21  ok                0   0.2 s  6.1.0-28-amd64
"""
NARROW = """\
HOSTS                       N  STATUS         CODE  OUTPUT
------------------------  ---  -----------  ------  ----------------------------
db3                         1  unreachable          connect/timeout: no answer …
web07                       1  failed            3  uname: extra operand
db[1-2],web[01-06,08-20]   21  ok                0  6.1.0-28-amd64
"""
SMALL = """\
HOSTS               STATUS         CODE  OUTPUT
------------------  -----------  ------  ---------------
db3                 unreachable          connect/timeou…
web07               failed            3  uname: extra o…
db[1-2],web[01-06,  ok                0  6.1.0-28-amd64
08-20]
"""


@pytest.mark.parametrize(("width", "text"), [(0, WIDE), (103, WIDE), (80, NARROW), (60, SMALL)])
def test_one_row_per_distinct_result_worst_first(width: int, text: str) -> None:
    assert table(example(), width=width) == text


def test_half_a_fleet_that_is_down_is_one_row() -> None:
    down = [
        result(f"web{n}", Failure("connect", "refused", "refused the connection", detail=f"10.0.0.{n}:22"))
        for n in range(1, 500)
    ]
    for draw in (table, cause_table):
        rows = draw(report(down)).splitlines()[2:]
        assert [row.split() for row in rows] == [
            ["web[1-499]", "499", "unreachable", "0.2", "s", "connect/refused:", "refused", "the", "connection"]
        ]
    assert table(report(down[:1])).rstrip().endswith("refused the connection (10.0.0.1:22)")


@pytest.mark.parametrize("width", [40, 60, 80, 100, 120])
def test_no_line_is_wider_than_the_screen(width: int) -> None:
    results = [ok(f"host-{number * 7}.example.org", "漢字".encode() * 50) for number in range(50)]
    text = table(report([*results, failed("x" * 200, "connect/refused", "y" * 300)]), width=width)
    assert max(wcswidth(line) for line in text.splitlines()) <= width


def test_one_row_per_host_when_asked_worst_first() -> None:
    results = [ok("b", b"1"), ok("a", b"1"), failed("c", "connect/refused", "closed")]
    assert table(report(results), rows="host") == (
        "HOST    STATUS         CODE    TIME  OUTPUT\n"
        "------  -----------  ------  ------  -----------------------\n"
        "c       unreachable           0.2 s  connect/refused: closed\n"
        "b       ok                0   0.2 s  1\n"
        "a       ok                0   0.2 s  1\n"
    )


def test_equal_status_and_output_share_a_row_and_different_do_not() -> None:
    results = [ok("a", b"x"), ok("b", b"x"), ok("c", b"y"), result("d", Reply(exit_code=1, stdout=b"x"))]
    assert [line.split()[0] for line in table(report(results)).splitlines()[2:]] == ["d", "a,b", "c"]


def test_the_largest_group_comes_first_among_equals_and_its_slowest_host_gives_the_time() -> None:
    text = table(report([ok("c", b"y"), ok("a", b"x", seconds=1.0), ok("b", b"x", seconds=3.0)]))
    assert text.splitlines()[2:] == [
        "a,b        2  ok             0   3.0 s  x",
        "c          1  ok             0   0.2 s  y",
    ]


def test_above_200_rows_the_rest_is_counted() -> None:
    results = [ok(f"h{number}", str(number).encode()) for number in range(1300)] + [failed("x", "connect/refused")]
    lines = table(report(results)).splitlines()
    assert len(lines) == 2 + 200 + 1
    assert lines[2].startswith("x ")
    assert lines[-1] == "… 1,101 more rows, 1,101 hosts: 1,101 ok"


def test_a_hostile_cell_cannot_leave_its_row() -> None:
    forged = b"x\x1b[1A\x1b[2K\rweb99  1  ok  0\n"
    text = table(report([ok("a", forged), failed("b", "auth/denied", "no\nweb99   1  ok")]))
    assert len(text.splitlines()) == 4
    assert "\x1b" not in text and "\r" not in text
    assert r"x\x1b[1A\x1b[2K\rweb99  1  ok  0" in text
    assert r"auth/denied: no\nweb99   1  ok" in text


def test_numbers_in_output_stay_as_printed() -> None:
    assert table(report([ok("1e5", b"1.10")])).splitlines()[2] == "1e5        1  ok             0   0.2 s  1.10"


def test_colour_marks_the_status_and_moves_nothing() -> None:
    text = table(example(), color=True)
    assert "\x1b[31mfailed\x1b[0m     " in text
    for code in ("\x1b[31m", "\x1b[32m", "\x1b[33m", "\x1b[0m"):
        text = text.replace(code, "")
    assert text == WIDE


def test_the_table_of_causes_puts_equal_causes_together() -> None:
    results = [
        ok("a", b"x"),
        ok("b", b"y"),
        failed("c", "connect/refused", "10.0.0.3"),
        failed("d", "connect/refused", "10.0.0.4"),
    ]
    assert cause_table(report(results)) == (
        "HOSTS      N  STATUS         CODE    TIME  CAUSE\n"
        "-------  ---  -----------  ------  ------  ---------------\n"
        "c,d        2  unreachable           0.2 s  connect/refused\n"
        "a,b        2  ok                0   0.2 s\n"
    )


def test_the_table_of_causes_tells_what_was_left_behind_and_left_out() -> None:
    left = Reply(exit_code=0, stdout=b"x", stdout_cut=999, note="stream-left-open")
    lines = cause_table(report([ok("a"), result("b", left), result("c", left)])).splitlines()[2:]
    assert [line.split(maxsplit=6)[-1] for line in lines] == ["(stream-left-open, truncated: 1,000 bytes printed)", "s"]


def test_a_run_without_results_has_no_table() -> None:
    assert shown(report([]), Display(quiet=True)) == ("", "")


def test_a_hundred_thousand_results_stay_readable() -> None:
    kernel = Reply(exit_code=0, stdout=b"6.1.0-28-amd64\n")
    results = [result(f"web{number:06}", kernel) for number in range(100_000)]
    results[::7] = [ok(one.host, one.host.encode()) for one in results[::7]]
    text = table(report(results), width=80)
    assert len(text.splitlines()) < 230


def test_what_became_of_a_command_is_seen_on_a_narrow_screen_and_never_mixed() -> None:
    ends = (("a", "killed"), ("b", "left running"), ("c", "killed"))
    results = [
        result(host, Failure(stage="stop", kind="interrupt", message="the run was interrupted", remote_end=end))
        for host, end in ends
    ]
    assert table(report(results), width=60).splitlines()[2:] == [
        "a,c        2  cancelled          stop/interrupt (killed): t…",
        "b          1  cancelled          stop/interrupt (left runni…",
    ]
    assert [line.split(maxsplit=5)[-1] for line in cause_table(report(results)).splitlines()[2:]] == [
        "stop/interrupt (killed): the run was interrupted",
        "stop/interrupt (left running): the run was interrupted",
    ]
