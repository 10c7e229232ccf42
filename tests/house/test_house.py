"""This house keeps its rules: floors, rooms, borders, sizes, and a parent process that stays light."""

import ast
import re
import subprocess
import sys
from pathlib import Path

from tests.support.house import findings, inside, read

ROOT = Path(__file__).parents[2]
# What only a worker, the embedded fleet or a test imports.
NOT_IN_THE_PARENT = (
    "pssh.transport",
    "pssh.engine.worker",
    "pssh.demo.server",
    "pssh.demo.connection",
    "pssh.demo.files",
    "pssh.testing",
    "pssh.__main__",
)
# Of the SSH room, what the parent reads before any worker has a job.
IN_THE_PARENT = tuple(f"pssh.transport.ssh.{name}" for name in ("userconfig", "hostkeys", "keyfiles", "agent"))


def loaded(*modules: str) -> set[str]:
    """Return the top-level names a fresh interpreter has loaded after importing these."""
    code = f"import sys, {', '.join(modules)}; print(*{{name.partition('.')[0] for name in sys.modules}})"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=False)
    assert not done.returncode, done.stderr
    return set(done.stdout.split())


def test_the_floors_rooms_borders_and_sizes_are_kept() -> None:
    assert findings(ROOT) == []


def test_the_parent_process_never_imports_paramiko() -> None:
    modules = [module.name for module in read(ROOT)]
    parent = [name for name in modules if inside(name, IN_THE_PARENT) or not inside(name, NOT_IN_THE_PARENT)]
    assert not loaded(*parent) & {"paramiko", "invoke", "nacl", "bcrypt"}


def test_the_command_line_starts_without_what_only_reports_and_keys_need() -> None:
    assert not loaded("pssh.cli.main") & {"paramiko", "tabulate", "rich", "cryptography", "hypothesis"}


def test_a_command_waits_for_nothing_that_only_other_runs_need() -> None:
    code = "import sys, pssh.cli.early, pssh.cli.run, pssh.cli.start; print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    others = ("pssh.ops.files", "pssh.ops.fs", "pssh.ops.sync", "pssh.ops.steps", "pssh.report.html", "pssh.schedule")
    heavy = {"tabulate", "rich", "wcwidth", "cryptography", "importlib.metadata", "pathspec", "cronsim", "yaml"}
    names = set(done.stdout.split())
    assert not [name for name in names if inside(name, others)]
    assert not names & heavy


def test_a_worker_waits_for_nothing_that_paramiko_only_tells_its_version_by() -> None:
    code = (
        "import socket, sys; ours, theirs = socket.socketpair(); ours.close(); from pssh.engine.worker import main;"
        "main([str(theirs.detach()), 'ssh']); print(*sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    names = set(done.stdout.split())
    assert "paramiko.transport" in names
    assert not names & {"importlib.metadata", "email", "zipfile", "invoke.context"}


def skips(tree: ast.Module) -> list[ast.Call | ast.Attribute]:
    """Return every mention of a skip or an expected failure that gives no reason."""
    called = {id(node.func): node for node in ast.walk(tree) if isinstance(node, ast.Call)}
    found: list[ast.Call | ast.Attribute] = []
    for node in ast.walk(tree):
        if not (isinstance(node, ast.Attribute) and node.attr in ("skip", "skipif", "xfail")):
            continue
        if not ast.unparse(node.value).startswith("pytest"):
            continue
        call = called.get(id(node))
        plain = call is not None and node.attr == "skip" and call.args
        if call is None or not (plain or any(word.arg == "reason" for word in call.keywords)):
            found.append(call or node)
    return found


def test_every_skipped_test_says_why() -> None:
    bare = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sorted((ROOT / "tests").rglob("*.py"))
        if re.search("skip|xfail", text := path.read_text("utf-8"))
        for node in skips(ast.parse(text))
    ]
    assert not bare


def test_a_skip_without_a_reason_is_seen() -> None:
    text = "import pytest\n@pytest.mark.skip\ndef f(): pytest.skip('no sshd')\npytest.mark.skipif(True)\n"
    assert [node.lineno for node in skips(ast.parse(text))] == [2, 4]


def test_every_hint_begins_in_lower_case() -> None:
    wrong = [
        f"{path.relative_to(ROOT)}: {found[0]}"
        for path in sorted((ROOT / "pssh").rglob("*.py"))
        for found in re.finditer(r'(?i:\bhint|_HINT\w*|_RULE) ?= ?f?"[A-Z][a-z]* .*', path.read_text("utf-8"))
    ]
    assert not wrong
