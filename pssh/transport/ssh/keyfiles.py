"""Private key files as the parent process sees them: usable, locked by a passphrase, or no use, and why.

`inspect` reads headers only, so that looking at a user's keys costs no import of a crypto library and asks for nothing.
Why `cryptography` and not paramiko to unlock: the parent never imports paramiko, whose own reader moreover refuses
PKCS#8 files.
"""

import os
import stat
from base64 import b64decode
from pathlib import Path
from typing import Any

from msgspec import Struct

from pssh.errors import CredentialError
from pssh.model.secret import Secret
from pssh.transport.ssh.hostkeys import read_key

_MOST_BYTES = 1 << 20
_TYPES = frozenset({"ssh-ed25519", "ssh-rsa", "ecdsa-sha2-nistp256", "ecdsa-sha2-nistp384", "ecdsa-sha2-nistp521"})
_CIPHERS = frozenset({b"none", b"aes256-ctr", b"aes256-cbc", b"aes256-gcm@openssh.com"})  # those `cryptography` opens


class KeyFile(Struct, frozen=True):
    """One key file, looked at."""

    path: str
    locked: bool = False  # a passphrase is needed
    public: bytes = b""  # the public key as SSH sends it, where it can be told; the agent may hold its other half
    problem: str = ""  # why it cannot be used, to follow the file's name: "does not exist"


def inspect(path: str) -> KeyFile:
    """Look at a key file without unlocking it; never raises for what is in it."""
    try:
        status = Path(path).stat()
        if not stat.S_ISREG(status.st_mode):
            return KeyFile(path, problem="is not a file")
        data = _read(path)
    except FileNotFoundError:
        return KeyFile(path, problem="does not exist")
    except (OSError, ValueError) as error:
        return KeyFile(path, problem=f"cannot be read: {getattr(error, 'strerror', None) or error}")
    found = _look(path, data)
    if not found.problem and status.st_uid == os.getuid() and status.st_mode & 0o077:  # the rule of ssh
        mode = stat.S_IMODE(status.st_mode)
        return KeyFile(path, found.locked, found.public, f"can be read by others (mode {mode:04o}), ssh wants 0600")
    return found


def unlocks(path: str, secret: Secret) -> bool:
    """Say whether the passphrase opens the key. Raises CredentialError where no passphrase can."""
    from cryptography.exceptions import InvalidTag

    try:
        load(path, secret)
    except (ValueError, TypeError, InvalidTag):
        return False
    return True


def load(path: str, secret: Secret | None = None) -> Any:
    """Return the private key as an object of `cryptography`.

    Raises CredentialError if the file cannot be read or its encryption is not supported, and what `cryptography` raises
    for a wrong or missing passphrase: ValueError, TypeError or InvalidTag.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.serialization import load_pem_private_key, load_ssh_private_key

    try:
        data = _read(path)
        read = load_ssh_private_key if b"BEGIN OPENSSH PRIVATE KEY" in data else load_pem_private_key
        return read(data, secret.reveal().encode() if secret else None)
    except OSError as error:
        raise CredentialError(f"`{path}` cannot be read: {error.strerror}") from error
    except UnsupportedAlgorithm:
        raise CredentialError(f"`{path}` holds a key or an encryption that is not supported") from None


def _read(path: str) -> bytes:
    with Path(path).open("rb") as file:
        return file.read(_MOST_BYTES)


def _look(path: str, data: bytes) -> KeyFile:
    head, _, rest = data.lstrip().partition(b"\n")
    match head.strip():
        case b"-----BEGIN OPENSSH PRIVATE KEY-----":
            return _openssh(path, rest.partition(b"-----END")[0])
        case b"-----BEGIN ENCRYPTED PRIVATE KEY-----":
            return KeyFile(path, locked=True, public=_beside(path))
        case b"-----BEGIN RSA PRIVATE KEY-----" | b"-----BEGIN EC PRIVATE KEY-----" | b"-----BEGIN PRIVATE KEY-----":
            if b"Proc-Type: 4,ENCRYPTED" in rest:
                return KeyFile(path, locked=True, public=_beside(path))
            return _pem(path)
        case b"-----BEGIN DSA PRIVATE KEY-----":
            return KeyFile(path, problem="holds a DSA key, which is not supported")
    if b"PUBLIC KEY--" in head or _public(data):
        private = path.removesuffix(".pub")
        return KeyFile(
            path, problem="is a public key" + (f"; the private one may be `{private}`" if private != path else "")
        )
    return KeyFile(path, problem="is not a private key")


def _openssh(path: str, text: bytes) -> KeyFile:
    """Read the clear part of OpenSSH's own format (PROTOCOL.key)."""
    magic = b"openssh-key-v1\0"
    try:
        data = b64decode(b"".join(text.split()), validate=True)
    except ValueError:
        data = b""
    cipher, at = _string(data, len(magic))
    _, at = _string(data, at)  # how the passphrase becomes a key
    _, at = _string(data, at)
    public, at = _string(data, at + 4)  # behind the number of keys, always 1
    private, _ = _string(data, at)
    key_type = _string(public, 0)[0].decode("ascii", "replace")
    locked = cipher != b"none"
    if not data.startswith(magic) or not private or (not locked and private[:4] != private[4:8]):
        return KeyFile(path, problem="is damaged")
    if key_type not in _TYPES:
        return KeyFile(path, locked, public, f"holds a key of type `{key_type}`, which is not supported")
    if cipher not in _CIPHERS:
        name = cipher.decode("ascii", "replace")
        return KeyFile(path, locked, public, f"is encrypted with `{name}`, which is not supported")
    return KeyFile(path, locked, public)


def _pem(path: str) -> KeyFile:
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    try:
        line = load(path).public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)
    except CredentialError:
        return KeyFile(path, problem="holds a key that is not supported")
    except (ValueError, TypeError):
        return KeyFile(path, problem="is damaged")
    key_type, public = line.split()[0].decode(), b64decode(line.split()[1])
    problem = "" if key_type in _TYPES else f"holds a key of type `{key_type}`, which is not supported"
    return KeyFile(path, public=public, problem=problem)


def _beside(path: str) -> bytes:
    """Return the public key from the `.pub` file that ssh-keygen left beside a private one."""
    try:
        return _public(_read(path + ".pub"))
    except OSError:
        return b""


def _public(data: bytes) -> bytes:
    words = data.decode("utf-8", "replace").split(None, 2)
    return (read_key(words[0], words[1]) or b"") if len(words) > 1 else b""


def _string(data: bytes, at: int) -> tuple[bytes, int]:
    """Return the length-prefixed string at a place and the place behind it; past the end it is empty."""
    end = at + 4 + int.from_bytes(data[at : at + 4], "big")
    return (data[at + 4 : end], end) if end <= len(data) else (b"", len(data))
