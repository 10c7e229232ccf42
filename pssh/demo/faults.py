"""Which hosts a demo fleet has, and what is wrong with each: pure, and the same for the same seed.

At least one host is sound, however small the fleet is.
"""

from collections.abc import Iterator
from random import Random
from typing import Literal, NamedTuple, get_args

Fault = Literal["", "differs", "denied", "down", "slow", "silent", "drip", "wrong-key", "drop", "hang"]
Level = Literal["none", "default", "storm"]

LEVELS: tuple[str, ...] = get_args(Level)
_DEFAULT: tuple[Fault, ...] = ("denied", "down", "slow", "differs", "differs")
_STORM: tuple[Fault, ...] = ("denied", "down", "slow", "differs", "silent", "drip", "wrong-key", "drop", "hang")


class Planned(NamedTuple):
    """One host of a fleet to be."""

    name: str
    group: str
    fault: Fault


def plan(hosts: int, seed: int, faults: Level) -> list[Planned]:
    """Return the hosts in order: two in three are `web`, the others `db` and `cache`; fewer than four are all `web`.

    `default` has a few fixed faults; `storm` has every fault on one host in twelve, and on one at least.
    """
    named = list(_names(hosts))
    unlucky = _faults(hosts, faults)[: hosts - 1]
    places = Random(seed).sample(range(hosts), len(unlucky))
    of = dict(zip(places, unlucky, strict=True))
    return [Planned(name, group, of.get(place, "")) for place, (name, group) in enumerate(named)]


def _faults(hosts: int, level: Level) -> list[Fault]:
    if level == "none":
        return []
    if level == "default":
        return list(_DEFAULT)
    return list(_STORM) * max(1, hosts // 12)


def _names(hosts: int) -> Iterator[tuple[str, str]]:
    db = hosts // 4
    cache = min(db, max(1, hosts // 10))
    web = hosts - db - cache
    width = max(2, len(str(web)))
    yield from ((f"web{number:0{width}}", "web") for number in range(1, web + 1))
    yield from ((f"db{number}", "db") for number in range(1, db + 1))
    yield from ((f"cache{number}", "cache") for number in range(1, cache + 1))
