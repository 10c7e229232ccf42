"""What every file operation is: paths, what surrounds it, and whether it is done here by ourselves."""

from collections.abc import Iterable
from typing import Any, ClassVar

from msgspec import Struct
from msgspec.structs import asdict, replace

from pssh.errors import UsageError
from pssh.model.files import Answer, lines
from pssh.model.outcome import Reply
from pssh.model.work import Session
from pssh.ops.context import Context
from pssh.ops.fs import answer
from pssh.ops.fs.asking import asked, asked_here, garbled
from pssh.ops.fs.paths import normal
from pssh.ops.shellwords import join, shown

_OURS = ("paths", "here", "context")


class FileOperation(Struct, frozen=True, kw_only=True, omit_defaults=True, tag_field="does"):
    """One verb on some paths; raises UsageError for a path that cannot be meant."""

    paths: tuple[str, ...]
    here: bool = False  # on this machine: done by a program of ours, not by a shell's tools
    context: Context = Context()

    verb: ClassVar[str] = ""  # of the program here
    looks: ClassVar[bool] = False  # changes nothing
    apart: ClassVar[bool] = True  # each path can be a job of its own
    tells: ClassVar[bool] = True  # prints lines of `model/files`, not a file's text

    def __post_init__(self) -> None:
        if not self.paths:
            raise UsageError("There is no path", hint=f"`pssh fs {self.word} TARGETS PATH`")
        for path in self.paths:
            self.check(path)

    @property
    def word(self) -> str:
        return type(self).__name__.lower()

    @property
    def label(self) -> str:
        """The verb, its options and its paths, as they are typed."""
        said = [self.word]
        for name, value in self.options().items():
            flag = f"--{name.replace('_', '-')}"
            if value is True:
                said.append(flag)
            elif value not in (False, None, "", ()):
                said += [flag, str(value)]
        return shown(join((*said, *self.paths)))

    @property
    def dangers(self) -> bool:
        """Whether it is asked for the number of hosts first."""
        return False

    def check(self, path: str) -> None:
        """Raise UsageError for a path that is refused."""
        normal(path)

    def options(self) -> dict[str, Any]:
        """Return what differs between two of the same verb."""
        return {name: value for name, value in asdict(self).items() if name not in _OURS}

    def told(self) -> dict[str, Any]:
        """Return what the program here is told."""
        return self.options()

    def program(self) -> str:
        """Return the program for a host's shell."""
        raise NotImplementedError

    def answers(self, said: answer.Said) -> Iterable[Answer]:
        """Return what is printed of what the host said."""
        raise NotImplementedError

    async def perform(self, session: Session) -> Reply:
        if self.here:
            reply, said = await asked_here(session, self.context, self.verb, self.paths, self.told())
        else:
            reply, said = await asked(session, self.context, self.program())
        if not said.whole:
            return reply
        try:
            found = list(self.answers(said))
        except (ValueError, OverflowError, LookupError) as error:
            raise garbled(error, stderr=reply.stderr) from None
        return replace(reply, stdout=lines(found), **self.more(found))

    def more(self, found: list[Answer]) -> dict[str, Any]:
        """Return further fields of the reply."""
        return {}


def joined(root: bytes, name: bytes) -> bytes:
    """Return the path of a name below a root, as the root was typed."""
    root = root.removeprefix(b"./") or b"."
    return root.rstrip(b"/") + b"/" + name if name else root


def field(path: bytes) -> dict[str, Any]:
    """Return the fields of a value of `model/files` that name a path."""
    try:
        return {"path": path.decode()}
    except UnicodeDecodeError:
        return {"path": path.decode("utf-8", "backslashreplace"), "raw": path}
