"""How a command is made to end on its host: TERM to its process groups, then KILL, and what was seen of it.

sshd ends nothing when a channel or a connection closes, and some versions refuse the `signal` request (RFC 4254 section
6.9) for root. So towards OpenSSH a second channel of the same connection runs a small shell program whose parent is
the sshd process that is the parent of our command, and of nobody else's: no process id need be known. It obeys `TERM`,
`KILL` and `0` on its standard input and answers how many groups are left; when its input ends, it kills those, so that
a stop that is cut short still ends the command. Where it cannot be had, the `signal` request is what there is.

Promises: nothing is sent and no timer is set before an end is asked for; only what belongs to our connection is ever
signalled; it is over at most `AFTER_KILL` seconds after the KILL; `gone` is what was seen, never what was hoped.

Why not the second channel on every server: in a server that has one process for all its connections, that parent is
everybody's. A banner may lie, so the program looks at its parent's name as well. Where a key has a command of its own,
a second channel would run that once more.
"""

import asyncio
import re
from collections.abc import Callable

from paramiko import common

from pssh.transport.prompting import Prompting
from pssh.transport.ssh.driver import OPENSSH, Driver
from pssh.transport.ssh.wire import Fields, ProtocolError, text, u32

AFTER_KILL = 0.5  # seconds to see what was killed end
_LAST_WORDS = 0.1  # seconds for what a command that has ended had printed
_PATIENCE = 1.0  # seconds until the `signal` request is tried as well
_FIRST_LOOK, _LONGEST = 0.01, 0.5  # seconds between questions for what is left
_WINDOW = 32 << 10  # for all that the program and the host's login files may print
_ANSWER = re.compile(rb"^pssh-left (\d{1,6})$", re.MULTILINE)

# POSIX, in words of the shell itself where it is not said otherwise, and understood by dash, bash and busybox; the one
# form of kill that all of them take is `kill -15 -GROUP`. One line without single quotes, backslashes and `!`, so that
# csh and fish pass it on unchanged.
# Its arguments, where it is run through somebody else: that sshd process, and its own channel's command.
#   kids   the children of a process; of sshd also by `ps`, where there is no /proc/PID/task/PID/children
#   look   the groups of our commands: their leaders, and what of their sessions made groups of its own (`timeout`);
#          what `sudo` gave a terminal of its own, or `su` begins, is a session of its own, and ours; until something is
#          seen, and once more for KILL, since what ignores TERM may have begun more; never in between, since what a
#          command begins in order to end well is not to get TERM
#   lives  whether a group has a member that is no zombie; one that we may not signal does live. What a leader that has
#          gone left behind is found by `grep`, since a shell reads a thousand files too slowly; after KILL nothing is
#          looked for, since it spares at most what was seen before
# A process may name itself `) S 1 2 3` and a line end: such a line of /proc/PID/stat has too few words to be taken.
_PROGRAM = """
export LC_ALL=C; exec 2>/dev/null; set -f; groups= found= termed= killed= seen= s=${1:-$PPID} me=${2:-$$}; echo;
read -r name </proc/$s/comm || name=$(ps -A -o pid= -o comm= | while read -r a b; do
[ $a = $s ] && echo $b; done);
case $name in sshd*|*/sshd*) ;; *) exit 9;; esac;
if [ -e /proc/$s/task/$s/children ]; then
kids() { c=; set +f; for f in /proc/$1/task/*/children; do set -f; k=; read -r k <$f; c="$c $k"; done; };
else
kids() { c=; [ $1 = $s ] && c=$(ps -A -o pid= -o ppid= | while read -r a b; do [ $b = $s ] && echo $a; done); };
fi;
note() { case " $groups " in *" $1 "*) ;; *) groups="$groups $1";; esac; };
ours() { case "$on " in *" $1 "*) return 0;; esac; by=; read -r by </proc/$2/comm;
case $by in sudo|su) on="$on $1";; *) return 1;; esac; };
own() { [ $# -gt 20 ] && [ $3 -gt 1 ] && ours $4 $2 && note $3; };
look() { kids $s; for p in $c; do [ $p = $me ] && continue; note $p; on=" $p"; set -- $p;
while [ $# -gt 0 ]; do kids $1; shift; for q in $c; do
f=/proc/$q/stat l=; read -r l <$f && own ${l##*) } && seen="$seen $f" && set -- $* $q; done; done; done; };
member() { [ $# -gt 20 ] && [ $4 = $1 ] && case $2 in [ZX]) return 1;; esac; };
lives() { kill -0 -$1 || case $(kill -0 -$1 2>&1) in *ermitted*) ;; *) return 1;; esac;
[ -e /proc/$$/stat ] || return 0;
l=; read -r l </proc/$1/stat && case ${l##*) } in "Z $s "*) return 0;; [ZX]*) ;; *) return 0;; esac;
for f in $seen; do l=; read -r l <$f && member $1 ${l##*) } && return 0; done;
[ $killed ] && [ "$seen" ] && return 1;
f=$(set +f; grep -slE "^[0-9]+ .*[)] [^ZX] [0-9]+ $1 " /proc/[0-9]*/stat);
[ $? -gt 2 ] || { seen="$seen $f"; [ "$f" ]; }; };
while read -r word; do left= n=0;
case $word$found in TERM1|01) ;; *) look;; esac;
for g in $groups; do
case $word in
KILL) kill -9 -$g; killed=1;;
*) case " $termed " in *" $g "*) ;; *) kill -15 -$g && termed="$termed $g";; esac;;
esac;
lives $g && found=1 n=$((n+1)) left="$left $g"; done;
groups=$left; echo pssh-left $n; done;
for g in $groups; do kill -9 -$g; done
"""
_WORDS = " ".join(_PROGRAM.split())
COMMAND = f"exec sh -c '{_WORDS}'"


def command(through: str = "") -> str:
    """Return what the second channel runs; `through`: words that make it a user's and ask nobody, if they may."""
    if not through:
        return COMMAND
    through = through.replace("'", "'\"'\"'")
    return f"exec sh -c '{through} sh -c \"$1\" sh $PPID $$ || exec sh -c \"$1\"' sh '{_WORDS}'"


class Ending:
    """The end of one command. `over` is called once, when it was seen to be gone or the time for it has passed."""

    def __init__(
        self,
        driver: Driver,
        kill_after: float,
        signal: Callable[[str], None],
        over: Callable[[], None],
        prompting: Prompting | None = None,
    ) -> None:
        """Count from now on; `signal` sends a `signal` request on the command's own channel."""
        self._driver = driver
        self._loop = asyncio.get_running_loop()
        self._signal, self._over = signal, over
        self._tell = prompting.tell if prompting is not None else _nothing
        self._command = command(prompting.through if prompting is not None else "")
        self._timers = [self._loop.call_later(kill_after, self._kill)]
        self._look: asyncio.TimerHandle | None = None
        self._pause = _FIRST_LOOK
        self._number = -1  # of our channel; -1: it was not asked for
        self._remote = -1  # of theirs, once the program was asked for
        self._heard = b""
        self._took = 0
        self._due = 0  # words that were not answered yet
        self._left: int | None = None  # groups, by the last answer
        self._plain = False  # there is no program, and the `signal` request is what there is
        self._killing = self._let_go = False
        self._exited = self._closed = False

    @property
    def gone(self) -> bool:
        """The command was seen to end, and nothing of its groups or on its streams was left."""
        if self._plain:
            return self._exited and self._closed and not self._left
        return self._exited and self._left == 0 and not self._due

    # ---- what is asked of it

    def begin(self) -> None:
        """The connection is logged in: send TERM."""
        if self._number >= 0 or self._plain or self._let_go:
            return
        self._tell("TERM")
        if not self._driver.remote_version.startswith(OPENSSH) or self._driver.forced:
            self._make_do()
            return
        self._number = self._driver.add(self)
        self._driver.open(self)
        self._timers.append(self._loop.call_later(_PATIENCE, self._impatient))

    def exited(self) -> None:
        """The host told how the command ended."""
        self._exited = True
        self._pause = _FIRST_LOOK
        self._judge()

    def closed(self) -> None:
        """The host closed the command's channel: nobody holds its streams."""
        self._closed = True
        self._judge()

    def hurry(self) -> None:
        """Send KILL now. Nothing is waited for: the program's input ends with the connection."""
        if not self._let_go:
            self._kill()

    def let_go(self) -> None:
        """Set no timer and send no word any more; what the program has left, it kills when its channel is closed."""
        if self._let_go:
            return
        self._let_go = True
        self._wait(0)
        for timer in self._timers:
            timer.cancel()
        if self._remote >= 0:
            self._send(b"\x61")
            self._driver.flush()
        self._signal = self._over = self._tell = _nothing  # the workers run without a cycle collector

    # ---- a channel to the driver

    def request_open(self, *, speculate: bool) -> None:
        self._driver.send(b"\x5a" + text("session") + u32(self._number) + u32(_WINDOW) + u32(_WINDOW))

    def passed_over(self) -> None: ...

    def on(self, kind: int, fields: Fields) -> None:
        """Take one channel message."""
        if (self._remote < 0) != (kind in (common.MSG_CHANNEL_OPEN_SUCCESS, common.MSG_CHANNEL_OPEN_FAILURE)):
            raise ProtocolError(f"unexpected packet {kind}")
        if kind == common.MSG_CHANNEL_DATA:
            self._take(bytes(fields.string()))
        elif kind == common.MSG_CHANNEL_EXTENDED_DATA:
            fields.u32()
            self._count(fields.string())
        elif kind == common.MSG_CHANNEL_OPEN_SUCCESS:
            self._opened(fields.u32())
        elif kind == common.MSG_CHANNEL_REQUEST:
            fields.string()
            if fields.bool() and not self._let_go:  # nothing may follow a CLOSE
                self._send(b"\x64")
        elif kind in (common.MSG_CHANNEL_CLOSE, common.MSG_CHANNEL_OPEN_FAILURE):
            del self._driver.channels[self._number]
            if kind == common.MSG_CHANNEL_CLOSE and not self._let_go:
                self._send(b"\x61")
            self._remote = -1
            self._make_do()
        elif kind == common.MSG_CHANNEL_FAILURE:
            self._make_do()
        elif kind not in (common.MSG_CHANNEL_SUCCESS, common.MSG_CHANNEL_WINDOW_ADJUST, common.MSG_CHANNEL_EOF):
            raise ProtocolError(f"unexpected packet {kind}")

    def fail(self, error: Exception) -> None:
        """The connection ended; the command's own channel is told as well."""
        self._remote = -1

    def _opened(self, remote: int) -> None:
        self._remote = remote
        if self._let_go:
            self._send(b"\x61")
        else:
            self._send(b"\x62", text("exec") + b"\1" + text(self._command))
            self._say("KILL" if self._killing else "TERM")

    def _take(self, data: bytes) -> None:
        self._count(data)
        self._heard += data
        end = self._heard.rfind(b"\n") + 1
        for left in _ANSWER.findall(self._heard[:end]):
            self._left, self._due = int(left), max(self._due - 1, 0)
        self._heard = self._heard[end:]
        self._judge()

    def _count(self, data: bytes) -> None:
        self._took += len(data)
        if self._took > _WINDOW:
            raise ProtocolError("the host sent more than its window allows")

    # ---- what is sent

    def _say(self, word: str) -> None:
        self._due += 1
        self._send(b"\x5e", text(f"{word}\n"))
        self._driver.flush()

    def _send(self, kind: bytes, rest: bytes = b"") -> None:
        self._driver.send(kind + u32(self._remote) + rest)

    # ---- what follows from what was seen

    def _judge(self) -> None:
        if self._let_go:
            return
        if self.gone:
            self._wait(0 if self._closed else _LAST_WORDS, self._over)
            if self._closed:
                self._over()
        elif not self._due and self._remote >= 0 and (self._exited or self._left == 0):
            self._wait(self._pause, self._ask)
            self._pause = min(self._pause * 2, _LONGEST)

    def _ask(self) -> None:
        if self._remote >= 0 and not self._due:
            self._say("0")

    def _impatient(self) -> None:
        if not self._left and not self._exited:
            self._signal("TERM")

    def _make_do(self) -> None:
        """Do without the program."""
        if not self._plain and not self._let_go:
            self._plain = True
            self._signal("KILL" if self._killing else "TERM")
            self._judge()

    def _kill(self) -> None:
        if not self._killing:
            self._killing = True
            self._pause = _FIRST_LOOK
            self._timers.append(self._loop.call_later(AFTER_KILL, self._over))
            self._tell("KILL")
        if self._remote >= 0:
            self._say("KILL")
        if not self._left and not self._exited:
            self._signal("KILL")

    def _wait(self, seconds: float, then: Callable[[], None] | None = None) -> None:
        if self._look is not None:
            self._look.cancel()
        self._look = self._loop.call_later(seconds, then) if seconds and then is not None else None


def _nothing(what: str = "") -> None: ...
