"""The other way round: what a host has comes to lie here, in a folder of its name, and nowhere else."""

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, Phase, given, settings
from msgspec.structs import replace

from pssh.model.work import TransportError
from pssh.ops.sync.pull import Pull
from tests.ops.sync.test_sync import Spec, build, judged, needs_rsync, specs, state
from tests.support.shells import Shell


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path, ["dash"])


@needs_rsync
@settings(
    max_examples=8,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(theirs=specs, ours=specs)
async def test_after_a_pull_rsync_sees_no_difference(shell: Shell, tmp_path: Path, theirs: Spec, ours: Spec) -> None:
    for name in ("theirs", "copies"):
        shutil.rmtree(tmp_path / name, ignore_errors=True)
    one = build(tmp_path / "theirs", theirs)
    (tmp_path / "copies").mkdir()
    two = build(tmp_path / "copies" / "web1", ours)
    pull = Pull(folder=str(one), dest=str(tmp_path / "copies"), host="web1", delete=True, max_delete=100)
    await pull.perform(shell)
    assert state(one) == state(two)
    assert judged(one, two) == ""
    reply = await pull.perform(shell)
    assert (reply.stdout, reply.changed) == (b"same\n", False)


async def test_the_folder_of_a_host_is_made_and_its_links_stay_inside(shell: Shell, tmp_path: Path) -> None:
    one = build(tmp_path / "theirs", {(0, 1): ("file", 0o640, 1, 7)})
    (one / "out").symlink_to("/etc/passwd")
    (one / "up").symlink_to("../../x")
    (one / "in").symlink_to("a/b")
    os.mkfifo(one / "fifo")
    reply = await Pull(folder=str(one), dest=str(tmp_path / "copies"), host="web1").perform(shell)
    copy = tmp_path / "copies" / "web1"
    assert sorted(path.name for path in copy.iterdir()) == ["a", "in"]
    assert (copy / "a" / "b").stat().st_mode & 0o777 == 0o640 and "left out" in reply.note


async def test_nothing_here_is_written_through_a_link(shell: Shell, tmp_path: Path) -> None:
    one = build(tmp_path / "theirs", {(0, 1): ("file", 0o644, 1, 7)})
    outside = build(tmp_path / "outside", {(1,): ("file", 0o644, 2, 7)})
    before = state(outside)
    (tmp_path / "copies" / "web1").mkdir(parents=True)
    (tmp_path / "copies" / "web1" / "a").symlink_to(outside)
    await Pull(folder=str(one), dest=str(tmp_path / "copies"), host="web1", delete=True, max_delete=100).perform(shell)
    assert state(outside) == before
    assert (tmp_path / "copies" / "web1" / "a" / "b").read_bytes() == (one / "a" / "b").read_bytes()


async def test_what_is_left_out_and_what_is_too_much_stays(shell: Shell, tmp_path: Path) -> None:
    one = build(tmp_path / "theirs", {(0,): ("file", 0o644, 1, 7)})
    copy = tmp_path / "copies" / "web1"
    copy.mkdir(parents=True)
    for name in ("x.log", "old1", "old2", "a"):
        (copy / name).touch()
    pull = Pull(folder=str(one), dest=str(tmp_path / "copies"), host="web1", delete=True, exclude=("*.log",))
    with pytest.raises(TransportError, match="more than 50 %"):
        await pull.perform(shell)
    dry = await replace(pull, dry=True).perform(shell)
    assert "more than 50 %" in dry.note
    assert b"remove  old1\nremove  old2\n" in dry.stdout and (copy / "old1").exists()
    await replace(pull, max_delete=100).perform(shell)
    assert sorted(path.name for path in copy.iterdir()) == ["a", "x.log"]


async def test_with_checksum_content_decides(shell: Shell, tmp_path: Path) -> None:
    one = build(tmp_path / "theirs", {(0,): ("file", 0o644, 1, 7), (1,): ("file", 0o644, 2, 7)})
    pull = Pull(folder=str(one), dest=str(tmp_path / "copies"), host="web1")
    await pull.perform(shell)
    file = tmp_path / "copies" / "web1" / "b"
    file.write_bytes(b"#" * file.stat().st_size)
    os.utime(file, (7, 7))
    os.utime(tmp_path / "copies" / "web1", (5, 5))
    assert (await pull.perform(shell)).stdout == b"same\n"
    assert (await replace(pull, checksum=True).perform(shell)).stdout.startswith(b"1 file")
    assert state(one) == state(tmp_path / "copies" / "web1")


async def test_a_folder_that_is_not_there_is_a_failure(shell: Shell, tmp_path: Path) -> None:
    with pytest.raises(TransportError):
        await Pull(folder=f"{tmp_path}/none", dest=str(tmp_path / "copies"), host="web1").perform(shell)
