"""Takes starts as a pace or a launch allows them, second by second."""

from pssh.model.rollout import Launch, Pace


class Pacer:
    """Takes starts from a pace. What a full engine could not use is not saved up: one start at most."""

    def __init__(self, pace: Pace | Launch) -> None:
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
            if isinstance(self._pace, Pace):
                self._used = max(self._used, int(allowed) - 1)
        if self._used >= allowed:
            return False
        self._used += 1
        return True

    def due(self, now: float) -> float:
        """Return in how many seconds the next start may be taken."""
        return max(self._pace.when(self._used + 1) - now, 0.001)
