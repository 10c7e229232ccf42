"""Connection settings as an inventory writes them: which keys there are, what each may hold, and what it becomes.

The one table for every format. A key that later versions will serve is refused rather than passed over: whoever wrote
`certificate` must not find the host reached without it.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from pssh.inventory.expr import hops
from pssh.inventory.nearest import also, meant
from pssh.model import duration, names
from pssh.model.host import Settings

_MOST_SECONDS = 7 * 24 * 3600.0
_LATER = ("certificate", "forward_agent", "shell")
_WAYS = ("jump", "proxy_command")  # a host is reached by one of them, so whoever says one takes back the other


def settings(said: dict[str, Any], base: Path) -> tuple[Settings, list[tuple[str, str]]]:
    """Return the settings, and what is wrong as pairs of key and text; relative paths are below `base`."""
    found: dict[str, Any] = {}
    wrong = []
    for key, value in said.items():
        try:
            if key not in _KEYS:
                raise ValueError(_unknown(key))
            found[key] = _KEYS[key](value, base)
        except ValueError as error:
            wrong.append((key, str(error)))
    said_ways = [key for key in _WAYS if key in said]
    if len(said_ways) > 1:
        wrong.append((said_ways[1], "a host is reached by `jump` or by `proxy_command`, not by both"))
    elif any(key in found for key in said_ways):
        found = {"jump": [], "proxy_command": "", **found}
    return found, wrong  # type: ignore[return-value]  # the keys of _KEYS are those of Settings


def _unknown(key: str) -> str:
    if key in _LATER:
        return f"`{key}` is not supported by this version"
    if key == "password":
        return "`password` has no place in a file, use a key or `--ask-pass`"
    if key == "become_password":
        return "`become_password` has no place in a file, use `--ask-become-pass`"
    return also(f"unknown connection key `{key}`", meant(key, (*_KEYS, *_LATER)))


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value or any(ord(char) < 32 or ord(char) == 127 for char in value):
        raise ValueError(f"{_shown(value)} is not a text of one line")
    return value


def _name(value: Any, base: Path) -> str:
    if not names.plain(_text(value)):
        raise ValueError(also(f"{_shown(value)} is refused", names.NAME_RULE))
    return str(value)


def _address(value: Any, base: Path) -> str:
    if isinstance(value, str) and names.word(value):
        return value  # nearly every one of many
    text = _text(value)
    return _name(text[1:-1] if text.startswith("[") and names.ipv6(text[1:-1]) else text, base)


def _port(value: Any, base: Path) -> int:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 5:
        value = int(value)  # what a range in a value stands for is text
    if type(value) is not int or not 0 < value < 65536:
        raise ValueError(f"{_shown(value)} is no port from 1 to 65535")
    return value


def _flag(value: Any, base: Path) -> bool:
    if type(value) is not bool:
        raise ValueError(f"{_shown(value)} is neither true nor false")
    return value


def _seconds(value: Any, base: Path) -> float:
    if type(value) not in (int, float, str):
        raise ValueError(f"{_shown(value)} is no duration")
    seconds = duration.seconds(value) if isinstance(value, str) else value
    if not 0 <= seconds <= _MOST_SECONDS:  # also refuses nan
        raise ValueError(f"{_shown(value)} is not between 0 and seven days")
    return float(seconds)


def _limit(value: Any, base: Path) -> float:
    if not (seconds := _seconds(value, base)):
        raise ValueError("a limit of 0 would let nothing connect")
    return seconds


def _file(value: Any, base: Path) -> str:
    try:
        return str(base / Path(_text(value)).expanduser())
    except RuntimeError:
        raise ValueError(f"{_shown(value)} begins with the home of nobody known here") from None


def _files(value: Any, base: Path) -> list[str]:
    if not isinstance(value, list):
        value = [value]
    return [_file(path, base) for path in value]


def _jump(value: Any, base: Path) -> list[str]:
    """Return the jump hosts, the nearest first; `none` ends what a group above says."""
    return hops(",".join(map(_text, value if isinstance(value, list) else [value])))


def _proxy_command(value: Any, base: Path) -> str:
    return "" if value == "none" else _text(value)


def _agent(value: Any, base: Path) -> str:
    return "" if value == "none" else _file(value, base)


def _become(value: Any, base: Path) -> str:
    """Return the way to become another user; `none` ends what a group above says."""
    return "" if value == "none" else _one_of("sudo", "su", "doas", "none")(value, base)


def _one_of(*words: str) -> Callable[[Any, Path], str]:
    def check(value: Any, base: Path) -> str:
        if value not in words:
            raise ValueError(f"{_shown(value)} is none of {', '.join(f'`{word}`' for word in words)}")
        return str(value)

    return check


def _shown(value: Any) -> str:
    text = {True: "true", False: "false"}[value] if isinstance(value, bool) else str(value)
    return f"`{names.clipped(text, 60)}`"


_KEYS: dict[str, Callable[[Any, Path], Any]] = {
    "address": _address,
    "port": _port,
    "user": _name,
    "transport": _one_of("ssh", "local"),
    "identity": _files,
    "identities_only": _flag,
    "agent": _agent,
    "jump": _jump,
    "proxy_command": _proxy_command,
    "host_keys": _one_of("strict", "accept-new", "off"),
    "host_key_alias": _name,
    "known_hosts": _files,
    "keepalive": _seconds,
    "connect_timeout": _limit,
    "auth_timeout": _limit,
    "speculate": _flag,
    "become": _become,
    "become_user": _name,
}
