"""File operations and sync over every transport that reaches a real shell: the same answers, the same files."""

import os
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest

from pssh.model.files import Act, Digest, Entry, Space, Sum, read
from pssh.model.work import Session
from pssh.ops.fs import change, look, pack
from pssh.ops.sync.push import Sync
from tests.contract.test_transport import opened as opened  # a fixture

Open = Callable[..., AbstractAsyncContextManager[Session]]


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "data"
    (folder / "sub").mkdir(parents=True)
    for name in (b"a", b"new\nline", b"caf\xe9", b"$(id)"):
        with open(os.fsencode(folder) + b"/" + name, "wb") as file:  # noqa: PTH123  names that are no text
            file.write(b"x" * 1000)
    (folder / "sub" / "link").symlink_to("../a")
    return folder


async def test_looking_tells_the_same_by_every_way(opened: Open, data: Path) -> None:
    path = (str(data),)
    async with opened() as session:
        listed = list(read((await look.Ls(paths=path).perform(session)).stdout))
        (total,) = read((await look.Size(paths=path).perform(session)).stdout)
        (digest,) = read((await look.Checksum(paths=path).perform(session)).stdout)
        (space,) = read((await look.Df(paths=path).perform(session)).stdout)
        text = await look.Cat(paths=(f"{data}/a",)).perform(session)
    names = {os.path.basename(entry.exact) for entry in listed}  # noqa: PTH119  bytes
    assert names == {b"a", b"new\nline", b"caf\xe9", b"$(id)", b"sub"}
    assert all(isinstance(entry, Entry) for entry in listed)
    assert isinstance(total, Sum) and (total.size, total.files) == (4000, 4)
    assert isinstance(digest, Digest) and digest.files == 4
    assert isinstance(space, Space) and text.stdout == b"x" * 1000


async def test_changing_is_done_once_by_every_way(opened: Open, tmp_path: Path) -> None:
    made = f"{tmp_path}/made"
    operations = [
        (change.Mkdir(paths=(made,)), "made"),
        (change.Mkdir(paths=(made,)), "same"),
        (change.Touch(paths=(f"{made}/file",)), "made"),
        (change.Chmod(paths=(f"{made}/file",), mode="751"), "set"),
        (change.Cp(paths=(f"{made}/file",), dest=f"{made}/copy"), "copied"),
        (change.Link(paths=(f"{made}/link",), target="file"), "linked"),
        (pack.Archive(paths=(made,)), "packed"),
        (change.Rm(paths=(made,), recursive=True), "removed"),
        (pack.Extract(paths=(f"{made}.tar.gz",), to=f"{tmp_path}/back"), "unpacked"),
        (change.Rm(paths=(f"{tmp_path}/back", f"{made}.tar.gz"), recursive=True), "removed"),
    ]
    async with opened() as session:
        for operation, word in operations:
            reply = await operation.perform(session)
            assert reply.exit_code == 0, reply.stderr
            assert {act.did for act in read(reply.stdout) if isinstance(act, Act)} == {word}
    assert os.listdir(tmp_path) == []  # noqa: PTH208  not while others wait


async def test_a_sync_is_one_listing_once_the_trees_are_the_same(opened: Open, data: Path, tmp_path: Path) -> None:
    sync = Sync(folder=str(data), dest=f"{tmp_path}/there", delete=True).looked()
    async with opened() as session:
        first = await sync.perform(session)
        (tmp_path / "there" / "extra").touch()
        second = await sync.perform(session)
        third = await sync.perform(session)
    assert first.changed and second.changed and third.changed is False and third.stdout == b"same\n"
    assert sorted(os.listdir(os.fsencode(data))) == sorted(os.listdir(os.fsencode(tmp_path / "there")))  # noqa: PTH208
