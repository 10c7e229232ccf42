"""What a terminal shows after all that was written to it, as far as we use one: lines, CR, cursor up, and erasing."""

import re

_PARTS = re.compile(r"\x1b\[(\d*)([A-Za-z])|\r|\n|[^\x1b\r\n]+")


def shown(text: str) -> list[str]:
    """Return the lines of the screen and of what scrolled off it; raises ValueError at what it does not know."""
    lines, row, column = [""], 0, 0
    place = 0
    while place < len(text):
        found = _PARTS.match(text, place)
        if not found:
            raise ValueError(f"unknown: {text[place : place + 20]!r}")
        place = found.end()
        match found[0], found[2]:
            case "\r", _:
                column = 0
            case "\n", _:
                row += 1
                lines += [""] * (row + 1 - len(lines))
            case _, "A":
                row -= int(found[1] or 1)
            case _, "K":
                lines[row] = lines[row][:column]
            case _, "J":
                lines[row:] = [lines[row][:column]]
            case _, "m":
                pass
            case said, None:
                lines[row] = lines[row][:column].ljust(column) + said + lines[row][column + len(said) :]
                column += len(said)
            case unknown:
                raise ValueError(f"unknown: {unknown!r}")
    return lines
