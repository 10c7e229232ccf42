"""The README tells the truth: its commands parse, its inventory loads, its targets name the hosts it says."""

import ast
import re
import shlex
from pathlib import Path

import click
import pytest

import pssh
from pssh.cli.main import COMMANDS
from pssh.cli.main import command as program
from pssh.inventory.load import load
from pssh.inventory.select import select
from pssh.model.names import expand
from pssh.model.outcome import Failure, Result
from pssh.report.hints import _HINTS, hint

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text("utf-8")


def blocks(language: str) -> list[str]:
    """Return the fenced blocks of one language, in order."""
    return re.findall(rf"^```{language}\n(.*?)^```", README, re.DOTALL | re.MULTILINE)


def commands() -> list[str]:
    """Return every line that a reader is told to type and that calls pssh; the bare name of a subcommand is none."""
    typed = [line[2:] for block in blocks("console") for line in block.splitlines() if line.startswith("$ ")]
    quoted = re.findall(r"`(pssh \w+ [^`]*)`", README)
    return [line for line in (*typed, *quoted) if line.startswith("pssh ") and line != "pssh COMMAND --help"]


def words(line: str) -> list[str]:
    """Return what a shell would hand to the command, up to a pipe."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|")
    lexer.whitespace_split = True
    found = list(lexer)
    return found[: found.index("|")] if "|" in found else found


def parse(line: str) -> None:
    """Let the command line read a line, without doing what it says. Raises click.UsageError."""
    _, name, *rest = words(re.sub(r"\[([A-Z]+)\](\.\.\.)?", r"\1", line))
    context = click.Context(program, info_name="pssh")
    subcommand = program.get_command(context, name)
    assert subcommand, f"no command `{name}`"
    subcommand.make_context(name, rest, parent=context)


def rows(header: str) -> list[list[str]]:
    """Return the cells of the table that begins with `header`, without their backticks."""
    _, _, after = README.partition(f"{header}\n")
    lines = after.split("\n\n")[0].splitlines()[1:]
    return [[cell.strip().strip("`") for cell in line.strip("|").split("|")] for line in lines]


@pytest.mark.parametrize("line", commands())
def test_every_command_in_the_readme_is_understood(line: str) -> None:
    parse(line)


@pytest.mark.parametrize("run", ["", "r42"])
@pytest.mark.parametrize("name", _HINTS)
def test_every_command_in_a_hint_is_understood_with_the_options_of_its_run(name: str, run: str) -> None:
    status, _, cause = name.rpartition(" ")
    stage, _, kind = cause.partition("/")
    end = Failure(stage=stage, kind=kind or "other", message="")  # type: ignore[arg-type]
    rows = [
        Result(job_id=n, host=f"web{n}", operation="", status=status or "failed", state="not-started", end=end)  # type: ignore[arg-type]
        for n in (1, 2)
    ]
    text = hint(rows, "-i 'my fleet.toml' -F config -l root --port 2222", run)
    assert text and "{" not in text
    for line in re.findall(r"`(pssh [^`]*)`", text):
        parse(line)
    known = {flag for command in COMMANDS for flag in flags_of(command)}
    assert set(re.findall(r"(?<=`)--?[a-z][a-z-]*", text)) <= known


def flags_of(name: str) -> set[str]:
    """Return the options of a subcommand."""
    found = program.get_command(click.Context(program, info_name="pssh"), name)
    assert found
    return {flag for param in found.params for flag in param.opts}


def test_a_command_that_does_not_exist_would_be_seen() -> None:
    with pytest.raises(click.UsageError):
        parse("pssh run --no-such-option @all true")


def test_every_subcommand_is_in_the_readme() -> None:
    said = {row[0].split()[1] for row in rows("| command | does |")}
    assert said == set(COMMANDS)


@pytest.mark.parametrize(("targets", "hosts"), rows("| targets | hosts |"))
def test_the_targets_in_the_readme_name_the_hosts_it_says(tmp_path: Path, targets: str, hosts: str) -> None:
    path = tmp_path / "fleet.toml"
    path.write_text(blocks("toml")[0])
    found = select(targets, load([path]))
    assert {host.name for host in found.hosts} == {name for part in parts(hosts) for name in expand(part)}


def parts(folded: str) -> list[str]:
    """Split a folded list at the commas that stand outside brackets."""
    return re.findall(r"(?:\[[^\]]*\]|[^,\[])+", folded)


@pytest.mark.parametrize("code", blocks("python"))
def test_the_python_in_the_readme_uses_names_that_exist(code: str) -> None:
    imported = [
        node for node in ast.walk(ast.parse(code)) if isinstance(node, ast.ImportFrom) and node.module == "pssh"
    ]
    assert imported and all(hasattr(pssh, alias.name) for node in imported for alias in node.names)


def test_no_line_of_text_in_the_documents_is_wider_than_a_terminal() -> None:
    wide = [
        f"{path.name}:{number}"
        for path in sorted(ROOT.glob("*.md"))
        for number, line in enumerate(path.read_text("utf-8").splitlines(), 1)
        if len(line) > 80 and not line.startswith("|")
    ]
    assert not wide
