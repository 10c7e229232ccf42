"""Values as bytes and back, unchanged: msgpack, or JSON for text that UTF-8 cannot hold.

Why two: a path or an argument as the system gave it may hold bytes that are no UTF-8. Python has them as lone
surrogates, which JSON can escape and msgpack cannot hold. No msgpack of ours, a map or a list, begins with a brace
or bracket.
"""

import json
from typing import Any, TypeVar

from msgspec import convert, msgpack, to_builtins

_Any = TypeVar("_Any")


def pack(value: Any) -> bytes:
    """Return the value as bytes; raises TypeError for what is no plain value."""
    try:
        return msgpack.encode(value)
    except UnicodeEncodeError:
        return json.dumps(to_builtins(value)).encode()


def unpack(raw: bytes, kind: type[_Any]) -> _Any:
    """Return the value of that type; raises ValueError for bytes that are none."""
    return convert(json.loads(raw), kind) if raw[:1] in (b"{", b"[") else msgpack.decode(raw, type=kind)
