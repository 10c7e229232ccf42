"""A secret that does not print itself.

`repr`, `str`, `format` and JSON of a Secret are `***`, so that a log line, a traceback or a report cannot hold one by
accident. Why not a `str` subclass: every function that takes text would take it, and show it.
"""

import re
from typing import final

# A command line can hold no NUL, so nothing that was typed is mistaken for a slot. The digit: how often it was quoted.
SLOT = re.compile(r"\0([0-9])([A-Za-z0-9_.:-]+)\0")


@final
class Secret:
    """A password or passphrase; `reveal()` is for the module that sends it, and for no other."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        """Return the secret itself."""
        return self._text

    def __repr__(self) -> str:
        return "***"

    def __format__(self, spec: str) -> str:
        return "***"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Secret) and other._text == self._text

    __hash__ = None  # type: ignore[assignment]  # a secret is no key of a mapping, and its hash would leak into one

    def __reduce__(self) -> str:
        raise TypeError("a Secret is not pickled")


def slot(name: str) -> str:
    """Return the place where a transport puts the secret `secret:NAME` in a command line; quoted as a value is."""
    return f"\0{0}secret:{name}\0"


def veiled(text: str) -> str:
    """Return a command line for showing: each slot is `***`."""
    return SLOT.sub("***", text)
