"""Which reporters a display asks for."""

import io
import subprocess
import sys
from typing import get_args

import pytest

from pssh.model.event import RunEnded
from pssh.report.base import Display, Format, reporters
from pssh.report.screen import Screen
from tests.support.runs import example, shown


@pytest.mark.parametrize("form", get_args(Format))
def test_stdout_has_results_only_and_the_last_lines_go_to_stderr(form: Format) -> None:
    out, err = shown(example(), Display(format=form))
    assert "23 hosts:" not in out
    assert "\n23 hosts: 21 ok" in err


@pytest.mark.parametrize("form", get_args(Format))
def test_quiet_says_nothing_on_stderr(form: Format) -> None:
    assert shown(example(), Display(format=form, quiet=True, live=True))[1] == ""


@pytest.mark.parametrize("form", get_args(Format))
def test_a_reader_that_went_away_is_told_to_the_caller(form: Format) -> None:
    class Gone(io.BytesIO):
        def write(self, data: object) -> int:
            raise BrokenPipeError

    made = reporters(Display(format=form, quiet=True), Screen(Gone(), io.BytesIO()))
    if form == "lines":  # nothing was said, so nothing is written
        return
    with pytest.raises(BrokenPipeError):
        for reporter in made:
            reporter.on(RunEnded(example()))


def test_no_table_library_is_imported_before_a_table_is_made() -> None:
    code = "import sys, pssh.report.base; sys.exit(bool({'tabulate', 'wcwidth', 'paramiko'} & set(sys.modules)))"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
