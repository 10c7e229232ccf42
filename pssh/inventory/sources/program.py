"""Inventories that a program prints: Ansible's `--list`, with `_meta.hostvars` or else `--host NAME` for each host.

Promises: no shell; nothing on its standard input; 30 seconds and 64 MiB for each answer, then it and all of its process
group are ended; whatever it prints is data. Its environment is ours without what makes a program load others' code, and
with absolute folders in `PATH` only. It and every folder above it must be ours or root's, and writable by nobody else.
"""

import json
import os
import re
import selectors
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from typing import Any

from pssh.errors import InventoryError
from pssh.inventory.document import Document, Finding
from pssh.inventory.nearest import also, meant
from pssh.inventory.safety import MOST_BYTES, check
from pssh.inventory.sources.gathered import Gathered
from pssh.inventory.sources.ours import kind
from pssh.model import names

SECONDS = 30.0
_MOST_ERRORS = 1 << 16  # bytes of standard error that are kept
_MOST_DEPTH = 64
_PARTS = ("hosts", "vars", "children")
_LOADS_CODE = re.compile(
    r"LD_.*|DYLD_.*|PYTHON.*|PERL5.*|RUBY(?:LIB|OPT)|NODE_(?:OPTIONS|PATH)|GCONV_PATH"
    r"|BASH_.*|ENV|SHELLOPTS|BASHOPTS|IFS|PS4|PSSH_INVENTORY"
)
_Path = tuple[str, ...]


def load(path: Path, *, seconds: float = SECONDS) -> Document:
    """Return what the program says; raises InventoryError if it may not be run, fails, or prints no JSON."""
    check(path, all_above=True)
    said = _asked(path, "--list", seconds=seconds)
    if type(said) is not dict:
        raise InventoryError(f"`{path} --list` prints {kind(said)} and should print groups by name")
    gathered = _Gathered(path, lambda where: 0)
    return _Reader(gathered, seconds).document(said)


class _Gathered(Gathered):
    """Names a place by its keys: what a program prints has no lines that anybody could look at."""

    def wrong(self, where: Any, text: str) -> None:
        self.findings.append(Finding(0, f"{'.'.join(where)}: {text}" if where else text))


class _Reader:
    def __init__(self, gathered: Gathered, seconds: float) -> None:
        self.gathered = gathered
        self.seconds = seconds
        self.seen: set[str] = set()

    def document(self, said: dict[str, Any]) -> Document:
        meta = self.take(said.pop("_meta", None), dict, ("_meta",))
        hostvars = self.take(meta.get("hostvars"), dict, ("_meta", "hostvars")) if "hostvars" in meta else None
        for name, table in said.items():
            if self.gathered.define(name, (name,)):
                self.group(name, {"hosts": table} if type(table) is list else table, hostvars)
        left = len((hostvars or {}).keys() - self.seen)
        hosts = f"{left:,} host{'s' if left > 1 else ''}"
        notices = [f"`{self.gathered.path}` has variables of {hosts} that no group holds: left out"] if left else []
        return self.gathered.document(notices)

    def group(self, name: str, said: Any, hostvars: dict[str, Any] | None) -> None:
        table = self.take(said, dict, (name,))
        for key in table.keys() - set(_PARTS):
            hint = meant(key, _PARTS) or "a group holds `hosts`, `vars` and `children`"
            self.gathered.wrong((name, key), also("unknown key", hint))
        self.gathered.said_of(name, self.take(table.get("vars"), dict, (name, "vars")), (name, "vars"))
        for host in self.texts(table.get("hosts"), (name, "hosts")):
            self.gathered.hosts(name, host, self.vars(host, hostvars), (name, "hosts", host), ranges=False)
            self.seen.add(host)
        for child in self.texts(table.get("children"), (name, "children")):
            self.gathered.child(name, child, (name, "children", child))

    def vars(self, host: str, hostvars: dict[str, Any] | None) -> dict[str, Any]:
        if host in self.seen or not names.plain(host):
            return {}
        if hostvars is None:
            where: _Path = ("--host", host)
            said = _asked(self.gathered.path, *where, seconds=self.seconds)
        else:
            where = ("_meta", "hostvars", host)
            said = hostvars.get(host)
        taken: dict[str, Any] = self.take(said, dict, where)
        return taken

    def take(self, value: Any, wanted: type, where: _Path) -> Any:
        if value is None or type(value) is wanted:
            return wanted() if value is None else value
        self.gathered.wrong(where, f"this is {kind(value)} and should be {kind(wanted())}")
        return wanted()

    def texts(self, value: Any, where: _Path) -> list[str]:
        found: list[Any] = self.take(value, list, where)
        if odd := [item for item in found if type(item) is not str]:
            self.gathered.wrong(where, f"`{odd[0]}` is {kind(odd[0])} and should be a text")
        return [item for item in found if type(item) is str]


def _asked(path: Path, *arguments: str, seconds: float) -> Any:
    """Return what the program answers, nothing at all as None."""
    shown = f"`{path} {' '.join(arguments)}`"
    data = _printed([str(path.absolute()), *arguments], shown, seconds)
    try:
        said = json.loads(data, object_pairs_hook=_table, parse_constant=_constant) if data.strip() else None
        if _deep(said):
            raise RecursionError
    except RecursionError:
        raise InventoryError(f"{shown} prints values that are nested more than {_MOST_DEPTH} deep") from None
    except ValueError as error:  # also: no UTF-8, and a number of thousands of digits
        raise InventoryError(f"{shown} prints no JSON: {names.clipped(str(error), 200)}") from None
    return said


def _printed(command: list[str], shown: str, seconds: float) -> bytes:
    deadline = time.monotonic() + seconds
    pipe = subprocess.PIPE
    try:
        process = subprocess.Popen(
            command,
            stdin=subprocess.DEVNULL,
            stdout=pipe,
            stderr=pipe,
            env=safe(os.environ),
            start_new_session=True,
        )
    except OSError as error:
        hint = "a script begins with `#!` and the path of what reads it"
        raise InventoryError(f"{shown} cannot be run: {error.strerror}", hint=hint) from None
    with process:
        try:
            out, errors = _read(process, shown, deadline)
            process.wait(max(deadline - time.monotonic(), 0))
        except (TimeoutError, subprocess.TimeoutExpired):
            raise InventoryError(f"{shown} did not end within {seconds:g} seconds, and was ended") from None
        finally:
            if process.returncode is None:  # its number is its own until it is waited for
                with suppress(ProcessLookupError, PermissionError):
                    os.killpg(process.pid, signal.SIGKILL)
    if process.returncode:
        code = process.returncode
        how = f"exit {code}" if code > 0 else f"signal {-code}"
        raise InventoryError(f"{shown} failed, {how}{_first_line(errors)}")
    return out


def _read(process: "subprocess.Popen[bytes]", shown: str, deadline: float) -> tuple[bytes, bytes]:
    """Return its output and the beginning of its errors, both read to their end; raises TimeoutError."""
    out, errors = bytearray(), bytearray()
    with selectors.DefaultSelector() as ready:
        for stream, into in ((process.stdout, out), (process.stderr, errors)):
            if stream is not None:
                ready.register(stream, selectors.EVENT_READ, into)
        while ready.get_map():
            left = deadline - time.monotonic()
            if left <= 0:
                raise TimeoutError
            for key, _ in ready.select(left):
                data = os.read(key.fd, 1 << 16)
                if not data:
                    ready.unregister(key.fileobj)
                elif key.data is out or len(errors) < _MOST_ERRORS:
                    key.data.extend(data)
            if len(out) > MOST_BYTES:
                raise InventoryError(f"{shown} prints more than {MOST_BYTES >> 20} MiB, and was ended")
    return bytes(out), bytes(errors)


def _first_line(errors: bytes) -> str:
    lines = errors.decode("utf-8", "backslashreplace").split("\n")
    line = next((line.strip() for line in lines if line.strip()), "")
    return ": " + names.clipped("".join(char if char.isprintable() else "?" for char in line), 200) if line else ""


def safe(environ: Mapping[str, str]) -> dict[str, str]:
    """Return an environment that loads nobody else's code into a program."""
    kept = {key: value for key, value in environ.items() if not _LOADS_CODE.fullmatch(key)}
    folders = [folder for folder in kept.get("PATH", os.defpath).split(os.pathsep) if folder.startswith("/")]
    return kept | {"PATH": os.pathsep.join(folders)}


def _table(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    table = dict(pairs)
    if len(table) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for place, key in enumerate(keys) if key in keys[:place])
        raise ValueError(f"key `{names.clipped(twice, 60)}` is said twice")
    return table


def _constant(word: str) -> Any:
    raise ValueError(f"`{word}` is no number of JSON")


def _deep(value: Any) -> bool:
    level = [value]
    for _ in range(_MOST_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, (dict, list))
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
