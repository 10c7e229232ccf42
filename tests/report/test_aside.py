"""Files that are there whole or not at all."""

import os
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from pssh.errors import UsageError
from pssh.report.aside import check, save

on_linux = pytest.mark.skipif(sys.platform != "linux", reason="no folder that is known to take no file")


def test_a_file_is_whole_and_for_its_owner_alone(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        save(tmp_path / "r.csv", ["a", b"b"])
    finally:
        os.umask(before)
    assert (tmp_path / "r.csv").read_bytes() == b"ab"
    assert (tmp_path / "r.csv").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in tmp_path.iterdir()] == ["r.csv"]


def test_what_cannot_be_written_to_its_end_leaves_what_was_there(tmp_path: Path) -> None:
    (tmp_path / "r.csv").write_text("old")

    def pieces() -> Iterator[str]:
        yield "new"
        raise OSError(28, "No space left on device")

    with pytest.raises(OSError, match="No space left") as raised:
        save(tmp_path / "r.csv", pieces())
    assert raised.value.filename == str(tmp_path / "r.csv")
    assert [path.read_text() for path in tmp_path.iterdir()] == ["old"]


def test_a_link_at_the_name_is_replaced_and_not_followed(tmp_path: Path) -> None:
    (tmp_path / "precious").write_text("mine")
    (tmp_path / "r.csv").symlink_to("precious")
    save(tmp_path / "r.csv", ["new"])
    assert (tmp_path / "precious").read_text() == "mine"
    assert (tmp_path / "r.csv").read_text() == "new" and not (tmp_path / "r.csv").is_symlink()


def test_what_can_be_written_is_only_looked_at(tmp_path: Path) -> None:
    check(tmp_path / "r.csv")
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "why"),
    [
        ("none/r.csv", "there is no folder `none`"),
        ("file/r.csv", "there is no folder `file`"),
        ("folder", "it is a folder"),
        pytest.param("/proc/r.csv", "No such file or directory", marks=on_linux),
    ],
)
def test_a_place_where_nothing_can_be_written_is_refused(
    tmp_path: Path, path: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    monkeypatch.chdir(tmp_path)
    with pytest.raises(UsageError) as raised:
        check(Path(path))
    assert raised.value.message == f"`{path}` cannot be written: {why}"
