"""A script of ours, run on the host and removed again.

Two commands on one session: the first writes the script into a fresh private folder and prints its name; the second
runs it and removes the folder in the same shell, which does so by `trap` even if it is told to end. Only if that shell
was killed is there a third. The exit code is the script's.

Why not one command with the script on `sh -s`'s input: the script could not have an input, a `#!` or a name of its own.
Why `sh -c PROGRAM` with arguments: the login shell then reads nothing but quoted words, whatever shell it is.
"""

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Output, Reply
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.shellwords import exact, join, quote, shown

_TRAPS = 'gone() { rm -rf -- "$d"; }; trap gone EXIT; trap "exit 129" HUP; trap "exit 130" INT; trap "exit 143" TERM; '
# The size is compared because a connection that breaks looks to `cat` like the end of the script.
_WRITE = (
    "umask 077; LC_ALL=C; export LC_ALL; d=$(mktemp -d) || exit; " + _TRAPS + 'cat > "$d/$1" && '
    '[ $(wc -c < "$d/$1") -eq "$2" ] && chmod 700 "$d/$1" && printf "%s\\n" "$d" && trap - EXIT'
)
# `exit $?` keeps a shell from replacing itself with the script, and with that forgetting its traps.
_RUN = "d=$1; shift; " + _TRAPS + '"$@"; exit $?'

# What the tools of a host say, in the C locale, to what it is called. The first match wins.
_WORDS = (
    ("No space left", "remote-disk-full"),
    ("uota exceeded", "remote-disk-full"),
    ("Permission denied", "remote-denied"),
    ("Read-only", "remote-denied"),
    ("not found", "remote-missing"),
    ("No such file", "remote-missing"),
)


class Script(Struct, frozen=True, omit_defaults=True, tag=True):
    r"""A file's content, the name it gets on the host, and its arguments; run by `sh` if it has no `#!` line.

    Bytes that are not UTF-8 are given as surrogate escapes. Msgpack has no such text, so the arguments' exact bytes
    move to `raw`, and `name` and `args` show them as `\xNN`.
    """

    name: str
    content: bytes
    args: tuple[str, ...] = ()
    raw: bytes = b""  # the arguments as they are sent, quoted, where `args` is not them
    context: Context = Context()

    def __post_init__(self) -> None:
        exact(self.name)
        if "/" in self.name or self.name in ("", ".", ".."):
            raise UsageError(f"`{shown(self.name)}` is no name for a file")
        line, args = exact(join(self.args)), tuple(map(shown, self.args))
        force_setattr(self, "name", shown(self.name))
        if args != self.args:
            force_setattr(self, "raw", line)
            force_setattr(self, "args", args)

    @property
    def label(self) -> str:
        return join((self.name, *self.args))

    async def perform(self, session: Session) -> Reply:
        written = await session.exec(self._write(), stdin=self.content, quiet=True)
        folder = _folder(written)
        try:
            reply = await session.exec(self._run(folder))
        except TransportError as error:
            raise TransportError(
                replace(error.failure, note=await _leftover(session, folder, error.failure))
            ) from error
        return replace(reply, note=await _leftover(session, folder, reply)) if reply.signal else reply

    def _write(self) -> str:
        return _sh(_WRITE, self.name, str(len(self.content)))

    def _run(self, folder: str) -> str:
        path = f"{folder}/{self.name}"
        words = (path,) if self.content.startswith(b"#!") else ("sh", path)
        args = self.raw.decode("utf-8", "surrogateescape") or join(self.args)
        return " ".join(filter(None, (_sh(_RUN, folder, *words), args)))


def _sh(program: str, *args: str) -> str:
    return f"exec sh -c {quote(program)} sh {join(args)}"


def _folder(written: Reply) -> str:
    """Return the folder that was made; raises TransportError. What a login prints before it is passed over."""
    last = written.stdout.removesuffix(b"\n").rpartition(b"\n")[2]
    if written.exit_code == 0 and last.startswith(b"/"):
        return last.decode("utf-8", "surrogateescape")
    said = (
        (written.stderr.strip() or written.stdout.strip()).decode("utf-8", "backslashreplace").partition("\n")[0][:200]
    )
    if written.exit_code == 0:
        kind, message = "noisy-login", f"`{said}` came where the name of a new folder was expected"
    else:
        kind = next((kind for words, kind in _WORDS if words in said), "remote-failed")
        message = f"The script could not be written: {said or _cause(written)}"
    raise TransportError(
        Failure(stage="transfer", kind=kind, message=message, stdout=written.stdout, stderr=written.stderr)
    )


def _cause(reply: Reply) -> str:
    return f"signal {reply.signal}" if reply.signal else f"exit {reply.exit_code}"


async def _leftover(session: Session, folder: str, end: Output) -> str:
    """Remove the folder of a shell that could not do it, and return `end`'s note with what is left behind."""
    try:
        removed = (await session.exec(f"rm -rf -- {quote(folder)}", quiet=True)).exit_code == 0
    except TransportError:
        removed = False
    left = "" if removed else f"`{shown(folder)}` may be left behind"
    return "; ".join(filter(None, (end.note, left)))
