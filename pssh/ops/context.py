"""What surrounds a command on its host: whose it is, its environment, its folder, its input and its terminal.

With nothing set, the user's bytes are sent unchanged.
"""

from msgspec import Struct

from pssh.model.host import Become
from pssh.model.outcome import Reply
from pssh.model.work import Session


class Context(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """How a command is run; raises UsageError for what cannot be, or cannot be together."""

    tty: bool = False  # on a terminal of its own: stdout and stderr are one
    leash: bool = False  # a watcher beside the command ends it when the connection is lost; not with `input`
    input: bool = False  # it reads what the run was given to read
    shell: bool = True  # False: the line is quoted words, which sudo or doas runs without a shell
    env: tuple[tuple[str, str], ...] = ()  # exported before the command
    chdir: str = ""
    become: Become = ""  # as the connection says
    become_user: str = ""  # empty: root
    become_password: str = ""  # the name of a secret; empty: there is none

    async def exec(self, session: Session, line: str) -> Reply:
        """Run a command line so; raises TransportError."""
        return await session.exec(line)
