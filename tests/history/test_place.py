"""Where a history may lie."""

import os
from pathlib import Path

import pytest

from pssh.errors import HistoryError
from pssh.history.place import open_file, secure, state_folder


def test_the_environment_moves_the_folder(tmp_path: Path) -> None:
    assert state_folder({}, tmp_path) == tmp_path
    assert state_folder({"PSSH_STATE": "/srv/x"}, tmp_path) == Path("/srv/x")
    assert state_folder({"PSSH_STATE": "x"}, tmp_path) == Path.cwd() / "x"


def test_a_folder_that_others_may_write_to_is_refused(tmp_path: Path) -> None:
    (folder := tmp_path / "state").mkdir()
    folder.chmod(0o770)
    with pytest.raises(HistoryError, match="may be written to by others"):
        secure(folder)


def test_a_link_is_refused_in_the_place_of_folder_and_file(tmp_path: Path) -> None:
    (tmp_path / "theirs").mkdir(0o700)
    (tmp_path / "state").symlink_to(tmp_path / "theirs")
    with pytest.raises(HistoryError, match="is a link"):
        secure(tmp_path / "state")
    (tmp_path / "file").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(HistoryError, match="is a link"):
        open_file(tmp_path / "file")
    assert not (tmp_path / "elsewhere").exists()


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")
def test_what_belongs_to_another_is_refused(tmp_path: Path) -> None:
    (folder := tmp_path / "state").mkdir(0o700)
    os.chown(folder, 12345, -1)
    with pytest.raises(HistoryError, match="belongs to user 12345"):
        secure(folder)
    (file := tmp_path / "file").touch(0o600)
    os.chown(file, 12345, -1)
    with pytest.raises(HistoryError, match="belongs to user 12345"):
        open_file(file)


def test_a_fifo_is_refused_and_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe", 0o600)
    with pytest.raises(HistoryError, match="is no file"):
        open_file(tmp_path / "pipe")


def test_a_folder_that_cannot_be_made_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(HistoryError, match="cannot be made: Not a directory"):
        secure(tmp_path / "file" / "state")
