"""Much content in few steps: AES-GCM from one buffer into another, many packets at a time (RFC 5647).

Promises: what is returned is a view of a buffer of this thread, good until the next call; nothing is taken for content
before its packet has proved itself; a packet that is no content, or another channel's, is given back as it is.

Why: a packet holds 32 KiB, which AES takes seven microseconds for. A message of its own for each, joined, sealed,
appended, and cut off again when the socket has taken it, cost four times that, and a fifth of it were pages that the
system mapped and unmapped.
"""

import struct
import threading
from typing import Any, Protocol

MERGED = 128 << 10  # bytes of content handed on at once: as much as one packet might hold
_PIECE, _PACKETS = 256 << 10, 64  # bytes and packets sealed at once
_AROUND = 64  # bytes in front of and behind the content of a packet
_DATA = 94  # SSH_MSG_CHANNEL_DATA: type, channel, length
_HEAD = 1 + 1 + 4 + 4  # of such a packet, with the length of its padding in front
_TAG = 16
_u32 = struct.Struct(">I")

# By the length of a message modulo 16: the padding, at least 4 bytes, with the byte in front that counts it.
PADDING = [
    bytes((pad,)) + bytes(pad) for pad in ((15 - size) % 16 + (16 if (15 - size) % 16 < 4 else 0) for size in range(16))
]


class Nonces(Protocol):
    """Where the nonces of one key come from, each once."""

    def next(self) -> bytes: ...


class _Room(threading.local):
    def __init__(self) -> None:
        self.plain = memoryview(bytearray(_PIECE + _AROUND))
        self.sealed = memoryview(bytearray(_PIECE + _PACKETS * _AROUND))
        self.merged = memoryview(bytearray(_HEAD + MERGED + _PIECE + _AROUND))


_room = _Room()


def able(engine: Any) -> bool:
    """Whether a cipher works from buffer to buffer; cryptography's does since a release later than we need."""
    return hasattr(engine, "encrypt_into") and hasattr(engine, "decrypt_into")


def fits(size: int, most: int) -> bool:
    """Whether so many bytes, `most` in each packet, are sealed at once."""
    return size <= _PIECE and size <= most * _PACKETS


def sealed(engine: Any, nonces: Nonces, head: bytes, data: bytes | memoryview, most: int) -> memoryview:
    """Return packets that hold data that `fits`: in each the head, a length, and up to so many bytes."""
    plain, out, start, at = _room.plain, _room.sealed, 1 + len(head) + 4, 0
    view = memoryview(data)
    plain[1 : 1 + len(head)] = head
    for begin in range(0, len(view), most):
        part = view[begin : begin + most]
        end = start + len(part)
        pad = PADDING[(end - 1) % 16]
        whole = end + len(pad) - 1
        plain[0] = pad[0]
        plain[start - 4 : start] = _u32.pack(len(part))
        plain[start:end] = part
        plain[end:whole] = pad[1:]
        length = _u32.pack(whole)
        out[at : at + 4] = length
        stop = at + 4 + whole + _TAG
        engine.encrypt_into(nonces.next(), plain[:whole], length, out[at + 4 : stop])
        at = stop
    return out[:at]


class Merged:
    """The content of packets that follow each other, as one message of one channel."""

    __slots__ = ("at", "body", "packets", "rest")

    def __init__(self) -> None:
        self.body = _room.merged[:0]
        self.at = 0  # where the next packet begins
        self.packets = 0  # how many are in it
        self.rest = b""  # the plain packet behind them that is no part of it


def merged(engine: Any, nonces: Nonces, data: memoryview, at: int) -> Merged:
    """Open the packets that begin at `at`, of which the first is whole.

    Each is opened over the last bytes of what is in front of it, which are put back: so its own follow them closely.
    """
    room, found, end, channel = _room.merged, Merged(), _HEAD, b""
    while len(data) - at >= 4:
        (length,) = _u32.unpack_from(data, at)
        stop = at + 4 + length + _TAG
        if stop > len(data) or not _HEAD < length <= (MERGED + _TAG - (end - _HEAD) if found.packets else _PIECE):
            break
        start = end - _HEAD
        kept = bytes(room[start:end])
        packet = room[start : start + length]
        engine.decrypt_into(nonces.next(), data[at + 4 : stop], data[at : at + 4], packet)
        at, size = stop, length - packet[0] - _HEAD
        content = packet[1] == _DATA and _u32.unpack_from(packet, 6)[0] == size
        if not content or (found.packets and (packet[2:6] != channel or start + size > MERGED)):
            found.rest = bytes(packet)
            room[start:end] = kept
            break
        if found.packets:
            room[start:end] = kept
        else:
            channel = bytes(packet[2:6])
        found.packets += 1
        end += size
    found.at = at
    if found.packets:
        _u32.pack_into(room, 6, end - _HEAD)
        found.body = room[2:end]
    return found
