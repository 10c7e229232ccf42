"""What surrounds a command on its host: whose it is, its environment, its folder, its input and its terminal.

Promises: with nothing set the user's bytes are sent unchanged; a command runs in the very shell that was made ready for
it, so that its exit code, its signal and its output are its own; a password is never part of a line, only the name of
the secret that answers.

The mark that says that the command begins, and not the question, tells a command's words from those before it: it is
put together by the shell, because sudo repeats the whole line to whoever may not run it.
"""

import re
from collections.abc import Callable
from secrets import token_hex

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.host import Become
from pssh.model.outcome import Reply
from pssh.model.work import HELD_OPEN, Input, Prompt, Session, Sink
from pssh.ops.shellwords import exact, quote, shown

_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*")

# What su and doas ask on the terminal, in the languages that their messages come in; found in bytes.
_PASSWORD = (
    r"(?im)(?:^|\r)[^\r\n]{0,200}(?:password|passwort|kennwort|mot de passe|contrase|senha|wachtwoord|adgangskode"
    r"|passord|lösenord|salasana|has(?:l|ł)o|heslo|jelsz|ароль|密码|密碼|パスワード|암호)[^\r\n]{0,200}(?::|：) ?"
)

# Whoever watches is no child of the command's shell, which may `wait`, and is in its group, which it ends. It sees the
# end of its input where the connection is lost, and also where the command has ended: then nobody has its number.
_LEASH = (
    "exec 3<&0 </dev/null; "
    '( trap "" HUP INT TERM; { while read -r x; do :; done; '
    "kill -0 $$ && kill -s TERM 0 && sleep 1 && kill -s KILL 0; } <&3 3<&- >/dev/null 2>&1 & ); "
    "exec 3<&-; "
)


# Beside a command for whose user a password was given: nobody else may end it, since the login may signal nothing
# of another user's and a password is sent once. It does so for words on the command's input, which is empty otherwise,
# and reaches whoever made a group of its own (`timeout`); its own group comes last. That the input ends means nothing,
# unless there was such a word: then it kills what is left, such as what had begun in that very moment.
_HEED = (
    "exec 3<&0 </dev/null; "
    '( trap "" HUP INT TERM; { s=; '
    'end() { for g in $(ps -A -o sid= -o pgid= | while read -r a b; do [ "$a" = "$s" ] && echo "$b"; done '
    "| sort -u); do "
    '[ "$g" = "$o" ] || kill -s "$1" -- "-$g"; done; kill -s "$1" 0; }; '
    'while read -r x; do case $x in TERM | KILL) [ "$s" ] || { '
    "set -- $(ps -o sid= -o pgid= -p $(exec sh -c 'echo $PPID')); s=$1 o=$2; }; "  # the shell itself may be gone
    'end "$x" ;; esac; done; [ "$s" ] && end KILL; } <&3 3<&- >/dev/null 2>&1 & ); '
    "exec 3<&-; "
)


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

    def __post_init__(self) -> None:
        for name, value in self.env:
            if not _VARIABLE.fullmatch(name):
                raise UsageError(f"`{shown(name)}` is no name for a variable", hint="letters, digits and `_`")
            exact(value)
        exact(self.chdir)
        if exact(self.become_user).startswith(b"-"):
            raise UsageError(f"`{shown(self.become_user)}` is no name for a user")
        if self.leash and self.input:
            raise UsageError("A leash needs the command's input for itself", hint="`--leash` or an input, not both")
        if not self.shell:
            self._refuse_without_shell()

    def _refuse_without_shell(self) -> None:
        if self.env or self.chdir or self.leash:
            raise UsageError("Without a shell there is no `--env`, no `--chdir` and no `--leash`")
        if self.become == "su":
            raise UsageError("`su` runs nothing without a shell", hint="`--become sudo` or `doas` does")
        if self.input and self.become_password:
            raise UsageError(
                "Without a shell nothing says when the password was taken, so that an input could follow it",
                hint="`--no-shell` with an input, or with a password, not with both",
            )

    @property
    def bare(self) -> "Context":
        """Only whose the command is, with nobody to answer for it: for what tidies up."""
        return Context(become=self.become, become_user=self.become_user)

    @property
    def terminal(self) -> bool:
        """Whether the command needs one; su and doas ask for a password nowhere else."""
        return self.tty or self.become == "su" or (self.become == "doas" and self.become_password != "")

    @property
    def told(self) -> bool:
        """Whether somebody beside the command ends it when told to, because nobody else may."""
        return self.become_password != "" and self.shell and not (self.tty or self.input or self.leash)

    async def exec(
        self,
        session: Session,
        line: str,
        *,
        before: str = "",
        given: bytes | Input = b"",
        quiet: bool = False,
        sink: Sink | None = None,
    ) -> Reply:
        """Run a command line so; raises TransportError.

        `before`: what the same shell does first; it reads `given`, which stands before the command's own input. Where
        `given` is an input it is all that the command reads. `sink`: takes stdout.
        """
        if self == PLAIN:
            return await session.exec(line, stdin=given, quiet=quiet, sink=sink)
        if not isinstance(given, bytes) and not self.input:  # then it is the command's own, and nobody else's beside it
            return await replace(self, input=True).exec(
                session, line, before=before, given=given, quiet=quiet, sink=sink
            )
        nonce = token_hex(16)
        return await session.exec(
            self.line(line, nonce, before=before),
            stdin=self._stdin(session, given),
            quiet=quiet,
            tty=self.terminal,
            prompt=self.prompt(nonce),
            sink=sink,
        )

    def line(self, line: str, nonce: str, *, before: str = "") -> str:
        """Return what is sent to the host; nothing of what it prints can be foreseen without the nonce."""
        if not self.shell:
            return f"exec {self._becoming(nonce)} {line}" if self.become else line
        mark = f"printf %s%s mark- {nonce} >&2; " if self.become else ""
        variables = " ".join(f"{name}={quote(value)}" for name, value in self.env)
        exported = f"export {variables}; " if variables else ""
        folder = f"CDPATH= cd -- {quote(self.chdir)} || exit; " if self.chdir else ""
        beside = _LEASH if self.leash else _HEED if self.told else ""
        inner = "".join((mark, exported, folder, before, beside, line))
        if not self.become:
            return inner
        program = f"sh -c {quote(inner)}"
        return f"exec {self._becoming(nonce)} " + (quote(f"exec {program}") if self.become == "su" else program)

    def prompt(self, nonce: str) -> Prompt | None:
        """Return how the line asks, and says that it begins; None if it does neither."""
        if not self.become:
            return None
        if self.become == "su" or self.become_password:
            asks = _ask(nonce) if self.become == "sudo" else _PASSWORD
        else:
            asks = ""
        mark = f"mark-{nonce}" if self.shell else ""
        if not (asks or mark):
            return None
        through = "" if self.become_password or self.become == "su" else f"{self._becoming(nonce)}"
        return Prompt(asks, mark, self.become_password, through, self.told)

    def _becoming(self, nonce: str) -> str:
        user = quote(self.become_user or "root")
        if self.become == "su":
            return f"su {user} -c"
        if self.become == "doas":
            return f"doas -u {user} --" if self.become_password else f"doas -n -u {user} --"
        return f"sudo -S -p {_ask(nonce)} -u {user} --" if self.become_password else f"sudo -n -u {user} --"

    def _stdin(self, session: Session, given: bytes | Input) -> bytes | Input:
        if not isinstance(given, bytes):
            return given
        if self.input:
            return _Joined(given, session.input) if given else session.input
        if self.leash or self.told:
            return _Joined(given, HELD_OPEN)
        return given


PLAIN = Context()


def _ask(nonce: str) -> str:
    return f"ask-{nonce}:"


class _Joined:
    """Bytes, and an input behind them."""

    def __init__(self, first: bytes, then: Input) -> None:
        self._first, self._then = first, then

    def read(self, at: int, most: int) -> bytes | memoryview | None:
        if at < len(self._first):
            return self._first[at : at + most]
        return self._then.read(at - len(self._first), most)

    def when_more(self, call: Callable[[], None]) -> None:
        self._then.when_more(call)
