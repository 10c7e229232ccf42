"""Compares what `pssh` does with files with scp, rsync and sha256sum, on loopback hosts: `make bench-files`.

All tools move the same random data over the same sshd with the same key, key exchange and cipher, each host at once;
ssh, scp and rsync run under xargs. Rounds go over the tools in turn and figures are medians; the round before the first
warms up and tells the memory. Every run begins with empty folders, and what arrived is compared in names and SHA-256
afterwards, outside the timing: a tool that moved anything else has no figures.

The data lies in memory where /dev/shm is, for all tools alike: a disk would be measured otherwise. What that hides:
`put` and `get` wait until a file is on the disk before it gets its name, scp and rsync do not.
"""

import argparse
import os
import platform
import shutil
import signal
import sys
import tempfile
import time
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

from msgspec import Struct, json, structs
from tabulate import tabulate

from benchmarks.figures import FIGURES, MIB, Figure, figures
from benchmarks.fleet import Fleet, Unavailable, fleet
from benchmarks.measure import Cost, spent
from benchmarks.peers import Ask, Peer
from benchmarks.rows import ROOT, Row, row, run, say

LATEST = ROOT / ".bench" / "latest-files.json"
MEMORY = Path("/dev/shm")


class Table(Struct, frozen=True, kw_only=True):
    """All tools in one figure."""

    figure: str
    target: str
    hosts: int
    repeat: int
    work: int  # over all hosts; bytes or files
    unit: str
    rows: list[Row]


class Document(Struct, frozen=True, kw_only=True):
    """One invocation, with the machine that it ran on."""

    when: str
    cpus: int
    kernel: str
    python: str
    folder: str
    tables: list[Table]


def wrong(figure: Figure, ask: Ask) -> str:
    """Return what is not as it ought to be after a run, empty if all is."""
    for host in ask.fleet.hosts[: figure.hosts]:
        there = figure.look(ask.dest / host)
        if there != figure.expected:
            names = sorted(
                name for name in there.keys() | figure.expected if there.get(name) != figure.expected.get(name)
            )
            return f"{host}: {len(names)} of {len(figure.expected)} paths are not what was sent: {names[0]}"
    return ""


def once(figure: Figure, peer: Peer, up: Fleet, folder: Path, *, sample: bool = False) -> Cost:
    """Run a tool into folders that are empty, and look at what came."""
    ask = Ask(up, figure.hosts, source=figure.source, dest=figure.dest or folder / "to")
    if figure.dest is None:
        ask.dest.mkdir()
        for host in up.hosts[: figure.hosts]:
            (ask.dest / host).mkdir()
    before = spent(up.pid) if up.pid else 0.0
    cost = run(peer, ask, sample=sample)
    if up.pid:
        cost = structs.replace(cost, there=spent(up.pid) - before)
    if not cost.exit_code and (words := wrong(figure, ask)):
        cost = Cost(-1, cost.wall, cost.cpu, stderr=words)
    if figure.dest is None:
        shutil.rmtree(ask.dest)
    return cost


def compare(figure: Figure, up: Fleet, folder: Path, repeat: int) -> Table:
    """Run every tool `repeat` times in turn, after once for its memory."""
    up = replace(up, hosts=up.hosts[: figure.hosts])
    up.host_list.write_text("".join(f"{host}\n" for host in up.hosts))
    costs: dict[str, list[Cost]] = {peer.name: [] for peer in figure.tools}
    for turn in range(repeat + 1):
        for peer in figure.tools:
            say(f"{figure.name}  {f'round {turn} of {repeat}' if turn else 'warming up'}  {peer.name}")
            if not any(cost.exit_code for cost in costs[peer.name]):
                costs[peer.name].append(once(figure, peer, up, folder, sample=not turn))
    say("")
    rows = [row(peer, costs[peer.name][1:], costs[peer.name][0]) for peer in figure.tools]
    return Table(
        figure=figure.name,
        target=figure.target,
        hosts=figure.hosts,
        repeat=repeat,
        work=figure.work * (figure.hosts or 1),
        unit=figure.unit,
        rows=rows,
    )


def shown(table: Table) -> str:
    """Return the table with each wall time also as a ratio to ours, which is its first row."""
    ours = table.rows[0]
    lines = []
    for it in table.rows:
        if it.failed:
            continue
        done = table.work / it.wall / (1e6 if table.unit == "MB" else 1)
        lines.append(
            [
                f"{it.tool} ({it.note})" if it.note else it.tool,
                it.version,
                f"{it.wall:.2f}",
                f"{it.wall / ours.wall:.2f}x" if ours.wall else "",
                f"{it.fastest:.2f}-{it.slowest:.2f}",
                f"{done:,.0f}",
                f"{it.cpu:.2f}",
                f"{it.there:.2f}",
                f"{it.peak / MIB:.0f}",
            ]
        )
    where = f"{table.hosts} hosts" if table.hosts > 1 else f"{table.hosts} host" if table.hosts else "this machine"
    title = f"{table.figure}: {where}, median of {table.repeat} (target: {table.target})"
    head = ["tool", "version", "wall s", "", "spread", f"{table.unit}/s", "CPU s", "hosts' CPU s", "peak MiB"]
    align = ("left", "left", *("right",) * 7)
    failures = "".join(f"{it.tool} failed: {it.failed}\n" for it in table.rows if it.failed)
    return f"{title}\n\n{tabulate(lines, head, disable_numparse=True, colalign=align if lines else None)}\n{failures}"


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.files", description=__doc__)
    parser.add_argument("--hosts", type=int, default=20, help="how many, all at once (20)")
    parser.add_argument("--repeat", type=int, default=5, help="rounds that count (5)")
    parser.add_argument("--figures", nargs="+", choices=FIGURES, default=FIGURES, help="only these")
    parser.add_argument("--scale", type=float, default=1.0, help="so many times the usual data (1)")
    usual = MEMORY if MEMORY.is_dir() else Path(tempfile.gettempdir())
    parser.add_argument("--folder", type=Path, default=usual, help=f"where the data lies meanwhile ({usual})")
    parser.add_argument("--json", type=Path, default=LATEST, help="where the figures go (.bench/latest-files.json)")
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # what was made is removed then too
    tables = []
    try:
        with (
            tempfile.TemporaryDirectory(prefix="pssh-bench-", dir=args.folder) as made,
            fleet("sshd", args.hosts, ROOT / ".bench" / "fleet-files") as up,
        ):
            for figure in figures(Path(made), up.hosts, args.figures, args.scale):
                here = [peer for peer in figure.tools if peer.program]
                tables.append(compare(replace(figure, tools=here), up, Path(made), args.repeat))
                print(shown(tables[-1]), flush=True)
    except Unavailable as missing:
        print(missing, file=sys.stderr)
        return 1
    document = Document(
        when=time.strftime("%Y-%m-%d"),
        cpus=os.cpu_count() or 0,
        kernel=platform.release(),
        python=platform.python_version(),
        folder=f"{args.folder}",
        tables=tables,
    )
    args.json.parent.mkdir(parents=True, exist_ok=True)
    args.json.write_bytes(json.format(json.encode(document), indent=2) + b"\n")
    return 1 if any(table.rows[0].failed for table in tables) else 0


if __name__ == "__main__":
    with suppress(KeyboardInterrupt):
        sys.exit(main())
    sys.exit(130)
