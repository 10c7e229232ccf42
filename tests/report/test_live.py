"""The line that tells how far a run is."""

import io

from pssh.model.event import Event, JobEnded, JobReady, JobSaid, JobStarted, Released, RunEnded, RunStarted, WaveStarted
from pssh.report.live import Live
from pssh.report.screen import Screen
from tests.support.runs import example, failed, ok, report

CLEAR = "\r\x1b[K"


def live(*timed: tuple[float, Event], width: int = 80, color: bool = False) -> str:
    err, now = io.BytesIO(), [0.0]
    reporter = Live(Screen(io.BytesIO(), err), width=width, color=color, clock=lambda: now[0])
    for now[0], event in timed:
        reporter.on(event)
    return err.getvalue().decode()


START = (0.0, RunStarted(example().run))


def test_the_line_counts_what_ended_what_runs_and_what_is_left() -> None:
    text = live(START, (0.0, JobStarted(0, "a")), (0.0, JobStarted(1, "b")), (2.0, JobEnded(ok("a", job_id=0))))
    assert text == f"{CLEAR}1/23  ok 1  running 1  eta 0:44"


def test_it_is_written_at_most_ten_times_a_second() -> None:
    events = [(number / 1000, JobEnded(ok("a", job_id=number))) for number in range(1000)]
    assert 9 <= live(START, *events).count(CLEAR) <= 11


def test_a_failure_is_printed_as_it_comes_and_the_line_comes_back_below() -> None:
    text = live(START, (1.0, JobEnded(ok("a"))), (1.01, JobEnded(failed("b", "connect/refused", "closed \x1b[2J"))))
    line = "1/23  ok 1  running 0  eta 0:22"
    assert text == f"{CLEAR}{line}{CLEAR}b  unreachable  connect/refused: closed \\x1b[2J\n{line}"


def test_a_failed_command_is_told_with_its_code_and_its_first_line() -> None:
    text = live(START, (0.0, JobEnded(example().results[9])), color=True)
    assert text == "web07  \x1b[31mfailed\x1b[0m  exit 3: uname: extra operand\n"


def test_hosts_that_were_not_reached_are_only_counted() -> None:
    assert live(START, (0.0, JobEnded(failed("a", "stop/interrupt", started=False)))) == ""


def test_the_line_is_gone_before_the_report() -> None:
    assert live(START, (1.0, JobEnded(ok("a"))), (1.0, RunEnded(report([ok("a")])))).endswith(CLEAR)


def test_the_line_never_reaches_the_last_column() -> None:
    text = live(START, (1.0, JobEnded(ok("a"))), width=20)
    assert text == f"{CLEAR}1/23  ok 1  runnin…"


def test_output_does_not_change_the_line() -> None:
    text = live(START, (1.0, JobEnded(ok("a"))), (9.0, JobSaid(0, "b", "stdout", b"x")))
    assert text.count(CLEAR) == 2


def test_hosts_that_the_person_stopped_are_only_counted() -> None:
    assert live(START, (0.0, JobEnded(failed("a", "stop/interrupt", started=True)))) == ""


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
