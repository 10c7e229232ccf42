"""What is started before anything else is known."""

import sys
from typing import Any

import pytest

from pssh.cli import early
from pssh.engine import spawn


@pytest.mark.parametrize(
    ("line", "preloaded"),
    [
        ("run @web uptime", [("ssh",)]),
        ("fs checksum @local /srv", [("local",)]),
        ("fs checksum @local,web1 /srv", [("ssh",)]),
        ("put @all a b", [("ssh", "pssh.ops.files.put")]),
        ("put @all a b --dry-run", []),
        ("hosts @local", []),
    ],
)
def test_a_worker_is_started_for_what_will_need_one_and_imports_what_it_will_need(
    monkeypatch: pytest.MonkeyPatch, line: str, preloaded: list[tuple[str, ...]]
) -> None:
    started: list[Any] = []
    spares: list[bool] = []

    def first(names: tuple[str, ...], *, spare: bool = False) -> list[str]:
        started.append(names)
        spares.append(spare)
        return ["worker"]

    monkeypatch.setattr(spawn.Spawned, "first", first)
    monkeypatch.setattr("pssh.cli.main.main", lambda: None)
    monkeypatch.setattr(sys, "argv", ["pssh", *line.split()])
    monkeypatch.setattr(early, "_spawned", [])
    early.main()
    assert started == preloaded
    assert early._spawned == ["worker"] * len(preloaded)
    assert spares == [len(names) > 1 for names in preloaded]  # only what moves content has work for two
