"""Two streams and one line that comes and goes."""

import io

import pytest

from pssh.report.screen import Screen


class Full(io.BytesIO):
    """A stream on a disk without room."""

    def flush(self) -> None:
        raise OSError(28, "No space left on device")


def test_a_full_stdout_is_the_callers_to_decide_on() -> None:
    with pytest.raises(OSError, match="No space"):
        Screen(Full(), io.BytesIO()).write("a\n")


def test_a_full_stderr_costs_no_result() -> None:
    out = io.BytesIO()
    screen = Screen(out, Full())
    screen.say("a\n")
    screen.progress("1/2")
    screen.write("result\n")
    assert out.getvalue() == b"result\n"


def test_the_progress_line_is_off_the_screen_while_results_are_written() -> None:
    both = io.BytesIO()
    screen = Screen(both, both)
    screen.progress("1/2")
    screen.write("result\n")
    screen.progress("")
    assert both.getvalue() == b"\r\x1b[K1/2\r\x1b[Kresult\n1/2\r\x1b[K"


def test_the_same_line_is_not_written_twice() -> None:
    err = io.BytesIO()
    screen = Screen(io.BytesIO(), err)
    screen.progress("1/2")
    screen.progress("1/2")
    assert err.getvalue() == b"\r\x1b[K1/2"


def test_a_question_stands_in_the_place_of_progress_until_it_is_answered() -> None:
    err = io.BytesIO()
    screen = Screen(io.BytesIO(), err)
    screen.progress("1/2")
    screen.ask("go on?")
    screen.progress("2/2")
    screen.say("b  failed\n")
    screen.ask("")
    assert err.getvalue().decode().split("\r\x1b[K") == ["", "1/2", "go on?", "b  failed\ngo on?", "2/2"]


def test_the_line_is_shown_again_where_others_wrote_over_it() -> None:
    err = io.BytesIO()
    screen = Screen(io.BytesIO(), err)
    screen.again()
    screen.progress("1/2")
    screen.again()
    assert err.getvalue() == b"\r\x1b[K1/2\r\x1b[K1/2"


def test_several_lines_are_taken_off_from_the_first_of_them_on() -> None:
    both = io.BytesIO()
    screen = Screen(both, both)
    screen.progress("a\nb\nc")
    screen.write("result\n")
    screen.progress("")
    assert (
        both.getvalue()
        == b"\r\x1b[Ka\nb\nc\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[Kresult\na\nb\nc\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K"
    )


def test_lines_that_a_narrower_terminal_has_broken_are_taken_off_whole() -> None:
    err, size = io.BytesIO(), [(80, 24)]
    screen = Screen(io.BytesIO(), err, lambda: size[0])
    screen.progress(f"\x1b[32m{'a' * 50}\x1b[0m\n{'機' * 15}")
    size[0] = (20, 24)
    screen.progress("")
    assert err.getvalue().endswith(b"\r\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K\x1b[A\x1b[K")  # three rows and two


def test_what_others_have_written_below_the_lines_is_not_taken_off() -> None:
    err = io.BytesIO()
    screen = Screen(io.BytesIO(), err)
    screen.progress("a\nb")
    screen.again()
    assert err.getvalue() == b"\r\x1b[Ka\nb\r\x1b[Ka\nb"
