"""Who is at work, when somebody asks and when a run is stopped."""

import io

import pytest

from pssh.model.event import Event, JobConnected, JobEnded, JobReady, JobStarted, RunStarted, StatusAsked, Stopping
from pssh.report.screen import Screen
from pssh.report.status import Status
from tests.support.runs import example, ok

START = (0.0, RunStarted(example().run))


def status(*timed: tuple[float, Event], width: int = 80, quiet: bool = False) -> str:
    err, now = io.BytesIO(), [0.0]
    reporter = Status(Screen(io.BytesIO(), err), width=width, quiet=quiet, clock=lambda: now[0])
    for now[0], event in timed:
        reporter.on(event)
    return err.getvalue().decode()


def test_those_that_take_longest_come_first_with_what_they_are_doing() -> None:
    text = status(
        START,
        (0.0, JobStarted(0, "web1")),
        (0.0, JobStarted(1, "web2")),
        (0.0, JobStarted(2, "web3")),
        (40.0, JobStarted(3, "db1")),
        (41.0, JobConnected(0, "web1")),
        (41.0, JobConnected(1, "web2")),
        (42.0, JobReady(2, "web3")),
        (43.0, JobStarted(4, "db2")),
        (43.0, JobEnded(ok("db2", job_id=4))),
        (62.0, StatusAsked()),
    )
    assert text.splitlines() == [
        "1 of 23 hosts ended, 4 at work",
        "   1:02  running     web[1-2]",
        "   1:02  ready       web3",
        "   0:22  connecting  db1",
    ]


def test_a_host_that_is_tried_again_counts_from_its_first_attempt() -> None:
    text = status(START, (1.0, JobStarted(0, "a")), (5.0, JobStarted(0, "a", attempt=2)), (11.0, StatusAsked()))
    assert text.splitlines()[1] == "   0:10  connecting  a"


def test_more_than_twenty_lines_are_counted() -> None:
    starts = [(float(n), JobStarted(n, f"h{n:02}")) for n in range(30)]
    lines = status(START, *starts, (30.0, StatusAsked())).splitlines()[1:]
    assert len(lines) == 20
    assert lines[0] == "   0:30  connecting  h00"
    assert lines[-2:] == ["   0:12  connecting  h18", "  … 11 hosts more"]


def test_twenty_lines_are_shown_whole() -> None:
    starts = [(float(n), JobStarted(n, f"h{n:02}")) for n in range(20)]
    lines = status(START, *starts, (30.0, StatusAsked())).splitlines()
    assert lines[-1] == "   0:11  connecting  h19"


def test_a_line_is_as_wide_as_the_terminal() -> None:
    starts = [(0.0, JobStarted(n, f"host{n * 7:03}")) for n in range(40)]
    lines = status(START, *starts, (1.0, StatusAsked()), width=40).splitlines()
    assert len(lines) == 2
    assert len(lines[1]) == 40
    assert lines[1].endswith("…")


def test_names_are_made_safe() -> None:
    text = status(START, (0.0, JobStarted(0, "a\x1b[2J")), (1.0, StatusAsked()), (1.0, Stopping("interrupt")))
    assert "\x1b" not in text
    assert text.count("a\\x1b[2J") == 2


@pytest.mark.parametrize(
    ("cause", "first", "last"),
    [
        ("interrupt", "pssh: stopping; 2 hosts at work:", "  Ctrl-C again reports at once"),
        ("terminate", "pssh: stopping by SIGTERM; 2 hosts at work:", "  a second signal reports at once"),
        ("operator", "pssh: nothing more is started; 2 hosts at work:", "  they may finish; Ctrl-C ends them"),
        ("budget", "pssh: stopped by `--max-fail`; 2 hosts at work:", "  web[1-2]"),
    ],
)
def test_a_stop_lists_whom_it_meets_at_work_and_says_what_comes_next(cause: str, first: str, last: str) -> None:
    lines = status(START, (0.0, JobStarted(0, "web1")), (0.0, JobStarted(1, "web2")), (1.0, Stopping(cause)))
    assert lines.splitlines()[:2] == [first, "  web[1-2]"]
    assert lines.splitlines()[-1] == last


def test_a_stop_that_meets_nobody_says_so() -> None:
    assert status(START, (0.0, Stopping("interrupt"))) == "pssh: stopping; no host is at work\n"


def test_the_second_stop_says_that_the_report_comes_at_once() -> None:
    text = status(START, (0.0, JobStarted(0, "a")), (1.0, Stopping("interrupt", 2)))
    assert text == "pssh: reporting at once, 1 host at work\n"


def test_a_stop_of_thousands_is_ten_lines_long() -> None:
    starts = [(0.0, JobStarted(n, f"h{n**2}")) for n in range(2000)]
    assert len(status(START, *starts, (1.0, Stopping("interrupt"))).splitlines()) == 13


def test_a_quiet_run_answers_a_question_and_lists_nothing_by_itself() -> None:
    starts = (START, (0.0, JobStarted(0, "a")))
    assert status(*starts, (1.0, Stopping("interrupt")), quiet=True) == ""
    assert status(*starts, (1.0, StatusAsked()), quiet=True).splitlines()[0] == "0 of 23 hosts ended, 1 at work"


def test_the_third_time_promises_no_report() -> None:
    assert status(START, (1.0, Stopping("interrupt", 3))) == "pssh: leaving at once\n"
