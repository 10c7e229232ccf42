"""Commands that outlive their connection: begun in a private folder on the host, and looked after from there.

Promises: closing the connection, and Ctrl-C here, leave the command alone; its exit code is written aside and renamed,
so that it is whole or not there; nothing is signalled whose number was given to another process, for its time of birth
and the boot it belongs to are compared first; a folder is removed only once its command has ended.

The folder is `run/HOST/NAME` below the user's state folder on the host, 0700: `command`, `started`, `boot`, `pid` (with
when it was born), `out`, `err`, and at the end `code`. HOST is what the host calls itself, for homes that hosts share.
NAME is the run's own and a random part, since the same login may be used from two machines that count their runs alike.

What becomes of it is asked for first and quietly, so that nobody is shown a word that is for us.

Why a shell of ours stays beside the command: somebody must write its exit code. It outlives TERM, and not KILL.
"""

from secrets import token_hex
from typing import Literal

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.work import Session, TransportError
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.reboot import BOOTED
from pssh.ops.shellwords import exact, join, quote, shown

# POSIX, for dash, bash and busybox.
#   born   when a process began, unless it only waits to be reaped: the twentieth word behind its name (proc(5)), or
#          else as `ps` says it
#   alive  whether the process of this folder is the one that was begun in it
_ROOT = "${XDG_STATE_HOME:-${HOME:?}/.local/state}/pssh/run/$(uname -n)"
_BOOT = f"boot() {{ LC_ALL=C; export LC_ALL; {BOOTED}; }}; "
_BORN = (
    'born() { s=; if { read -r s < "/proc/$1/stat"; } 2>/dev/null; then s=${s##*) }; set -- $s; '
    'case $1 in [ZX]) ;; *) printf %s "${20-}";; esac; '
    'else set -- $(LC_ALL=C ps -o lstart= -p "$1" 2>/dev/null); printf %s "$*"; fi; }; '
)
# The two that begin the command have arguments and no variables: one of the same name that the host or `--env` exports
# would have our value in the command. What says `up` has all its files open.
_BESIDE = _BORN + (
    'umask 077; printf "%s %s\n" "$$" "$(born $$)" > "$1/pid" || exit; trap : HUP INT TERM; '
    'exec 3>&1 > "$1/out" 2> "$1/err" || exit; echo up >&3; exec 3>&-; '
    '( umask "$3"; exec sh -c "$2" ); set -- "$1" $?; '
    'printf "%s\n" "$2" > "$1/code.new" && mv -f "$1/code.new" "$1/code"'
)
_START = _BOOT + (
    f'set -- "$@" "$(umask)" "{_ROOT}" setsid; umask 077; command -v setsid >/dev/null 2>&1 || '
    'set -- "$1" "$2" "$3" "$4" "$5" nohup; mkdir -p -- "$5" && mkdir -- "$5/$1" || exit; '
    '{ printf "%s\n" "$2" > "$5/$1/command" && date +%s > "$5/$1/started" && ( boot ) > "$5/$1/boot" && '
    '[ "$( "$6" sh -c "$3" sh "$5/$1" "$2" "$4" </dev/null 2>"$5/$1/err" & )" = up ]; } || '
    '{ cat "$5/$1/err" >&2; rm -rf -- "$5/$1"; exit 1; }; printf "detached as %s\n" "$1"'
)
_ASKED = """said() { printf '%s %s\\n' "$n" "$*" >&2; exit 75; }; """
_SHOWN = "said() { exit 75; }; "  # what was asked for has changed since
_FIND = f'r="{_ROOT}"; {_BOOT}{_BORN}' + (
    "n=$1 w=$2 d= k=0; "
    # The latest; one that never says when it was begun is none, and not in the way of the others.
    'if [ -z "$w" ]; then for x in "$r"/*/; do t=; { read -r t < "$x/started"; } 2>/dev/null; '
    '[ "$t" -ge "$k" ] 2>/dev/null && d=${x%/} k=$t; done; '
    'elif [ -d "$r/$w" ]; then d=$r/$w; '
    'else for x in "$r/$w".*; do [ -d "$x" ] && d=$x k=$((k+1)); done; [ $k -lt 2 ] || said several; fi; '
    '[ "$d" ] || said none; '
    'same() { [ "$(boot)" = "$(cat "$d/boot")" ]; }; '
    'alive() { [ ! -e "$d/code" ] && read -r p b < "$d/pid" && [ "$b" ] && same && [ "$(born "$p")" = "$b" ]; }; '
    'code() { c=; { read -r c < "$d/code"; } 2>/dev/null; [ "$c" ]; }; '
    # of a command that has just ended the code is on its way
    "ended() { code || { sleep 1; code; } || { same && said gone; said rebooted; }; }; "
)
# Each by two programs: the first asks and prints nothing that is the command's, the second prints nothing of ours.
_THERE = _ASKED + _FIND + "exit 0"
_END = _ASKED + _FIND + 'ended; exit "$c"'
_OVER = _ASKED + _FIND + "if alive; then said running; fi; ended; exit 0"
_COLLECT = _SHOWN + _FIND + ('ended; cat "$d/out"; cat "$d/err" >&2; [ -z "$3" ] || rm -rf -- "$d"; exit "$c"')
_TAIL = (
    _SHOWN
    + _FIND
    + (
        'tail -n "$3" ${4:+-f} "$d/out" & o=$!; tail -n "$3" ${4:+-f} "$d/err" >&2 & e=$!; '
        '[ "$4" ] || { wait; exit 0; }; while alive; do sleep 1; done; sleep 1; kill $o $e; wait 2>/dev/null; exit 0'
    )
)
# All groups of its session: as long as it has a member, its number is nobody else's. Without `setsid` it is only the
# shell beside it and that one's children.
_KILL = (
    _ASKED
    + _FIND
    + (
        "groups() { ps -A -o sid= -o pgid= -o stat= | while read -r a b c; do "
        '[ "$a" = "$p" ] && case $c in Z*) ;; *) echo "$b";; esac; done | sort -u; }; '
        'left() { g=$(groups); [ "$g" ] || alive; }; '
        'hit() { if [ "$g" ]; then for x in $g; do kill -s "$1" -- "-$x"; done; else '
        'kill -s "$1" $(ps -A -o pid= -o ppid= | while read -r a b; do [ "$b" = "$p" ] && echo "$a"; done); '
        '[ "$1" = TERM ] || kill -s KILL "$p"; fi; } 2>/dev/null; '
        'if ! alive; then ended; printf "it had ended: exit %s\n" "$c"; exit 0; fi; '
        'left; hit TERM; i=0; while left && [ $i -lt "$3" ]; do sleep 1; i=$((i+1)); done; '
        'if ! left; then echo "ended by TERM"; exit 0; fi; hit KILL; sleep 1; ! left || said running; '
        'code || { printf "137\n" > "$d/code.new" && mv -f "$d/code.new" "$d/code"; }; echo "ended by KILL"'
    )
)
_STATES = {
    "running": ("running", "it is still running"),
    "gone": ("gone", "it is not there any more, and left no exit code"),
    "rebooted": ("gone", "the host has booted since, and there is no exit code"),
}
_NONE = 75  # how our program ends where there is no reply to give
Doing = Literal["tail", "kill", "collect"]


class Detach(Command, frozen=True, omit_defaults=True, tag=True):
    """A command line that is begun and left to itself."""

    run: str = ""  # what the run is called
    token: str = ""  # the random part of the folder's name

    @property
    def name(self) -> str:
        return f"{self.run}.{self.token}"

    async def perform(self, session: Session) -> Reply:
        line = self.raw.decode("utf-8", "surrogateescape") or self.text
        return await self.context.exec(session, _sh(_START, self.name, line, _BESIDE))


class Detached(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """What is done with a command that was detached; raises UsageError for what is no run's name."""

    does: Doing
    run: str = ""  # as `Detach` called it, its random part may be left out; empty: the latest
    follow: bool = False  # tail: until it ends, and then its exit code
    lines: int = 10  # tail: how many at first of each stream
    remove: bool = False  # collect: the folder, once it has ended
    grace: float = 2.0  # kill: from TERM to KILL
    context: Context = Context()

    def __post_init__(self) -> None:
        exact(self.run)
        if "/" in self.run or self.run.startswith("."):
            raise UsageError(f"`{shown(self.run)}` is no name of a run", hint="such as `r42`, as `run --detach` says")

    @property
    def label(self) -> str:
        return f"{self.does} {self.run}".strip()

    async def perform(self, session: Session) -> Reply:
        match self.does:
            case "tail":
                return await self._tail(session)
            case "kill":
                told = await self._ask(session, _KILL, str(max(round(self.grace), 1)))
                words = told.stdout.decode("utf-8", "backslashreplace").strip()
                return told if told.exit_code else await self._show(session, f"printf '%s\\n' {quote(words)}")
            case "collect":
                over = await self._ask(session, _OVER)
                flag = "yes" if self.remove else ""
                return over if over.exit_code else await self._show(session, _sh(_COLLECT, "", self.run, flag))

    async def _tail(self, session: Session) -> Reply:
        there = await self._ask(session, _THERE)
        if there.exit_code:
            return there
        flag = "yes" if self.follow else ""
        shown = await self._show(session, _sh(_TAIL, "", self.run, str(self.lines), flag))
        if shown.exit_code or not self.follow:
            return shown
        end = await self._ask(session, _END)
        return replace(shown, exit_code=end.exit_code, signal=end.signal)

    async def _ask(self, session: Session, program: str, *args: str) -> Reply:
        """Run what only we hear; raises TransportError where it says that there is no reply to give."""
        nonce = token_hex(8)
        return self._judged(await self.context.exec(session, _sh(program, nonce, self.run, *args), quiet=True), nonce)

    async def _show(self, session: Session, line: str) -> Reply:
        return await self.context.exec(session, line)

    def _judged(self, reply: Reply, nonce: str) -> Reply:
        """Return the reply, unless its last words say that there is none: raises TransportError."""
        for words in (reply.stderr, reply.stdout):  # on a terminal both are one
            _, found, state = words.rstrip(b"\r\n").rpartition(f"{nonce} ".encode())
            if found and reply.exit_code == _NONE:
                raise TransportError(self._failure(state.decode("ascii", "replace"), reply))
        return reply

    def _failure(self, state: str, reply: Reply) -> Failure:
        if state in _STATES:
            kind, message = _STATES[state]
            left: Literal["", "left running"] = "left running" if kind == "running" else ""
            return Failure(stage="exec", kind=kind, message=message, remote_end=left)
        message = f"there is no detached run `{self.run}`" if self.run else "nothing was detached there"
        if state == "several":
            message = f"there are several runs `{self.run}`: say the whole name"
        return Failure(stage="exec", kind="no-run", message=message)


def _sh(program: str, *args: str) -> str:
    return f"sh -c {quote(program)} sh {join(args)}"
