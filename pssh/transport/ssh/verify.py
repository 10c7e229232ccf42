"""The decision over a host key, made inside the key exchange, and the scan that stops there.

An unknown key under `accept-new` is taken here and told to the parent, which alone writes known_hosts. Why not ask
the parent first: it costs a round trip through two processes per host, and OpenSSH too goes on when the line cannot
be written.
"""

import asyncio
import base64
from collections.abc import Callable

from pssh.model.host import Connection
from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.failures import ended
from pssh.transport.ssh.hostkeys import HostKeys, Verdict, fingerprint, known_hosts_line, named, removal, written
from pssh.transport.ssh.wire import Fields


class Verifier:
    """Says whether a host's proven key is the one we know."""

    def __init__(self, host: str, connection: Connection, keys: HostKeys, learned: Callable[[str], None]) -> None:
        self._host = host
        self._mode = connection.host_keys
        self._keys = keys
        self._learned = learned
        self._name, self._port = named(connection)

    @property
    def known(self) -> tuple[str, ...]:
        """Key types that known_hosts holds for this host."""
        return self._keys.types(self._name, self._port)

    def check(self, key_type: str, blob: bytes) -> None:
        """Return if the key is accepted, else raise TransportError."""
        verdict = self._keys.check(self._name, self._port, key_type, blob)
        if verdict.kind == "ok" or (self._mode == "off" and verdict.kind != "revoked"):
            return
        if verdict.kind == "unknown" and self._mode == "accept-new":
            line = known_hosts_line(self._name, self._port, key_type, blob)
            self._keys.add(line)
            self._learned(line)
            return
        raise TransportError(self._refusal(verdict, f"{key_type} {fingerprint(blob)}"))

    def _refusal(self, verdict: Verdict, shown: str) -> Failure:
        name = written(self._name, self._port)
        if verdict.kind == "unknown":
            return Failure(
                stage="host-key",
                kind="unknown",
                message="known_hosts has no key for it",
                detail=f"`{name}` showed {shown}",
            )
        known = f", known is {', '.join(verdict.known)}" if verdict.known else ""
        messages = {
            "changed": "the host key is not the one that is known",
            "revoked": "the host key is revoked",
            "unreadable-line": "a line that names the host cannot be read",
        }
        hints = {
            "changed": f"if it was set up anew: `{removal(name, verdict.where)}`, then `pssh trust {self._host}`",
            "revoked": "do not log in there before you know why",
            "unreadable-line": f"mend or remove {verdict.where}",
        }
        return Failure(
            stage="host-key",
            kind=verdict.kind,
            message=messages[verdict.kind],
            hint=hints[verdict.kind],
            detail=f"{verdict.where}: the host showed {shown}{known}",
        )


class Enough(Exception):
    """The scan has its answer, and the connection is not needed any more."""


class Scan:
    """Stands where a login and a channel would: the connection ends once the host has proven its key."""

    def __init__(self) -> None:
        self.done: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._driver: Driver | None = None

    def check(self, key_type: str, blob: bytes) -> None:
        if not self.done.done():
            self.done.set_result(f"{key_type} {base64.b64encode(blob).decode()}")
        raise Enough

    def fail(self, error: Exception) -> None:
        if self.done.done():
            return
        if isinstance(error, TransportError):
            self.done.set_exception(error)
        else:
            self.done.set_exception(TransportError(self._explain(error)))

    def _explain(self, error: Exception) -> Failure:
        driver = self._driver
        phase, said = (driver.phase, driver.before_banner) if driver else ("kex", [])
        return ended(error, phase, said, sent=False)

    def attach(self, driver: Driver) -> None:
        self._driver = driver
        driver.add(self)

    def begin(self, driver: Driver) -> None:
        raise Enough

    def on(self, kind: int, fields: Fields) -> None: ...

    def request_open(self, *, speculate: bool) -> None: ...

    def passed_over(self) -> None: ...
