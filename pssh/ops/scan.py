"""A host's key, read without logging in."""

from msgspec import Struct

from pssh.model.outcome import Reply
from pssh.model.work import Session


class Scan(Struct, frozen=True):
    """Ask for the key that the host proves to hold; the reply's stdout is `type base64`."""

    @property
    def label(self) -> str:
        return "host keys"

    async def perform(self, session: Session) -> Reply:
        return Reply(exit_code=0, stdout=(await session.host_key()).encode())
