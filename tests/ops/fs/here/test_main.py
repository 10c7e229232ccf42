"""The program that works on this machine's files, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

ROOT = str(Path(__file__).parents[4])
_BOOT = "import sys;sys.path.insert(0,sys.argv[1]);from pssh.ops.fs.here.main import main;main()"


def started(verb: str, path: Path, **options: Any) -> subprocess.Popen[bytes]:
    words = [sys.executable, "-I", "-S", "-c", _BOOT, ROOT]
    process = subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert process.stdin is not None
    process.stdin.write(json.dumps({"verb": verb, "paths": [str(path)], "options": options}).encode() + b"\n")
    process.stdin.flush()  # and left open, as a leash leaves it
    return process


@pytest.mark.parametrize(("verb", "options"), [("archive", {"to": "x.tar.xz"}), ("place", {"dest": "copy"})])
def test_what_is_half_made_when_it_is_told_to_end_is_removed(
    tmp_path: Path, verb: str, options: dict[str, str]
) -> None:
    data = tmp_path / "data"
    data.mkdir()
    for number in range(3000):
        (data / f"{number}").write_bytes(os.urandom(4000))
    ours = {name: str(tmp_path / value) for name, value in options.items()}
    process = started(verb, data, **ours)
    end = time.monotonic() + 30
    while not any(name.startswith(".pssh-") for name in os.listdir(tmp_path)):
        assert process.poll() is None and time.monotonic() < end, "it was over before anybody looked"
    process.send_signal(signal.SIGTERM)
    process.communicate()
    assert process.returncode == 143
    assert os.listdir(tmp_path) == ["data"]


def test_it_imports_nothing_but_the_standard_library() -> None:
    code = f"import sys;sys.path.insert(0,{ROOT!r});import pssh.ops.fs.here.main;print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"msgspec", "click", "asyncio", "paramiko"} & {name.split(".")[0] for name in done.stdout.split()}
