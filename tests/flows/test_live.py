"""The live view on a real terminal: there while a run goes on, gone without a trace before the report."""

import re
import sys
from pathlib import Path

import pytest

from tests.support.command import environment
from tests.support.pty import run_on_pty
from tests.support.vt import shown

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-4]"]
"""
SLOW = "case $PSSH_HOST in web2) echo $PSSH_HOST '\x1b[2J'; exit 3;; esac; sleep 1"


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder with an inventory of four hosts, all of them this machine."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    return tmp_path


def on_terminal(fleet: Path, *args: str, width: int = 100, narrowed: int = 0, rows: int = 24) -> str:
    """Run on a terminal, which becomes narrower when all four hosts are at work, and return what was written to it."""
    env = environment(fleet, TERM="xterm", COLUMNS="")
    argv = [sys.executable, "-m", "pssh", "run", "--env", "A=b", *args]
    keys = [(b"running ", narrowed)] if narrowed else []
    return run_on_pty(argv, keys=keys, env=env, cwd=fleet, columns=width, rows=rows).data.decode()


def test_it_is_gone_without_a_trace_before_the_report(fleet: Path) -> None:
    data = on_terminal(fleet, "@all", SLOW)
    assert re.search(r"░+ +\d+ %.*\r\n\d/4 .*running \d", data)
    lines = shown(data)
    assert lines[0] == "web2  failed  exit 3: web2 \\x1b[2J"
    assert lines[1].startswith("HOSTS ")
    assert not [line for line in lines if "░" in line or "running" in line]
    assert "\x1b[2J" not in data


def test_a_terminal_that_becomes_narrower_gets_lines_that_fit(fleet: Path) -> None:
    data = on_terminal(fleet, "@all", "sleep 1.5", narrowed=45)
    bars = [len(line) for line in re.findall(r"[█▓░]+ +\d+ %.*", re.sub(r"\x1b\[\d+m", "", data).replace("\r", ""))]
    assert bars[0] > 45 > bars[-1]


def test_a_low_terminal_gets_one_line(fleet: Path) -> None:
    data = on_terminal(fleet, "@all", "sleep 1", rows=6)
    assert "running" in data and "░" not in data and "\x1b[A" not in data


def test_quiet_has_none(fleet: Path) -> None:
    assert "running" not in on_terminal(fleet, "-q", "@all", "sleep 0.5")


def test_output_as_it_comes_has_one_line(fleet: Path) -> None:
    data = on_terminal(fleet, "-L", "@all", "for i in 1 2 3; do echo $i; sleep 0.2; done")
    assert "running" in data and "░" not in data
    assert sorted(line for line in shown(data) if re.match(r"web\d: ", line)) == [
        f"web{host}: {number}" for host in range(1, 5) for number in range(1, 4)
    ]


def test_stderr_that_is_no_terminal_gets_nothing_of_it(fleet: Path) -> None:
    env = environment(fleet, TERM="xterm")
    line = f"{sys.executable} -m pssh run @all 'sleep 0.5' 2>err"
    run_on_pty(["sh", "-c", line], env=env, cwd=fleet)
    assert (fleet / "err").read_text().startswith("\n4 hosts: 4 ok")
