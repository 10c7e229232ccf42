"""What one command prints: passed by whoever looks for a password prompt in it, kept as far as wanted, and said.

With a sink its stdout is content: that is taken as it is, without being kept, said, or cleaned of secrets.
"""

from collections.abc import Awaitable, Sequence
from typing import Any

from pssh.model.outcome import Failure, Reply
from pssh.model.output import Heard, printed
from pssh.model.secret import Secret
from pssh.model.work import Listener, Sink, StreamName
from pssh.transport.hiding import Hiding
from pssh.transport.prompting import Prompting

# Ends a command whose sink or input raised; nobody reads it, because that is what is raised.
BROKEN = Failure(stage="local", kind="file", message="what was to be written or read here broke off")


class _Nowhere:
    def write(self, data: bytes | bytearray | memoryview, /) -> None: ...


_NOWHERE = _Nowhere()


class Printed:
    """Both streams of a command; on a terminal they are one. `listener`: None where nobody is to hear them."""

    def __init__(
        self,
        keep: int,
        listener: Listener | None,
        prompting: Prompting | None,
        *,
        tty: bool,
        hides: Sequence[Secret] = (),
        sink: Sink | None = None,
    ) -> None:
        """`hides`: what the command was given and is not to be in its output."""
        self._sink = sink
        self._heard: dict[StreamName, Heard] = {"stdout": Heard(keep), "stderr": Heard(keep)}
        self._hiding: dict[StreamName, Hiding] = {name: Hiding(hides) for name in self._heard} if hides else {}
        self._listener, self._prompting, self._tty = listener, prompting, tty

    def take(self, name: StreamName, data: bytes) -> Awaitable[None] | None:
        """Take the next bytes. If something is returned, await it before asking for more. Raises what the sink does."""
        if self._tty:
            name = "stdout"
        if self._prompting is not None:
            data = self._prompting.take(name, data)
        if self._sink is not None and name == "stdout":
            return self._sink.write(data) if data else None
        return self._keep(name, self._hiding[name].take(data) if self._hiding else data)

    def fields(self) -> dict[str, Any]:
        """Return the fields of an Output, now that nothing more comes."""
        if self._prompting is not None and (rest := self._prompting.rest()):
            name: StreamName = "stdout" if self._tty else "stderr"
            self._keep(name, self._hiding[name].take(rest) if self._hiding else rest)
        for name, hiding in self._hiding.items():
            self._keep(name, hiding.rest())
        return printed(self._heard["stdout"], self._heard["stderr"])

    def judge(self, reply: Reply) -> Reply | Failure:
        """Return the reply, or the failure that it is if the command never began."""
        return reply if self._prompting is None else self._prompting.judge(reply)

    def hush(self) -> None:
        """Say nothing more, and give the sink nothing more."""
        self._listener = None
        if self._sink is not None:
            self._sink = _NOWHERE

    def _keep(self, name: StreamName, data: bytes) -> Awaitable[None] | None:
        self._heard[name].add(data)
        return self._listener.said(name, data) if data and self._listener is not None else None
