"""Job files: what is right is read as it is meant, and what is wrong is told with its line."""

import json
import os
import re
import stat
from datetime import timedelta
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pssh.errors import JobError
from pssh.ops.command import Command
from pssh.ops.script import Script
from pssh.schedule.job import load
from pssh.schedule.jobfile import schema

BROKEN = sorted((Path(__file__).parent / "broken").glob("*.toml"))
EXAMPLE = """\
version = 1
name = "patch-web"
targets = "@web!@frozen"
inventory = "inventory/"
lock = "patch"
[schedule]
cron = "30 2 * * SUN#2"
timezone = "Europe/Paris"
window = "3h"
jitter = "10m"
catch_up = "once"
grace = "12h"
blackout = ["2026-12-20..2027-01-03", "file:holidays.ics"]
overlap = "skip"
[rollout]
canary = 2
batches = ["10%", "25%", "100%"]
soak = "5m"
parallel = 32
order = "inventory"
max_fail = "5%"
max_fail_least = 1
[[step]]
name = "drain"
local = "lbctl drain {host}"
undo = "lbctl enable {host}"
[[step]]
name = "upgrade"
run = "apt-get -qy upgrade"
sudo = true
timeout = "20m"
idempotent = true
retries = 1
[[step]]
script = "tidy.sh"
args = ["--all"]
env = { LANG = "C" }
[[step]]
name = "health"
check = "curl -fsS localhost/healthz"
retry_for = "2m"
[notify]
on = ["failure", "recovery", "window", "long"]
webhook = "https://hooks.example.net/x"
ping = "https://hc.example.net/uuid"
command = ["mail", "-s", "{job} {status}", "ops@example.net"]
"""


def written(folder: Path, text: str, name: str = "job.toml") -> Path:
    folder.chmod(0o700)
    path = folder / name
    path.write_text(text)
    path.chmod(0o600)
    return path


@pytest.fixture
def example(tmp_path: Path) -> Path:
    written(tmp_path, "echo tidy\n", "tidy.sh")
    written(tmp_path, "BEGIN:VCALENDAR\nBEGIN:VEVENT\nDTSTART:20261224\nEND:VEVENT\nEND:VCALENDAR\n", "holidays.ics")
    return written(tmp_path, EXAMPLE)


def test_a_whole_job_is_read_as_it_is_meant(example: Path) -> None:
    job = load(example, machine="here")
    assert job.entry is not None
    assert (job.entry.rule.cron, job.entry.rule.zone) == ("30 2 * * SUN#2", "Europe/Paris")
    assert (job.entry.window, job.entry.grace) == (timedelta(hours=3), timedelta(hours=12))
    assert timedelta() <= job.entry.jitter <= timedelta(minutes=10)
    assert [event.name for event in job.entry.blackouts.events] == ["2026-12-20..2027-01-03", "calendar"]
    assert job.options.told == {
        **{"parallel": 32, "canary": 2, "batch": "10%,25%,100%", "pause": "300.0"},
        **{"max_fail": "5%", "lock": "patch"},
    }
    drain, upgrade, script, health = job.steps.steps
    assert (drain.here, drain.undo) == (True, Command(text="lbctl enable {host}"))
    assert (upgrade.timeout, upgrade.retries, upgrade.idempotent) == (1200.0, 1, True)
    assert isinstance(upgrade.operation, Command) and upgrade.operation.context.become == "sudo"
    assert isinstance(script.operation, Script)
    assert (script.name, script.operation.content, script.operation.args) == ("script-3", b"echo tidy\n", ("--all",))
    assert health.retry_for == 120.0
    assert job.inventory == [example.parent / "inventory"]
    assert set(job.files) == {str(example.parent / name) for name in ("job.toml", "tidy.sh", "holidays.ics")}


def test_a_small_part_of_a_small_fleet_may_still_be_some(example: Path) -> None:
    from pssh.schedule.rollout import for_hosts

    job = load(example)
    assert [for_hosts(job.options, job.file, hosts).max_fail for hosts in (3, 20, 100)] == ["1", "1", "5"]


def test_the_jitter_is_that_of_the_machine_and_always_the_same(example: Path) -> None:
    found = [load(example, machine=name).entry for name in ("a", "b", "c", "a")]
    jitters = [entry.jitter for entry in found if entry]
    assert jitters[0] == jitters[3]
    assert len(set(jitters)) == 3


def test_there_are_thirty_broken_files() -> None:
    assert len(BROKEN) >= 30


@pytest.mark.parametrize("path", BROKEN, ids=lambda path: path.stem)
def test_everything_wrong_in_a_file_is_told_with_its_line_and_nothing_else(path: Path, tmp_path: Path) -> None:
    text = path.read_text()
    copy = written(tmp_path, text)
    expected = [
        (number, said[1].strip())
        for number, line in enumerate(text.splitlines(), 1)
        if (said := re.search("#!(.*)", line))
    ]
    with pytest.raises(JobError) as caught:
        load(copy)
    found = [finding.removeprefix(f"{copy}:").split(": ", 1) for finding in caught.value.findings]
    assert [int(line) for line, _ in found] == [number for number, _ in expected], found
    for (_, said), (_, wanted) in zip(found, expected, strict=True):
        assert wanted in said


def test_a_file_without_anything_but_steps_is_run_by_hand(tmp_path: Path) -> None:
    job = load(written(tmp_path, 'version = 1\nname = "a"\ntargets = "@local"\n[[step]]\nrun = "true"\n'))
    assert (job.entry, job.notify, job.inventory, job.steps.steps[0].name) == (None, None, [], "run-1")


@pytest.mark.parametrize(
    ("mode", "folder", "said"),
    [
        (0o602, 0o700, "may be written to by everybody"),
        (0o600, 0o702, "may be written to by everybody"),
        (0o622, 0o700, "may be written to by everybody"),
        (0o644, 0o755, ""),
        (0o600, 0o1777, ""),
    ],
)
def test_what_others_may_write_to_is_refused(tmp_path: Path, mode: int, folder: int, said: str) -> None:
    path = written(tmp_path, 'version = 1\nname = "a"\ntargets = "@local"\n[[step]]\nrun = "true"\n')
    path.chmod(mode)
    tmp_path.chmod(folder)
    if not said:
        assert load(path).name == "a"
        return
    with pytest.raises(JobError, match=said):
        load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file to another user")
def test_a_file_of_another_user_is_refused_also_for_root(tmp_path: Path) -> None:
    path = written(tmp_path, 'version = 1\nname = "a"\ntargets = "@local"\n[[step]]\nrun = "true"\n')
    os.chown(path, 65534, 65534)
    with pytest.raises(JobError, match="belongs to"):
        load(path)


def test_a_script_that_others_may_write_to_is_refused(example: Path) -> None:
    (example.parent / "tidy.sh").chmod(0o666)
    with pytest.raises(JobError) as caught:
        load(example)
    assert "may be written to by everybody" in caught.value.findings[0]
    assert stat.S_IMODE(example.stat().st_mode) == 0o600


def test_a_pipe_or_a_folder_is_no_job_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.toml")
    for name in ("pipe.toml", ".", "gone.toml"):
        with pytest.raises(JobError):
            load(tmp_path / name)


def test_the_published_schema_takes_what_we_take_and_refuses_an_unknown_key(example: Path) -> None:
    import tomllib

    said = tomllib.loads(EXAMPLE)
    validator = Draft202012Validator(json.loads(json.dumps(schema())))
    validator.check_schema(validator.schema)
    assert list(validator.iter_errors(said)) == []
    assert list(validator.iter_errors({**said, "colour": "red"}))
    assert list(validator.iter_errors({**said, "step": [{"run": "x", "tiemout": 3}]}))


def test_a_folder_further_up_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (tmp_path / "shared" / "jobs").mkdir(parents=True)
    path = written(
        tmp_path / "shared" / "jobs", 'version = 1\nname = "patch"\ntargets = "@local"\n[[step]]\nrun = "true"\n'
    )
    (tmp_path / "shared").chmod(0o777)  # its folder could be moved away, and another of ours put in its place
    with pytest.raises(JobError, match=r"`\S+/shared` may be written to by everybody"):
        load(path)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")
def test_a_link_that_another_user_made_is_refused(tmp_path: Path) -> None:
    path = written(tmp_path, 'version = 1\nname = "patch"\ntargets = "@local"\n[[step]]\nrun = "true"\n')
    link = tmp_path / "link.toml"
    link.symlink_to(path)
    assert load(link).name == "patch"
    os.chown(link, 65534, 65534, follow_symlinks=False)
    with pytest.raises(JobError, match=r"link\.toml` belongs to"):
        load(link)
