"""A second user agrees to a job, with the very bytes of all that it reads."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from pssh.errors import JobError
from pssh.schedule.approval import approve, approved, plan_hash
from pssh.schedule.job import MaintenanceJob, load
from tests.schedule.test_job import written
from tests.support.passage import opened_to_all

NOBODY = 65534
TEXT = 'version = 1\nname = "a"\ntargets = "@local"\ninventory = "inventory"\n[[step]]\nscript = "tidy.sh"\n'
pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can be two users")


@contextmanager
def nobody() -> Iterator[None]:
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@pytest.fixture
def job(tmp_path: Path) -> MaintenanceJob:
    written(tmp_path, "echo\n", "tidy.sh")
    (tmp_path / "inventory").mkdir()
    (tmp_path / "inventory" / "a.txt").write_text("web1\n")
    path = written(tmp_path, TEXT)
    (tmp_path / "approvals").mkdir()
    (tmp_path / "approvals").chmod(0o1777)
    opened_to_all(tmp_path)
    return load(path)


def test_another_user_agrees_and_the_owner_cannot(job: MaintenanceJob) -> None:
    folder = job.path.parent / "approvals"
    assert approved(job, folder) == ""
    with pytest.raises(JobError, match="cannot approve"):
        approve(job, folder)
    for path in (job.path, job.path.parent / "tidy.sh"):
        path.chmod(0o644)
    with nobody():
        path = approve(job, folder)
        assert approve(job, folder) == path  # again does no harm
    assert approved(job, folder) == "nobody"
    assert path.stat().st_uid == NOBODY


def test_whatever_changes_needs_a_new_approval(job: MaintenanceJob) -> None:
    folder = job.path.parent / "approvals"
    before = plan_hash(job)
    with nobody():
        approve(job, folder)
    for name, text in (("tidy.sh", "rm -rf /\n"), ("inventory/a.txt", "web1\nweb2\n"), ("job.toml", f"{TEXT}# more\n")):
        path = job.path.parent / name
        old = path.read_text()
        path.write_text(text)
        changed = load(job.path)
        assert plan_hash(changed) != before
        assert approved(changed, folder) == ""
        path.write_text(old)
    assert approved(load(job.path), folder) == "nobody"


def test_a_file_that_only_looks_like_an_approval_is_none(job: MaintenanceJob) -> None:
    folder, plan = job.path.parent / "approvals", plan_hash(job)
    ours = folder / f"pssh-approval-{plan}-0"
    ours.write_text(plan)
    theirs = folder / f"pssh-approval-{plan}-{NOBODY}"
    theirs.write_text(plan)  # named like theirs, and ours
    assert approved(job, folder) == ""
    theirs.write_text("another plan")
    os.chown(theirs, NOBODY, NOBODY)
    assert approved(job, folder) == ""
    theirs.unlink()
    theirs.symlink_to(ours)
    assert approved(job, folder) == ""
    theirs.unlink()
    (folder / "elsewhere").write_text(plan)
    os.chown(folder / "elsewhere", NOBODY, NOBODY)
    os.link(folder / "elsewhere", theirs)  # a file of theirs under another name
    assert approved(job, folder) == ""


def test_a_job_of_a_third_user_is_read_to_approve_of_it_and_not_to_run_it(job: MaintenanceJob) -> None:
    folder = job.path.parent / "approvals"
    for path in (job.path.parent, *job.path.parent.rglob("*")):
        if path != folder:
            os.chown(path, 4242, 4242)
            path.chmod(0o755 if path.is_dir() else 0o644)
    with pytest.raises(JobError, match="only its owner may run it"):
        load(job.path)
    with nobody():
        approve(load(job.path, ours=False), folder)
    assert approved(load(job.path, ours=False), folder) == "nobody"
    (job.path.parent / "tidy.sh").chmod(0o666)
    with nobody(), pytest.raises(JobError):
        load(job.path, ours=False)
