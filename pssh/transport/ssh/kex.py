"""The usual key exchange, curve25519 (RFC 8731), without paramiko's detours: a tenth of a connection's whole cost.

Only the handling of bytes is ours. Generating the key and computing the secret, with its check for values of low order,
stay paramiko's, and so does every other method.
"""

import hashlib
from typing import Any

from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey, X25519PublicKey
from paramiko import Message
from paramiko.kex_curve25519 import KexCurve25519

from pssh.transport.ssh.wire import Fields, text

_INIT, _REPLY = b"\x1e", 31


def mpint(value: int) -> bytes:
    """Return a number that is not negative as an SSH mpint (RFC 4251 section 5)."""
    return text(value.to_bytes(value.bit_length() // 8 + 1, "big") if value else b"")


class Curve25519(KexCurve25519):  # type: ignore[misc]  # paramiko is untyped
    """One exchange, as the client."""

    hash_algo = hashlib.sha256
    transport: Any

    def start_kex(self) -> None:
        self.key = X25519PrivateKey.generate()
        self._public = self.key.public_key().public_bytes_raw()
        self.transport.send(_INIT + text(self._public))
        self.transport._expect_packet(_REPLY)

    def _parse_kexecdh_reply(self, m: Message) -> None:
        fields, driver = Fields(m.asbytes()), self.transport
        host_key, theirs, signature = fields.string(), fields.string(), fields.string()
        secret = int.from_bytes(self._perform_exchange(X25519PublicKey.from_public_bytes(theirs)), "big")
        told = (driver.local_version, driver.remote_version, driver.local_kex_init, driver.remote_kex_init)
        whole = b"".join(map(text, (*told, host_key, self._public, theirs))) + mpint(secret)
        driver._set_K_H(secret, hashlib.sha256(whole).digest())
        driver._verify_key(host_key, signature)
        driver._activate_outbound()
