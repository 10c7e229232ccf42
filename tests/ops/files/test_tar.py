"""Archives: what other tars read is what we meant, what they write is read, and nothing that is no archive passes."""

import io
import subprocess
import tarfile
import time
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.ops.files import tar
from pssh.ops.files.unpack import _bare

NAMES = st.binary(min_size=1, max_size=300).filter(lambda name: b"\0" not in name and b"/" not in name and name != b".")
PATHS = st.lists(NAMES, min_size=1, max_size=3).map(b"/".join)
NUMBERS = st.integers(min_value=0, max_value=1 << 40)


def members(data: bytes) -> list[tar.Member]:
    reader, found, at = tar.Reader(), [], 0
    while at < len(data):
        member = reader.next(data[at : at + tar.BLOCK])
        at += tar.BLOCK
        if member is not None:
            found.append(member)
            at += member.size + tar.padding(member.size)
    return found


@given(name=PATHS, size=st.integers(0, 1 << 40), uid=NUMBERS, gid=NUMBERS)
def test_what_we_write_is_what_we_read(name: bytes, size: int, uid: int, gid: int) -> None:
    data = tar.header(name, "file", 0o640, size=size, mtime=7, uid=uid, gid=gid)
    assert len(data) % tar.BLOCK == 0
    (member,) = members(data)
    assert (member.name, member.kind, member.size) == (name, "file", size)


@given(
    name=PATHS, mode=st.integers(0, 0o777), mtime=st.integers(0, 1 << 35), size=st.integers(0, 1 << 40), target=NAMES
)
def test_other_tars_read_what_we_write(name: bytes, mode: int, mtime: int, size: int, target: bytes) -> None:
    file = tar.header(name, "file", mode, size=size, mtime=mtime, uid=7, gid=1 << 30)
    link = tar.header(name, "link", mode, target=target)
    for data in (file, link):
        with tarfile.open(fileobj=io.BytesIO(data + tar.END), encoding="utf-8", errors="surrogateescape") as archive:
            member = archive.next()
            assert member is not None
            assert member.name.encode("utf-8", "surrogateescape").rstrip(b"/") == name.rstrip(b"/")
            if data is file:
                assert (member.size, member.mode, member.mtime) == (size, mode, mtime)
                assert (member.uid, member.gid) == (7, 1 << 30)
            else:
                assert member.linkname.encode("utf-8", "surrogateescape") == target


@pytest.mark.parametrize("form", ["gnu", "pax", "ustar"])
def test_what_gnu_tar_writes_is_read(tmp_path: Path, form: str) -> None:
    names = ["a", "n" * 90, "d/" + "e" * 60] + (["long" * 60] if form != "ustar" else [])
    for name in names:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(name.encode())
    (tmp_path / "l").symlink_to("t" * (200 if form != "ustar" else 90))
    done = subprocess.run(
        ["tar", f"--format={form}", "-cf", "-", "-C", tmp_path, "l", *names], capture_output=True, check=True
    )
    found = {member.name: member for member in members(done.stdout)}
    assert set(found) == {name.encode() for name in [*names, "l"]}
    assert all(found[name.encode()].size == len(name) for name in names)
    assert found[b"l"].kind == "link"


@given(data=st.binary(min_size=512, max_size=2048).map(lambda data: data[: len(data) // 512 * 512]))
def test_what_is_no_archive_is_refused_or_nothing(data: bytes) -> None:
    reader = tar.Reader()
    with suppress(tar.Garbled):
        for at in range(0, len(data), tar.BLOCK):
            assert reader.next(data[at : at + tar.BLOCK]) is None


@given(at=st.integers(0, 511), value=st.integers(0, 255))
def test_a_byte_that_is_changed_in_a_header_is_noticed_or_means_the_same(at: int, value: int) -> None:
    header = bytearray(tar.header(b"name", "file", 0o644, size=3))
    before = tar.Reader().next(bytes(header))
    header[at] = value
    with suppress(tar.Garbled):
        assert tar.Reader().next(bytes(header)) == before


PARTS = st.lists(st.sampled_from([b"", b".", b"..", b"a", b".b", b"c.", b"..d"]), max_size=6)


@given(parts=PATHS.map(lambda path: path.split(b"/")) | PARTS)
def test_a_path_loses_what_is_in_front_of_its_first_real_part(parts: list[bytes]) -> None:
    real = [part for part in parts if part not in (b"", b".")]
    while b".." in real:
        del real[: real.index(b"..") + 1]
    assert _bare(b"/".join(parts)) == b"/".join(real)


def extended(records: bytes) -> bytes:
    """Return a header of PAX records as a hostile host may write it."""
    return tar._block(b"", b"pax", b"x", 0o600, len(records), 0, 0, 0, b"") + records + bytes(tar.padding(len(records)))


@pytest.mark.parametrize("field", [b"-0000000007\0", b"+0000000007\0", b"0o000000017\0", b"0000_000017\0"])
def test_a_size_that_is_no_octal_number_is_refused(field: bytes) -> None:
    block = tar.header(b"a", "file", 0o600)
    block = block[:124] + field + block[136:148] + b" " * 8 + block[156:]
    block = block[:148] + b"%06o\0 " % sum(block) + block[156:]
    with pytest.raises(tar.Garbled):
        tar.Reader().next(block)


def test_records_are_taken_apart_in_one_pass_and_only_those_that_matter_are_kept() -> None:
    reader = tar.Reader()
    start = time.process_time()
    for number in range(3):
        data = extended(b"".join(b"12 k%06d=\n" % (number * 80_000 + one) for one in range(80_000)))
        for at in range(0, len(data), tar.BLOCK):
            assert reader.next(data[at : at + tar.BLOCK]) is None
    assert reader._records == {}
    assert time.process_time() - start < 5  # each record copied what followed it: minutes
