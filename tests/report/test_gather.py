"""Blocks of equal output, and when `auto` chooses them."""

from pssh.model.outcome import Failure, Reply
from pssh.report.base import Display
from tests.support.runs import example, failed, ok, report, result, shown

DF = b"Filesystem      Size  Used Avail Use% Mounted on\n/dev/vda1        40G   31G  9.0G  78% /\n"
BLOCKS = """\
---------------
web07  failed: exit 3
---------------
--- stderr
| uname: extra operand
---------------
db[1-2],web[01-06,08-20] (21)
---------------
| Filesystem      Size  Used Avail Use% Mounted on
| /dev/vda1        40G   31G  9.0G  78% /

HOSTS                       N  STATUS         CODE  CAUSE
------------------------  ---  -----------  ------  ----------------------------
db3                         1  unreachable          connect/timeout: no answer …
web07                       1  failed            3  exit 3
db[1-2],web[01-06,08-20]   21  ok                0
"""


def test_equal_outputs_share_a_block_and_a_table_of_causes_follows() -> None:
    assert shown(example(DF), Display(format="gather"))[0] == BLOCKS


def test_auto_is_the_table_while_every_output_is_one_line_and_gather_otherwise() -> None:
    for output in (b"6.1.0-28-amd64\n", b""):
        assert shown(example(output))[0] == shown(example(output), Display(format="table"))[0]
    assert shown(example(DF))[0] == BLOCKS


def test_hosts_that_printed_nothing_have_no_block() -> None:
    text, _ = shown(report([ok("a"), failed("b", "connect/refused")]), Display(format="gather"))
    assert text.startswith("HOSTS ")


def test_equal_text_with_another_code_is_another_block() -> None:
    text, _ = shown(report([ok("a", DF), result("b", Reply(exit_code=1, stdout=DF))]), Display(format="gather"))
    assert text.count("Filesystem") == 2


def test_what_a_host_printed_before_it_failed_is_shown() -> None:
    end = Failure(stage="exec", kind="total", message="no end after 5 s", stdout=b"step 1\n", remote_end="killed")
    text, _ = shown(report([result("a", end)]))
    assert text.startswith(
        "---------------\na  timed-out: exec/total (killed): no end after 5 s\n---------------\n| step 1\n"
    )


def test_a_long_cause_is_cut_to_the_line_of_its_block() -> None:
    end = Failure(stage="exec", kind="total", message="no end " * 20, stdout=b"step 1\n")
    text, _ = shown(report([result("web01", end)]), Display(format="gather", width=40))
    assert text.splitlines()[1] == "web01  timed-out: exec/total: no end no…"
    text, _ = shown(report([result("web01", end)]), Display(format="gather", width=15))
    assert text.splitlines()[1] == "web01  timed-out"
    text, _ = shown(report([result("web01", end)]), Display(format="gather", width=0))
    assert "…" not in text


def test_hostile_output_is_inert_in_a_block() -> None:
    text, _ = shown(report([ok("a", b"---------------\nweb99 (1)\n\x1b]0;x\x07\x9b\xe2\x80\xae\r\n")]))
    assert "\n| ---------------\n| web99 (1)\n| \\x1b]0;x\\x07\\x9b\\u202e\n" in text


def test_a_line_of_ours_within_a_block_stands_before_the_gutter_and_a_forged_one_behind_it() -> None:
    end = Reply(exit_code=0, stdout=b"--- stderr\n\nhead\ntail\n", stdout_cut=10, stderr=b"\0--- stderr\n")
    text, _ = shown(report([result("a", end)]))
    assert text.split("---------------\n")[2].partition("\n\nHOST")[0].split("\n") == [
        *("| --- stderr", "… 10 bytes left out …", "|", "| head", "| tail", "--- stderr", "| \\x00--- stderr"),
    ]
