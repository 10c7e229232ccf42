"""Output as it arrives, one whole line after the other."""

import io

from hypothesis import given
from hypothesis import strategies as st

from pssh.model.event import Event, JobEnded, JobSaid, Tick
from pssh.report.base import Display
from pssh.report.lines import LONGEST, Lines, complete
from pssh.report.screen import Screen
from tests.support.runs import example, ok, report, shown

QUIET = Display(format="lines", quiet=True, width=0)


def said(data: bytes, *, job: int = 0, host: str = "web01", stream: str = "stdout") -> JobSaid:
    return JobSaid(job, host, stream, data)  # type: ignore[arg-type]


def lines(*events: Event, step: float = 0.0, display: Display = QUIET) -> str:
    return shown(events, display, step=step)[0]


def test_a_line_is_shown_when_it_is_whole() -> None:
    assert lines(said(b"one\ntw")) == "web01: one\n"
    assert lines(said(b"one\ntw"), said(b"o\r\n\nthree\n")) == "web01: one\nweb01: two\nweb01: \nweb01: three\n"


def test_hosts_and_streams_do_not_mix_inside_a_line() -> None:
    other = said(b"B\n", job=1, host="web02")
    error = said(b"oh\n", stream="stderr")
    assert lines(said(b"a"), other, error, said(b"c\n")) == "web02: B\nweb01! oh\nweb01: ac\n"


def test_a_line_without_its_end_is_shown_after_200_ms_with_a_mark() -> None:
    assert lines(said(b"prompt> "), Tick(), step=0.15) == "web01: prompt> \\\n"
    assert lines(said(b"prompt> "), Tick(), step=0.05) == ""


def test_a_line_that_the_job_left_unended_is_shown_with_a_mark() -> None:
    assert lines(said(b"no newline"), said(b"\xe2", stream="stderr"), JobEnded(ok("web01"))) == (
        "web01: no newline\\\nweb01! \\xe2\\\n"
    )


def test_a_character_cut_by_time_is_shown_whole() -> None:
    text = "pré".encode()
    assert lines(said(text[:-1]), Tick(), said(text[-1:]), Tick(), step=0.15) == "web01: pr\\\nweb01: é\\\n"


def test_a_line_without_end_is_cut_at_64_kib_and_memory_stays_flat() -> None:
    out = io.BytesIO()
    reporter = Lines(Screen(out, io.BytesIO()), clock=lambda: 0.0)
    for _ in range(64):
        reporter.on(said(b"x" * 10_000))
    assert [len(line) for line in out.getvalue().splitlines()] == [len("web01: ") + LONGEST + 1] * (640_000 // LONGEST)
    assert (
        lines(said(b"y" * 100_000 + b"\nz\n"))
        == f"web01: {'y' * LONGEST}\\\nweb01: {'y' * (100_000 - LONGEST)}\nweb01: z\n"
    )


def test_labels_can_be_left_out() -> None:
    display = Display(format="lines", quiet=True, labels=False, width=0)
    assert lines(said(b"a\n"), said(b"b\n", stream="stderr"), display=display) == "a\nb\n"


def test_the_table_goes_to_stderr() -> None:
    out, err = shown(example(), Display(format="lines"))
    assert out == ""
    assert err.startswith("HOSTS ") and "CAUSE" in err and "23 hosts:" in err
    assert shown(report([ok("a")]), QUIET) == ("", "")


def test_the_table_is_as_wide_as_stderr_where_stdout_is_a_pipe() -> None:
    _, err = shown(example(), Display(format="lines", width=0, err_width=60))
    assert max(map(len, err.split("\n\n")[0].splitlines())) <= 60
    assert "connect/timeou…" in err
    out, _ = shown(example(), Display(format="table", width=0, err_width=60))
    assert "connect/timeout: no answer from 10.0.2.3:22" in out


def test_colour_follows_the_stream_that_it_is_written_to() -> None:
    _, err = shown(example(), Display(format="lines", color=True, err_color=False))
    assert "\x1b" not in err
    _, err = shown(example(), Display(format="lines", color=False, err_color=True))
    assert "\x1b[31mfailed\x1b[0m" in err


@given(st.lists(st.binary(max_size=30), max_size=10))
def test_however_output_is_cut_every_line_has_our_label_and_nothing_is_lost(pieces: list[bytes]) -> None:
    text = lines(*map(said, pieces), JobEnded(ok("web01")))
    assert all(line.startswith("web01: ") for line in text.splitlines())
    whole = lines(said(b"".join(pieces)), JobEnded(ok("web01")))
    assert text == whole


@given(st.text(), st.integers(0, 12))
def test_text_cut_anywhere_is_complete_up_to_a_whole_character(text: str, cut: int) -> None:
    data = text.encode(errors="replace")[:cut]
    assert data[: complete(data)].decode() == data.decode(errors="ignore")


def test_a_line_that_is_longer_than_the_terminal_goes_on_behind_its_label() -> None:
    events = [JobSaid(0, "web01", "stderr", b"x" * 30 + b"web02: up\nshort\n")]
    assert shown(events, Display(format="lines", width=20))[0].splitlines() == [
        *("web01! xxxxxxxxxxxxx", "web01!…xxxxxxxxxxxxx", "web01!…xxxxweb02: up", "web01! short"),
    ]
