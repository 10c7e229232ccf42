"""A command of this machine whose streams are the connection to a host: ssh_config's ProxyCommand.

Promises: it has one end of a socket pair, so that its end is seen at once; what it says is read and, but for its first
lines, forgotten; it ends with the connection. It runs as ssh(1) runs it: by the user's shell, behind `exec`.
"""

import asyncio
import os
import signal
import socket
from contextlib import suppress

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.transport.ssh.failures import unconnected

_MOST = 4 << 10  # bytes of what it says
_GRACE = 1.0  # seconds to end by itself once the connection has
_LAST_WORDS = 0.5  # seconds: what it says may come behind its end


class Proxy:
    """One such command."""

    def __init__(self, sock: socket.socket, process: asyncio.subprocess.Process) -> None:
        self.sock = sock
        self._process = process
        self._said = bytearray()
        self._reading = asyncio.ensure_future(self._read())
        self._ending: asyncio.Task[None] | None = None

    @classmethod
    async def start(cls, command: str) -> "Proxy":
        """Start a command; raises TransportError."""
        try:
            ours, theirs = socket.socketpair()
        except OSError as error:
            raise TransportError(unconnected(error, "")) from None
        ours.setblocking(False)
        shell = os.environ.get("SHELL") or "/bin/sh"
        try:
            process = await asyncio.create_subprocess_exec(
                shell,
                "-c",
                f"exec {command}",
                stdin=theirs.fileno(),
                stdout=theirs.fileno(),
                stderr=asyncio.subprocess.PIPE,
                start_new_session=True,
            )
        except OSError as error:
            ours.close()
            message = f"the ProxyCommand cannot be started: `{shell}`: {error.strerror}"
            raise TransportError(Failure(stage="connect", kind="proxy", message=message)) from None
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return cls(ours, process)

    async def failure(self) -> Failure:
        """Return why there is no connection, which has ended: what it said, or how it ended."""
        with suppress(TimeoutError):
            await asyncio.wait_for(asyncio.shield(self._reading), _LAST_WORDS)
            await asyncio.wait_for(self._process.wait(), _LAST_WORDS)
        lines = [line.strip() for line in self._said.decode("utf-8", "replace").splitlines() if line.strip()]
        code = self._process.returncode
        ended = f"ended with exit {code}" if code else "ended"
        if code is not None and code < 0:
            ended = f"was ended by {signal.Signals(-code).name}"
        message = f"the ProxyCommand {ended}" + (f": {lines[-1]}" if lines else " before any answer")
        return Failure(stage="connect", kind="proxy", message=message)

    def end(self) -> None:
        """The connection is no more: so is the command, at the latest after a moment."""
        if self._ending is None:
            self._signal(signal.SIGHUP)
            self._ending = asyncio.ensure_future(self._gone())

    async def _gone(self) -> None:
        with suppress(TimeoutError):
            await asyncio.wait_for(self._process.wait(), _GRACE)
        self._signal(signal.SIGKILL)
        await self._process.wait()
        self._reading.cancel()  # a child that it left may hold the pipe

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            with suppress(ProcessLookupError, PermissionError):
                os.killpg(self._process.pid, number)

    async def _read(self) -> None:
        assert self._process.stderr is not None
        while data := await self._process.stderr.read(_MOST):
            self._said += data[: _MOST - len(self._said)]
