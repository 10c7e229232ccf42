"""Compares `pssh run` with its peers and writes a table and a JSON file.

Rounds go over all tools in turn, so that a machine that slows down slows them all; figures are medians over the rounds.
The first round is for warming up and is not counted. Memory is read in one more round.
"""

import argparse
import os
import platform
import sys
import time
from collections.abc import Iterable, Sequence
from pathlib import Path

from msgspec import Struct, json
from tabulate import tabulate

from benchmarks.fleet import SERVERS, Fleet, Unavailable, fleet
from benchmarks.measure import Cost
from benchmarks.peers import OURS, Ask, Peer, peers
from benchmarks.rows import ROOT, Row, row, run, say

LATEST = ROOT / ".bench" / "latest.json"


class Table(Struct, frozen=True, kw_only=True):
    """All tools against one server."""

    server: str
    hosts: int
    parallel: int
    repeat: int
    command: str
    rows: list[Row]


class Document(Struct, frozen=True, kw_only=True):
    """One invocation, with the machine that it ran on."""

    when: str
    cpus: int
    kernel: str
    python: str
    tables: list[Table]


def compare(up: Fleet, tools: Sequence[Peer], parallel: int, repeat: int, command: str) -> Table:
    """Run every tool `repeat` times in turn, and once more for its memory."""
    ask = Ask(up, parallel, command)
    costs: dict[str, list[Cost]] = {peer.name: [] for peer in tools}
    for turn in range(-1, repeat):
        for peer in tools:
            say(f"{up.server}  {f'round {turn + 1} of {repeat}' if turn >= 0 else 'warming up'}  {peer.name}")
            if turn < 0 or not costs[peer.name] or not costs[peer.name][-1].exit_code:
                cost = run(peer, ask)
                if turn >= 0 or cost.exit_code:
                    costs[peer.name].append(cost)
    rows = []
    for peer in tools:
        say(f"{up.server}  memory  {peer.name}")
        ok = not any(cost.exit_code for cost in costs[peer.name])
        rows.append(row(peer, costs[peer.name], run(peer, ask, sample=True) if ok else costs[peer.name][-1]))
    say("")
    return Table(server=up.server, hosts=len(up.hosts), parallel=parallel, repeat=repeat, command=command, rows=rows)


def shown(table: Table) -> str:
    """Return the table with each figure also as a ratio to ours."""
    ours = next((row for row in table.rows if row.tool == OURS and not row.failed), None)

    def ratio(theirs: float, own: float) -> str:
        return f"{theirs / own:.2f}x" if own else ""

    head = ["tool", "version", "wall s", "", "CPU ms/host", "", "peak MiB", "", "processes"]
    lines = []
    for it in table.rows:
        if it.failed:
            continue
        lines.append(
            [
                it.tool,
                it.version,
                f"{it.wall:.2f}",
                ratio(it.wall, ours.wall if ours else 0),
                f"{it.cpu / table.hosts * 1e3:.2f}",
                ratio(it.cpu, ours.cpu if ours else 0),
                f"{it.peak / (1 << 20):.0f}",
                ratio(it.peak, ours.peak if ours else 0),
                f"{it.processes}",
            ]
        )
    title = (
        f"{table.server}: {table.hosts} hosts, {table.parallel} in flight, `{table.command}`, median of {table.repeat}"
    )
    align = ("left", "left", *("right",) * 7)
    failures = "".join(f"{it.tool} failed: {it.failed}\n" for it in table.rows if it.failed)
    return f"{title}\n\n{tabulate(lines, head, disable_numparse=True, colalign=align if lines else None)}\n{failures}"


def chosen(wanted: Iterable[str]) -> list[Peer]:
    """Return the tools to run, ours always; what is wanted but not here is said."""
    known = peers()
    names = set(wanted) or {peer.name for peer in known}
    if unknown := names - {peer.name for peer in known}:
        raise SystemExit(f"no such peer: {', '.join(sorted(unknown))}; there are {', '.join(p.name for p in known)}")
    for peer in known:
        if peer.name in names and not peer.program:
            print(f"{peer.name} is not on this machine and left out", file=sys.stderr)
    return [peer for peer in known if peer.program and (peer.name in names or peer.name == OURS)]


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--hosts", type=int, default=300, help="how many (300)")
    parser.add_argument("--parallel", type=int, default=64, help="how many in flight, for every tool (64)")
    parser.add_argument("--repeat", type=int, default=3, help="rounds that count (3)")
    parser.add_argument("--server", nargs="+", choices=SERVERS, default=["sshd"], help="what the hosts are (sshd)")
    parser.add_argument("--peers", nargs="+", default=[], metavar="NAME", help="only these, and ours")
    parser.add_argument("--command", default="true", help="what is run on each host (true)")
    parser.add_argument("--json", type=Path, default=LATEST, help="where the figures go (.bench/latest.json)")
    args = parser.parse_args()
    tools = chosen(args.peers)
    tables = []
    for server in args.server:
        try:
            with fleet(server, args.hosts, ROOT / ".bench" / "fleet") as up:
                tables.append(compare(up, tools, args.parallel, args.repeat, args.command))
        except Unavailable as missing:
            print(f"{server} is left out: {missing}", file=sys.stderr)
            continue
        print(shown(tables[-1]))
    document = Document(
        when=time.strftime("%Y-%m-%d"),
        cpus=os.cpu_count() or 0,
        kernel=platform.release(),
        python=platform.python_version(),
        tables=tables,
    )
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_bytes(json.format(json.encode(document), indent=2) + b"\n")
    return 1 if not tables or any(row.failed for table in tables for row in table.rows if row.tool == OURS) else 0


if __name__ == "__main__":
    sys.exit(main())
