"""The entry: help, versions, and how misuse is told."""

import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from pssh import __version__
from pssh.cli.main import COMMANDS
from tests.support.command import ROOT, environment, pssh


def test_pssh_alone_is_help(tmp_path: Path) -> None:
    alone, asked = pssh(cwd=tmp_path), pssh("--help", cwd=tmp_path)
    assert (alone.code, alone.err) == (0, "")
    assert alone.out == asked.out
    for name in COMMANDS:
        assert f"  {name} " in alone.out


@pytest.mark.parametrize("name", ["fs", "job", "sched"])
def test_a_command_of_commands_alone_is_its_help(name: str, tmp_path: Path) -> None:
    alone, asked = pssh(name, cwd=tmp_path), pssh(name, "--help", cwd=tmp_path)
    assert (alone.code, alone.err, alone.out) == (0, "", asked.out)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_has_help_with_examples(name: str, tmp_path: Path) -> None:
    done = pssh(name, "--help", cwd=tmp_path)
    assert (done.code, done.err) == (0, "")
    assert f"Examples:\n  pssh {name}" in done.out
    assert max(map(len, done.out.splitlines())) <= 100


def test_help_imports_neither_the_engine_nor_any_transport(tmp_path: Path) -> None:
    argv = [sys.executable, "-X", "importtime", "-m", "pssh", "--help"]
    done = subprocess.run(argv, cwd=tmp_path, env=environment(tmp_path), capture_output=True, text=True)
    loaded = {line.rpartition("|")[2].strip() for line in done.stderr.splitlines()}
    assert "pssh.cli.main" in loaded
    assert not loaded & {"asyncio", "msgspec", "pssh.engine", "pssh.transport", "pssh.inventory", "paramiko"}


def test_the_version_is_the_distributions(tmp_path: Path) -> None:
    done = pssh("--version", cwd=tmp_path)
    assert done.out == f"pssh {__version__}\n"
    settings = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert settings["tool"]["setuptools"]["dynamic"]["version"] == {"attr": "pssh.__version__"}


PUT_HELP = "  `pssh put --help` shows how"
RUN_HELP = "  `pssh run --help` shows how"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (["rnu"], ["No command `rnu`", "  did you mean `pssh run`?"]),
        (["fs", "find", "@all", "/", "-name", "x"], ["No option `-name`", "  did you mean `--name`?"]),
        (["--versio"], ["No option `--versio`", "  did you mean `--version`?"]),
        (["-h"], ["No option `-h`", "  help is `pssh --help`"]),
        (["help"], ["No command `help`", "  help is `pssh --help`"]),
        (["run"], ["TARGETS is missing", RUN_HELP]),
        (["run", "@web"], ["COMMAND... is missing", RUN_HELP]),
        (["run", "@web", "--"], ["There is no command after the targets", "  `pssh run TARGETS COMMAND`"]),
        (["run", "-f", "csv", "-L", "@web", "true"], ["`csv` and `lines` are two formats", "  give one of them"]),
        (
            ["run", "-p", "0", "@web", "true"],
            ["Invalid value for `-p` / `--parallel`: `0` is no number from 1 on", RUN_HELP],
        ),
        (
            ["run", "-t", "5x", "@web", "true"],
            ["Invalid value for `-t` / `--timeout`: `5x` is no duration; write `10`, `500ms` or `2m30s`", RUN_HELP],
        ),
        (
            ["run", "--port", "ssh", "@web", "true"],
            ["Invalid value for `--port`: `ssh` is no number from 1 to 65535", RUN_HELP],
        ),
        (["run", "-p"], ["Option `-p` requires an argument", RUN_HELP]),
        (["run", "--sudo=", "@web", "true"], ["`--sudo=` has no value", RUN_HELP]),
        (["run", "--seed", "x", "@web", "true"], ["Invalid value for `--seed`: `x` is no number", RUN_HELP]),
        (
            ["run", "-n", "-f", "json", "@web", "true"],
            ["`--dry-run` and `--format json` do not go together", "  what would be done is shown as text"],
        ),
        (["run", "-i", "", "@web", "true"], ["Invalid value for `-i` / `--inventory`: it is empty", RUN_HELP]),
        (["run", "-l", "", "@web", "true"], ["Invalid value for `-l` / `--user`: it is empty", RUN_HELP]),
        (["run", "-x", "", "@web", "true"], ["Invalid value for `-x` / `--exclude`: it is empty", RUN_HELP]),
        (["run", "--slice", "", "@web", "true"], ["Invalid value for `--slice`: it is empty", RUN_HELP]),
        (
            ["sync", "-x", "", "@web", "a", "b"],
            ["Invalid value for `-x`: it is empty", "  `pssh sync --help` shows how"],
        ),
        *(
            (["put", flag, "", "@web", "a", "b"], [f"Invalid value for `{flag}`: it is empty", PUT_HELP])
            for flag in ("--mode", "--owner", "--group")
        ),
        (
            ["run", "@web", "-t", "5", "true"],
            [
                "`-t` stands after the targets",
                "  options stand before TARGETS; a command that begins so, after `--`",
            ],
        ),
    ],
)
def test_misuse_is_one_line_and_a_hint_and_exits_with_2(args: list[str], said: list[str], tmp_path: Path) -> None:
    done = pssh(*args, cwd=tmp_path)
    assert (done.code, done.out) == (2, "")
    assert done.err.removeprefix("pssh: ").splitlines() == said


@pytest.mark.parametrize("words", [["@db"], ["-t", "5", "@db"], ["--sudo=root", "@db"]])
def test_help_is_also_asked_for_behind_the_targets(words: list[str], tmp_path: Path) -> None:
    for name in ("run", "script", "put"):
        done = pssh(name, *words, "--help", cwd=tmp_path)
        assert (done.code, done.out.startswith(f"Usage: pssh {name} "), done.err) == (0, True, "")


def test_what_is_typed_cannot_act_on_the_terminal(tmp_path: Path) -> None:
    done = pssh("\x1b[2J", cwd=tmp_path)
    assert "\x1b" not in done.err


@pytest.mark.parametrize("args", [["--help"], ["run", "--help"]])
def test_a_full_disk_is_one_line_and_exits_with_1(args: list[str], tmp_path: Path) -> None:
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-m", "pssh", *args],
            cwd=tmp_path,
            env=environment(tmp_path),
            stdout=full,
            stderr=subprocess.PIPE,
            text=True,
        )
    assert (done.returncode, done.stderr) == (1, "pssh: No space left on device\n")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
def test_a_stream_that_the_caller_closed_is_taken_as_one_that_nobody_reads(closed: str, tmp_path: Path) -> None:
    done = subprocess.run(
        ["sh", "-c", f"exec {sys.executable} -m pssh run @local 'echo here' {closed}"],
        cwd=tmp_path,
        env=environment(tmp_path),
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0
    assert ("here" in done.stdout) is (">&-" not in closed.replace("2>&-", ""))
    assert "bug" not in done.stderr
    assert "Traceback" not in done.stderr
