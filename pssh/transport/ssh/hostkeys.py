"""Which host keys are known: known_hosts read with OpenSSH's meaning, judged, and appended to.

Hashed names, patterns, negation, `@revoked` and `[host]:port` mean what they mean to ssh (sshd(8), SSH_KNOWN_HOSTS FILE
FORMAT); a known host that shows any other key is `changed`. In one point this reader is stricter: ssh passes over a
line that it cannot read, here the hosts that it names are refused, and while a line is so broken that it might name
anyone nobody counts as new. So damage never turns a known host into an unknown one that `accept-new` would take.

Certificates are never offered, so `@cert-authority` lines make no key good. Why not paramiko's HostKeys: one marker or
torn line loses it the whole file, and its loading time grows with the square of the length.
"""

import binascii
import fcntl
import hashlib
import os
import stat
import time
from base64 import b64decode, b64encode
from collections.abc import Iterable
from pathlib import Path
from typing import Literal, NamedTuple, Self

from msgspec import Struct

from pssh.model.host import Connection
from pssh.transport.ssh.patterns import matches, plain

Kind = Literal["ok", "unknown", "changed", "revoked", "unreadable-line"]

_MOST_BYTES = 64 << 20
_LOCK_SECONDS = 3.0
_REMEMBERED = 512  # hosts in flight ask twice or more, and may have to be searched for among hashes
_MARKERS = ("", "@revoked", "@cert-authority")
_FIELDS = {"ssh-ed25519": 2, "ssh-rsa": 3, "ssh-dss": 5}  # strings in a key of that type; others: at least 2
_INNER = bytes(byte ^ 0x36 for byte in range(256))  # HMAC's two pads, RFC 2104
_OUTER = bytes(byte ^ 0x5C for byte in range(256))


class Verdict(Struct, frozen=True):
    """What known_hosts says of one key of one host."""

    kind: Kind
    where: str = ""  # `file:line` that decided, if one did
    known: tuple[str, ...] = ()  # fingerprints of all keys known for the host


class _Line(NamedTuple):
    where: str
    marker: str
    key: str  # what follows the names: `type base64 comment`


class _Known(NamedTuple):
    """All that the files say of one name: keys as type, blob and place."""

    good: list[tuple[str, bytes, str]]
    revoked: list[tuple[str, bytes, str]]
    unreadable: list[str]


class HostKeys:
    """The known host keys of some files, indexed by name."""

    def __init__(self) -> None:
        self._exact: dict[str, list[_Line]] = {}
        self._patterns: list[tuple[list[str], _Line]] = []
        self._hashed: list[tuple[bytes, bytes, bytes, _Line]] = []  # inner and outer pad, digest
        self._anyone: list[str] = []  # places so broken that they might name any host
        self._known: dict[str, _Known] = {}

    @classmethod
    def load(cls, paths: tuple[str, ...]) -> Self:
        """Read the files in order. One that is missing is empty; one that cannot be read might name anyone."""
        self = cls()
        for path in paths:
            try:
                text = _read(path).decode("utf-8", "surrogateescape")
            except FileNotFoundError:
                continue
            except OSError:
                self._anyone.append(path)
                continue
            for number, line in enumerate(text.split("\n"), 1):
                self._take(line, path, number)
        return self

    def add(self, line: str) -> None:
        """Learn one known_hosts line, in memory only."""
        self._take(line.rstrip("\n"), "accepted in this run", 0)
        self._known.clear()

    def types(self, name: str, port: int) -> tuple[str, ...]:
        """Return the types of the keys known for a host, to be offered first; else those of the name without port."""
        good = self._about(written(name, port)).good or (self._about(name.lower()).good if port != 22 else [])
        return tuple(dict.fromkeys(key_type for key_type, _, _ in good))

    def check(self, name: str, port: int, key_type: str, blob: bytes) -> Verdict:
        """Judge a key that the host has proven to hold.

        A host on another port than 22 is known as `[name]:port`. If that says nothing, the bare name may vouch for the
        key, or refuse it when the key is revoked or the line unreadable; another key there does not count.
        """
        verdict = self._judge(written(name, port), key_type, blob)
        if verdict.kind == "unknown" and port != 22:
            bare = self._judge(name.lower(), key_type, blob)
            verdict = verdict if bare.kind == "changed" else bare
        if verdict.kind == "unknown" and self._anyone:
            return Verdict("unreadable-line", self._anyone[0])
        return verdict

    def _judge(self, name: str, key_type: str, blob: bytes) -> Verdict:
        good, revoked, unreadable = self._about(name)
        known = tuple(dict.fromkeys(fingerprint(each) for _, each, _ in good))
        for _, each, where in revoked:
            if each == blob:
                return Verdict("revoked", where, known)
        if unreadable:
            return Verdict("unreadable-line", unreadable[0], known)
        for _, each, where in good:
            if each == blob:
                return Verdict("ok", where, known)
        if good:
            # The line to be looked at is the one of the same type, if there is one.
            same = [where for each_type, _, where in good if each_type == key_type]
            return Verdict("changed", same[0] if same else good[0][2], known)
        return Verdict("unknown")

    def _about(self, name: str) -> _Known:
        if (known := self._known.get(name)) is None:
            if len(self._known) >= _REMEMBERED:
                del self._known[next(iter(self._known))]
            self._unhash(name)
            lines = self._exact.get(name, []) + [line for names, line in self._patterns if matches(name, names)]
            known = self._known[name] = _understood(lines)
        return known

    def _unhash(self, name: str) -> None:
        """Move the hashed lines of a name to the exact ones: a hash names one host, so they are never tried again."""
        sha1, data = hashlib.sha1, name.encode("utf-8", "surrogateescape")
        rest = []
        for entry in self._hashed:
            inner, outer, digest, line = entry
            if sha1(outer + sha1(inner + data).digest()).digest() == digest:
                self._exact.setdefault(name, []).append(line)
            else:
                rest.append(entry)
        self._hashed = rest

    def _take(self, text: str, path: str, number: int) -> None:
        where = f"{path}:{number}" if number else path
        text = text.strip(" \t\r")
        if not text or text.startswith("#"):
            return
        marker = ""
        while text.startswith("@"):
            word, text = _word(text)
            marker = "@" if marker or word not in _MARKERS else word  # of two markers neither is believed
        names, key = _word(text)
        if not names or not key or "\0" in text:
            self._anyone.append(where)  # torn inside a name, or by a crash that left a hole of zero bytes
        line = _Line(where, marker, key)
        parts = names.lower().split(",")
        if names.startswith("|"):
            self._take_hashed(names, line)
        elif all(map(plain, parts)):
            for name in parts:
                self._exact.setdefault(name, []).append(line)
        else:
            self._patterns.append((parts, line))

    def _take_hashed(self, names: str, line: _Line) -> None:
        try:
            _, version, salt, digest = names.split("|")
            pad, sum_ = b64decode(salt, validate=True).ljust(64, b"\0"), b64decode(digest, validate=True)
        except ValueError:
            version, pad, sum_ = "", b"", b""
        if version != "1" or len(sum_) != 20 or len(pad) != 64:
            self._anyone.append(line.where)
            return
        self._hashed.append((pad.translate(_INNER), pad.translate(_OUTER), sum_, line))


def fingerprint(blob: bytes) -> str:
    """Return a key's fingerprint as ssh-keygen shows it."""
    return "SHA256:" + b64encode(hashlib.sha256(blob).digest()).decode().rstrip("=")


def written(name: str, port: int) -> str:
    """Return a host as known_hosts names it."""
    return name.lower() if port == 22 else f"[{name.lower()}]:{port}"


def named(connection: Connection) -> tuple[str, int]:
    """Return a host's name and port in known_hosts; an alias stands for both, as in OpenSSH."""
    return (connection.host_key_alias, 22) if connection.host_key_alias else (connection.address, connection.port)


def removal(name: str, where: str) -> str:
    """Return the command that removes a host's keys from the file of a verdict's `file:line`."""
    return f"ssh-keygen -R '{name}' -f '{where.rpartition(':')[0]}'"


def known_hosts_line(name: str, port: int, key_type: str, blob: bytes) -> str:
    """Return the line, without a line end, that makes a key known."""
    return f"{written(name, port)} {key_type} {b64encode(blob).decode()}"


def read_key(key_type: str, text: str) -> bytes | None:
    """Return the public key that `text` holds in base64, or None if it is not whole.

    It is a row of strings of which the first is the type (RFC 4253 6.6).
    """
    try:
        blob = b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        return None
    fields, at = 0, 0
    while at < len(blob):
        end = at + 4 + int.from_bytes(blob[at : at + 4], "big")
        if end > len(blob) or (not fields and blob[4:end] != key_type.encode("utf-8", "surrogateescape")):
            return None
        fields, at = fields + 1, end
    return blob if fields >= _FIELDS.get(key_type, 2) else None


def append(path: str, lines: Iterable[str], *, patient: bool = True) -> None:
    """Add lines to a known_hosts file in one write under a lock; those it holds already are skipped.

    The file is never rewritten. It is made with mode 0600 and its folder with 0700. Raises OSError, also when another
    program keeps the lock for longer than three seconds; not `patient`, it is asked for once.
    """
    Path(path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    file = os.open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        _lock(file, _LOCK_SECONDS if patient else 0.0)
        with open(file, "rb", closefd=False) as reader:
            old = reader.read()
        present = set(old.split(b"\n"))
        new = [
            data for line in dict.fromkeys(lines) if (data := line.encode("utf-8", "surrogateescape")) not in present
        ]
        if not new:
            return
        start = b"\n" if old and not old.endswith(b"\n") else b""
        rest = memoryview(start + b"".join(data + b"\n" for data in new))
        while rest:  # one write, unless the disk fills up: then the next one raises
            rest = rest[os.write(file, rest) :]
    finally:
        os.close(file)


def _lock(file: int, seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while True:
        try:
            return fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)


def _read(path: str) -> bytes:
    mode = Path(path).stat().st_mode
    if stat.S_ISCHR(mode):  # /dev/null
        return b""
    if not stat.S_ISREG(mode):
        raise OSError("not a file")  # and opening a FIFO would wait for ever
    with Path(path).open("rb") as file:
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise OSError("too long")
    return data


def _word(text: str) -> tuple[str, str]:
    """Split off the first word. Blanks and tabs divide, no other white space does."""
    word, _, rest = text.replace("\t", " ").partition(" ")
    return word, rest.lstrip(" ")


def _understood(lines: list[_Line]) -> _Known:
    known = _Known([], [], [])
    for line in lines:
        key_type, rest = _word(line.key)
        if key_type.isdigit():
            continue  # a key of SSH protocol 1, of no use and no harm
        blob = read_key(key_type, _word(rest)[0])
        if blob is None or line.marker not in _MARKERS:
            known.unreadable.append(line.where)
        elif line.marker != "@cert-authority":
            (known.revoked if line.marker else known.good).append((key_type, blob, line.where))
    return known
