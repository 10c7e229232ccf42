"""One registry for the plug points: a name becomes an object, ours by import path, others' by entry point.

Nothing is imported until it is asked for, so that the parent process never pays for a transport.
"""

from importlib import import_module
from typing import Any

_OURS = {
    "pssh.transports": {
        "ssh": "pssh.transport.ssh.connect:SSHTransport",
        "local": "pssh.transport.local:LocalTransport",
        "scripted": "pssh.transport.scripted:ScriptedTransport",
    },
    "pssh.inventory": {
        ".toml": "pssh.inventory.sources.toml:load",
        ".txt": "pssh.inventory.sources.plain:load",
        ".list": "pssh.inventory.sources.plain:load",
        ".ini": "pssh.inventory.sources.ini:load",
        ".yaml": "pssh.inventory.sources.yaml:load",
        ".yml": "pssh.inventory.sources.yaml:load",
    },
}


def resolve(path: str) -> Any:
    """Return the object that `module:name` names."""
    module, _, name = path.partition(":")
    return getattr(import_module(module), name)


def names(point: str) -> list[str]:
    """Return every name known at a plug point, sorted."""
    return sorted({*_OURS[point], *(entry.name for entry in _entries(group=point))})


def has(point: str, name: str) -> bool:
    """Whether a name is known at a plug point; others' are looked at only where ours have no such name."""
    return name in _OURS[point] or bool(_entries(group=point, name=name))


def find(point: str, name: str) -> Any:
    """Return the plug of that name; ours win over others'. Raises KeyError."""
    if path := _OURS[point].get(name):
        return resolve(path)
    for entry in _entries(group=point, name=name):
        return entry.load()
    raise KeyError(name)


def _entries(**wanted: str) -> Any:
    from importlib.metadata import entry_points  # 30 ms that only others' plugs are worth

    return entry_points(**wanted)
