"""Text as one word of a POSIX shell, and text as the exact bytes it stands for.

A word comes out of the shell as it went in, whatever it holds. Bytes that are not UTF-8 are surrogate escapes, as
Python reads them from argv and from file names (PEP 383). The slot of a secret goes in as such, and counts how often it
was quoted.

Why not `shlex.quote`: it leaves `=` bare, and zsh reads a word that begins with it as a command's path.
"""

import re
from collections.abc import Iterable

from pssh.errors import UsageError
from pssh.model.secret import SLOT, veiled

_PLAIN = re.compile(r"[A-Za-z0-9_@%+:,./-]+")


def quote(word: str) -> str:
    """Return `word` so that a POSIX shell reads it as one word; raises UsageError for what no command line can hold."""
    exact(word)
    if _PLAIN.fullmatch(word):
        return word
    return "'" + SLOT.sub(_deeper, word.replace("'", "'\"'\"'")) + "'"


def join(words: Iterable[str]) -> str:
    """Return quoted words with blanks between them."""
    return " ".join(map(quote, words))


def exact(text: str) -> bytes:
    """Return the bytes that `text` stands for; raises UsageError for NUL and for half characters."""
    if "\0" in SLOT.sub("", text):
        raise UsageError(f"`{shown(text)}` holds a NUL byte, which no command line can carry")
    try:
        return text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        raise UsageError(f"`{shown(text)}` is not text that can be sent") from None


def shown(text: str) -> str:
    r"""Return `text` with each byte that is not UTF-8 as `\xNN`, so that it can be encoded again, and no secret."""
    text = veiled(text)
    try:
        data = text.encode("utf-8", "surrogateescape")
    except UnicodeEncodeError:
        data = text.encode("utf-8", "backslashreplace")
    return data.decode("utf-8", "backslashreplace")


def _deeper(slot: re.Match[str]) -> str:
    return f"\0{int(slot[1]) + 1}{slot[2]}\0"
