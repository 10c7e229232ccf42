"""The rules themselves can fail: each is shown a small made-up tree that breaks it, and one that does not."""

from pathlib import Path

import pytest

from tests.support.house import FLOORS, findings


def house(root: Path, files: dict[str, str]) -> list[str]:
    """Lay the files down below `root` and return what is wrong with them."""
    for name, text in files.items():
        path = root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return findings(root)


BROKEN = {
    "a leaf imports another leaf": ("pssh/report/table.py", "from pssh.inventory.model import Host\n"),
    "a lower floor imports a higher one": ("pssh/model/work.py", "import pssh.engine.pool\n"),
    "a lower floor imports the public names": ("pssh/runner.py", "from pssh import Fleet\n"),
    "two rooms of one floor meet": ("pssh/runner.py", "import pssh.prepare\n"),
    "an import inside a function counts": ("pssh/ops/script.py", "def f():\n    from pssh.transport import local\n"),
    "an import by a call counts": ("pssh/ops/script.py", "__import__('pssh.engine.pool')\n"),
    "a module in no room": ("pssh/helpers.py", "x = 1\n"),
    "paramiko outside its rooms": ("pssh/runner.py", "import paramiko\n"),
    "paramiko beside its room": ("pssh/transport/local.py", "from paramiko import Message\n"),
    "tabulate outside its room": ("pssh/cli/run.py", "from tabulate import tabulate\n"),
    "click outside its room": ("pssh/report/table.py", "from click import echo\n"),
    "a library nobody decided on": ("pssh/report/table.py", "import requests\n"),
    "a relative import": ("pssh/ops/script.py", "from . import base\n"),
    "a block for type checkers": ("pssh/ops/script.py", "import typing\nif typing.TYPE_CHECKING:\n    pass\n"),
    "a module past its size": ("pssh/ops/script.py", "x = 1\n" * 401),
    "pickle": ("pssh/engine/wire.py", "import pickle\n"),
    "multiprocessing by another name": ("pssh/engine/pool.py", "from multiprocessing import Process as P\n"),
    "a fork": ("pssh/engine/pool.py", "from os import fork as split\nsplit()\n"),
    "a process pool": ("pssh/engine/pool.py", "from concurrent.futures import ProcessPoolExecutor as E\nE()\n"),
    "the wall clock in the engine": ("pssh/engine/lanes.py", "import time\nlimit = time.time() + 1\n"),
    "the wall clock by another name": ("pssh/transport/ssh/exec.py", "from time import time as now\nnow()\n"),
    "the wall clock as a date": ("pssh/engine/lanes.py", "from datetime import datetime\ndatetime.now()\n"),
    "a secret opened in a report": ("pssh/report/table.py", "def f(secret):\n    return secret.reveal()\n"),
    "a secret opened by a call's result": ("pssh/runner.py", "def f(get):\n    return get().reveal()\n"),
    "paramiko's client": ("pssh/transport/ssh/connect.py", "import paramiko\nparamiko.SSHClient()\n"),
    "paramiko's known hosts": ("pssh/transport/ssh/connect.py", "from paramiko.hostkeys import HostKeys\n"),
    "paramiko's agent": ("pssh/transport/ssh/connect.py", "from paramiko import Agent as A\n"),
    "paramiko's thread": ("pssh/transport/ssh/connect.py", "def f(t):\n    t.start_client()\n"),
}


@pytest.mark.parametrize(("path", "text"), BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_rule_is_one_finding_that_names_the_file(tmp_path: Path, path: str, text: str) -> None:
    found = house(tmp_path, {"pssh/__init__.py": "", path: text})
    assert len(found) == 1 and found[0].startswith(f"{path}:"), found


def test_what_the_rules_allow_is_no_finding(tmp_path: Path) -> None:
    assert not house(
        tmp_path,
        {
            "pssh/__init__.py": "from pssh.fleet import Fleet\n",
            "pssh/__main__.py": "from pssh.cli.main import main\n",
            "pssh/model/host.py": "from msgspec import Struct\n",
            "pssh/model/names.py": "from pssh.errors import TargetsError\n",
            "pssh/ops/script.py": "from pssh.ops.shellwords import quote\nfrom pssh.model import host\n",
            "pssh/engine/pool.py": "from pssh.transport import local\nfrom pssh.ops import script\nimport asyncio\n",
            "pssh/engine/clock.py": "import time\nnow = time.time\n",
            "pssh/engine/wire.py": "def f(secret):\n    return secret.reveal()\n",
            "pssh/transport/ssh/hostkeys.py": "class HostKeys: ...\nHostKeys()\n",
            "pssh/transport/ssh/connect.py": "import paramiko\nfrom pssh.transport.ssh.hostkeys import HostKeys\n",
            "pssh/demo/server.py": "import time, paramiko\nparamiko.SSHClient\ntime.time()\n",
            "pssh/cli/main.py": "import click, pssh\nfrom pssh import Fleet\n",
        },
    )


def test_a_finding_says_the_line(tmp_path: Path) -> None:
    assert house(tmp_path, {"pssh/runner.py": "x = 1\n\nimport click\n"}) == [
        "pssh/runner.py:3: `click` outside pssh.cli"
    ]


def test_every_room_has_one_floor_below_the_command_line() -> None:
    assert all(
        floor < FLOORS["pssh.cli"] for room, floor in FLOORS.items() if room not in ("pssh.cli", "pssh.__main__")
    )
