"""Packets to and from byte buffers: paramiko's packetizer without its socket, its threads and its waiting.

Output collects in `out`; input is given to `take()`, and `next()` returns each packet once it is whole. The cipher
state is read again for each packet, because keys change *between* two packets of one segment. Four framings: clear,
AES-GCM, encrypt-then-MAC and MAC-then-encrypt (RFC 4253 section 6, RFC 5647, OpenSSH PROTOCOL 1.5).

Why not `Packetizer.read_message`: it cannot be left in mid-packet, and it allocates whatever length a peer names.
"""

import hmac
import struct
import threading
from collections.abc import Callable
from typing import Any

from paramiko import Message
from paramiko.packet import Packetizer

from pssh.transport.ssh import bulk

MAX_PACKET = 256 << 10
_u32 = struct.Struct(">I")
u32 = _u32.pack


class ProtocolError(Exception):
    """The peer broke the protocol; the text is for the row."""


class NoSocket:
    """Stands where paramiko wants a socket: bytes pass through buffers instead."""

    def settimeout(self, seconds: float) -> None: ...

    def close(self) -> None: ...


class Payload(bytes):
    """A whole message, type byte first; paramiko asks it for `asbytes()` only."""

    __slots__ = ()
    asbytes = bytes.__bytes__


def text(value: bytes | str) -> bytes:
    """Return an SSH string (RFC 4251 section 5)."""
    data = value.encode("utf-8", "surrogateescape") if isinstance(value, str) else value
    return u32(len(data)) + data


class Fields:
    """Reads a message field by field; a short message is a ProtocolError, where paramiko's Message pads with zeros."""

    __slots__ = ("at", "data")

    def __init__(self, data: bytes, at: int = 0) -> None:
        """With a view in the place of bytes, strings are views as well."""
        self.data = data
        self.at = at

    def u32(self) -> int:
        if self.at + 4 > len(self.data):
            raise ProtocolError("a message was cut short")
        (value,) = _u32.unpack_from(self.data, self.at)
        self.at += 4
        return int(value)

    def bool(self) -> bool:
        if self.at >= len(self.data):
            raise ProtocolError("a message was cut short")
        self.at += 1
        return self.data[self.at - 1] != 0

    def string(self) -> bytes:
        length = self.u32()
        start, self.at = self.at, self.at + length
        if self.at > len(self.data):
            raise ProtocolError("a message was cut short")
        return self.data[start : self.at]

    def words(self) -> str:
        """Return a string that is meant for people; what is not UTF-8 is replaced."""
        return self.string().decode("utf-8", "replace")


def message(body: bytes, seqno: int) -> Message:
    """Return what paramiko's own handlers take; they check `seqno` for strict key exchange."""
    parsed = Message(body)
    parsed.seqno = seqno
    return parsed


class _Nonces:
    """The nonces of one AES-GCM key (RFC 5647 section 7.1); the one place that counts, so that none is used twice."""

    __slots__ = ("_count", "_fixed")

    def __init__(self, iv: bytes) -> None:
        self._fixed, self._count = iv[:4], int.from_bytes(iv[4:], "big")

    def next(self) -> bytes:
        count = self._count
        self._count = (count + 1) & 0xFFFFFFFFFFFFFFFF
        return self._fixed + count.to_bytes(8, "big")


_UNUSED = _Nonces(bytes(12))
_CHANNEL_DATA, _MUCH = 94, 4 << 10  # the body of such a message, if it is longer, is not copied
READ = 256 << 10
_HEADROOM = MAX_PACKET + 64  # for a packet whose end is still to come
_local = threading.local()


def _lap() -> memoryview:
    found: memoryview | None = getattr(_local, "lap", None)
    if found is None:
        found = _local.lap = memoryview(bytearray(_HEADROOM + READ))
    return found


def lap() -> memoryview:
    """Return where a thread's connections, one after the other, may read `READ` bytes into, to be used at once.

    One buffer for all: each of a thousand connections would hold as much, and a new one for each read is mapped and
    unmapped by the system.
    """
    return _lap()[_HEADROOM:]


class BufferPacketizer(Packetizer):
    """Between two byte buffers. It never waits, and never allocates more than a peer has sent."""

    def __init__(self, sock: Any) -> None:
        super().__init__(sock)
        self.out = bytearray()
        self.used = 0  # bytes under the present keys, either way
        self._input: Any = b""  # or a view of the lap
        self._at = 0  # where the next packet begins in the input: cut off once per turn, not once per packet
        self._sequence_in = 0
        self._seal: Any = None
        self._open: Any = None
        self._clear: Any = None  # decryptor of a cipher that has its MAC apart
        self._nonces_out = self._nonces_in = _UNUSED
        self._mac: tuple[Any, int, bytes, bool] = (None, 0, b"", False)  # hash, size, key, encrypt-then-MAC
        self._first = b""  # a first block that was decrypted before its packet was whole
        self._seals = self._opens = False  # from buffer to buffer
        self._ahead = b""  # a packet that was opened already, and is the next
        self.straight: Callable[[memoryview], int] = _none  # sends what it can of a view, and says how much that was

    def write_all(self, out: bytes) -> None:
        self.out += out
        self.used += len(out)

    def seal_with(self, engine: Any, iv: bytes) -> None:
        """Seal with AES-GCM from the next packet on."""
        self._seal, self._nonces_out, self.used = engine, _Nonces(iv), 0
        self._seals = bulk.able(engine)

    def open_with(self, engine: Any, iv: bytes) -> None:
        """Open with AES-GCM from the next packet on."""
        self._open, self._nonces_in, self._clear = engine, _Nonces(iv), None
        self._opens = bulk.able(engine)

    def set_outbound_cipher(self, block_engine: Any, *args: Any, **kw: Any) -> None:
        super().set_outbound_cipher(block_engine, *args, **kw)
        self._seal, self._seals, self.used = None, False, 0
        if kw["aead"]:
            self.seal_with(block_engine, kw["iv_out"])

    def set_inbound_cipher(self, block_engine: Any, *args: Any, **kw: Any) -> None:
        super().set_inbound_cipher(block_engine, *args, **kw)
        self._open, self._opens, self._clear = None, False, block_engine
        self._mac = (kw["mac_engine"], kw["mac_size"], kw["mac_key"], kw["etm"])
        if kw["aead"]:
            self.open_with(block_engine, kw["iv_in"])

    def reset_seqno_in(self) -> None:
        super().reset_seqno_in()
        self._sequence_in = 0

    def send_message(self, data: Any) -> None:
        self.send(data.asbytes())

    def send(self, payload: bytes) -> None:
        """Put a message, type byte first, into a packet; AES-GCM here, what else there is in paramiko."""
        if self._seal is None:
            super().send_message(Payload(payload))
            return
        pad = bulk.PADDING[len(payload) % 16]
        length = u32(len(payload) + len(pad))
        sealed = self._seal.encrypt(self._nonces_out.next(), pad[:1] + payload + pad[1:], length)
        self.out += length
        self.out += sealed
        self.used += len(sealed) + 4

    def send_data(self, head: bytes, data: bytes | memoryview, most: int) -> None:
        """Put data into as many packets as it takes: in each the head, a length, and up to so many bytes.

        What the network takes at once leaves at once, if nothing waits in front of it.
        """
        if self._seals and bulk.fits(len(data), most):
            packets = bulk.sealed(self._seal, self._nonces_out, head, data, most)
            self.used += len(packets)
            self.out += packets if self.out else packets[self.straight(packets) :]
            return
        for at in range(0, len(data), most):
            part = data[at : at + most]
            self.send(b"".join((head, u32(len(part)), part)))

    def take(self, data: bytes | memoryview) -> None:
        """Add what the peer sent; what lies in `lap()` is used there, and the rest of it has to be kept by `keep`."""
        rest = self._input[self._at :]
        self._at = 0
        if isinstance(data, memoryview):
            lap, start = _lap(), _HEADROOM - len(rest)
            lap[start:_HEADROOM] = rest
            self._input = lap[start : _HEADROOM + len(data)]
        else:
            self._input = rest + data if rest else data

    def keep(self) -> None:
        """Keep what no packet has used yet."""
        if isinstance(self._input, memoryview):
            self._input, self._at = bytes(self._input[self._at :]), 0

    @property
    def flows(self) -> bool:
        """Whether what comes may be read into `lap()`."""
        return self._open is not None

    def line(self) -> bytes | None:
        """Take one line off the input, without its end; None if there is no whole line."""
        end = self._input.find(b"\n", self._at)
        if end < 0:
            return None
        line, self._at = self._input[self._at : end], end + 1
        return bytes(line.removesuffix(b"\r"))

    @property
    def pending(self) -> int:
        """Bytes taken that no packet has used yet."""
        return len(self._input) - self._at

    def next(self) -> tuple[int, bytes, int] | None:
        """Return the next packet as (type, body, sequence number) once it is whole; of much data a view is the body."""
        if self._ahead:
            body, self._ahead = self._ahead, b""
            return self._message(body)
        buf, at = self._input, self._at
        if len(buf) - at < 4:
            return None
        if self._clear is not None:
            self.keep()
            buf, at = self._input, self._at
            opened = self._next_with_mac(buf, at)
            if opened is None:
                return None
            body = opened
        else:
            length = _checked(_u32.unpack_from(buf, at)[0])
            end = at + 4 + length + (16 if self._open else 0)
            if len(buf) < end:
                return None
            if length > _MUCH and self._opens:
                return self._next_merged(buf, at)
            body = buf[at + 4 : end]
            if self._open:
                body = self._open.decrypt(self._nonces_in.next(), body, buf[at : at + 4])
            self._at = end
        self.used += self._at - at
        return self._message(body)

    def _next_merged(self, buf: bytes, at: int) -> tuple[int, bytes, int]:
        """Return the content of as many packets as follow each other, as if it were that of one."""
        found = bulk.merged(self._open, self._nonces_in, memoryview(buf), at)
        self._at = found.at
        self.used += found.at - at
        if not found.packets:
            return self._message(found.rest)
        self._ahead = found.rest
        self._sequence_in = (self._sequence_in + found.packets) & 0xFFFFFFFF
        return _CHANNEL_DATA, found.body, self._sequence_in - 1  # type: ignore[return-value]  # as good as bytes to Fields

    def _message(self, body: bytes) -> tuple[int, bytes, int]:
        stop = len(body) - body[0]
        if stop < 2:
            raise ProtocolError("a packet has no content")
        seqno = self._sequence_in
        self._sequence_in = (seqno + 1) & 0xFFFFFFFF
        if len(body) > _MUCH and body[1] == _CHANNEL_DATA:
            return body[1], memoryview(body)[2:stop], seqno  # type: ignore[return-value]  # as good as bytes to Fields
        return body[1], body[2:stop], seqno

    def _next_with_mac(self, buf: bytes, at: int) -> bytes | None:
        """Return the next body once it is whole; the MAC covers sequence number, length and body."""
        engine, size, key, etm = self._mac
        if etm:
            head = buf[at : at + 4]
        else:
            if not self._first:
                if len(buf) - at < 16:
                    return None
                self._first = self._clear.update(buf[at : at + 16])  # once: the cipher's stream moves on
            head = self._first[:4]
        end = at + 4 + _checked(_u32.unpack(head)[0])
        if len(buf) < end + size:
            return None
        covered = buf[at:end] if etm else self._first + self._clear.update(buf[at + 16 : end])
        proof = hmac.digest(key, u32(self._sequence_in) + covered, engine)[:size]
        if not hmac.compare_digest(proof, buf[end : end + size]):
            raise ProtocolError("a packet's checksum is wrong")
        self._first, self._at = b"", end + size
        body = covered[4:]
        return self._clear.update(body) if etm else body


def _none(data: memoryview) -> int:
    return 0


def _checked(length: int) -> int:
    if not 5 <= length <= MAX_PACKET:
        raise ProtocolError(f"a packet of {length} bytes")
    return length
