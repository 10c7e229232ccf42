"""Leaves the secrets that a command was given out of what it prints: `***` stands there instead.

Whoever is answered a password may print it, and so does a shell under `set -x` with what stands in its line. A secret
that comes in pieces is found as well, so that up to its length is held back while it may be one. Words shorter than
`LEAST` bytes are left alone: they are in everything.
"""

from collections.abc import Iterable, Mapping

from pssh.model.secret import SLOT, Secret
from pssh.model.work import Prompt

LEAST = 4
_HIDDEN = b"***"


def given(command: str, prompt: Prompt | None, secrets: Mapping[str, Secret]) -> list[Secret]:
    """Return the secrets that a command line is to hold, or that may answer it."""
    names = [name for _, name in SLOT.findall(command)] if "\0" in command else []
    if prompt is not None:
        names.append(prompt.secret)
    return [secrets[name] for name in names if name in secrets]


class Hiding:
    """One stream."""

    def __init__(self, secrets: Iterable[Secret]) -> None:
        words = {secret.reveal().encode("utf-8", "surrogateescape") for secret in secrets}
        self._words = sorted((word for word in words if len(word) >= LEAST), key=len, reverse=True)
        self._tail = b""

    def take(self, data: bytes) -> bytes:
        """Return what can be passed on by now."""
        data = self._clean(self._tail + data)
        begun = max((_begun(data, word) for word in self._words), default=0)
        self._tail = data[len(data) - begun :]
        return data[: len(data) - begun]

    def rest(self) -> bytes:
        """Return what is held back, now that nothing more comes; once."""
        rest, self._tail = self._tail, b""
        return rest

    def _clean(self, data: bytes) -> bytes:
        for word in self._words:
            data = data.replace(word, _HIDDEN)
        return data


def _begun(data: bytes, word: bytes) -> int:
    """Return how many bytes at the end of the data may be the beginning of the word."""
    return next((size for size in range(min(len(word) - 1, len(data)), 0, -1) if data.endswith(word[:size])), 0)
