"""What a job file holds that may be secret is nowhere else once the job has run: everything written is searched."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.command import Done, pssh

CANARIES = ("hook-canary-1f", "ping-canary-2e", "word-canary-3d", "env-canary-4c", "local-canary-5b")
JOB = """\
version = 1
name = "tidy"
targets = "@web"
inventory = "fleet.toml"
lock = "tidy"
[schedule]
cron = "* * * * *"
[rollout]
canary = 1
batches = ["1"]
[[step]]
name = "drain"
local = 'test "$TOKEN" && echo drained'
undo = 'test ! "$TOKEN"'
env = {{ TOKEN = "local-canary-5b" }}
[[step]]
name = "work"
run = 'test "$TOKEN" && echo {{host}} && test {{host}} != web2'
env = {{ TOKEN = "env-canary-4c" }}
[notify]
webhook = "http://127.0.0.1:{port}/services/hook-canary-1f?a=hook-canary-1f"
ping = "http://canary:ping-canary-2e@127.0.0.1:{port}/ping-canary-2e"
command = ["{folder}/tell", "{{job}} {{status}} {{run}} {{text}}", "--header=Authorization: Bearer word-canary-3d-00"]
"""
_TELL = """#!/bin/sh
{ echo "$1"; cat; } >> told
echo "$2" >&2
exit 1
"""
FORMS = ("table", "gather", "lines", "json", "ndjson", "csv", "md", "junit")


@pytest.fixture
def fleet(tmp_path: Path, closed_port: int) -> Path:
    tmp_path.chmod(0o700)
    (tmp_path / "fleet.toml").write_text(
        'version = 1\nconnection = { transport = "local" }\n[hosts."web[1-3]"]\n[groups.web]\nhosts = "web[1-3]"\n'
    )
    (tmp_path / "tell").write_text(_TELL)
    (tmp_path / "tell").chmod(0o700)
    (tmp_path / "tidy.toml").write_text(JOB.format(port=closed_port, folder=tmp_path))
    return tmp_path


def everything(folder: Path) -> Iterator[tuple[str, bytes]]:
    """Yield every file but the job's own, and its name."""
    for path in sorted(folder.rglob("*")):
        if path.is_file() and path.name != "tidy.toml":
            yield str(path.relative_to(folder)), path.read_bytes()


def test_no_secret_of_a_job_is_in_anything_that_is_written(fleet: Path) -> None:
    said: dict[str, Done] = {}

    def call(*words: str) -> Done:
        said[" ".join(words)] = done = pssh(*words, cwd=fleet)
        return done

    reports = [
        word for suffix in ("html", "md", "json", "ndjson", "csv", "xml") for word in ("--report", f"r.{suffix}")
    ]
    ran = call("job", "run", "--now", *reports, "tidy.toml")
    assert ran.code == 6, ran
    assert ran.err.count("could not notify by") == 4, ran  # the watchdog twice
    assert "failed" in (fleet / "told").read_text()
    for words in (
        ("check",),
        ("explain",),
        ("run", "--dry-run"),
        ("run", "--resume", "r1"),
        ("install", "--cron", "--into", "tab"),
    ):
        assert call("job", *words, "tidy.toml").code != 1
    for words in (("job", "list"), ("log", "--json"), ("rerun", "r1"), *(("show", "-f", form, "r1") for form in FORMS)):
        assert call(*words).code in (0, 2)
    (fleet / "tidy.toml").write_text((fleet / "tidy.toml").read_text().replace("http://127", "ftp://127"))
    assert call("job", "check", "tidy.toml").code == 2
    found = [
        (canary, name)
        for name, data in (*everything(fleet), *((name, f"{one.out}{one.err}".encode()) for name, one in said.items()))
        for canary in CANARIES
        if canary.encode() in data
    ]
    assert not found, found
