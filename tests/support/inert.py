"""Says of a text, from what Unicode says of its characters, whether a terminal would only print it."""

from unicodedata import category

# Control and format characters, surrogates, line and paragraph separators.
_ACTING = ("Cc", "Cf", "Cs", "Zl", "Zp")


def acting(text: str) -> list[str]:
    """Return the characters of a text, apart from newlines and tabs, that could act on a terminal or hide."""
    return [char for char in text if char not in "\n\t" and category(char) in _ACTING]
