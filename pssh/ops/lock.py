"""A lease on a host: of all who ask for one name there, one at a time performs its operation."""

from typing import Literal

from msgspec import Struct

from pssh.model.outcome import Reply
from pssh.model.work import Session
from pssh.ops.command import Command
from pssh.ops.script import Script


class Locked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operation under a lock of the login user on the host; raises UsageError for a name that is none."""

    name: str  # up to 64 of letters, digits, `_`, `.`, `-`
    operation: Command | Script
    owner: str  # who holds it, for the others' rows: user, machine, run
    mode: Literal["skip", "fail"] = "skip"  # what becomes of the row of a host where another holds it
    wait: float = 0.0  # seconds to wait for it before that
    lease: float = 3600.0  # seconds after which another may take it over, once our connection is gone

    @property
    def label(self) -> str:
        return self.operation.label

    async def perform(self, session: Session) -> Reply:
        return await self.operation.perform(session)
