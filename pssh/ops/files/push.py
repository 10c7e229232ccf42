"""Send what a tree holds into a folder of a host, and remove nothing there: look, decide, then send what is missing.

For whatever operation sends files: `push` takes an open session and a tree that was gathered once for all hosts.
"""

from typing import Protocol

from msgspec import Struct

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from pssh.ops.context import PLAIN, Context
from pssh.ops.files.decide import USUAL, Attributes, Plan, decided
from pssh.ops.files.facts import Facts
from pssh.ops.files.names import Where, readable, where
from pssh.ops.files.stream import Stream
from pssh.ops.files.tree import Tree


class Sent(Struct, frozen=True):
    """What a push came to."""

    plan: Plan
    note: str = ""


class Way(Protocol):
    """How one host is reached with files; both ways have the same results."""

    async def look(self, where: Where, ours: Tree, *, follow: bool) -> Facts:
        """Return what is there of what is to come; raises TransportError."""

    async def send(self, plan: Plan, where: Where, wanted: Attributes, *, backup: bool, inplace: bool) -> None:
        """Do what was planned; raises TransportError, and then leaves nothing but what was there."""


async def push(
    session: Session,
    tree: Tree,
    dest: str,
    *,
    context: Context = PLAIN,
    wanted: Attributes = USUAL,
    force: bool = False,
    follow: bool = False,
    mkdir: bool = False,
    backup: bool = False,
    inplace: bool = False,
    rate: float = 0.0,
    dry: bool = False,
) -> Sent:
    """Send a tree to `dest` as `pssh put` does, and return what was done; raises TransportError.

    `rate`: bytes a second, 0 for no limit. `dry`: only look.
    """
    place = where(dest)
    way: Way = Stream(session, context, mkdir=mkdir, rate=rate)
    facts = await way.look(place, tree, follow=follow)
    _refuse_missing(facts, tree, dest, place, mkdir)
    plan = decided(tree, facts, wanted, force=force, follow=follow)
    if plan.changes and not dry:
        await way.send(plan, place, wanted, backup=backup, inplace=inplace)
    return Sent(plan, "" if facts.hashes or not plan.size else "only sizes compared: the host has no tool for SHA-256")


def _refuse_missing(facts: Facts, tree: Tree, dest: str, place: Where, mkdir: bool) -> None:
    if facts.present or mkdir:
        return
    message = f"there is no folder `{readable(facts.folder)}`"
    raise TransportError(Failure(stage="transfer", kind="remote-missing", message=message, hint="`--mkdir` makes it"))
