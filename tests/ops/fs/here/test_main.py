"""The program that works on this machine's files, as a process of its own."""

import json
import os
import signal
import subprocess
import sys
import tarfile
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from pssh.ops.fs.here import packing
from pssh.ops.fs.here.main import VERBS
from pssh.ops.fs.here.say import Out

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


@pytest.mark.parametrize(
    ("verb", "options", "made"),
    [("archive", {}, "open"), ("extract", {"to": "out"}, "mkdir"), ("link", {"target": "x"}, "symlink")],
)
def test_a_signal_right_behind_the_making_of_something_leaves_nothing_of_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, verb: str, options: dict[str, str], made: str
) -> None:
    monkeypatch.chdir(tmp_path)
    with tarfile.open("data.tar", "w"):
        pass
    make = getattr(os, made)

    def makes(*args: Any, **more: Any) -> Any:
        done = make(*args, **more)
        if any(isinstance(arg, bytes) and arg.startswith(b".pssh-") for arg in args):
            raise SystemExit(143)
        return done

    monkeypatch.setattr(os, made, makes)
    module, name = VERBS[verb]
    path = "new" if verb == "link" else "data.tar"
    with pytest.raises(SystemExit):
        getattr(import_module(f"pssh.ops.fs.here.{module}"), name)(Out(), str(tmp_path / path).encode(), options)
    assert os.listdir(tmp_path) == ["data.tar"]


def test_it_imports_nothing_but_the_standard_library() -> None:
    code = f"import sys;sys.path.insert(0,{ROOT!r});import pssh.ops.fs.here.main;print(*sys.modules)"
    done = subprocess.run([sys.executable, "-I", "-S", "-c", code], capture_output=True, text=True, check=True)
    assert not {"msgspec", "click", "asyncio", "paramiko"} & {name.split(".")[0] for name in done.stdout.split()}


def test_who_only_looks_does_not_wait_for_what_packs_and_copies() -> None:
    code = f"import sys;sys.path.insert(0,{ROOT!r});import pssh.ops.fs.here.main,pssh.ops.fs.here.looking"
    words = [sys.executable, "-I", "-S", "-c", f"{code};print(*sys.modules)"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert not {"tarfile", "shutil", "hashlib"} & set(done.stdout.split())


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_where_it_is_said_to_be(verb: str) -> None:
    module, name = VERBS[verb]
    assert callable(getattr(import_module(f"pssh.ops.fs.here.{module}"), name))


def test_a_file_that_shrinks_while_it_is_packed_spoils_nothing_else(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "a"
    folder.mkdir()
    (folder / "1").write_bytes(b"x" * 100_000)
    (folder / "2").write_text("whole")
    addfile = tarfile.TarFile.addfile

    def shrinking(tar: tarfile.TarFile, member: tarfile.TarInfo, content: Any = None) -> None:
        if member.name == "a/1":
            os.truncate(folder / "1", 10)
        addfile(tar, member, content)

    monkeypatch.setattr(tarfile.TarFile, "addfile", shrinking)
    out = Out()
    packing.archive(out, os.fsencode(folder), {"to": str(tmp_path / "a.tar")})
    assert out.bad
    with tarfile.open(tmp_path / "a.tar") as tar:
        assert [member.name for member in tar] == ["a", "a/1", "a/2"]
        content = tar.extractfile("a/2")
        assert content is not None and content.read() == b"whole"
