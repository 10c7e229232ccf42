"""The last lines, and notices."""

from msgspec.structs import replace

from pssh.model.event import HostKeyLearned, Notice, RunEnded
from pssh.model.outcome import StepResult
from pssh.report.base import Display
from pssh.report.summary import summary
from tests.support.runs import example, failed, ok, report, shown


def test_the_last_lines_count_the_hosts_and_give_each_cause_a_hint() -> None:
    assert summary(example()) == (
        "23 hosts: 21 ok, 1 unreachable, 1 failed  10.3 s  inventory/fleet.toml  run r42  exit 4\n"
        "  connect/timeout  db3  check the address and the firewall: `pssh ping db3`\n"
    )


def test_one_host_without_an_inventory_is_said_shortly() -> None:
    assert summary(report([ok("a")], seconds=0.25, inventory=(), id="")) == "1 host: 1 ok  0.2 s  exit 0\n"


def test_hosts_of_one_cause_are_folded_into_one_line_and_one_hint() -> None:
    text = summary(report(failed(f"web{number:02}", "host-key/unknown", f"key {number}") for number in range(1, 21)))
    assert text.splitlines()[1:] == [
        "  host-key/unknown  web[01-20]  `pssh trust 'web[01-20]'` shows the keys and stores them once you agree"
    ]


def test_what_was_not_taken_back_is_told_with_its_hosts() -> None:
    undone = (StepResult(name="drain", status="timed-out", undo=True),)
    text = summary(report([ok("web1"), *(failed(f"web{n}", "exec/total", steps=undone) for n in (2, 3))]))
    assert text.splitlines()[2:] == [
        "  not undone  web[2-3]  the step `drain` was not seen to be taken back: look there"
    ]


def test_a_hint_that_came_with_the_failure_wins() -> None:
    text = summary(report([failed("a", "auth/denied", hint="the host takes `publickey`\n\x1b[2J")]))
    assert text.splitlines()[1] == r"  auth/denied  a  the host takes `publickey`\n\x1b[2J"


def test_many_different_hints_for_one_cause_do_not_flood_the_last_lines() -> None:
    text = summary(report(failed(f"h{number:03}", "host-key/changed", hint=f"hint {number}") for number in range(100)))
    lines = text.splitlines()[1:]
    assert len(lines) == 6
    assert lines[0] == "  host-key/changed  h000  hint 0"
    assert lines[-1].startswith("  host-key/changed  h[005-099]  if nobody has reinstalled it")


def test_a_stopped_run_says_so() -> None:
    text = summary(report([failed("a", "stop/interrupt"), ok("b")], stopped="interrupt"))
    assert text.splitlines()[0].endswith("stopped: interrupt  exit 130")
    assert text.splitlines()[1] == "  stop/interrupt  a  they were not reached; for the rest: `pssh rerun r42`"


def test_the_spread_of_a_release_is_told_in_milliseconds() -> None:
    run = replace(report([ok("a"), ok("b")], inventory=(), id=""), spread=0.0456)
    assert summary(run) == "2 hosts: 2 ok  10.3 s  began within 46 ms  exit 0\n"


def test_a_long_list_of_hosts_is_clipped_in_front_and_whole_in_the_hint() -> None:
    names = [f"host{number * 3:04}" for number in range(30)]
    line = summary(report(failed(name, "host-key/unknown") for name in names)).splitlines()[1]
    assert "…  `pssh trust 'host[" in line
    assert "0087]'`" in line


def test_learned_keys_are_told_once_per_file() -> None:
    events = [HostKeyLearned(0, f"web{number}", "/home/a/known_hosts", "…") for number in (1, 2, 3)]
    _, err = shown([*events, RunEnded(example())])
    assert err.endswith("  new key  web[1-3]  now in /home/a/known_hosts\n")


def test_quiet_leaves_out_the_last_lines_but_no_notice() -> None:
    notice = Notice("host keys are not checked", "leave out `--host-keys off`")
    _, err = shown([notice, RunEnded(example())], Display(quiet=True, live=True))
    assert err == "pssh: host keys are not checked\n  leave out `--host-keys off`\n"
