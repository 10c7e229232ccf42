"""One line of a comparison: how a tool is run, and what its runs come to."""

import os
import statistics
import sys
from collections.abc import Sequence
from pathlib import Path

from msgspec import Struct

from benchmarks.measure import Cost, measure
from benchmarks.peers import Ask, Peer

ROOT = Path(__file__).parent.parent


class Row(Struct, frozen=True, kw_only=True):
    """One tool against one server: medians, with the spread of the wall time."""

    tool: str
    version: str
    note: str = ""
    wall: float = 0.0  # seconds
    fastest: float = 0.0
    slowest: float = 0.0
    cpu: float = 0.0  # seconds, the whole process tree
    there: float = 0.0  # the same of the hosts; 0 where nobody looked
    peak: int = 0  # bytes of PSS, the whole process tree at once
    processes: int = 0  # at once
    failed: str = ""


def environment(peer: Peer, ask: Ask) -> dict[str, str]:
    """Return the variables a tool runs with: no agent, no settings of the user's."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "LC_ALL", "TMPDIR") if name in os.environ}
    return kept | {"HOME": str(ask.fleet.home)} | peer.env(ask)


def run(peer: Peer, ask: Ask, *, sample: bool = False) -> Cost:
    assert peer.program
    return measure(peer.argv(peer.program, ask), environment(peer, ask), sample=sample)


def row(peer: Peer, costs: Sequence[Cost], sampled: Cost) -> Row:
    """Sum up one tool. One failed run is enough to give no figures: what failed is not comparable."""
    head = Row(tool=peer.name, version=peer.said_version(), note=peer.note)
    for cost in [*costs, sampled]:
        if cost.exit_code:
            last = cost.stderr.splitlines()[-1:] or ["no message"]
            return Row(tool=head.tool, version=head.version, note=head.note, failed=f"exit {cost.exit_code}: {last[0]}")
    walls = [cost.wall for cost in costs]
    return Row(
        tool=head.tool,
        version=head.version,
        note=head.note,
        wall=statistics.median(walls),
        fastest=min(walls),
        slowest=max(walls),
        cpu=statistics.median(cost.cpu for cost in costs),
        there=statistics.median(cost.there for cost in costs),
        peak=sampled.peak,
        processes=sampled.processes,
    )


def say(text: str) -> None:
    """Rewrite the one line of progress."""
    if sys.stderr.isatty():
        print(f"\r{text}\x1b[K", end="", file=sys.stderr, flush=True)
