"""Files and folders of a host to this machine, each host's into a place of its own."""

from msgspec import Struct

from pssh.errors import UsageError
from pssh.model.outcome import Reply
from pssh.model.work import Session
from pssh.ops.context import Context
from pssh.ops.files.put import Via
from pssh.ops.shellwords import join, shown


class Get(Struct, frozen=True, omit_defaults=True, tag=True):
    """What is fetched, and where to: `{host}` and the like are filled in for each host."""

    sources: tuple[str, ...]
    dest: str = "."
    flat: bool = False  # `DEST/name.host`
    exact: bool = False  # DEST is the whole path of what is fetched
    settled: bool = False  # DEST is that of one host already
    host: str = ""
    via: Via = "auto"
    force: bool = False
    follow: bool = False
    links: bool = False
    times: bool = False
    rate: float = 0.0
    dry: bool = False
    context: Context = Context()

    def __post_init__(self) -> None:
        if not self.sources:
            raise UsageError("There is nothing to fetch", hint="`pssh get TARGETS SRC... DEST`")

    @property
    def label(self) -> str:
        return shown(join((*self.sources, self.dest)))

    def place(self, host: str) -> str:
        return self.dest

    async def perform(self, session: Session) -> Reply:
        raise NotImplementedError
