"""A file server that makes up folders without an end: it is left after so many names, and nothing else grows."""

from collections.abc import AsyncIterator
from typing import cast

import pytest

from pssh.model.work import TransportError
from pssh.ops.files import listing, reading, served
from pssh.ops.sftp.client import Sftp
from pssh.ops.sftp.packets import Attributes, Name

FOLDER = Attributes(mode=0o040755, size=0, uid=0, gid=0, mtime=0)


class Endless:
    """Each folder holds so many folders."""

    def __init__(self, each: int, length: int = 8) -> None:
        self.each, self.length, self.asked = each, length, 0

    async def stat(self, path: bytes) -> Attributes:
        return FOLDER

    lstat = stat

    async def names(self, path: bytes, **how: object) -> AsyncIterator[Name]:
        self.asked += 1
        for number in range(self.each):
            yield Name(b"%0*d" % (self.length, number), FOLDER)

    async def rmdir(self, path: bytes) -> None: ...


@pytest.mark.parametrize(("each", "length"), [(2, 8), (300, 8), (50, 4000)])
async def test_a_tree_without_an_end_is_left(monkeypatch: pytest.MonkeyPatch, each: int, length: int) -> None:
    monkeypatch.setattr(reading, "MOST_FOUND", 2000)
    monkeypatch.setattr(reading, "MOST_ANSWER", 4 << 20)
    server = Endless(each, length)
    with pytest.raises(TransportError) as caught:
        await reading.listing(cast(Sftp, server), [b"./x"], follow=False, links=False)
    assert caught.value.failure.cause == "transfer/remote-failed"
    assert server.asked <= 2000


async def test_what_is_removed_is_no_deeper_than_what_is_fetched() -> None:
    server = Endless(1)
    way = served.Served.__new__(served.Served)
    way._sftp = cast(Sftp, server)
    await way.remove(b"./x")
    assert server.asked <= reading.MOST_DEEP + 1


def test_the_limit_is_that_of_every_way() -> None:
    assert reading.MOST_FOUND == listing.MOST_FOUND
