"""`pssh run`, argv in and screen out, on this machine alone."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.support.command import Done, environment, pssh
from tests.support.processes import children

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-3]"]
[hosts.db1]
[groups.web]
hosts = "web[1-3]"
"""


@pytest.fixture
def fleet(tmp_path: Path) -> Path:
    """Return a folder with an inventory of four hosts, all of them this machine."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    return tmp_path


def timeless(text: str) -> str:
    return re.sub(r"\d+\.\d s", "0.0 s", text)


def test_equal_answers_are_one_row(fleet: Path) -> None:
    done = pssh("run", "@all", "echo", "hello", cwd=fleet)
    assert timeless(done.out) == (
        "HOSTS          N  STATUS      CODE    TIME  OUTPUT\n"
        "-----------  ---  --------  ------  ------  --------\n"
        "db1,web[1-3]   4  ok             0   0.0 s  hello\n"
    ).replace("db1,web[1-3]   4", "db1,web[1-3]    4").replace("-----------  ", "------------  ").replace(
        "HOSTS          N", "HOSTS           N"
    )
    assert timeless(done.err) == "\n4 hosts: 4 ok  0.0 s  inventory  exit 0\n"
    assert done.code == 0
