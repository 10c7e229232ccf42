"""Which way files take to a host: over its shell where one answers, else by SFTP.

The first question to the shell is the probe, so that a host that answers it costs nothing more.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Literal, Protocol, TypeVar

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.files.decide import Attributes, Plan
from pssh.ops.files.facts import Facts
from pssh.ops.files.listing import Found, Listing
from pssh.ops.files.names import Where
from pssh.ops.files.stream import NoShell, Stream
from pssh.ops.files.tree import Tree
from pssh.ops.files.unpack import AtOnce, Taker

Via = Literal["auto", "stream", "sftp"]
_Any = TypeVar("_Any")


class Way(Protocol):
    """How one host is reached with files; both ways have the same results. Every call raises TransportError."""

    async def look(self, where: Where, ours: Tree, *, follow: bool) -> Facts:
        """Return what is there of what is to come."""

    async def send(self, plan: Plan, where: Where, wanted: Attributes, *, backup: bool, inplace: bool) -> None:
        """Do what was planned; what could not be finished is removed again."""

    async def sweep(self, folder: bytes, begins: str, where: Where) -> None:
        """Remove what an earlier run left in a folder by such names, unless somebody is still at it; raises nothing."""

    async def listing(
        self, paths: Sequence[bytes], *, home: bool, follow: bool, links: bool, at_once: AtOnce | None = None
    ) -> Listing:
        """Return what lies at these paths, patterns expanded.

        `at_once` may be told of it before that, and then small files of which it says so are handed on.
        """

    async def digests(self, found: Sequence[Found], *, home: bool) -> list[bytes]:
        """Return the SHA-256 of files, empty where it cannot be had."""

    async def fetch(self, found: Sequence[Found], taker: Taker, *, home: bool, follow: bool) -> None:
        """Hand the content of files to who takes it, and then their hashes."""


async def by_way(
    session: Session,
    via: Via,
    do: Callable[[Way], Awaitable[_Any]],
    *,
    context: Context,
    mkdir: bool = False,
    rate: float = 0.0,
) -> _Any:
    """Do all of something by one way; where the shell has not what it takes, all of it by the other."""
    refused: NoShell | None = None
    if via != "sftp":
        try:
            return await do(Stream(session, context, mkdir=mkdir, rate=rate))
        except NoShell as error:
            if via == "stream" or context.become:
                raise
            refused = error
    elif context.become:
        message = "SFTP is always that of the user who logs in"
        hint = "leave `--via sftp` out: over the host's shell `--sudo` works"
        raise TransportError(Failure(stage="transfer", kind="no-sftp", message=message, hint=hint))
    async with _served(session, refused, mkdir, rate) as way:
        return await do(way)


@asynccontextmanager
async def _served(session: Session, refused: NoShell | None, mkdir: bool, rate: float) -> AsyncIterator[Way]:
    from pssh.ops.files.served import Served  # and with it SFTP, which most hosts are not asked for

    opened = False
    try:
        async with Served.open(session, mkdir=mkdir, rate=rate) as way:
            opened = True
            yield way
    except TransportError as error:
        if refused is not None and not opened and error.failure.kind == "no-sftp":
            raise refused from None  # neither way goes: the first is the usual one
        raise
