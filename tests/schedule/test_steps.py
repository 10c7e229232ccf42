"""The tables of steps become operations."""

from pathlib import Path

import pytest

from pssh.errors import JobError
from pssh.model.work import Operation
from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.ops.fs.change import Chown, Cp, Mkdir
from pssh.ops.reboot import Reboot
from pssh.ops.steps import Packed
from pssh.ops.sync.push import Sync
from pssh.schedule.approval import plan_hash
from pssh.schedule.job import MaintenanceJob, load
from tests.schedule.test_job import written

HEAD = 'version = 1\nname = "a"\ntargets = "@local"\n'


def job(folder: Path, steps: str) -> MaintenanceJob:
    return load(written(folder, HEAD + steps))


def operation(folder: Path, step: str) -> Operation:
    """Return what one step does."""
    found = job(folder, f"[[step]]\n{step}\n").steps.steps[0].operation
    return found.opened() if isinstance(found, Packed) else found


def test_each_table_is_the_operation_of_its_name_with_paths_here_below_the_file(tmp_path: Path) -> None:
    written(tmp_path, "x", "a.conf")
    put = operation(tmp_path, 'put = { src = "a.conf", dest = "/etc/a.conf", mode = "0644", mkdir = true }')
    assert isinstance(put, Put)
    assert (put.sources, put.dest, put.attributes.mode, put.mkdir) == (
        (f"{tmp_path}/a.conf",),
        "/etc/a.conf",
        "0644",
        True,
    )
    each = operation(tmp_path, 'put = { src = "{host}.conf", dest = "/etc/a.conf" }')
    assert isinstance(each, Put) and each.sources == (f"{tmp_path}/{{host}}.conf",)
    get = operation(tmp_path, 'get = { src = ["/etc/a", "/etc/b"], dest = "kept", flat = true }')
    assert isinstance(get, Get) and (get.dest, get.flat) == (f"{tmp_path}/kept", True)
    (tmp_path / "site").mkdir()
    sync = operation(
        tmp_path, 'sync = { src = "site", dest = "/srv/site", delete = true, exclude = ["*.log"] }\nsudo = true'
    )
    assert isinstance(sync, Sync)
    assert (sync.folder, sync.delete, sync.exclude, sync.context.become) == (
        f"{tmp_path}/site",
        True,
        ("*.log",),
        "sudo",
    )
    reboot = operation(tmp_path, 'reboot = { when = "test -e x", timeout = "5m" }')
    assert reboot == Reboot(when="test -e x", timeout=300.0)


@pytest.mark.parametrize(
    ("table", "expected"),
    [
        ('{ verb = "mkdir", paths = "/srv/a", mode = "750", parents = true }', Mkdir),
        ('{ verb = "cp", paths = ["/etc/a", "/etc/b"], dest = "/srv/" }', Cp),
        ('{ verb = "chown", paths = "/srv/a", owner = "www-data", recursive = true }', Chown),
    ],
)
def test_a_verb_on_files_takes_its_own_keys(tmp_path: Path, table: str, expected: type) -> None:
    assert isinstance(operation(tmp_path, f"fs = {table}"), expected)


@pytest.mark.parametrize(
    ("step", "said"),
    [
        ('fs = { verb = "chmod", paths = "/srv/a" }', "`chmod` needs `mode`"),
        ('fs = { verb = "touch", paths = "/srv/a", owner = "x" }', "`owner` says nothing of `touch`"),
        ('fs = { verb = "shred", paths = "/srv/a" }', "`verb` is `shred` and should be"),
        ('put = { src = "gone", dest = "/etc/a" }', "No such file"),
        ('put = { dest = "/etc/a" }', "`src` is missing"),
        ('sync = { src = ".", dest = "/" }', "`/` is refused"),
        ('reboot = { timeout = "0" }', "is no time at all"),
        ('run = "echo \\u0000"', "NUL"),
    ],
)
def test_what_cannot_be_done_is_told_with_its_line(tmp_path: Path, step: str, said: str) -> None:
    with pytest.raises(JobError) as caught:
        job(tmp_path, f"[[step]]\n{step}\n")
    assert len(caught.value.findings) == 1
    assert f"{tmp_path}/job.toml:5: " in caught.value.findings[0] or "`src` is missing" in said
    assert said in caught.value.findings[0]


def test_what_others_may_change_is_not_sent(tmp_path: Path) -> None:
    written(tmp_path, "x", "a.conf").chmod(0o666)
    with pytest.raises(JobError) as caught:
        job(tmp_path, '[[step]]\nput = { src = "a.conf", dest = "/etc/a.conf" }\n')
    assert "may be written to by everybody" in caught.value.findings[0]


def test_one_agrees_also_to_the_content_that_is_sent(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    written(tmp_path / "site", "one", "index.html")
    found = job(tmp_path, '[[step]]\nsync = { src = "site", dest = "/srv/site" }\n')
    before = plan_hash(found)
    assert plan_hash(found) == before
    (tmp_path / "site" / "index.html").write_text("two")
    assert plan_hash(found) != before


def test_a_job_that_removes_or_boots_is_asked_about(tmp_path: Path) -> None:
    (tmp_path / "site").mkdir()
    assert not job(tmp_path, '[[step]]\nrun = "true"\n').steps.dangers
    assert not job(tmp_path, '[[step]]\nsync = { src = "site", dest = "/srv/site" }\n').steps.dangers
    assert job(tmp_path, '[[step]]\nsync = { src = "site", dest = "/srv/site", delete = true }\n').steps.dangers
    assert job(tmp_path, "[[step]]\nreboot = {}\n").steps.dangers
