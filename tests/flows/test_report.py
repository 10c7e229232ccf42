"""`pssh report`: earlier runs written to files."""

import json
from pathlib import Path

import pytest

from tests.support.command import pssh

INVENTORY = """\
version = 1
connection = { transport = "local" }
[hosts."web[1-3]"]
"""


@pytest.fixture
def home(tmp_path: Path) -> Path:
    """Return a folder in which one run has been made, on three hosts of which one failed."""
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "fleet.toml").write_text(INVENTORY)
    assert pssh("run", "-T", "@all", "test {host} != web2 && echo '<b>'", cwd=tmp_path).code == 5
    return tmp_path


def test_a_run_is_written_in_every_form(home: Path) -> None:
    names = {"--html": "r.html", "--md": "r.md", "--junit": "r.xml", "--csv": "r.csv", "--json": "r.json"}
    done = pssh("report", "r1", *(word for pair in names.items() for word in pair), cwd=home)
    assert (done.code, done.out) == (0, "")
    assert done.err == "pssh: r1, 3 hosts: `r.html`, `r.md`, `r.xml`, `r.csv`, `r.json`\n"
    assert all((home / name).stat().st_mode & 0o777 == 0o600 for name in names.values())
    page = (home / "r.html").read_text()
    assert "1 of 3 hosts is not ok" in page
    assert "&lt;b&gt;" in page and "<b>\n" not in page
    assert json.loads((home / "r.json").read_text())["counts"] == {"ok": 2, "failed": 1}


def test_it_is_what_the_run_itself_would_have_written(home: Path) -> None:
    pssh("run", "--report", "then.html", "--report", "then.csv", "@all", "uptime -s", cwd=home)
    assert pssh("report", "-q", "--html", "now.html", "--csv", "now.csv", cwd=home).err == ""
    for suffix in (".html", ".csv"):
        assert (home / f"then{suffix}").read_text() == (home / f"now{suffix}").read_text()


def test_a_dash_is_standard_output(home: Path) -> None:
    done = pssh("report", "--json", "-", "last", cwd=home)
    assert (json.loads(done.out)["run"]["run"], done.err) == ("r1", "")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "pssh: There is no file to write to\n  give one or more of `--html`, "),
        (["--html", ""], "pssh: "),
        (["--html", "a", "--md", "./a"], "pssh: Two reports are to go to one file\n"),
        (["--html", "none/a"], "pssh: `none/a` cannot be written: there is no folder `none`\n"),
        (["--html", "a", "r9"], "pssh: There is no run `r9` in the history\n  `pssh log` lists them\n"),
    ],
)
def test_what_cannot_be_written_is_told_and_nothing_is(home: Path, words: list[str], said: str) -> None:
    before = sorted(home.iterdir())
    done = pssh("report", *words, cwd=home)
    assert (done.code, done.out) == (2, "")
    assert done.err.startswith(said)
    assert sorted(home.iterdir()) == before
