"""One command line for the host's own shell."""

from msgspec import Struct
from msgspec.structs import force_setattr

from pssh.errors import UsageError
from pssh.model.outcome import Reply
from pssh.model.work import Session
from pssh.ops.context import Context
from pssh.ops.shellwords import exact, shown


class Command(Struct, frozen=True, omit_defaults=True, tag=True):
    r"""A command line, sent as it is; raises UsageError if it is blank or cannot be sent.

    Bytes that are not UTF-8 are given as surrogate escapes. Msgpack has no such text, so they move to `raw`, and `text`
    shows them as `\xNN`.
    """

    text: str
    raw: bytes = b""  # the exact line, where `text` is not it
    context: Context = Context()

    def __post_init__(self) -> None:
        if not self.text.strip():
            raise UsageError("The command is empty", hint="an empty command would start a login shell")
        line, text = exact(self.text), shown(self.text)
        if text != self.text:
            force_setattr(self, "raw", line)
            force_setattr(self, "text", text)

    @property
    def label(self) -> str:
        return self.text

    async def perform(self, session: Session) -> Reply:
        return await self.context.exec(session, self.raw.decode("utf-8", "surrogateescape") or self.text)
