"""How many jobs may have been started by which second: pure arithmetic, without a clock."""

from itertools import pairwise
from math import floor

from msgspec import Struct


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

    def allowed(self, t: float) -> int:
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


class Pacer:
    """Takes starts from a pace. What a full engine could not use is not saved up: one start at most."""

    def __init__(self, pace: Pace) -> None:
        self._pace = pace
        self._used = 0
        self._full = False

    def full(self) -> None:
        """Say that jobs wait although the pace may allow them."""
        self._full = True

    def take(self, now: float) -> bool:
        """Take one start, if second `now` allows it."""
        allowed = self._pace.allowed(now)
        if self._full:
            self._full = False
            self._used = max(self._used, allowed - 1)
        if self._used >= allowed:
            return False
        self._used += 1
        return True

    def due(self, now: float) -> float:
        """Return in how many seconds the next start may be taken."""
        return max(self._pace.when(self._used + 1) - now, 0.001)
