"""The SSH protocol of one connection, between two byte buffers: paramiko's Transport, never started.

`feed()` takes what the host sent and `packetizer.out` holds what is to be sent; the socket's owner feeds, then sends.
Promises: no byte after the key exchange leaves before the host key was proven and accepted; while keys change, only
key-exchange messages leave (RFC 4253 section 7.1); messages out of order end the connection; what a peer may make us
hold is bounded.

Why not `Transport.start()`: one thread and several timers a connection, polled every 0.1 s, cost five times the CPU
and report a failure as whatever exception came last.
"""

import os
from collections.abc import Callable
from typing import Any, Protocol

from paramiko import Message, Transport, common
from paramiko.ssh_exception import IncompatiblePeer

from pssh.transport.ssh import supported
from pssh.transport.ssh.failures import Closed
from pssh.transport.ssh.kex import Curve25519
from pssh.transport.ssh.keys import HANDLERS, Keyed
from pssh.transport.ssh.wire import MAX_PACKET, Fields, ProtocolError, message

MAX_BANNER_BYTES, MAX_BANNER_LINES, MAX_VERSION, MAX_BEFORE_LOGIN = 16 << 10, 64, 255, 1 << 20
MAX_UNSENT = 4 << 20  # bytes that wait for the host to read, or for new keys
_HELD = 64  # bytes that a message takes which is held back: no input is among them, and most are answers
REKEY_BYTES = 1 << 30
OPENSSH = "SSH-2.0-OpenSSH_"  # how its banners begin
HOST_KEYS = (
    "ssh-ed25519",
    "ecdsa-sha2-nistp256",
    "ecdsa-sha2-nistp384",
    "ecdsa-sha2-nistp521",
    "rsa-sha2-512",
    "rsa-sha2-256",
)

supported.check()

# What _parse_kex_init decides; the same offers decide the same, so it is kept and not worked out for every host.
_AGREED = """host_key_type local_cipher remote_cipher local_mac remote_mac local_compression remote_compression
    agreed_on_strict_kex _remote_ext_info _remote_strict_kex""".split()
_agreements: dict[tuple[bytes, bytes], tuple[dict[str, Any], type[Any], int]] = {}
_offers: dict[tuple[str, ...], bytes] = {}


class Channel(Protocol):
    """What the driver needs of a channel."""

    def request_open(self, *, speculate: bool) -> None: ...
    def passed_over(self) -> None: ...
    def on(self, kind: int, fields: Fields) -> None: ...
    def fail(self, error: Exception) -> None: ...


class Login(Protocol):
    """What the driver needs of a login; see `auth`."""

    def begin(self, driver: "Driver") -> None: ...
    def on(self, kind: int, fields: Fields) -> None: ...


class Driver(Keyed):
    """One connection. `check(key type, blob)` raises if the host key is not to be trusted."""

    _preferred_kex = (
        "curve25519-sha256",
        "curve25519-sha256@libssh.org",  # the same, under the name it had first
        "ecdh-sha2-nistp256",
        "ecdh-sha2-nistp384",
        "ecdh-sha2-nistp521",
        "diffie-hellman-group14-sha256",
        "diffie-hellman-group16-sha512",
    )
    _kex_info = Transport._kex_info | dict.fromkeys(_preferred_kex[:2], Curve25519)
    _preferred_ciphers = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes128-ctr", "aes256-ctr")
    _preferred_macs = (
        "hmac-sha2-256-etm@openssh.com",
        "hmac-sha2-512-etm@openssh.com",
        "hmac-sha2-256",
        "hmac-sha2-512",
    )
    preferred_keys: tuple[str, ...] = ()  # set for each host; plain types only: certificates are checked by nobody here

    def __init__(
        self,
        login: Login,
        check: Callable[[str, bytes], None],
        *,
        known: tuple[str, ...] = (),
        single: bool = False,
        cautious: bool = False,
        speculate: bool = False,
    ) -> None:
        """Make a connection that has sent nothing yet.

        `known`: key types known for the host, offered first. `single`: there is one method to try, so that a channel
        may be opened behind it on any server. `cautious`: open nothing behind a login request. `speculate`: request
        the command with the login where the server is OpenSSH.
        """
        super().__init__()
        self.preferred_keys = _host_key_order(known)
        self.phase = "banner"
        self.channels: dict[int, Channel] = {}
        self.before_banner: list[str] = []
        self.flush: Callable[[], None] = lambda: None
        self.on_phase: Callable[[str], None] = lambda what: None
        self.on_answer: Callable[[], None] = lambda: None  # a global request of ours was answered
        self.senders: list[Callable[[], None]] = []  # called when there may be room for what they have to send
        self.round_trip: Callable[[], float] = lambda: 0.0  # seconds to the host and back; 0: not known
        self.on_error: Callable[[Exception], None] = lambda what: None  # something outside feed() ended the connection
        self.piped = False  # channels were opened behind a login request that is not answered yet
        self.refused = False  # the host has answered a login request with a failure
        self.forced = False  # the key that logs in has a command of its own, which each request would run
        self._login = login
        self._check = check
        self._single, self._cautious, self._speculate = single, cautious, speculate
        self.held: list[bytes] | None = []  # what waits for the end of a key exchange; None: there is none
        self._host_key = b""
        self._taken = 0

    def begin(self) -> None:
        """Put our banner and KEXINIT into the first segment (saves a round trip)."""
        self.active = True
        self.packetizer.write_all(self.local_version.encode() + b"\r\n")
        self._send_kex_init()
        self._expect_packet(common.MSG_KEXINIT)

    def feed(self, data: bytes | memoryview) -> None:
        """Take bytes from the host, or a view of `wire.lap()`; raises whatever ends the connection."""
        if not data:
            raise Closed
        self.packetizer.take(data)
        if not self.authenticated:
            self._taken += len(data)
            if self._taken > MAX_BEFORE_LOGIN:
                raise ProtocolError("more than 1 MiB before the login")
            if not self.remote_version and not self._banner():
                return
        following = self.packetizer.next
        while (packet := following()) is not None:
            self._dispatch(*packet)
        self.packetizer.keep()
        self.on_room()
        if len(self.packetizer.out) + _HELD * len(self.held or ()) > MAX_UNSENT:
            raise ProtocolError("the host asks and asks, and reads no answer")
        if self.packetizer.used > REKEY_BYTES and self.held is None:
            self._send_kex_init()

    def add(self, channel: Channel) -> int:
        """Give a channel its number and open it as soon as the login allows."""
        number = len(self.channels)
        while number in self.channels:
            number += 1
        self.channels[number] = channel
        return number

    def open(self, channel: Channel) -> None:
        """Open a channel on a connection that is logged in."""
        channel.request_open(speculate=False)
        self.flush()

    def send(self, payload: bytes) -> None:
        """Send a message, or hold it back while keys change: then only messages of the key exchange may leave."""
        if self.held is not None and (payload[0] >= 50 or payload[0] in (5, 6)):
            self.held.append(payload)
        else:
            self.packetizer.send(payload)

    def on_room(self) -> None:
        """Something may be sent: much has left, or the host may have opened a window."""
        for pump in tuple(self.senders):
            pump()

    def ping(self) -> bool:
        """Ask the host for a sign of life; False while keys change, when nothing may be asked."""
        if self.held is not None:
            return False
        self.send(b"\x50" + b"\0\0\0\x15keepalive@openssh.com" + b"\1")
        self.flush()
        return True

    def pipeline(self) -> None:
        """A login request with its proof has left: open the channels behind it where that is safe."""
        openssh = self.remote_version.startswith(OPENSSH)
        if not self._cautious and (self._single or openssh):
            self.piped = True
            self._open_channels(speculate=self._speculate and openssh)

    def say_goodbye(self) -> None:
        """Tell the host that we leave (RFC 4253 section 11.1)."""
        if self.initial_kex_done:
            self.packetizer.send(b"\1\0\0\0\x0b\0\0\0\0\0\0\0\0")

    def dissolve(self) -> None:
        """Break the cycles between handlers and this object: the workers run without a cycle collector."""
        self.__dict__.clear()
        self.active = False  # for an agent that still signs

    # ---- from the host

    def _banner(self) -> bool:
        lines, packetizer = self.before_banner, self.packetizer
        while (raw := packetizer.line()) is not None:
            line = raw.decode("utf-8", "replace")
            if line.startswith(("SSH-2.0-", "SSH-1.99-")):
                if len(raw) > MAX_VERSION:
                    raise ProtocolError("the SSH banner is too long")
                self.remote_version = line
                self._enter("kex")
                return True
            lines.append(line)
            if line.startswith("SSH-"):
                raise ProtocolError("an SSH version that nobody should use")
            if len(lines) > MAX_BANNER_LINES or sum(map(len, lines)) > MAX_BANNER_BYTES:
                raise ProtocolError("too long a text before the SSH banner")
        if packetizer.pending + sum(map(len, lines)) > MAX_BANNER_BYTES:
            raise ProtocolError("too long a text before the SSH banner")
        return False

    def _dispatch(self, kind: int, body: bytes, seqno: int) -> None:
        if kind in (common.MSG_IGNORE, common.MSG_DEBUG):
            self._enforce_strict_kex(kind)
            # What sshd says of the key to whoever debugs.
            self.forced |= b" key options:" in body and b" command" in body
            return
        if kind == common.MSG_DISCONNECT:
            fields = Fields(body)
            fields.u32()
            raise Closed(fields.words()[:500])
        if self._expected_packet:
            if kind not in self._expected_packet:
                raise ProtocolError(f"packet {kind} where {self._expected_packet} was due")
            self._expected_packet = ()
            if 30 <= kind <= 41:
                self.kex_engine.parse_next(kind, message(body, seqno))
                return
        if kind >= 80:
            self._connection_message(kind, body, seqno)
        elif kind >= 50:
            self._login_message(kind, body)
        elif kind in HANDLERS:
            getattr(self, HANDLERS[kind])(message(body, seqno))
        elif kind not in (common.MSG_UNIMPLEMENTED, common.MSG_SERVICE_ACCEPT):
            raise ProtocolError(f"unexpected packet {kind}")
        elif kind == common.MSG_SERVICE_ACCEPT:
            self._login_message(kind, body)

    def _login_message(self, kind: int, body: bytes) -> None:
        if self.held is not None or self.authenticated:
            raise ProtocolError(f"packet {kind} outside the login")
        if kind == common.MSG_USERAUTH_FAILURE:
            self.refused, self.piped = True, False
            for channel in self.channels.values():
                channel.passed_over()
        self._login.on(kind, Fields(body))
        if kind == common.MSG_USERAUTH_SUCCESS:
            self.authenticated = True
            self._enter("run")
            if not self.piped:
                self._open_channels(speculate=False)
            self.piped = False  # the login request is answered

    def _connection_message(self, kind: int, body: bytes, seqno: int) -> None:
        if not self.authenticated:
            raise ProtocolError(f"packet {kind} before the login")
        if kind in (common.MSG_REQUEST_SUCCESS, common.MSG_REQUEST_FAILURE):
            self.on_answer()
        elif kind >= common.MSG_CHANNEL_OPEN_SUCCESS:
            fields = Fields(body)
            channel = self.channels.get(fields.u32())
            if channel is None:
                raise ProtocolError(f"packet {kind} for a channel that is not open")
            channel.on(kind, fields)
        elif kind in HANDLERS:
            getattr(self, HANDLERS[kind])(message(body, seqno))
        else:
            raise ProtocolError(f"unexpected packet {kind}")

    # ---- to the host

    def _send_message(self, data: Any) -> None:  # paramiko's own code sends through here as well
        self.send(data.asbytes())

    def _open_channels(self, *, speculate: bool) -> None:
        for channel in list(self.channels.values()):
            channel.request_open(speculate=speculate)
            speculate = False

    def _enter(self, phase: str) -> None:
        self.phase = phase
        self.on_phase(phase)

    def _send_kex_init(self) -> None:
        tail = _offers.get(self.preferred_keys)
        if tail is None:
            super()._send_kex_init()
            _offers[self.preferred_keys] = self.local_kex_init[17:]
        else:
            self.in_kex = True
            self.local_kex_init = self._latest_kex_init = b"\x14" + os.urandom(16) + tail
            self.send(self.local_kex_init)
        self.held = self.held or []

    def _parse_kex_init(self, m: Message) -> None:
        body = m.asbytes()
        key = (body[16:], self.local_kex_init[17:])
        if self.initial_kex_done or m.seqno != 0:
            super()._parse_kex_init(m)
        elif (agreement := _agreements.get(key)) is None:
            try:
                super()._parse_kex_init(m)
            except IncompatiblePeer:
                raise IncompatiblePeer(self._nothing_in_common(body)) from None
            if len(_agreements) < 64:
                agreed = {name: getattr(self, name) for name in _AGREED}
                _agreements[key] = agreed, type(self.kex_engine), len(self.remote_kex_init)
        else:
            agreed, engine, length = agreement
            self.__dict__.update(agreed)
            self.kex_engine = engine(self)
            self.remote_kex_init = (b"\x14" + body)[:length]

    def _nothing_in_common(self, theirs: bytes) -> str:
        """Say on which list of its KEXINIT (RFC 4253 section 7.1) we and the host do not meet."""
        fields = Fields(theirs, at=16)
        ours = (self._preferred_kex, self.preferred_keys, self._preferred_ciphers, (), self._preferred_macs)
        for what, offer in zip(("key exchange", "host key type", "cipher", "", "MAC"), ours, strict=True):
            names = fields.words()[:1000]
            if what and not set(offer) & set(names.split(",")):
                return f"no common {what}: the host offers {names}; we offer {','.join(offer)}"
        return "no common algorithm"

    def _verify_key(self, host_key: bytes, sig: bytes) -> None:
        super()._verify_key(host_key, sig)  # first: only a proven key may be compared, shown or stored
        if self._host_key and host_key != self._host_key:
            raise ProtocolError("another host key in mid-connection")
        self._host_key = host_key
        self._check(Fields(host_key).words(), host_key)

    def _activate_outbound(self) -> None:
        super()._activate_outbound()
        held, self.held = self.held or [], None
        if self.phase == "kex":
            self._enter("auth")
            self._login.begin(self)
        for payload in held:
            self.send(payload)

    def _log(self, level: int, msg: object, *args: object) -> None: ...


def _refuse(name: str) -> Callable[..., Any]:
    def refused(self: Driver, *args: object, **kw: object) -> Any:
        raise RuntimeError(f"{name} waits for a thread that is never started")

    return refused


for _name in """run join is_active open_session open_channel start_client connect auth_none auth_password auth_publickey
        auth_interactive global_request set_keepalive renegotiate_keys""".split():
    setattr(Driver, _name, _refuse(_name))


def _host_key_order(known: tuple[str, ...]) -> tuple[str, ...]:
    """Known types first, else a host that is known by another type would look unknown."""
    types = {"ssh-rsa": ("rsa-sha2-512", "rsa-sha2-256")}
    first = [name for kind in known for name in types.get(kind, (kind,)) if name in HOST_KEYS]
    return tuple(dict.fromkeys([*first, *HOST_KEYS]))


__all__ = ["MAX_PACKET", "Channel", "Driver", "Login"]
