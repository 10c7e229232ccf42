"""Waves, the barrier, and the report that the next wave is decided by."""

from pssh.model.event import Event, Released, RunStarted, WaveEnded, WaveStarted
from pssh.report.base import Display
from tests.support.runs import example, failed, ok, report, shown

SO_FAR = report([ok("web1"), failed("web2", "connect/refused")], seconds=2.04)


def waves(*events: Event, quiet: bool = False) -> str:
    return shown([RunStarted(example().run), *events], Display(quiet=quiet))[1]


def test_a_wave_has_a_line_when_it_begins_and_one_when_it_has_ended() -> None:
    assert waves(WaveStarted(1, 3, 2), WaveEnded(1, 3, report=SO_FAR), WaveStarted(2, 3, 1)) == (
        "wave 1 of 3: 2 hosts\nwave 1 of 3 ended, 2 of 23 hosts: 1 ok, 1 unreachable  2.0 s\nwave 2 of 3: 1 host\n"
    )


def test_where_the_next_wave_waits_for_an_answer_the_causes_are_told() -> None:
    text = waves(WaveEnded(1, 3, asks=True, report=SO_FAR))
    assert text.splitlines() == [
        "wave 1 of 3 ended, 2 of 23 hosts: 1 ok, 1 unreachable  2.0 s",
        "  connect/refused  web2  is sshd listening on that port? `pssh ping web2`",
    ]


def test_hosts_that_a_stop_kept_from_starting_are_not_counted_to_the_wave() -> None:
    stopped = report([ok("a"), failed("b", "connect/refused"), failed("c", "stop/canary", started=False)], seconds=1)
    assert waves(WaveEnded(1, 3, report=stopped)) == ("wave 1 of 3 ended, 2 of 23 hosts: 1 ok, 1 unreachable  1.0 s\n")


def test_a_wave_without_a_report_is_told_too() -> None:
    assert waves(WaveEnded(2, 3)) == "wave 2 of 3 ended\n"


def test_the_release_says_who_is_missing() -> None:
    assert waves(Released(22, 1)) == "released on 22 hosts, 1 missing\n"


def test_a_quiet_run_tells_only_what_there_is_to_decide_by() -> None:
    steps = (WaveStarted(1, 3, 2), Released(2, 0), WaveEnded(1, 3, report=SO_FAR))
    assert waves(*steps, quiet=True) == ""
    assert waves(WaveEnded(1, 3, asks=True, report=SO_FAR), quiet=True).startswith("wave 1 of 3 ended, 2 of 23")
