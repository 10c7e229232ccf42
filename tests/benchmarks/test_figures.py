"""The file figures count only what arrived whole, and compare the same work."""

import shutil
import sys
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from benchmarks.figures import Figure, figures, filled, nodes, pssh, sums
from benchmarks.files import Table, once, shown
from benchmarks.fleet import Fleet
from benchmarks.measure import Cost
from benchmarks.peers import Ask, Peer
from benchmarks.rows import Row

HOSTS = ("127.1.0.1", "127.1.0.2")


def up(folder: Path) -> Fleet:
    return Fleet(folder, "sshd", 0, HOSTS)


def tool(code: str) -> Peer:
    """Return a tool that runs Python with the source and the folders of the hosts as arguments."""

    def argv(python: str, ask: Ask) -> list[str]:
        return [python, "-S", "-E", "-c", code, f"{ask.source}", *(f"{ask.dest / host}" for host in ask.fleet.hosts)]

    return Peer("it", sys.executable, argv, lambda python: [python, "--version"])


@pytest.fixture
def ran(tmp_path: Path) -> Callable[[str], Cost]:
    def run(code: str) -> Cost:
        filled(tmp_path / "data", 3, 10)
        figure = Figure("f", "t", 2, 30, "MB", [], tmp_path / "data", sums(tmp_path / "data"))
        cost = once(figure, tool(f"import shutil, sys\nsource, *to = sys.argv[1:]\n{code}"), up(tmp_path), tmp_path)
        assert not (tmp_path / "to").exists()
        return cost

    return run


COPIES = "for it in to: shutil.copytree(source, it, dirs_exist_ok=True)\n"


def test_a_tool_that_moved_all_has_figures_and_leaves_nothing(ran: Callable[[str], Cost]) -> None:
    assert ran(COPIES).exit_code == 0


@pytest.mark.parametrize(
    "spoil",
    [
        "open(to[1] + '/d000/f001', 'ab').write(b'x')",
        "open(to[1] + '/d000/f001', 'r+b').write(b'0123456789')",
        "open(to[1] + '/d000/more', 'wb')",
        "shutil.rmtree(to[1] + '/d000')",
    ],
)
def test_a_tool_that_moved_anything_else_on_one_host_has_failed(ran: Callable[[str], Cost], spoil: str) -> None:
    cost = ran(COPIES + spoil)
    assert cost.exit_code and cost.stderr.startswith("127.1.0.2: ")


def test_a_sync_that_wrote_a_file_anew_has_failed(tmp_path: Path) -> None:
    one = next(figures(tmp_path, HOSTS, ["sync"], 0.001))
    both = replace(one, hosts=2)
    assert both.dest is not None
    again = (
        "import os, shutil, sys\nit = sys.argv[3] + '/d000/f004'\nshutil.copy2(it, it + '~')\nos.replace(it + '~', it)"
    )
    assert not once(both, tool(""), up(tmp_path), tmp_path).exit_code
    assert once(both, tool(again), up(tmp_path), tmp_path).stderr.startswith("127.1.0.2: ")


def test_an_equal_copy_is_told_from_a_file_that_was_left_alone(tmp_path: Path) -> None:
    filled(tmp_path / "a", 1, 10)
    before = nodes(tmp_path)
    assert nodes(tmp_path) == before
    file = tmp_path / "a/d000/f000"
    shutil.copy2(file, tmp_path / "copy")
    (tmp_path / "copy").replace(file)
    assert nodes(tmp_path) != before


def test_all_tools_of_a_push_and_of_a_pull_are_told_the_same_source_and_folder(tmp_path: Path) -> None:
    found = list(figures(tmp_path, HOSTS, ["put", "get"], 0.01))
    assert [figure.hosts for figure in found] == [2] * 4 and [len(figure.expected) for figure in found] == [1, 2, 1, 2]
    for figure in found:
        ask = Ask(up(tmp_path), 2, source=figure.source, dest=tmp_path / "to")
        for peer in figure.tools:
            words = " ".join(peer.argv("it", ask))
            assert f"{figure.source}" in words and f"{tmp_path / 'to'}" in words and "{source}" not in words


def test_the_name_of_one_of_our_rows_is_what_is_typed_without_paths() -> None:
    assert pssh("fs", "checksum", "-p", "1", "@local", "/a/b").name == "pssh fs checksum -p 1"


def test_a_table_gives_the_rate_of_all_hosts_and_the_ratio_to_ours() -> None:
    rows = [Row(tool="pssh put", version="1", wall=0.5, fastest=0.5, slowest=0.5), Row(tool="scp", version="9", wall=1)]
    failed = Row(tool="rsync", version="3", failed="exit 12: no space")
    it = Table(figure="push", target="2x", hosts=2, repeat=3, work=100_000_000, unit="MB", rows=[*rows, failed])
    lines = shown(it).splitlines()
    assert lines[0] == "push: 2 hosts, median of 3 (target: 2x)"
    assert lines[4].split()[3:5] == ["0.50", "1.00x"] and lines[4].split()[6] == "200"
    assert lines[5].split()[3] == "2.00x" and lines[-1] == "rsync failed: exit 12: no space"
