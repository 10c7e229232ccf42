"""What Ansible's variables say of a connection, as our own settings; all others stay plain variables.

Promises: what is understood means what it means to Ansible, and what would change how a host is reached, but cannot be
followed, is refused and never passed over. Secrets and vaulted values have no place in a file.
"""

import re
import shlex
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from pssh.inventory import schema

Split = tuple[dict[str, Any], dict[str, Any], list[tuple[str, str]]]

_PLAIN = {
    "ansible_host": "address",
    "ansible_ssh_host": "address",
    "ansible_port": "port",
    "ansible_ssh_port": "port",
    "ansible_user": "user",
    "ansible_ssh_user": "user",
    "ansible_ssh_private_key_file": "identity",
    "ansible_private_key_file": "identity",
    "ansible_become_user": "become_user",
}
_SSH = ("ssh", "smart", "paramiko", "paramiko_ssh", "ansible.builtin.ssh", "ansible.builtin.paramiko_ssh")
_LOCAL = ("local", "ansible.builtin.local")
_WAYS = ("sudo", "su", "doas")
_TRUE = ("yes", "on", "1", "true", "t", "y", "1.0")
_FALSE = ("no", "off", "0", "false", "f", "n", "0.0")
_PASSWORDS = {
    **dict.fromkeys(("ansible_password", "ansible_ssh_pass", "ansible_ssh_password", "ansible_pass"), "--ask-pass"),
    **dict.fromkeys(("ansible_become_password", "ansible_become_pass", "ansible_sudo_pass"), "--ask-become-pass"),
}
_MORE_ARGS = ("ansible_ssh_args", "ansible_ssh_extra_args")
_PROXY = re.compile(r"(?:^|\s)-J|proxy(?:jump|command)", re.IGNORECASE)
_JUMP = re.compile(r"proxyjump(?:\s*=\s*|\s+)(\S+)", re.IGNORECASE)
_VAULT = "$ANSIBLE_VAULT;"
VAULTED = "the value is vaulted, and the vault is not opened here: write it plainly, or leave it out of the inventory"


class Variables:
    """Splits variables into settings and plain ones, file by file: relative paths are below `base`."""

    def __init__(self, base: Path) -> None:
        self.base = base
        self.known: dict[tuple[str, type, Any], Any] = {}  # settled already: many hosts have the same key file
        self.ways_to_read = {"ansible_connection": _transport, "ansible_ssh_common_args": self.arguments}
        self.ways: set[str] = set()
        self.halves: list[tuple[Any, str]] = []  # where only one of `ansible_become` and its method is said

    def split(self, said: Mapping[str, Any], where: Any) -> Split:
        """Return settings, plain variables, and what is wrong as pairs of key and text."""
        found: dict[str, Any] = {}
        plain: dict[str, Any] = {}
        becoming: dict[str, Any] = {}
        wrong: list[tuple[str, str]] = []
        for key, value in said.items():
            try:
                if (name := _PLAIN.get(key)) is not None:
                    self.join(found, self.settled(name, value))
                elif (way := self.ways_to_read.get(key)) is not None:
                    self.join(found, way(value))
                elif (settle := _BECOMING.get(key)) is not None:
                    becoming[key] = settle(value)
                else:
                    self.refuse(key, value)
                    plain[key] = value
            except ValueError as error:
                wrong.append((key, f"`{key}`: {error}"))
        if becoming:
            found |= self.become(becoming, where)
        return found, plain, wrong

    def join(self, found: dict[str, Any], settled: dict[str, Any]) -> None:
        if any(found.get(name, own) != own for name, own in settled.items()):
            raise ValueError("another variable here says the same with another value")
        found |= settled

    def settled(self, key: str, value: Any) -> dict[str, Any]:
        if type(value) not in (str, int, float):
            _refuse_vaulted(value)
            raise ValueError("should be a text or a number")
        place = (key, type(value), value)
        if place not in self.known:
            _refuse_written(value)
            found, wrong = schema.settings({key: value}, self.base)
            if wrong:
                raise ValueError(wrong[0][1])
            self.known[place] = found
        settled: dict[str, Any] = self.known[place]
        return settled

    def arguments(self, value: Any) -> dict[str, Any]:
        _refuse_written(value)
        jumps = list(_jumps(value))
        if len(jumps) > 1:
            raise ValueError("more than one jump is said; join them by `,`")
        return self.settled("jump", jumps[0] if jumps else "none")  # said without one, it ends what a group says

    def refuse(self, key: str, value: Any) -> None:
        _refuse_vaulted(value)
        if option := _PASSWORDS.get(key):
            raise ValueError(f"a password has no place in a file, use a key or `{option}`")
        if key in _MORE_ARGS and isinstance(value, str) and _PROXY.search(value):
            raise ValueError("is not understood; say `-J HOST` in `ansible_ssh_common_args`")

    def become(self, said: dict[str, Any], where: Any) -> dict[str, Any]:
        """Return the way to become another user; what stands alone is noted for `disputes`."""
        way = said.get("ansible_become_method")
        if way:
            self.ways.add(way)
        if "ansible_become" not in said:
            self.halves.append((where, "ansible_become"))
            return {}
        if not said["ansible_become"]:
            return {"become": ""}
        if not way:
            self.halves.append((where, "ansible_become_method"))
        return {"become": way or "sudo"}

    def disputes(self) -> Iterator[tuple[Any, str]]:
        """Yield where it must be said how to become another user: Ansible would look for it in groups further out."""
        if self.ways - {"sudo"}:
            for where, missing in self.halves:
                other = "ansible_become" if missing == "ansible_become_method" else "ansible_become_method"
                yield where, f"`{other}` stands here without `{missing}`, say both in one place"


def _truth(value: Any) -> bool:
    """Return what Ansible takes a value for where it wants true or false."""
    _refuse_written(value)
    word = str(value).lower()
    if word not in _TRUE and word not in _FALSE:
        raise ValueError(f"`{value}` is neither true nor false")
    return word in _TRUE


def _way(value: Any) -> str:
    _refuse_written(value)
    way = str(value).removeprefix("ansible.builtin.")
    if way not in _WAYS:
        raise ValueError(f"`{way}` is none of `sudo`, `su`, `doas`")
    return way


_BECOMING: dict[str, Callable[[Any], Any]] = {"ansible_become": _truth, "ansible_become_method": _way}


def _transport(value: Any) -> dict[str, Any]:
    _refuse_written(value)
    if value in _LOCAL:
        return {"transport": "local"}
    if value in _SSH:
        return {"transport": "ssh"}
    raise ValueError(f"`{value}` is not supported, `ssh` and `local` are")


def _jumps(value: Any) -> Iterator[str]:
    if not isinstance(value, str):
        raise ValueError("should be a text")
    try:
        words = iter(shlex.split(value))
    except ValueError:
        raise ValueError("a quote is not closed") from None
    for word in words:
        if word[:2] == "-J":
            yield word[2:] or next(words, "")
        elif word[:2] == "-o" and (said := _JUMP.fullmatch(word[2:] or next(words, ""))):
            yield said[1]
        else:
            hint = "only `-J HOST` and `-o ProxyJump=HOST` are; the rest belongs into `~/.ssh/config`"
            raise ValueError(f"`{word}` of `{value}` is not understood, {hint}")


def _refuse_written(value: Any) -> None:
    _refuse_vaulted(value)
    if isinstance(value, str) and ("{{" in value or "{%" in value):
        raise ValueError(f"`{value}` is a template, and templates are not filled in here: write the value")


def _refuse_vaulted(value: Any) -> None:
    if isinstance(value, str):
        if value.startswith(_VAULT):
            raise ValueError(VAULTED)
    elif isinstance(value, dict):
        if "__ansible_vault" in value:
            raise ValueError(VAULTED)
        for inner in value.values():
            _refuse_vaulted(inner)
    elif isinstance(value, list):
        for inner in value:
            _refuse_vaulted(inner)


def vaulted(text: str) -> bool:
    """Whether a whole file is vaulted."""
    return text.startswith(_VAULT)
