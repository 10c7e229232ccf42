"""A connection that has sent nothing yet, and the keys that it makes and puts in place (RFC 4253 sections 7.2 and 7.3).

What paramiko's constructors make is made once, and each connection begins as a copy. AES-GCM, which nearly every host
agrees to, is put in place here, anything else by paramiko.

Why not paramiko's constructors: they make locks, events and conditions for a thread that is never started, at a
twentieth of what a whole host costs. Why not its way to the keys: it hashes what all six share six times, and makes two
keys for a MAC that AES-GCM does without; another twentieth.
"""

from typing import Any

from paramiko import Message, Transport, common

from pssh.transport.ssh.kex import mpint
from pssh.transport.ssh.wire import BufferPacketizer, NoSocket

IV_BYTES = 12  # of AES-GCM
OUR_VERSION = "SSH-2.0-pssh"  # a host's log has it; not paramiko's, whose faults some servers make up for


class _Unwatched:
    """Stands for a lock or an event: there is one thread, and nobody waits."""

    def acquire(self) -> None: ...
    def release(self) -> None: ...
    def set(self) -> None: ...
    def clear(self) -> None: ...


_made = Transport(NoSocket(), packetizer_class=BufferPacketizer)
HANDLERS: dict[int, str] = {kind: method.__name__ for kind, method in _made._handler_table.items()}
_UNWATCHED = dict.fromkeys(("clear_to_send", "clear_to_send_lock", "lock"), _Unwatched())
# Containers are made anew, so that connections never share one; the rest is never changed in place.
_FRESH: dict[str, Any] = {name: value for name, value in vars(_made).items() if name != "_handler_table"} | _UNWATCHED
_FRESH["local_version"] = OUR_VERSION
_CONTAINERS = {name: type(value) for name, value in _FRESH.items() if type(value) in (dict, list, set)}
_PACKETIZER = vars(_made.packetizer)


def _packetizer() -> BufferPacketizer:
    made = BufferPacketizer.__new__(BufferPacketizer)
    made.__dict__ = _PACKETIZER.copy()
    made.out = bytearray()
    return made


class Keyed(Transport):
    """Paramiko's Transport without its thread, and with keys of our own making."""

    packetizer: BufferPacketizer
    authenticated: bool
    kex_engine: Any
    local_kex_init: bytes
    remote_kex_init: bytes
    session_id: Any
    local_cipher: str
    remote_cipher: str
    _expected_packet: tuple[int, ...]

    def __init__(self) -> None:
        """Begin as a connection that has sent nothing; nothing of it is shared with another."""
        self.__dict__ = _FRESH.copy()  # much quicker than to fill one
        for name, kind in _CONTAINERS.items():
            self.__dict__[name] = kind()
        self.packetizer = _packetizer()
        self._secret: Any = None  # the hash of K and H, from which every key is made

    def _aead(self, cipher: str) -> Any:
        """Return the class of a cipher that checks itself, with the length of its key; None for any other."""
        info = self._cipher_info[cipher]
        return (info["class"], info["key-size"]) if info.get("is_aead") else None

    def _activate_outbound(self) -> None:
        if (cipher := self._aead(self.local_cipher)) is None:
            super()._activate_outbound()
            return
        made, size = cipher
        self.packetizer.send(common.cMSG_NEWKEYS)
        if self.agreed_on_strict_kex:
            self.packetizer.reset_seqno_out()
        self.packetizer.seal_with(made(self._compute_key("C", size)), self._compute_key("A", IV_BYTES))
        self.in_kex = False
        self._expect_packet(common.MSG_NEWKEYS)

    def _activate_inbound(self) -> None:
        if (cipher := self._aead(self.remote_cipher)) is None:
            super()._activate_inbound()
            return
        made, size = cipher
        self.packetizer.open_with(made(self._compute_key("D", size)), self._compute_key("B", IV_BYTES))
        if self.agreed_on_strict_kex:
            self.packetizer.reset_seqno_in()

    def _parse_newkeys(self, m: Message) -> None:
        super()._parse_newkeys(m)
        self._secret = None

    def _compute_key(self, id: str, nbytes: int) -> bytes:
        """RFC 4253 section 7.2; the part that all keys share is hashed once."""
        if nbytes > 32 or isinstance(self.K, bytes):
            key: bytes = super()._compute_key(id, nbytes)
            return key
        if self._secret is None:
            self._secret = self.kex_engine.hash_algo(mpint(self.K) + self.H)
        hashed = self._secret.copy()
        hashed.update(id.encode() + self.session_id)
        digest: bytes = hashed.digest()
        return digest[:nbytes]
