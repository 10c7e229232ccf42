"""Send what a tree holds into a folder of a host, and remove nothing there: look, decide, then send what is missing.

For whatever operation sends files: `push` takes an open session and a tree that was gathered once for all hosts.
"""

from msgspec import Struct

from pssh.model.outcome import Failure
from pssh.model.work import Session, TransportError
from pssh.ops.context import PLAIN, Context
from pssh.ops.files import preview
from pssh.ops.files.decide import USUAL, Attributes, Plan, decided
from pssh.ops.files.facts import Facts
from pssh.ops.files.listing import Found
from pssh.ops.files.names import Where, readable, tag, where
from pssh.ops.files.streams import aside
from pssh.ops.files.tree import Tree
from pssh.ops.files.ways import Via, Way, by_way

UNCHECKED = "only sizes compared: the host has no tool for SHA-256"


class Sent(Struct, frozen=True):
    """What a push came to."""

    plan: Plan
    shown: tuple[str, ...] = ()  # of a dry run: what would be done
    note: str = ""


async def push(
    session: Session,
    tree: Tree,
    dest: str,
    *,
    via: Via = "auto",
    context: Context = PLAIN,
    wanted: Attributes = USUAL,
    force: bool = False,
    follow: bool = False,
    mkdir: bool = False,
    backup: bool = False,
    inplace: bool = False,
    rate: float = 0.0,
    dry: bool = False,
    diff: bool = False,
    facts: Facts | None = None,
    way: Way | None = None,
) -> Sent:
    """Send a tree to `dest` as `pssh put` does, and return what was done; raises TransportError.

    `rate`: bytes a second, 0 for no limit. `dry`: only look; `diff`: and compare. `facts`: what is there, where that
    is known; else the host is asked first. `way`: one that is open already.
    """
    place = where(dest)

    async def do(way: Way) -> Sent:
        there = facts if facts is not None else await way.look(place, tree, follow=follow)
        _refuse_missing(there, mkdir)
        plan = await aside(len(tree.entries), decided, tree, there, wanted, force=force, follow=follow)
        if plan.changes and not dry:
            await way.send(plan, place, wanted, backup=backup, inplace=inplace)
        elif there.left and not dry:  # a run that was cut behind its last file
            await way.sweep(there.folder, tag(there.name), place)
        shown = await _preview(way, plan, place, diff=diff) if dry else ()
        return Sent(plan, shown, UNCHECKED if plan.size and not there.hashes else "")

    if way is not None:
        return await do(way)
    return await by_way(session, via, do, context=context, mkdir=mkdir, rate=rate)


async def _preview(way: Way, plan: Plan, place: Where, *, diff: bool) -> tuple[str, ...]:
    shown = list(preview.lines(plan))
    steps = preview.diffable(plan) if diff else []
    if steps:
        kept = preview.Kept()
        folder = plan.facts.folder.rstrip(b"/")
        old = [Found(folder + step.path[1:], (), step.there) for step in steps if step.there is not None]
        await way.fetch(old, kept, home=place.home, follow=False)
        for step, found in zip(steps, old, strict=True):
            if found.path in kept.contents:
                shown += preview.diff(step, kept.contents[found.path])
    return tuple(shown)


def _refuse_missing(facts: Facts, mkdir: bool) -> None:
    if not facts.present and not mkdir:
        message = f"there is no folder `{readable(facts.folder)}`"
        raise TransportError(
            Failure(stage="transfer", kind="remote-missing", message=message, hint="`--mkdir` makes it")
        )
