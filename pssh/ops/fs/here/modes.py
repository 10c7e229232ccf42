"""Modes as `chmod` reads them: octal, or clauses such as `u+x,go-w,a=rX`."""

import re

CLAUSE = re.compile(r"([ugoa]*)((?:[-+=](?:[rwxXst]*|[ugo]))+)")
_OCTAL = re.compile(r"[0-7]{1,4}")
_WHO = {"u": 0o4700, "g": 0o2070, "o": 0o1007}
_BITS = {"r": 0o444, "w": 0o222, "x": 0o111, "s": 0o6000, "t": 0o1000}


def is_mode(text: str) -> bool:
    return bool(_OCTAL.fullmatch(text) or all(CLAUSE.fullmatch(clause) for clause in text.split(",")))


def applied(text: str, old: int, folder: bool) -> int:
    """Return a mode after a change; the umask is left aside, as where somebody is named."""
    if _OCTAL.fullmatch(text):
        new = int(text, 8)
        return new | (old & 0o6000) if folder and len(text) < 4 else new  # a folder's are kept, as GNU does
    for clause in text.split(","):
        found = CLAUSE.fullmatch(clause)
        if not found:
            raise ValueError(f"`{text}` is no mode")
        who = 0
        for letter in found[1].replace("a", "ugo") or "ugo":
            who |= _WHO[letter]
        for sign, letters in re.findall(r"([-+=])([rwxXstugo]*)", found[2]):
            bits = _bits(letters, old, folder) & (who | 0o1000 * ("t" in letters))
            if sign == "+":
                old |= bits
            elif sign == "-":
                old &= ~bits
            else:
                old = (old & ~(who & 0o777 if folder else who)) | bits
    return old


def _bits(letters: str, old: int, folder: bool) -> int:
    if letters in ("u", "g", "o"):
        three = old >> {"u": 6, "g": 3, "o": 0}[letters] & 7
        return three * 0o111
    bits = 0
    for letter in letters:
        if letter == "X":
            bits |= 0o111 if folder or old & 0o111 else 0
        else:
            bits |= _BITS[letter]
    return bits
