"""Time and chance come in by this door, so that tests own both.

Limits hang on `now`, which a change of the wall clock does not move; `wall` says when a job began, for showing only.
"""

import asyncio
import random
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Clock:
    """Seconds, and one source of chance."""

    now: Callable[[], float] = time.monotonic
    wall: Callable[[], float] = time.time
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    random: Callable[[], float] = random.random  # in [0, 1)
