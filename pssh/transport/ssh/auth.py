"""Logging in: our credentials, one after another, on one connection whose host key was accepted.

Promises: a password is sent once, only over a connection whose host key was checked; at most five keys are offered,
because sshd counts each against MaxAuthTries (6); nothing is ever asked of a person here. A key is used with its
signature at once, without asking first whether the host would take it (RFC 4252 section 7): that saves a round trip.
Keys of an agent are asked about first, because signing may want a touch or a confirmation.
"""

import asyncio
import io
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from paramiko import ECDSAKey, Ed25519Key, PKey, RSAKey, common

from pssh.model.outcome import Failure, Stage
from pssh.model.secret import Secret
from pssh.model.work import TransportError
from pssh.transport.ssh.agent import RSA_SHA2_256, RSA_SHA2_512, Agent, AgentError
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.hostkeys import fingerprint
from pssh.transport.ssh.keyfiles import inspect, load
from pssh.transport.ssh.wire import Fields, ProtocolError, text

MAX_KEYS = 5
_KINDS = {b"ssh-ed255": Ed25519Key, b"ecdsa-sha": ECDSAKey, b"ssh-rsa A": RSAKey}
_PASSWORD_PROMPT = re.compile(r"pass(word|code|phrase)", re.IGNORECASE)
_AGENT_FLAGS = {"rsa-sha2-512": RSA_SHA2_512, "rsa-sha2-256": RSA_SHA2_256}


@dataclass(frozen=True)
class FileKey:
    """A private key that we hold ourselves."""

    blob: bytes
    key: PKey


@dataclass(frozen=True)
class AgentKey:
    """A private key that an agent holds."""

    blob: bytes
    agent: Agent


@dataclass(frozen=True)
class Password:
    """A password that the user typed once for this run."""

    secret: Secret


Credential = FileKey | AgentKey | Password


@dataclass
class Credentials:
    """What may be tried for one set of settings, and why something else may not."""

    usable: list[Credential] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)  # one sentence for each key file that cannot be used


def load_key(path: str, secrets: Mapping[str, Secret]) -> FileKey:
    """Return the key in a file; its passphrase is the secret `passphrase:PATH`. Raises ValueError with a sentence.

    Why not `PKey.from_path`: it reads no PKCS#8 file without a passphrase, and no passphrase given as text.
    """
    found, secret = inspect(path), secrets.get(f"passphrase:{path}")
    if found.problem:
        raise ValueError(f"`{path}` {found.problem}")
    if found.locked and secret is None:
        raise ValueError(f"`{path}` is locked by a passphrase")
    try:
        opened = load(path, secret)
        data = opened.private_bytes(Encoding.PEM, PrivateFormat.OpenSSH, NoEncryption()).decode()
        key = _KINDS[opened.public_key().public_bytes(Encoding.OpenSSH, PublicFormat.OpenSSH)[:9]](
            file_obj=io.StringIO(data)
        )
    except Exception as error:  # noqa: BLE001  a dozen kinds mean that the file is no usable key
        raise ValueError(f"`{path}` cannot be used ({type(error).__name__})") from None
    return FileKey(key.asbytes(), key)


class Login:
    """One login: what to try next, and what to say if nothing is left."""

    def __init__(self, user: str, credentials: Credentials, spawn: Callable[[Any], object]) -> None:
        self._user = user
        self._spawn = spawn
        self._todo = list(credentials.usable)
        self._problems = credentials.problems
        self._tried: list[str] = []
        self._keys = 0
        self._now: Credential | None = None
        self._algorithm = ""
        self._asked = False  # an answer is due
        self._answered_prompt = False
        self._methods: list[str] = []
        self._banner = ""
        self._driver: Driver | None = None

    @property
    def single(self) -> bool:
        """There is exactly one key to try, and it is ours to sign with at once."""
        return len(self._todo) == 1 and isinstance(self._todo[0], FileKey)

    def begin(self, driver: Driver) -> None:
        """Called once the host key is accepted and our new keys are on."""
        self._driver = driver
        driver.send(b"\5" + text("ssh-userauth"))
        self._next()

    def on(self, kind: int, fields: Fields) -> None:
        """Take one message of the login."""
        if kind == common.MSG_SERVICE_ACCEPT:
            return
        if kind == common.MSG_USERAUTH_BANNER:
            self._banner = (self._banner + fields.words())[:4096]
        elif not self._asked:
            raise ProtocolError(f"packet {kind} where nothing was asked")
        elif kind == common.MSG_USERAUTH_SUCCESS:
            self._asked = False
        elif kind == common.MSG_USERAUTH_FAILURE:
            self._refused(fields)
        elif kind == 60:
            self._continue(fields)
        else:
            raise ProtocolError(f"unexpected packet {kind} in the login")

    def _next(self) -> None:
        while self._todo:
            credential = self._now = self._todo.pop(0)
            if isinstance(credential, Password):
                self._send_password(credential)
                return
            if (self._methods and "publickey" not in self._methods) or self._keys == MAX_KEYS:
                continue
            self._keys += 1
            self._tried.append(fingerprint(credential.blob))
            self._algorithm = self._algorithm_for(credential.blob)
            if isinstance(credential, FileKey):
                self._send_signed(credential)
            else:
                self._ask(self._request(credential.blob, signed=False))
            return
        raise TransportError(self._nothing_left())

    def _request(self, blob: bytes, *, signed: bool) -> bytes:
        head = b"\x32" + text(self._user) + text("ssh-connection") + text("publickey")
        return head + (b"\1" if signed else b"\0") + text(self._algorithm) + text(blob)

    def _ask(self, request: bytes) -> None:
        assert self._driver is not None
        self._asked = True
        self._driver.send(request)

    def _send_signed(self, credential: FileKey) -> None:
        assert self._driver is not None
        request = self._request(credential.blob, signed=True)
        signature = credential.key.sign_ssh_data(text(self._driver.session_id) + request, self._algorithm)
        self._ask(request + text(signature.asbytes()))
        self._driver.pipeline()

    async def _sign_by_agent(self, credential: AgentKey) -> None:
        driver = self._driver
        assert driver is not None
        request = self._request(credential.blob, signed=True)
        flags = _AGENT_FLAGS.get(self._algorithm, 0)
        try:
            signature = await credential.agent.sign(credential.blob, text(driver.session_id) + request, flags)
            self._ask(request + text(signature))
        except AgentError:
            self._next()
        driver.flush()

    def _send_password(self, credential: Password) -> None:
        head = b"\x32" + text(self._user) + text("ssh-connection")
        self._answered_prompt = False
        if self._methods and "password" not in self._methods:
            self._tried.append("keyboard-interactive")
            self._ask(head + text("keyboard-interactive") + text("") + text(""))
        else:
            self._tried.append("password")
            self._ask(head + text("password") + b"\0" + text(credential.secret.reveal()))

    def _continue(self, fields: Fields) -> None:
        """Message 60 means another thing in each method (RFC 4252 sections 7 and 8, RFC 4256)."""
        if isinstance(self._now, AgentKey):
            self._asked = False
            self._spawn(self._guarded(self._sign_by_agent(self._now)))
        elif isinstance(self._now, Password) and self._tried[-1] == "keyboard-interactive":
            self._answer_prompts(fields, self._now)
        elif isinstance(self._now, Password):
            message = "the password has expired and the host wants a new one"
            raise TransportError(Failure(stage="auth", kind="password-expired", message=message))
        else:
            raise ProtocolError("packet 60 after a signature")

    async def _guarded(self, signing: Any) -> None:
        try:
            await signing
        except asyncio.CancelledError:
            raise
        except Exception as error:  # noqa: BLE001  it belongs to this connection, whatever it is
            if self._driver is not None and self._driver.active:  # else the connection did not wait for the agent
                self._driver.on_error(error)

    def _answer_prompts(self, fields: Fields, credential: Password) -> None:
        assert self._driver is not None
        fields.string(), fields.string(), fields.string()
        prompts = [(fields.words(), fields.bool()) for _ in range(min(fields.u32(), 16))]
        if not prompts:
            self._driver.send(b"\x3d\0\0\0\0")
            return
        if len(prompts) != 1 or self._answered_prompt or not _PASSWORD_PROMPT.search(prompts[0][0]):
            message = f"the host asks what only a person can answer: {prompts[0][0][:200]!r}"
            raise TransportError(Failure(stage="auth", kind="denied", message=message))
        self._answered_prompt = True
        self._driver.send(b"\x3d\0\0\0\1" + text(credential.secret.reveal()))

    def _refused(self, fields: Fields) -> None:
        self._asked = False
        self._methods = fields.words().split(",")
        partial = fields.bool()
        again = self._retry_rsa()
        if again and not partial:
            self._algorithm = "rsa-sha2-256"
            self._send_signed(again)
        else:
            self._next()

    def _retry_rsa(self) -> FileKey | None:
        """A server that is too old for SHA-512 may still take SHA-256 (RFC 8308 section 3.1); SHA-1 is never tried."""
        assert self._driver is not None
        offered = self._driver.server_extensions.get("server-sig-algs", b"").decode("ascii", "replace").split(",")
        old = self._algorithm == "rsa-sha2-512" and "rsa-sha2-512" not in offered
        return self._now if old and isinstance(self._now, FileKey) else None

    def _algorithm_for(self, blob: bytes) -> str:
        name = Fields(blob).words()
        return "rsa-sha2-512" if name == "ssh-rsa" else name

    def _nothing_left(self) -> Failure:
        problems = "; ".join(self._problems)
        if not self._tried:
            kind = "key-file" if self._problems else "no-credentials"
            stage: Stage = "local" if self._problems else "auth"
            message = problems or "there is no key and no password to log in with"
            return Failure(stage=stage, kind=kind, message=message)
        accepted = ", ".join(self._methods)
        message = f"the host refused `{self._user}` with {', '.join(self._tried)}; it would take {accepted}"
        said = f"; it says: {self._banner.strip()}" if self._banner.strip() else ""
        return Failure(stage="auth", kind="denied", message=message + said + (f"; {problems}" if problems else ""))
