"""A host is booted anew, and waited for until it can be logged in to again.

Promises: it is over only once the host itself says that it has booted since, and not when a login works, for the old
system answers for a while; the connection that breaks is expected; a host key that is another one ends it at once, and
so does a login that is refused time and again.
"""

import asyncio

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.work import JobSession, TransportError
from pssh.ops.context import Context
from pssh.ops.part import Part
from pssh.ops.said import first_line

BOOTED = "cat /proc/sys/kernel/random/boot_id 2>/dev/null || sysctl -n kern.boottime 2>/dev/null || who -b"
REBOOT = "shutdown -r now || reboot"
_PAUSES = 1.0, 10.0  # seconds between two looks, the first and the longest
_LOOK = 10.0  # seconds that a look may take once it is connected
_DENIALS = 3  # a system that comes up refuses logins for a moment (pam_nologin), and a password locks an account
_EXPECTED = ("connection-closed", "keepalive", "protocol")
_NO_SUCH = (126, 127)


class Reboot(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Boot a host and wait for it; raises UsageError for a time that is none."""

    when: str = ""  # a command that answers 0 where it is needed; empty: always
    timeout: float = 600.0  # seconds until the host must be back
    command: str = REBOOT
    booted: str = BOOTED  # a command whose answer is another one after each boot
    context: Context = Context()  # of the command that boots it

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise UsageError("A reboot needs time", hint='`timeout = "10m"`')

    @property
    def label(self) -> str:
        return "reboot"

    @property
    def dangers(self) -> bool:
        """Whether it is asked for the number of hosts first."""
        return True

    async def perform(self, session: JobSession) -> Reply:
        if self.when:
            asked = await self.context.exec(session, self.when)
            if asked.exit_code is None or asked.exit_code in _NO_SUCH:
                return asked
            if asked.exit_code:
                raise TransportError(Failure(stage="rule", kind="condition", message=f"`{self.when}` does not hold"))
        before = await self._booted(session)
        try:
            told = await self.context.exec(session, self.command)
            if told.exit_code:
                return told
        except TransportError as error:
            if error.failure.stage != "exec" or error.failure.kind not in _EXPECTED:
                raise
        await self._back(session, before)
        return Reply(exit_code=0, stdout=b"rebooted\n", changed=True)

    async def _booted(self, session: JobSession) -> str:
        """Return what the host says of its last boot; raises TransportError."""
        with Part(session, session, seconds=_LOOK) as part:
            said = await part.exec(self.booted, quiet=True)
        words = said.stdout.decode("utf-8", "backslashreplace").strip()
        if said.exit_code or not words:
            message = f"it does not tell when it booted: {first_line(said) or 'nothing was answered'}"
            raise TransportError(Failure(stage="exec", kind="denied", message=message))
        return words

    async def _back(self, session: JobSession, before: str) -> None:
        """Wait until the host has booted since; raises TransportError."""
        loop = asyncio.get_running_loop()
        until, (pause, longest), denied = loop.time() + self.timeout, _PAUSES, 0
        last = "it still runs as before"
        while loop.time() < until:
            await asyncio.sleep(min(pause, max(until - loop.time(), 0)))
            pause = min(pause * 2, longest)
            await session.again()
            try:
                if await self._booted(session) != before:
                    return
                last = "it still runs as before"
            except TransportError as error:
                failure = error.failure
                denied = denied + 1 if failure.cause == "auth/denied" else 0
                if failure.stage == "host-key" or denied == _DENIALS:
                    # That the host may not be reached is one thing, and that it was not told to boot another.
                    raise TransportError(replace(failure, message=f"after the reboot: {failure.message}")) from error
                last = f"{failure.cause}: {failure.words}"
            if (why := session.ending) is not None:
                raise TransportError(why)
        message = f"it had not come back after {self.timeout:g} s: {last}"
        raise TransportError(Failure(stage="exec", kind="total", message=message))
