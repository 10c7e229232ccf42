"""When the hosts of a run were at work: spans, lanes, and what is counted in slices of time.

All pure: spans are seconds from the beginning of the run, slices are of equal width.
"""

from collections import defaultdict
from collections.abc import Iterable, Sequence
from heapq import heappop, heappush
from math import ceil, floor, log10
from typing import NamedTuple

from pssh.model.outcome import Result, Status
from pssh.model.report import Report
from pssh.report.html.svg import nice

_LEAST = 0.1  # seconds of a slice
_SETUP = ("dns", "connect", "banner", "kex", "auth", "open")


class Span(NamedTuple):
    """One host's time at work, in seconds from the beginning of the run."""

    start: float
    end: float
    setup: float  # seconds until its command began; 0 if it never did
    result: Result


def spans(report: Report) -> list[Span]:
    """Return the time of every host that began, the earliest first."""
    begun = [result for result in report.results if result.started]
    zero = min([report.run.started or float("inf"), *(result.started for result in begun)], default=0.0)
    found = []
    for result in begun:
        start, total = result.started - zero, max(result.seconds.get("total", 0.0), 0.0)
        setup = sum(result.seconds.get(phase, 0.0) for phase in _SETUP) if result.state != "not-started" else 0.0
        found.append(Span(start, start + total, min(setup, total), result))
    return sorted(found, key=lambda span: (span.start, span.end))


def length(report: Report, found: Sequence[Span]) -> float:
    """Return how many seconds a drawing of the run is long."""
    return max([report.seconds, 0.001, *(span.end for span in found)])


def slices(seconds: float, most: int) -> tuple[float, int]:
    """Return how wide slices of so much time are, in seconds, and how many there are."""
    width = nice(max(seconds / most, _LEAST))
    return width, max(ceil(seconds / width - 1e-9), 1)


def lanes(found: Sequence[Span]) -> list[tuple[int, int]]:
    """Return worker and lane of each span: the lowest lane of its worker that is free; spans come by their start."""
    busy: dict[int, list[tuple[float, int]]] = defaultdict(list)  # by worker: until when, and the lane
    free: dict[int, list[int]] = defaultdict(list)
    used: dict[int, int] = defaultdict(int)
    placed = []
    for span in found:
        worker = span.result.worker
        while busy[worker] and busy[worker][0][0] <= span.start + 1e-6:
            heappush(free[worker], heappop(busy[worker])[1])
        if free[worker]:
            lane = heappop(free[worker])
        else:
            lane = used[worker]
            used[worker] += 1
        heappush(busy[worker], (span.end, lane))
        placed.append((worker, lane))
    return placed


def rows(placed: Sequence[tuple[int, int]]) -> dict[tuple[int, int], int]:
    """Return the row of each worker's lane, worker after worker."""
    return {place: number for number, place in enumerate(sorted(set(placed)))}


def at_work(found: Iterable[Span], width: float, number: int) -> dict[Status, list[float]]:
    """Return how many hosts were at work in each slice on average, by the status they ended with."""
    part: dict[Status, list[float]] = defaultdict(lambda: [0.0] * number)
    whole: dict[Status, list[int]] = defaultdict(lambda: [0] * (number + 1))
    for span in found:
        status = span.result.status
        first, last = (min(int(edge / width), number - 1) for edge in (span.start, span.end))
        if first == last:
            part[status][first] += (span.end - span.start) / width
            continue
        part[status][first] += first + 1 - span.start / width
        part[status][last] += min(span.end / width, number) - last
        whole[status][first + 1] += 1
        whole[status][last] -= 1
    for status, changes in whole.items():
        running = 0
        for place in range(number):
            running += changes[place]
            part[status][place] += running
    return dict(part)


def started(found: Iterable[Span], width: float, number: int) -> list[int]:
    """Return how many hosts began in each slice."""
    counts = [0] * number
    for span in found:
        counts[min(int(span.start / width), number - 1)] += 1
    return counts


def most_at_once(found: Iterable[Span]) -> int:
    """Return how many hosts were at work together at the most."""
    ends: list[float] = []
    most = 0
    for span in found:
        while ends and ends[0] <= span.start:
            heappop(ends)
        heappush(ends, span.end)
        most = max(most, len(ends))
    return most


def edges(values: Sequence[float], most: int) -> list[float]:
    """Return the edges of bars over times: round and equal, or growing by equal factors where they differ much."""
    low, high = max(min(values), 0.001), max(*values, 0.001)
    if high / low < 20:
        width = nice(high / most)
        first, last = floor(low / width), ceil(high / width + 1e-9)
        return [width * place for place in range(first, max(last, first + 1) + 1)]
    per_decade = next((by for by in (10, 5, 4, 2, 1) if log10(high / low) * by + 2 <= most), 1)
    first, last = floor(log10(low) * per_decade), ceil(log10(high) * per_decade + 1e-9)
    return [10.0 ** (place / per_decade) for place in range(first, last + 1)]


def quantile(ordered: Sequence[float], portion: float) -> float:
    """Return the value below which such a portion of the ordered values lies."""
    return ordered[min(int(portion * len(ordered)), len(ordered) - 1)]
