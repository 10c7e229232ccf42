"""The one door through which anything a host, a file or a user chose reaches a terminal.

What comes out holds printable characters, tabs and, if asked for, newlines; everything that could move the cursor,
change the order or hide (control bytes, C1 in either encoding, bidi and zero-width characters, lone surrogates, bytes
that are not UTF-8) is spelt out as an escape. Combining marks stay: they belong to the letters of many scripts.

Why a fixed list and not `unicodedata`: asking it for a million characters takes longer than a whole run of one host.
"""

import re

_INVISIBLE = (
    # Unicode's category Cf (bidi, zero-width and other format characters), line and paragraph separators, surrogates
    r"\xad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e\u2060-\u206f"
    r"\ud800-\udfff\ufeff\ufff9-\ufffb\U000110bd\U000110cd\U00013430-\U0001343f\U0001bca0-\U0001bca3"
    r"\U0001d173-\U0001d17a\U000e0001\U000e0020-\U000e007f"
)
UNSAFE = re.compile(rf"[\x00-\x08\x0b-\x1f\x7f-\x9f{_INVISIBLE}]")
_UNSAFE_OR_NEWLINE = re.compile(rf"[\x00-\x08\x0a-\x1f\x7f-\x9f{_INVISIBLE}]")
_SURROGATE = re.compile(r"[\ud800-\udfff]")
_PLAIN = bytes([0x09, *range(0x20, 0x7F)])
_PLAIN_OR_NEWLINE = _PLAIN + b"\n"
_SHORT = {0x0A: r"\n", 0x0D: r"\r"}


def safe(text: str | bytes, *, newlines: bool = False) -> str:
    r"""Return text that is inert on a terminal; with `newlines` they are kept, and CR LF is one of them.

    A lone CR becomes `\r`, a byte `\xNN`, another character `\uNNNN` or `\UNNNNNNNN`; done twice it changes no more.
    """
    if isinstance(text, bytes):
        # Most output is plain ASCII, and this test is fifty times faster than the pattern.
        if not text.translate(None, _PLAIN_OR_NEWLINE if newlines else _PLAIN):
            return text.decode("ascii")
        text = text.decode("utf-8", "backslashreplace")
    if newlines:
        return UNSAFE.sub(_escape, text.replace("\r\n", "\n"))
    return _UNSAFE_OR_NEWLINE.sub(_escape, text)


def speakable(text: str) -> str:
    r"""Return text that UTF-8 can hold: only surrogates are spelt out, a byte of the command line as `\xNN`."""
    return _SURROGATE.sub(_escape, text)


def _escape(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # Python's stand-in for a byte that is not UTF-8
        code -= 0xDC00
    if code > 0xFFFF:
        return f"\\U{code:08x}"
    return _SHORT.get(code) or (f"\\u{code:04x}" if code > 0xFF else f"\\x{code:02x}")
