"""A script of ours, run on the host and removed again.

Two commands on one session: the first writes the script into a fresh private folder and prints its name; the second
runs it and removes the folder in the same shell, which does so by `trap` even if it is told to end. Only if that shell
was killed is there a third. The exit code is the script's. The folder's name is ours, of 128 random bits, so that it
can be removed also where we never heard that it was made.

Under sudo, su and doas it is one command, so that there is one question for a password: the shell of the other user
reads the script, in lines that also a terminal carries, and puts it into a folder of that user, private as well.

Why not one command with the script on `sh -s`'s input: the script could not have an input, a `#!` or a name of its own.
Why `sh -c PROGRAM` with arguments: the login shell then reads nothing but quoted words, whatever shell it is.
Why no folder that the other user may enter: so might everybody, and the name stands in the process table.
"""

from collections.abc import Awaitable, Callable
from secrets import token_hex

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Output, Reply
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.said import NOT_BEGUN, first_line, transfer_kind
from pssh.ops.shellwords import exact, join, quote, shown

# What removes a folder, however its shell ends. Where the user's script is run no variable is ours: one of that name
# that the host or `--env` exports would have our value in the script.
_TRAPS = "trap {} EXIT; trap 'exit 129' HUP; trap 'exit 130' INT; trap 'exit 143' TERM; "
# The size is compared because a connection that breaks looks to `cat` like the end of the script.
_WRITE = (
    'umask 077; LC_ALL=C; export LC_ALL; d=${TMPDIR:-/tmp}/$3; mkdir -- "$d" || exit; '
    + _TRAPS.format("'rm -rf -- \"$d\"'")
    + 'cat > "$d/$1" && '
    '[ $(wc -c < "$d/$1") -eq "$2" ] && chmod 700 "$d/$1" && printf "%s\\n" "$d" && trap - EXIT'
)

# The same for another user, in a shell that then runs the script. A line of input is what `printf %b` reads; `.` is the
# last. `read` takes not a byte more than its line, so that what follows is the script's own input.
_RECEIVE = (
    "{traps}( umask 077; LC_ALL=C; export LC_ALL; "
    'd={place}; mkdir -- "$d" || exit; f=$d/{name}; '
    'while IFS= read -r x && [ "$x" != . ]; do printf %b "$x" || exit; done > "$f"; '
    '[ "$x" = . ] && [ $(wc -c < "$f") -eq {size} ] && chmod 700 "$f" ) || '
    "{{ printf %s%s unwritten- {nonce} >&2; exit 1; }}; "
)
_LINE = 200  # bytes of the script in one line; a terminal carries 4095 characters
_AS_THEY_ARE = frozenset(
    b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 _-+=,:;/#@()[]{}<>|&$'\"!?*~`^"
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
        if self.context.become and not self.context.shell:
            raise UsageError("A script of another user needs a shell", hint="`--no-shell` is for commands")

    @property
    def label(self) -> str:
        return join((self.name, *self.args))

    async def perform(self, session: Session) -> Reply:
        if self.context.become:
            return await self._perform_as_another(session)
        name = f"pssh-{token_hex(16)}"
        try:
            written = await session.exec(self._write(name), stdin=self.content, quiet=True)
        except TransportError as error:
            if "open" in session.seconds and error.failure.kind not in NOT_BEGUN:  # else no shell of ours was there
                await _left(session, Context(), *_place(name))
            raise
        folder = _folder(written)

        async def left() -> str:
            return await _left(session, Context(), f"rm -rf -- {quote(folder)}", folder)

        return await _cleaned(self.context.exec(session, self._run(folder)), left)

    async def _perform_as_another(self, session: Session) -> Reply:
        nonce = token_hex(16)
        folder = f"pssh-{nonce}"
        removal, place = _place(folder)
        before = _RECEIVE.format(
            traps=_TRAPS.format(quote(removal)), place=place, name=quote(self.name), size=len(self.content), nonce=nonce
        )

        async def left() -> str:
            return await _left(session, self.context.bare, removal, place)

        words = f'"{place}"/{quote(self.name)}'
        line = " ".join(filter(None, (self._interpreter, words, self._args))) + "; exit $?"
        reply = await _cleaned(self.context.exec(session, line, before=before, given=_lines(self.content)), left)
        return _written(reply, f"unwritten-{nonce}".encode())

    @property
    def _interpreter(self) -> str:
        return "" if self.content.startswith(b"#!") else "sh"

    @property
    def _args(self) -> str:
        return self.raw.decode("utf-8", "surrogateescape") or join(self.args)

    def _write(self, folder: str) -> str:
        return _sh(_WRITE, self.name, str(len(self.content)), folder)

    def _run(self, folder: str) -> str:
        words = filter(None, (self._interpreter, f"{folder}/{self.name}"))
        # `exit $?` keeps a shell from replacing itself with the script, and with that forgetting its traps.
        program = _TRAPS.format(quote(f"rm -rf -- {quote(folder)}")) + '"$@"; exit $?'
        return " ".join(filter(None, (_sh(program, *words), self._args)))


def _sh(program: str, *args: str) -> str:
    return f"exec sh -c {quote(program)} sh {join(args)}"


def _lines(content: bytes) -> bytes:
    """Return a script as `_RECEIVE` reads it."""
    pieces = (content[at : at + _LINE] for at in range(0, len(content), _LINE))
    lines = ("".join(chr(c) if c in _AS_THEY_ARE else f"\\0{c:03o}" for c in piece) for piece in pieces)
    return "\n".join((*lines, ".\n")).encode()


def _folder(written: Reply) -> str:
    """Return the folder that was made; raises TransportError. What a login prints before it is passed over."""
    last = written.stdout.removesuffix(b"\n").rpartition(b"\n")[2]
    if written.exit_code != 0:
        raise _unwritten(written)
    if last.startswith(b"/"):
        return last.decode("utf-8", "surrogateescape")
    message = f"`{first_line(written)}` came where the name of a new folder was expected"
    raise _failed("noisy-login", message, written)


def _written(reply: Reply, mark: bytes) -> Reply:
    """Return the reply of a script, unless it ends with the mark of one that did not arrive: raises TransportError."""
    for name in ("stderr", "stdout"):
        if (said := getattr(reply, name)).endswith(mark):
            raise _unwritten(replace(reply, **{name: said.removesuffix(mark)}))
    return reply


def _unwritten(said: Reply) -> TransportError:
    cause = f"signal {said.signal}" if said.signal else f"exit {said.exit_code}"
    words = first_line(said)
    return _failed(transfer_kind(words), f"The script could not be written: {words or cause}", said)


def _failed(kind: str, message: str, said: Reply) -> TransportError:
    return TransportError(Failure(stage="transfer", kind=kind, message=message, stdout=said.stdout, stderr=said.stderr))


async def _cleaned(running: Awaitable[Reply], left: Callable[[], Awaitable[str]]) -> Reply:
    """Return the reply, or raise TransportError; if the shell could not tidy up, with what `left` says in the note."""
    try:
        reply = await running
    except TransportError as error:
        if error.failure.kind in NOT_BEGUN:
            raise
        raise TransportError(replace(error.failure, note=_noted(error.failure, await left()))) from error
    return replace(reply, note=_noted(reply, await left())) if reply.signal else reply


def _place(name: str) -> tuple[str, str]:
    """Return what removes a folder whose path is known on the host only, and how it is written."""
    place = f"${{TMPDIR:-/tmp}}/{name}"
    return f'rm -rf -- "{place}"', place


async def _left(session: Session, context: Context, removal: str, folder: str) -> str:
    """Remove the folder of a shell that could not do it, and return a note if it may still be there."""
    try:
        removed = (await context.exec(session, removal, quiet=True)).exit_code == 0
    except TransportError:
        removed = False
    return "" if removed else f"`{shown(folder)}` may be left behind"


def _noted(end: Output, note: str) -> str:
    return "; ".join(filter(None, (end.note, note)))
