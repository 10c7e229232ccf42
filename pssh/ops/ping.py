"""The whole way to a host and back, with a command that does nothing."""

from msgspec import Struct

from pssh.model.outcome import Reply
from pssh.model.work import Session


class Ping(Struct, frozen=True):
    """Connect, log in and run `true`; what a noisy login prints is not said."""

    @property
    def label(self) -> str:
        return "ping"

    async def perform(self, session: Session) -> Reply:
        return await session.exec("true", quiet=True)
