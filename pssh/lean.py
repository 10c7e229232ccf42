"""Imports of what others wrote, without what that would bring along: tenths of a second, and we end as soon.

A package that looks itself up to tell its version, or that takes another one where it finds it, pays for both at every
start. Nothing of it is changed, and whoever imports the same later, outside, finds all of it.
"""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

_VERSIONS = "importlib.metadata"


@contextmanager
def without(*names: str) -> Iterator[None]:
    """Within it these modules are not to be had, nor is anybody's version, unless they are there already."""
    unversioned = ModuleType(_VERSIONS)
    vars(unversioned).update(version=lambda name: "", PackageNotFoundError=ImportError)
    hidden: dict[str, ModuleType | None] = dict.fromkeys(names) | {_VERSIONS: unversioned}
    hidden = {name: stands_in for name, stands_in in hidden.items() if name not in sys.modules}
    sys.modules.update(hidden)  # type: ignore[arg-type]  # None says that there is none
    try:
        yield
    finally:
        for name in hidden:
            del sys.modules[name]
