"""The word that somebody most likely meant."""

import re
from collections.abc import Iterable
from difflib import get_close_matches

_ZEROS = re.compile(r"(?<![0-9])0+(?=[0-9])")
_MOST = 2_000  # comparing is slow, and a hint is not worth a second


def nearest(word: str, known: Iterable[str]) -> str:
    """Return the known word most like this one, or an empty text."""
    known = list(known)
    bare = _ZEROS.sub("", word)
    if twin := next((name for name in known if name.endswith(bare[-1:]) and _ZEROS.sub("", name) == bare), ""):
        return twin
    alike = [name for name in known if abs(len(name) - len(word)) <= 2]
    if len(alike) > _MOST:
        alike = [name for name in alike if name[:1] == word[:1] and name[-1:] == word[-1:]][:_MOST]
    found = get_close_matches(word, alike, n=1, cutoff=0.6)
    return found[0] if found else ""


def also(text: str, hint: str) -> str:
    """Return one sentence of a message and its hint, if there is one."""
    return f"{text}; {hint}" if hint else text


def meant(word: str, known: Iterable[str], mark: str = "") -> str:
    """Return a hint that names the nearest known word, or an empty text."""
    found = nearest(word, known)
    return f"did you mean `{mark}{found}`?" if found else ""
