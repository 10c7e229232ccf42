"""How far a run is, on a terminal while it goes on."""

import io
import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.event import (
    Event,
    JobConnected,
    JobEnded,
    JobMoved,
    JobReady,
    JobSaid,
    JobStarted,
    Released,
    RunEnded,
    RunStarted,
    WaveStarted,
)
from pssh.report.grid import width_of
from pssh.report.live import INTERVAL, MOST_FAILURES, Live, picture, size_of
from pssh.report.progress import Progress
from pssh.report.safe import UNSAFE
from pssh.report.screen import Screen, Size
from tests.support.runs import example, failed, ok, report

CLEAR = "\r\x1b[K"
START = (0.0, RunStarted(example().run))
Timed = tuple[float, Event]


def heard(*timed: Timed) -> Progress:
    progress = Progress()
    for now, event in timed:
        progress.on(event, now)
    return progress


def lines(*timed: Timed, size: Size = (80, 24), color: bool = False, hears: bool = False, at: float = 0.0) -> list[str]:
    """Return the picture after the last event, or at another time."""
    progress = heard(*timed)
    now = at or timed[-1][0]
    progress.look(now)
    return picture(progress, now, size, color=color, hears=hears)


def live(*timed: Timed, size: Size = (80, 2), color: bool = False, slim: bool = False) -> str:
    """Return what is written to a terminal, on which there is room for one line if nothing else is said."""
    err, now = io.BytesIO(), [0.0]
    reporter = Live(Screen(io.BytesIO(), err, lambda: size), color=color, clock=lambda: now[0], slim=slim)
    for now[0], event in timed:
        reporter.on(event)
    return err.getvalue().decode()


def ended(number: int, first: int = 0, host: str = "h") -> list[Event]:
    return [JobEnded(ok(host, job_id=first + place)) for place in range(number)]


def test_the_line_counts_what_ended_what_runs_and_what_is_left() -> None:
    text = live(START, (0.0, JobStarted(0, "a")), (0.0, JobStarted(1, "b")), (2.0, JobEnded(ok("a", job_id=0))))
    assert text == f"{CLEAR}1/23  ok 1  running 1  eta 0:44"


def test_it_is_written_at_most_eight_times_a_second() -> None:
    events = [(number / 1000, JobEnded(ok("a", job_id=number))) for number in range(1000)]
    assert 6 <= live(START, *events).count(CLEAR) <= 8


def test_a_failure_is_printed_as_it_comes_and_the_line_comes_back_below() -> None:
    text = live(START, (1.0, JobEnded(ok("a"))), (1.01, JobEnded(failed("b", "connect/refused", "closed \x1b[2J"))))
    line = "1/23  ok 1  running 0  eta 0:22"
    assert text == f"{CLEAR}{line}{CLEAR}b  unreachable  connect/refused: closed \\x1b[2J\n{line}"


def test_a_failed_command_is_told_with_its_code_and_its_first_line() -> None:
    text = live(START, (0.0, JobEnded(example().results[9])), color=True)
    assert text == "web07  \x1b[31mfailed\x1b[0m  exit 3: uname: extra operand\n"


def test_of_very_many_failures_only_the_first_are_told() -> None:
    events = [(0.0, JobEnded(failed(f"h{number}", "dns/timeout", job_id=number))) for number in range(1000)]
    text = live(START, *events)
    assert text.count("\n") == MOST_FAILURES + 1
    assert text.endswith(
        "h19  unreachable  dns/timeout: it went wrong\nand more, which are only counted until the end\n"
    )


def test_hosts_that_were_not_reached_are_only_counted() -> None:
    assert live(START, (0.0, JobEnded(failed("a", "stop/interrupt", started=False)))) == ""


def test_hosts_that_the_person_stopped_are_only_counted() -> None:
    assert live(START, (0.0, JobEnded(failed("a", "stop/interrupt", started=True)))) == ""


def test_the_lines_are_gone_before_the_report() -> None:
    one = live(START, (1.0, JobEnded(ok("a"))), (1.0, RunEnded(report([ok("a")]))))
    assert one.endswith(CLEAR)
    more = live(START, (1.0, JobEnded(ok("a"))), (1.0, RunEnded(report([ok("a")]))), size=(80, 24))
    assert more.endswith("\r\x1b[K\x1b[A\x1b[K")


def test_output_as_it_comes_leaves_a_single_line() -> None:
    assert live(START, (1.0, JobEnded(ok("a"))), size=(80, 24), slim=True) == f"{CLEAR}1/23  ok 1  running 0  eta 0:22"


def test_output_does_not_change_the_line() -> None:
    text = live(START, (1.0, JobEnded(ok("a"))), (9.0, JobSaid(0, "b", "stdout", b"x")))
    assert text.count(CLEAR) == 2


def test_what_is_below_does_not_jump_when_a_line_is_not_needed_any_more() -> None:
    events = [(0.0, JobStarted(0, "slow")), (0.0, JobStarted(1, "b")), (9.0, JobEnded(ok("b", job_id=1)))]
    text = live(START, *events, (10.0, JobEnded(ok("slow", job_id=0))), size=(80, 24))
    assert "longest  0:09 slow" in text
    assert text.endswith("running 0  eta 1:45\n")
    assert "\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K" in text


BUSY: list[Timed] = [
    START,
    (0.0, WaveStarted(2, 4, 50)),
    *((0.0, JobStarted(number, f"web{number:02}")) for number in range(8)),
    *((float(number), JobStarted(number, f"db{number}")) for number in range(10, 14)),
    *((1.0, event) for event in ended(5)),
    (2.0, JobEnded(failed("x", "auth/denied", job_id=5))),
    (40.0, JobMoved(6, "web06", 1_250_000_000, 0)),
    (42.0, JobMoved(10, "db10", 20_000_000, 0)),
]


def test_at_80_columns() -> None:
    assert lines(*BUSY) == [
        "████████▓▓░░░░░░░░░░░░░░░░░░░░░░░░░░░░░░   26 %  0.1/s  1.3 GB moved  30.2 MB/s",
        "6/23  wave 2/4  ok 5  auth 1  running 6  eta 1:59",
        "longest  0:42 web[06-07]  0:32 db10  0:31 db11  0:30 db12  0:29 db13",
    ]


def test_at_140_columns_with_output_that_comes() -> None:
    said: list[Timed] = [(float(number), JobConnected(number, "")) for number in (6, 7, 11, 12)]
    said.append((42.0, JobSaid(12, "db12", "stdout", b"x")))
    shown = lines(*sorted([*BUSY, *said], key=lambda timed: timed[0]), size=(140, 50), hears=True)
    assert shown == [*lines(*BUSY, size=(140, 50)), "silent   0:35 web07  0:31 db11"]


def test_a_small_terminal_has_the_counts_alone() -> None:
    assert lines(*BUSY, size=(30, 24)) == ["6/23  wave 2/4  ok 5  auth 1…"]
    assert lines(*BUSY, size=(80, 7)) == ["6/23  wave 2/4  ok 5  auth 1  running 6  eta 1:59"]


def test_a_terminal_that_does_not_say_its_size_is_taken_for_a_usual_one() -> None:
    assert lines(*BUSY, size=(0, 0)) == lines(*BUSY)


def test_colour_says_nothing_that_words_and_shapes_do_not() -> None:
    colored = lines(*BUSY, color=True)
    assert "\x1b[32mok 5\x1b[0m  \x1b[33mauth 1\x1b[0m" in colored[1]
    assert [re.sub(r"\x1b\[[0-9;]*m", "", line) for line in colored] == lines(*BUSY)


def test_many_slow_hosts_are_folded_and_the_rest_left_out() -> None:
    timed = [START, *((number / 50, JobStarted(number, f"{number}a")) for number in range(5000))]
    shown = lines(*timed, at=200.0)
    assert len(shown) == 3
    assert shown[2].startswith("longest  3:20 0a")
    assert shown[2].endswith("…")


names = st.text(max_size=40) | st.sampled_from(["機" * 60, "\x1b]0;x\x07", "a\u202eb", "e\u0301" * 99])


@given(st.lists(names, max_size=12), st.integers(1, 200), st.integers(1, 60), st.booleans())
def test_no_line_reaches_the_last_column_or_holds_what_a_terminal_obeys(
    hosts: list[str], columns: int, rows: int, hears: bool
) -> None:
    timed: list[Timed] = [START, *((float(place), JobStarted(place, host)) for place, host in enumerate(hosts))]
    timed += [(float(place), JobConnected(place, host)) for place, host in enumerate(hosts)]
    shown = lines(*timed, size=(columns, rows), hears=hears, at=99.0)
    assert 1 <= len(shown) <= 8
    for line in shown:
        assert width_of(line) <= max(columns - 1, 1)
        assert not UNSAFE.search(line) and "\n" not in line


def test_the_line_names_the_wave() -> None:
    text = live(START, (0.0, WaveStarted(2, 4, 50)), (2.0, JobEnded(ok("a"))))
    assert text == f"{CLEAR}1/23  wave 2/4  ok 1  running 0  eta 0:44"


def test_hosts_at_the_barrier_are_ready_and_do_not_run_until_it_opens() -> None:
    both = [JobStarted(0, "a"), JobStarted(1, "b"), JobReady(0, "a")]
    text = live(START, *((0.0, event) for event in both), (1.0, JobReady(1, "b")), (2.0, Released(2, 0)))
    assert text == f"{CLEAR}0/23  ready 2  running 0{CLEAR}0/23  running 2"


def test_a_host_that_came_to_the_barrier_and_starts_again_is_not_ready() -> None:
    text = live(START, (0.0, JobStarted(0, "a")), (0.0, JobReady(0, "a")), (1.0, JobStarted(0, "a", attempt=2)))
    assert text == f"{CLEAR}0/23  running 1"


def test_speed_is_that_of_late_and_not_that_of_the_whole_run() -> None:
    progress = heard(START)
    for second in range(1, 21):
        for event in ended(10 if second > 10 else 1, second * 100):
            progress.on(event, float(second))
        progress.look(float(second))
    assert progress.speed()[0] == 10


def test_bytes_that_a_host_moves_again_are_counted_as_they_are() -> None:
    assert (
        heard((0.0, JobMoved(0, "a", 10, 20)), (0.0, JobMoved(0, "a", 5, 20)), (0.0, JobMoved(1, "b", 7, 0))).moved
        == 12
    )


def test_a_host_that_is_tried_again_has_been_at_work_since_its_first_try() -> None:
    progress = heard((0.0, JobStarted(0, "a")), (9.0, JobStarted(0, "a", attempt=2)))
    assert list(progress.longest(10.0, 5.0)) == [(10, ["a"])]


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0, "0 bytes"),
        (999, "999 bytes"),
        (1000, "1.0 kB"),
        (99_400, "99.4 kB"),
        (123_456_789, "123 MB"),
        (4e15, "4.0 PB"),
    ],
)
def test_bytes_are_told_in_units(amount: float, said: str) -> None:
    assert size_of(amount) == said


def test_an_interval_is_an_eighth_of_a_second() -> None:
    assert INTERVAL == 1 / 8
