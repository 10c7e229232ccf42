"""The tour prints each command before its output, and runs it as its user would."""

import io
import re
from collections.abc import Sequence
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet
from pssh.demo.tour import demo, tour


def test_each_command_is_printed_before_its_output(demo_fleet: DemoFleet) -> None:
    asked: list[Sequence[str]] = []

    def run(words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, str]:
        asked.append(words)
        return 0, f"answer {len(asked)}\n"

    out = io.StringIO()
    assert tour(demo_fleet, out, run) == 0
    lines = out.getvalue().splitlines()
    shown = [line for line in lines if line.startswith(("$ ", "answer"))]
    assert [line.partition(" ")[0] for line in shown] == ["$", "answer"] * len(asked)
    assert {words[0] for words in asked} == {
        *("hosts", "ping", "run", "script", "put", "fs", "report", "rerun", "log", "job"),
    }
    assert "$ pssh run @all uname -r" in lines


def test_hosts_that_fail_are_part_of_the_tour_and_a_command_that_fails_is_not(demo_fleet: DemoFleet) -> None:
    assert tour(demo_fleet, io.StringIO(), lambda words, env, folder: (4, "")) == 0
    assert tour(demo_fleet, io.StringIO(), lambda words, env, folder: (2, "")) == 1


@pytest.mark.parametrize("hosts", [1, 3, 4])
def test_a_small_fleet_is_toured_without_asking_for_groups_it_has_not(hosts: int) -> None:
    seen: list[str] = []

    def run(words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, str]:
        seen.append(" ".join(words))
        return 0, ""

    with DemoFleet(hosts) as fleet:
        tour(fleet, io.StringIO(), run)
        text = fleet.inventory.read_text()
    assert ("[groups.db]" in text) == ("[groups.cache]" in text) == any("@db" in words for words in seen)
    assert "ping @all" in seen


def test_where_hosts_never_answer_each_command_has_a_bound() -> None:
    seen: list[Sequence[str]] = []

    def run(words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, str]:
        seen.append(words)
        return 0, ""

    with DemoFleet(12, faults="storm") as fleet:
        tour(fleet, io.StringIO(), run)
    assert all("--host-timeout" in words for words in seen if words[0] in ("ping", "run", "script", "put", "fs"))


def test_settings_of_the_user_take_no_part(demo_fleet: DemoFleet, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PSSH_INVENTORY", "/home/ada/hosts.toml")
    monkeypatch.setenv("PSSH_PARALLEL", "1")
    seen: list[dict[str, str]] = []

    def run(words: Sequence[str], env: dict[str, str], folder: Path) -> tuple[int, str]:
        seen.append({name: value for name, value in env.items() if name.startswith("PSSH_")})
        return 0, ""

    tour(demo_fleet, io.StringIO(), run)
    state = str(demo_fleet.folder / "state")  # and not the user's own history
    assert all(env == {"PSSH_INVENTORY": str(demo_fleet.inventory), "PSSH_STATE": state} for env in seen)


def test_a_fleet_that_is_kept_says_how_to_use_it_and_ends_when_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pssh.demo.tour._STEPS", ())
    out = io.StringIO()
    folders: list[Path] = []

    def until() -> None:
        line = next(line for line in out.getvalue().splitlines() if "PSSH_INVENTORY=" in line)
        folders.append(Path(line.partition("=")[2]))
        assert folders[0].exists()

    assert demo(3, 1, "none", True, out, until=until) == 0
    assert "Enter or Ctrl-C ends the fleet" in out.getvalue()
    assert not folders[0].exists()


def test_what_is_wrong_with_the_hosts_is_said_at_the_start(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pssh.demo.tour._STEPS", ())
    out = io.StringIO()
    demo(12, 1, "default", False, out)
    said = out.getvalue()
    assert said.startswith("12 hosts are up")
    assert "refuses our key" in said and "its port is closed" in said and "slow" in said
    assert "demo --keep" in said


def test_the_tour_shows_every_kind_of_answer() -> None:
    out = io.StringIO()
    code = demo(12, 1, "default", False, out)
    said = out.getvalue()
    assert code == 0, said
    assert len(re.findall(r"^\$ pssh ", said, re.MULTILINE)) == 13
    for words in (
        "6.1.0-28-amd64",
        "98% of the disk is used",
        "auth/denied",
        "connect/refused",
        "stop/budget",
        "exit 4",
    ):
        assert words in said
    assert "Traceback" not in said and "bug" not in said
