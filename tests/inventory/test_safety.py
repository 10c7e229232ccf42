"""Which files are trusted, by owner and mode, and what is text."""

import grp
import os
import stat
from pathlib import Path

import pytest

from pssh.errors import InventoryError
from pssh.inventory.load import load
from pssh.inventory.safety import check, read_text, refusal
from tests.support.inventories import written


def status(mode: int, uid: int | None = None, gid: int = 0) -> os.stat_result:
    return os.stat_result((mode, 1, 1, 1, os.geteuid() if uid is None else uid, gid, 0, 0, 0, 0))


NOBODYS_GROUP = 54_321


@pytest.mark.parametrize(
    ("seen", "reason"),
    [
        (status(stat.S_IFREG | 0o600), ""),
        (status(stat.S_IFREG | 0o644), ""),
        (status(stat.S_IFREG | 0o755), ""),
        (status(stat.S_IFREG | 0o644, uid=0), ""),
        (status(stat.S_IFREG | 0o664, gid=0), ""),
        (status(stat.S_IFREG | 0o646), "may be written to by everybody"),
        (status(stat.S_IFREG | 0o666, uid=0), "may be written to by everybody"),
        (status(stat.S_IFREG | 0o664, gid=NOBODYS_GROUP), f"may be written to by group {NOBODYS_GROUP}"),
        (status(stat.S_IFREG | 0o600, uid=54_321), "belongs to user 54321, neither to us nor to root"),
        (status(stat.S_IFDIR | 0o777), "may be written to by everybody"),
        (status(stat.S_IFDIR | 0o1777, uid=0), ""),
        (status(stat.S_IFDIR | 0o1777, uid=54_321), "belongs to user 54321, neither to us nor to root"),
        (status(stat.S_IFLNK | 0o777), ""),
        (status(stat.S_IFLNK | 0o777, uid=54_321), "belongs to user 54321, neither to us nor to root"),
    ],
)
def test_what_others_may_write_to_is_not_trusted(seen: os.stat_result, reason: str) -> None:
    assert refusal(seen) == reason


def test_our_own_file_in_a_sticky_folder_is_trusted(tmp_path: Path) -> None:
    path = written(tmp_path / "tmp", "a", "a.txt")
    path.parent.chmod(0o1777)
    check(path)
    path.chmod(0o666)
    with pytest.raises(InventoryError, match="everybody") as caught:
        check(path)
    assert "chmod go-w" in caught.value.hint


def test_loading_checks_the_file_it_opened(tmp_path: Path) -> None:
    path = written(tmp_path, "a", "a.txt")
    path.chmod(0o666)
    with pytest.raises(InventoryError, match="everybody"):
        load([path])


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "a.txt")
    with pytest.raises(InventoryError, match="is no file"):
        load([tmp_path / "a.txt"])
    os.mkfifo(tmp_path / "b")
    with pytest.raises(InventoryError, match="no inventory by its name"):
        load([tmp_path / "b"])


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"a\nb\xff\n", ":2: byte 0xff is no UTF-8"),
        (b"a\n" + b"x" * (2 << 20), ":2: the line is longer than 1 MiB"),
    ],
)
def test_what_is_no_text_is_refused_with_its_line(tmp_path: Path, data: bytes, says: str) -> None:
    (tmp_path / "a").write_bytes(data)
    with pytest.raises(InventoryError, match=says):
        read_text(tmp_path / "a")


def test_a_file_that_is_too_large_is_not_read_to_its_end(tmp_path: Path) -> None:
    with (tmp_path / "a").open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(InventoryError, match="larger than 64 MiB"):
        read_text(tmp_path / "a")


def test_a_byte_order_mark_is_no_text(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"\xef\xbb\xbfweb1\n")
    assert read_text(tmp_path / "a") == "web1\n"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a link to another user")
def test_a_link_that_somebody_else_made_is_refused(tmp_path: Path) -> None:
    written(tmp_path, "a", "a.txt")
    link = tmp_path / "link.txt"
    link.symlink_to("a.txt")
    check(link)
    os.lchown(link, 54_321, 0)
    with pytest.raises(InventoryError, match="belongs to user 54321"):
        check(link)


def test_the_group_of_root_is_trusted_as_long_as_nobody_else_is_in_it(monkeypatch: pytest.MonkeyPatch) -> None:
    seen = status(stat.S_IFREG | 0o664, gid=0)
    monkeypatch.setattr("grp.getgrgid", lambda gid: grp.struct_group(("root", "x", 0, ["root"])))
    assert refusal(seen) == ""
    monkeypatch.setattr("grp.getgrgid", lambda gid: grp.struct_group(("root", "x", 0, ["root", "alice"])))
    assert refusal(seen) == "may be written to by group 0"
