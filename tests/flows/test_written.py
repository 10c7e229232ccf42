"""What a run writes beside the terminal: reports and files of output, argv in and files out, on this machine alone."""

import csv
import json
import subprocess
import sys
from pathlib import Path
from xml.etree import ElementTree

import pytest

from tests.support.command import environment, pssh
from tests.support.pty import CTRL_C, run_on_pty

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


def hosts(path: Path) -> list[str]:
    with path.open(newline="") as file:
        return [row["host"] for row in csv.DictReader(file)]


def test_a_run_writes_as_many_reports_as_are_asked_for(fleet: Path) -> None:
    names = ("r.html", "r.csv", "r.md", "r.json", "r.xml", "r.ndjson")
    flags = [word for name in names for word in ("--report", name)]
    done = pssh("run", *flags, "--events", "output", "@all", "echo hello", cwd=fleet)
    assert done.code == 0 and "hello" in done.out
    assert hosts(fleet / "r.csv") == ["web1", "web2", "web3", "db1"]
    assert "<b>All 4 hosts are ok</b>" in (fleet / "r.html").read_text()
    assert "| db1,web\\[1-3\\] | 4 | ok |" in (fleet / "r.md").read_text()
    assert json.loads((fleet / "r.json").read_text())["counts"] == {"ok": 4}
    assert len(ElementTree.parse(fleet / "r.xml").findall("testsuite/testcase")) == 4
    events = [json.loads(line)["event"] for line in (fleet / "r.ndjson").read_text().splitlines()]
    assert events.count("host.end") == events.count("host.output") == 4
    assert all((fleet / name).stat().st_mode & 0o777 == 0o600 for name in names)


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        (["--report", "r.pdf"], "pssh: `r.pdf` says no form of a report"),
        (["--report", "none/r.csv"], "pssh: `none/r.csv` cannot be written: there is no folder `none`"),
        (["--report", "r.csv", "--report", "./r.csv"], "pssh: Two reports are to go to one file"),
        (["-o", "inventory/fleet.toml"], "pssh: No files can be written to `inventory/fleet.toml`: it is no folder"),
        (["--append"], "pssh: `--append` adds to the files of `-o` or `-e`"),
        (["--events", "output"], "pssh: `--events` goes with `--format ndjson`"),
    ],
)
def test_what_cannot_be_written_is_said_before_anything_is_run(fleet: Path, flags: list[str], said: str) -> None:
    done = pssh("run", *flags, "@all", "touch ran", cwd=fleet)
    assert (done.code, done.out, done.err.splitlines()[0]) == (2, "", said)
    assert not (fleet / "ran").exists()


def test_a_report_that_cannot_be_written_at_the_end_is_our_own_failure_and_the_rest_is_there(fleet: Path) -> None:
    flags = ("--report", "r.csv", "--report", "r.json")
    done = pssh("run", *flags, "--local", "-T", "web1", "mkdir r.csv; echo {host}", cwd=fleet)
    assert done.code == 1
    assert "web1" in done.out and "1 host: 1 ok" in done.err
    assert done.err.splitlines()[-1] == "pssh: `r.csv` could not be written: Is a directory"
    assert json.loads((fleet / "r.json").read_text())["counts"] == {"ok": 1}


def test_a_run_that_was_interrupted_still_writes_its_report_and_what_was_said(fleet: Path) -> None:
    argv = [sys.executable, "-m", "pssh", "run", "--report", "r.csv", "--report", "r.ndjson", "-o", "out", "-L"]
    screen = run_on_pty(
        [*argv, "@all", "echo begun; sleep 60"], keys=[(b"begun", CTRL_C)], env=environment(fleet), cwd=fleet
    )
    assert screen.exit_code == 130
    assert hosts(fleet / "r.csv") == ["web1", "web2", "web3", "db1"]
    assert json.loads((fleet / "r.ndjson").read_text().splitlines()[-1])["event"] == "run.end"
    assert "begun\n" in {path.read_text() for path in (fleet / "out").iterdir()}


def test_each_host_has_a_file_for_each_stream_with_its_exact_bytes(fleet: Path) -> None:
    text = r"printf '\033[1m\000\377'; seq 300000; echo oh >&2"
    done = pssh("run", "-q", "-o", "out", "-e", "err", "@all", text, cwd=fleet)
    assert done.code == 0
    expected = b"\x1b[1m\x00\xff" + b"".join(b"%d\n" % number for number in range(1, 300_001))
    for host in ("web1", "web2", "web3", "db1"):
        assert (fleet / "out" / host).read_bytes() == expected
        assert (fleet / "err" / host).read_bytes() == b"oh\n"


def test_a_disk_that_is_full_is_our_own_failure_and_no_result_is_lost(fleet: Path) -> None:
    line = f"ulimit -f 8; exec {sys.executable} -m pssh run --no-history -f json -o out @all 'seq 20000'"
    env = environment(fleet, PYTHONDONTWRITEBYTECODE="1")  # which would be cut off too
    done = subprocess.run(["sh", "-c", line], cwd=fleet, env=env, capture_output=True, check=False)
    assert done.returncode == 1
    assert len(json.loads(done.stdout)["results"]) == 4
    assert b"could not be written: File too large" in done.stderr


def test_what_comes_is_shown_and_then_gathered(fleet: Path) -> None:
    done = pssh("run", "-L", "-g", "@all", "echo hello", cwd=fleet)
    live, _, gathered = done.out.partition("---------------\n")
    assert sorted(live.splitlines()) == ["db1: hello", "web1: hello", "web2: hello", "web3: hello"]
    assert gathered.startswith("db1,web[1-3] (4)\n---------------\n| hello\n\nHOSTS ")
    assert done.err.startswith("\n4 hosts: 4 ok")


def test_raw_is_the_bytes_of_one_host_and_of_no_more(fleet: Path) -> None:
    argv = [sys.executable, "-m", "pssh", "run", "-q", "--raw", "web1", r"printf '\033[1m\000\377'; printf '\233' >&2"]
    done = subprocess.run(argv, cwd=fleet, env=environment(fleet), capture_output=True, check=False)
    assert (done.returncode, done.stdout, done.stderr) == (0, b"\x1b[1m\x00\xff", b"\x9b")
    refused = pssh("run", "--raw", "@web", "touch ran", cwd=fleet)
    assert (refused.code, refused.out) == (2, "")
    assert refused.err.startswith("pssh: `--raw` is for one host, and the targets name 3\n")
    assert pssh("run", "--raw", "-g", "web1", "touch ran", cwd=fleet).code == 2
    assert not (fleet / "ran").exists()


def test_raw_reaches_a_terminal_only_where_that_is_said(fleet: Path) -> None:
    def on_terminal(line: str) -> tuple[int, bytes]:
        screen = run_on_pty(["sh", "-c", f"exec {sys.executable} -m pssh {line}"], env=environment(fleet), cwd=fleet)
        return screen.exit_code, screen.data

    code, seen = on_terminal(r"run --raw web1 'touch ran'")
    assert code == 2 and seen.startswith(b"pssh: `--raw` would let a host write to this terminal as it likes")
    assert not (fleet / "ran").exists()
    command = r"""'printf "\033[5m"; printf "\033[7m" >&2'"""
    assert b"\x1b[5m" in on_terminal(f"run -q --raw=always web1 {command}")[1]
    code, seen = on_terminal(f"run -q --raw web1 {command} > file")
    assert code == 0 and b"\x1b[7m" not in seen and rb"\x1b[7m" in seen
    assert (fleet / "file").read_bytes() == b"\x1b[5m"


def test_what_is_over_the_budget_is_dropped_and_counted_or_ends_the_command(fleet: Path) -> None:
    line = "head -c 3000000 /dev/zero; echo done >&2"
    done = pssh("run", "-f", "json", "-o", "out", "--max-output", "2M/run:3M", "web[1-2]", line, cwd=fleet)
    rows = json.loads(done.out)["results"]
    assert [(row["code"], row["stdout_bytes"], row["truncated"], row["stderr"]) for row in rows] == [
        (0, 3_000_000, True, "done\n"),
        (0, 3_000_000, True, "done\n"),
    ]
    sizes = [(fleet / "out" / host).stat().st_size for host in ("web1", "web2")]
    assert sum(sizes) == 3 << 20 and max(sizes) <= 2 << 20
    assert "do not hold all that 2 hosts printed: web[1-2]\n  they take 2M of a host and 3M of the run" in done.err
    flags = ("-f", "json", "--max-output", "64K", "--on-overflow", "kill", "--kill-after", "1s")
    done = pssh("run", *flags, "web1", "yes", cwd=fleet)
    (row,) = json.loads(done.out)["results"]
    assert (done.code, row["status"], row["cause"]) == (3, "cancelled", "stop/output-limit")
    assert row["remote_end"] in ("killed", "exited") and row["stdout_bytes"] > 64 << 10
    assert "`--max-output` set this limit" in done.err
