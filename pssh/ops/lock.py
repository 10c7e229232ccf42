"""A lease on a host: of all who ask for one name there, one at a time performs its operation.

Promises: whoever holds it is told to the others; it is given back whatever became of the operation, unless that could
not be ended and may still run; what was left behind is taken over once its lease is over and the connection that took
it is gone, never by two, and with a note.

A lock is a symbolic link below `~/.pssh/locks` of the login user, whose target says who holds it. Making one is one
step that only one can do, and it is never there without its words, as an empty folder would be. It is removed or
replaced behind a folder named after its token, which again only one can make, so that the lock that was looked at is
the lock that goes. The machine's name is part of the link's, for homes that machines share.

Why no renewal: while our connection stands, the process that serves it there does, and is asked for by its number and
the time it began. The lease is for what comes after: the command may outlive the connection.
"""

import asyncio
import re
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime
from random import uniform
from secrets import token_hex
from typing import Literal

from msgspec import Struct
from msgspec.structs import force_setattr, replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply, StepResult
from pssh.model.work import JobSession, Session, TransportError
from pssh.ops.command import Command
from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.ops.said import NOT_BEGUN, first_line, transfer_kind
from pssh.ops.script import Script
from pssh.ops.shellwords import join, quote, shown
from pssh.ops.steps import Packed, Steps

_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")
_MOST_OWNER = 100  # characters
_PAUSES = 0.2, 2.0  # seconds between two questions, the first and the longest


# A signal must not come between two steps; both programs are a matter of milliseconds.
_BEGIN = (
    'trap "" HUP INT TERM; set -f; umask 077; LC_ALL=C; export LC_ALL; '
    "d=${HOME:?}/.pssh/locks; l=$d/$1@$(uname -n); "
    # settled TOKEN TARGET COMMAND: whether the lock of that token was still the one seen, and the command did it
    'settled() { mkdir -- "$l.$1" 2>/dev/null || return; '
    '[ "$(readlink -- "$l")" = "$2" ] && "$3"; set -- "$1" $?; rmdir -- "$l.$1"; return "$2"; }; '
)
_TAKE = _BEGIN + (
    # when a process began, in ticks: the twentieth word behind its name (proc(5))
    'born() { { read -r s < "/proc/$1/stat"; } 2>/dev/null || return; s=${s##*) }; set -- $s; printf %s "${20-}"; }; '
    'replace() { ln -s -- "$target" "$l.$token" && mv -f -- "$l.$token" "$l"; }; '
    'token=$2 lease=$3 owner=$4; mkdir -p -- "$d" || exit; now=$(date +%s) || exit; b=$(born $PPID); '
    'target="$token $((now + lease)) $PPID ${b:--} $now $owner"; '
    "for try in 1 2 3 4 5 6 7 8; do "
    'said=$(ln -s -- "$target" "$l" 2>&1) && { printf "%s taken\\n" "$token"; exit; }; '
    'x=$(readlink -- "$l") || continue; '
    'set -- $x; t=$1 until=$2 pid=$3 born=$4 since=$5; b=$(born "$pid"); shift 5; found=held; '
    'if [ "$now" -ge "$until" ] 2>/dev/null && [ "${b:-+}" != "$born" ]; then '
    'settled "$t" "$x" replace || continue; found=over; fi; '
    'printf "%s %s %s %s\\n" "$token" "$found" "$since" "$*"; exit; '
    "done; "
    # in eight looks it went from hand to hand
    'case $said in *exists*) printf "%s held %s another\\n" "$token" "$now"; exit ;; esac; '
    'printf "%s\\n" "$said" >&2; exit 1'
)
_GIVE = _BEGIN + ('drop() { rm -f -- "$l"; }; x=$(readlink -- "$l") && [ "${x%% *}" = "$2" ] && settled "$2" "$x" drop')


class Locked(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """An operation under a lock of the login user on the host; raises UsageError for a name that is none."""

    name: str  # up to 64 of letters, digits, `_`, `.`, `-`
    operation: Command | Script | Put | Get | Steps | Packed  # whatever is none of these is packed
    owner: str  # who holds it, for the others' rows: user, machine, run
    mode: Literal["skip", "fail"] = "skip"  # what becomes of the row of a host where another holds it
    wait: float = 0.0  # seconds to wait for it before that
    lease: float = 3600.0  # seconds after which another may take it over, once our connection is gone

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            hint = "up to 64 letters, digits, `_`, `.` and `-`"
            raise UsageError(f"`{shown(self.name)}` is no name for a lock", hint=hint)
        if not isinstance(self.operation, Command | Script | Put | Get | Steps | Packed):
            force_setattr(self, "operation", Packed.of(self.operation))
        force_setattr(self, "owner", _one_line(shown(self.owner)) or "somebody")

    @property
    def label(self) -> str:
        return self.operation.label

    def owed(self, told: Sequence[StepResult], *, cut: bool, cause: str) -> list[StepResult]:
        """As of the steps under the lock."""
        return self.operation.owed(told, cut=cut, cause=cause) if isinstance(self.operation, Steps) else []

    async def perform(self, session: JobSession) -> Reply:
        token = token_hex(8)
        note = await self._take(session, token)
        try:
            operation = self.operation
            reply = await (operation.opened() if isinstance(operation, Packed) else operation).perform(session)
        except TransportError as error:
            end = error.failure
            kept = end.remote_end == "left running" and end.kind not in NOT_BEGUN
            left = self._noted("is kept for what still runs") if kept else await self._give(session, token)
            raise TransportError(replace(end, note=_joined(end.note, note, left))) from error
        except Exception:
            await self._give(session, token)
            raise
        note = _joined(reply.note, note, await self._give(session, token))
        return replace(reply, note=note) if note != reply.note else reply

    async def _take(self, session: Session, token: str) -> str:
        """Return a note on what was found, once the lock is ours; raises TransportError."""
        loop = asyncio.get_running_loop()
        until, (pause, longest) = loop.time() + self.wait, _PAUSES
        while True:
            found, since, owner = await self._try(session, token)
            if found == "taken":
                return ""
            if found == "over":
                return f"took over the lock `{self.name}` of {owner} {since}, whose lease was over"
            left = until - loop.time()
            if left <= 0:
                raise TransportError(self._held(f"held by {owner} {since}"))
            await asyncio.sleep(min(uniform(pause / 2, pause), left))
            pause = min(pause * 2, longest)

    async def _try(self, session: Session, token: str) -> tuple[str, str, str]:
        """Return `taken`, `over` or `held`, and of who had it: since when, and the name."""
        program = _program(_TAKE, self.name, token, str(max(int(self.lease), 1)), self.owner)
        try:
            reply = await session.exec(program, quiet=True)
        except TransportError as error:
            if error.failure.stage in ("exec", "stop"):  # it may be ours by now
                await self._give(session, token)
            raise
        last = reply.stdout.decode("utf-8", "backslashreplace").rstrip("\n").rpartition("\n")[2]
        match last.split(" ", 3):
            case [said, "taken"] if said == token:
                return "taken", "", ""
            case [said, "over" | "held" as found, since, owner] if said == token:
                return found, _when(since), _one_line(owner)
        words = first_line(reply)
        message = f"The lock `{self.name}` could not be taken: {words or 'nothing was answered'}"
        raise TransportError(
            Failure(
                stage="transfer",
                kind=transfer_kind(words),
                message=message,
                stdout=reply.stdout,
                stderr=reply.stderr,
            )
        )

    def _held(self, how: str) -> Failure:
        message = f"the lock `{self.name}` is {how}"
        return Failure(stage="exec" if self.mode == "fail" else "rule", kind="lock-held", message=message)

    async def _give(self, session: Session, token: str) -> str:
        """Give the lock back if it is ours, and return a note if that is not certain."""
        with suppress(TransportError):
            if (await session.exec(_program(_GIVE, self.name, token), quiet=True)).exit_code == 0:
                return ""
        return self._noted("may be left behind")

    def _noted(self, how: str) -> str:
        return f"the lock `{self.name}` {how}; its lease ends after {self.lease:g} s"


def _program(program: str, *args: str) -> str:
    return f"exec sh -c {quote(program)} sh {join(args)}"


def _when(since: str) -> str:
    """Return seconds since 1970 as the host counts them, for showing."""
    try:
        return f"since {datetime.fromtimestamp(int(since), UTC):%Y-%m-%d %H:%M:%S} UTC"
    except (ValueError, OverflowError, OSError):
        return "since a time that cannot be read"


def _one_line(text: str) -> str:
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:_MOST_OWNER]


def _joined(*notes: str) -> str:
    return "; ".join(filter(None, notes))
