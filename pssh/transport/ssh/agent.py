"""Ask the ssh-agent which keys it holds and have it sign, without ever waiting long for it.

The protocol is draft-ietf-sshm-ssh-agent: a length, a type byte, fields. Each request has a connection of its own, so
that one given up in the middle leaves nothing half-read. One request at a time; its time and the reply's size have a
limit. An agent that stayed silent once is not asked again: a run must not wait three seconds per host for it.
"""

import asyncio
import socket
import time

_MOST_BYTES = 256 << 10
_REQUEST_IDENTITIES, _IDENTITIES = 11, 12
_SIGN_REQUEST, _SIGNATURE = 13, 14

RSA_SHA2_256 = 2  # flags of `sign`: what an RSA key is to sign with
RSA_SHA2_512 = 4


class AgentError(Exception):
    """The agent cannot be used: one line for a person."""


class Agent:
    """The agent behind one socket, for use by many coroutines of one loop."""

    def __init__(self, path: str, limit: float = 3.0) -> None:
        self._path = path
        self._limit = limit  # seconds for one request
        self._lock = asyncio.Lock()
        self._keys: list[bytes] | None = None
        self._silent = False

    async def identities(self) -> list[bytes]:
        """Return the blobs of the keys the agent holds, in its order; it is asked once. Raises AgentError."""
        if self._keys is None:
            self._keys = _identities(await self._ask(bytes((_REQUEST_IDENTITIES,))))
        return self._keys

    async def sign(self, blob: bytes, data: bytes, flags: int = 0) -> bytes:
        """Return the signature of `data` by the key `blob`, as it stands in a login request. Raises AgentError."""
        request = bytes((_SIGN_REQUEST,)) + _string(blob) + _string(data) + flags.to_bytes(4, "big")
        return _signature(await self._ask(request))

    async def _ask(self, request: bytes) -> bytes:
        async with self._lock:
            if self._silent:
                raise AgentError(f"the ssh-agent at `{self._path}` does not answer")
            try:
                async with asyncio.timeout(self._limit):
                    return await self._exchange(request)
            except TimeoutError:
                self._silent = True
                raise AgentError(f"the ssh-agent at `{self._path}` gave no answer within {self._limit:g} s") from None
            except (OSError, ValueError) as error:
                raise _unusable(self._path, error) from error

    async def _exchange(self, request: bytes) -> bytes:
        loop = asyncio.get_running_loop()
        with socket.socket(socket.AF_UNIX) as sock:
            sock.setblocking(False)
            await loop.sock_connect(sock, self._path)
            await loop.sock_sendall(sock, _string(request))
            reply = _Reply()
            while reply.missing:
                reply.take(await loop.sock_recv(sock, reply.missing))
            return reply.body


def list_keys(path: str, timeout: float = 3.0) -> list[bytes]:
    """Return the blobs of the keys an agent holds, waiting at most `timeout` seconds in all. Raises AgentError."""
    deadline = time.monotonic() + timeout
    try:
        with socket.socket(socket.AF_UNIX) as sock:
            sock.settimeout(timeout)
            sock.connect(path)
            sock.sendall(_string(bytes((_REQUEST_IDENTITIES,))))
            reply = _Reply()
            while reply.missing:
                sock.settimeout(max(deadline - time.monotonic(), 0.001))
                reply.take(sock.recv(reply.missing))
    except TimeoutError:
        raise AgentError(f"the ssh-agent at `{path}` gave no answer within {timeout:g} s") from None
    except (OSError, ValueError) as error:
        raise _unusable(path, error) from error
    return _identities(reply.body)


class _Reply:
    """One reply as it grows: `missing` says how many bytes are still to be read."""

    def __init__(self) -> None:
        self._data = bytearray()
        self.missing = 4

    def take(self, data: bytes) -> None:
        if not data:
            raise AgentError("the ssh-agent closed the connection")
        self._data += data
        self.missing -= len(data)
        if not self.missing and len(self._data) == 4:
            self.missing = int.from_bytes(self._data, "big")
            if not 1 <= self.missing <= _MOST_BYTES:
                raise AgentError(f"the ssh-agent announced a reply of {self.missing} bytes")

    @property
    def body(self) -> bytes:
        return bytes(self._data[4:])


def _identities(reply: bytes) -> list[bytes]:
    if reply[0] != _IDENTITIES or len(reply) < 5:
        raise AgentError("the ssh-agent does not list its keys")
    fields, rest = _strings(reply[5:])
    if rest or len(fields) != 2 * int.from_bytes(reply[1:5], "big"):
        raise AgentError("the ssh-agent sent a list of keys that cannot be read")
    return fields[::2]  # the others are comments


def _signature(reply: bytes) -> bytes:
    if reply[0] != _SIGNATURE:
        raise AgentError("the ssh-agent refused to sign")
    fields, rest = _strings(reply[1:])
    if rest or len(fields) != 1:
        raise AgentError("the ssh-agent sent a signature that cannot be read")
    return fields[0]


def _strings(data: bytes) -> tuple[list[bytes], bytes]:
    """Split a row of length-prefixed strings; what is left over does not make one."""
    fields, at = [], 0
    while len(data) - at >= 4:
        end = at + 4 + int.from_bytes(data[at : at + 4], "big")
        if end > len(data):
            break
        fields.append(data[at + 4 : end])
        at = end
    return fields, data[at:]


def _string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def _unusable(path: str, error: Exception) -> AgentError:
    reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
    return AgentError(f"the ssh-agent at `{path}` cannot be used: {reason}")
