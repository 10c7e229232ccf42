"""Becoming somebody, from the flag and the inventory to the answer on the host: over SSH, with a sudo of our own."""

import json
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from pssh.demo.fleet import DemoFleet
from tests.support import fakesudo
from tests.support.command import environment, pssh
from tests.support.pty import Screen, run_on_pty


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    """Return a fleet in which each host has a sudo that asks as its user's name says."""
    with DemoFleet(3, faults="none", folder=tmp_path_factory.mktemp("fleet") / "it") as started:
        for folder in started.folder.glob("*/*/bin"):
            fakesudo.install(folder)
        yield started


def typed(fleet: DemoFleet, cwd: Path, answer: bytes, *args: str) -> Screen:
    """Run `pssh run` on a terminal on which the password is typed once it is asked for."""
    return run_on_pty(
        [sys.executable, "-m", "pssh", "run", "-i", str(fleet.inventory), "-f", "ndjson", *args],
        keys=[(f"sudo password of {fleet.user}: ".encode(), answer + b"\n")],
        env=environment(cwd, TERM="dumb"),
        cwd=cwd,
    )


def results(text: str) -> list[dict[str, Any]]:
    """Return the hosts' ends among what was shown."""
    events = [json.loads(line) for line in text.splitlines() if line.startswith("{")]
    return [event for event in events if event["event"] == "host.end"]


def answers(fleet: DemoFleet) -> list[str]:
    """Return what each sudo was answered since the last look."""
    found = []
    for log in sorted(fleet.folder.glob("*/*/bin/sudo.log")):
        found += log.read_text().splitlines()
        log.unlink()
    return found


def test_one_password_is_asked_for_and_each_host_gets_it_once(fleet: DemoFleet, tmp_path: Path) -> None:
    screen = typed(fleet, tmp_path, b"right", "--sudo=once", "-K", "@all", "echo done")
    assert [(one["status"], one["stdout"], one["stderr"]) for one in results(screen.text)] == [("ok", "done\n", "")] * 3
    assert screen.text.count("sudo password of ") == 1
    assert answers(fleet) == ["right"] * 3
    assert "right" not in screen.text


def test_a_wrong_password_is_sent_once_and_is_a_row(fleet: DemoFleet, tmp_path: Path) -> None:
    screen = typed(fleet, tmp_path, b"wrong", "--sudo=once", "-K", "@all", "echo done")
    assert [(one["status"], one["cause"]) for one in results(screen.text)] == [("failed", "exec/sudo-denied")] * 3
    assert answers(fleet) == ["wrong"] * 3
    assert (screen.exit_code, "wrong" in screen.text) == (5, False)


def test_without_a_password_a_sudo_that_needs_one_is_a_row(fleet: DemoFleet, tmp_path: Path) -> None:
    done = pssh("run", "-i", str(fleet.inventory), "-f", "ndjson", "--sudo=once", "@all", "echo done", cwd=tmp_path)
    assert {one["cause"] for one in results(done.out)} == {"exec/sudo-needs-password"}
    done = pssh("run", "-i", str(fleet.inventory), "-f", "ndjson", "--sudo=never", "@all", "echo done", cwd=tmp_path)
    assert {one["stdout"] for one in results(done.out)} == {"done\n"}
    assert answers(fleet) == []


def test_the_inventory_says_who_becomes_whom_and_only_its_password_is_asked_for(
    fleet: DemoFleet, tmp_path: Path
) -> None:
    more = tmp_path / "more.toml"
    host = fleet.hosts[0].name
    become = 'connection = { become = "sudo", become_user = "once" }'
    more.write_text(f'version = 1\n[hosts."{host}"]\n{become}\n')
    screen = typed(fleet, tmp_path, b"right", "-i", str(more), "-K", "@all", "echo done")
    assert {one["status"] for one in results(screen.text)} == {"ok"}
    assert answers(fleet) == ["right"]


def test_the_runs_input_comes_after_the_password_and_the_words_run_without_a_shell(
    fleet: DemoFleet, tmp_path: Path
) -> None:
    (tmp_path / "input").write_text("given\n")
    screen = typed(fleet, tmp_path, b"right", "--sudo=once", "-K", "--stdin", "input", "@all", "cat")
    assert {one["stdout"] for one in results(screen.text)} == {"given\n"}
    screen = typed(fleet, tmp_path, b"right", "--sudo=once", "-K", "--no-shell", "@all", "printf", "%s|", "a  b", "$x")
    assert {one["stdout"] for one in results(screen.text)} == {"a  b|$x|"}
    assert answers(fleet) == ["right"] * 6


def test_a_secret_is_typed_once_and_is_nowhere_but_in_the_command(fleet: DemoFleet, tmp_path: Path) -> None:
    line = "word={secret:token}; echo ${#word}; : {host}"
    screen = run_on_pty(
        [sys.executable, "-m", "pssh", "run", "-i", str(fleet.inventory), "-f", "ndjson", "-T", "@all", line],
        keys=[(b"Secret token: ", b"it's\n")],
        env=environment(tmp_path, TERM="dumb"),
        cwd=tmp_path,
    )
    assert [one["stdout"] for one in results(screen.text)] == ["4\n"] * 3, screen.text
    assert screen.text.count("Secret token: ") == 1
    assert "it's" not in screen.text
    name = fleet.hosts[0].name
    shown = pssh("run", "-n", "-i", str(fleet.inventory), "-T", name, line, cwd=tmp_path)
    assert f"{name}: word='***'; echo ${{#word}}; : {name}\n" in shown.out
