"""How a run starts and when it stops, as values: shares of its hosts, paces, launches, and all of them together.

Written as the person writes them: `2%`, `0:5,10:20`, `95%:60s`. Pure arithmetic, without a clock; every reader raises
ValueError with what is wrong.
"""

import re
from collections.abc import Callable, Iterator
from itertools import accumulate, pairwise
from math import floor, inf
from typing import Literal, TypeVar

from msgspec import Struct

from pssh.model.duration import seconds

Halt = Literal["soon", "now"]
_Left = TypeVar("_Left")
_Right = TypeVar("_Right")
_SHARE = re.compile(r"(\d{1,9})(?:\.(\d{1,3}))?(%?)", re.ASCII)
_RATE = re.compile(r"(\d{1,6}(?:\.\d{1,6})?)(?:/([sm]))?", re.ASCII)


class Share(Struct, frozen=True):
    """A number of hosts, or a part of all of them."""

    thousandths: int  # of a host, or of a percent
    percent: bool = False

    @classmethod
    def read(cls, text: str) -> "Share":
        """Return the share that `5` or `10%` means; raises ValueError."""
        found = _SHARE.fullmatch(text.strip())
        if not found or (found[2] and not found[3]):
            raise ValueError(f"`{text}` is neither a number of hosts nor a part of them such as `10%`")
        share = cls(int(found[1]) * 1000 + int((found[2] or "").ljust(3, "0")), bool(found[3]))
        if share.percent and share.thousandths > 100_000:
            raise ValueError(f"`{text}` is more than all")
        return share

    def up(self, total: int) -> int:
        """Return how many of `total` hosts it is, rounded up."""
        return -(-self.thousandths * total // 100_000) if self.percent else self.thousandths // 1000

    def down(self, total: int) -> int:
        """Return how many of `total` hosts it is, rounded down."""
        return self.thousandths * total // 100_000 if self.percent else self.thousandths // 1000


class Pace(Struct, frozen=True):
    """Rates by second: `Pace(((0, 1), (10, 5)))` starts one a second, and five a second from second 10 on."""

    rates: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        times = [since for since, _ in self.rates]
        if not times or times[0] != 0:
            raise ValueError("a pace begins at second 0")
        if any(later <= earlier for earlier, later in pairwise(times)):
            raise ValueError("the seconds of a pace ascend")
        if any(rate < 0 for _, rate in self.rates) or self.rates[-1][1] == 0:
            raise ValueError("a pace is not negative, and its last rate is above 0")

    @classmethod
    def rate(cls, text: str) -> "Pace":
        """Return the even pace that `5`, `5/s` or `30/m` means; raises ValueError."""
        found = _RATE.fullmatch(text.strip())
        if not found or not float(found[1]):
            raise ValueError(f"`{text}` is no rate such as `5/s` or `30/m`")
        return cls(((0.0, float(found[1]) / (60 if found[2] == "m" else 1)),))

    @classmethod
    def ramp(cls, text: str) -> "Pace":
        """Return the pace that `0:5,10:20` means: from second 10 on 20 a second; raises ValueError."""
        return cls(tuple(_pairs(text, "a ramp such as `0:5,10:20,30:100`", seconds, _per_second)))

    def allowed(self, t: float) -> float:
        """Return how many jobs may have been started by second `t`: 1 + the whole part of the sum of rate x time."""
        if t < 0:
            return 0
        ends = [since for since, _ in self.rates[1:]] + [t]
        spans = zip(self.rates, ends, strict=True)
        return 1 + floor(sum(rate * max(min(end, t) - since, 0) for (since, rate), end in spans))

    def when(self, count: int) -> float:
        """Return the second at which `count` jobs are allowed; rounding may put it a hair too early."""
        due = count - 1.0
        for (since, rate), (end, _) in pairwise(self.rates):
            if due <= rate * (end - since):
                return since + (due / rate if due else 0)
            due -= rate * (end - since)
        since, rate = self.rates[-1]
        return since + max(due, 0) / rate


class Launch(Struct, frozen=True):
    """Starts entry by entry: wait so many seconds, then so many hosts at once; after the last, the rest freely."""

    entries: tuple[tuple[float, int], ...]

    @classmethod
    def read(cls, text: str) -> "Launch":
        """Return the launch that `0:50,1:20,1:500` means; raises ValueError."""
        return cls(tuple(_pairs(text, "a launch such as `0:50,1:20,1:500`", seconds, _hosts)))

    @property
    def hosts(self) -> int:
        """How many hosts the entries start."""
        return sum(hosts for _, hosts in self.entries)

    def allowed(self, t: float) -> float:
        """Return how many jobs may have been started by second `t`; without end from the last entry on."""
        times = list(accumulate(wait for wait, _ in self.entries))
        if t >= times[-1]:
            return inf
        return sum(hosts for time, (_, hosts) in zip(times, self.entries, strict=True) if time <= t)

    def when(self, count: int) -> float:
        """Return the second at which `count` jobs are allowed."""
        time, started = 0.0, 0
        for wait, hosts in self.entries:
            time, started = time + wait, started + hosts
            if started >= count:
                break
        return time


class Tail(Struct, frozen=True):
    """Once this share of the hosts has ended, the others get so many seconds more."""

    share: Share
    seconds: float

    @classmethod
    def read(cls, text: str) -> "Tail":
        """Return what `95%:60s` means; raises ValueError."""
        share, colon, time = text.partition(":")
        if not colon:
            raise ValueError(f"`{text}` is no share and time such as `95%:60s`")
        return cls(Share.read(share), seconds(time))


class Rollout(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything about how a run starts and when it stops; the shares are of all its hosts, times in seconds."""

    pace: Pace | Launch | None = None
    barrier: bool = False  # log in everywhere, then begin everywhere at once
    waves: tuple[Share, ...] = ()  # the last repeats; empty: all hosts are one wave
    canary: int = 0  # so many go first, and each of them must be ok
    pause: float = 0.0  # between waves
    ask: bool = False  # between waves, wait until told to go on
    max_fail: Share | None = None  # so many may be not ok; one more stops the run
    max_fail_from: int = 0  # hosts that have ended before that counts; where there are fewer, all of them
    halt: Halt = "soon"  # what a rule that stops the run does to what runs: lets it finish, or ends it
    deadline: float = 0.0  # of the whole run
    window: float = 0.0  # after which no new host starts
    tail: Tail | None = None

    def sizes(self, total: int) -> list[int]:
        """Return how many of `total` hosts go in each wave."""
        found = [min(self.canary, total)] if self.canary else []
        left, steps = total - sum(found), list(self.waves)
        while left > 0:
            size = min(left, max(steps[0].up(total), 1)) if steps else left
            found.append(size)
            left -= size
            if len(steps) > 1:
                steps.pop(0)
        return found

    def numbers(self, total: int) -> list[int]:
        """Return in which wave each of `total` hosts goes, in their order, from 1; empty if all are one wave."""
        sizes = self.sizes(total)
        return [number for number, size in enumerate(sizes, 1) for _ in range(size)] if len(sizes) > 1 else []


def _pairs(
    text: str, what: str, left: Callable[[str], _Left], right: Callable[[str], _Right]
) -> Iterator[tuple[_Left, _Right]]:
    for entry in text.split(","):
        first, colon, second = entry.strip().partition(":")
        if not colon:
            raise ValueError(f"`{text}` is not {what}")
        yield left(first), right(second)


def _per_second(text: str) -> float:
    return 0.0 if text.strip() == "0" else Pace.rate(text).rates[0][1]


def _hosts(text: str) -> int:
    if not (text.isascii() and text.isdigit() and int(text)):
        raise ValueError(f"`{text}` is no number of hosts")
    return int(text)
