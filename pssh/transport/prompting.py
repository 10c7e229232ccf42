"""A command that may ask for a password before it runs: what it says until then, and the one answer it gets.

Promises: a question is looked for only where the prompt says, and only before the mark; the password is given once, and
a second question ends the command; mark and questions are never output, and what else was printed before the mark is
output only where the mark never came. Memory is bounded, whatever is printed.

Why stdout without a terminal is let through at once: the mark comes on stderr, and sshd looks at stdout first, so that
the command's own first words may overtake it.
"""

import re
from typing import Literal

from pssh.model.outcome import Failure, Output, Reply
from pssh.model.secret import Secret
from pssh.model.work import Prompt, StreamName
from pssh.transport.feed import Feed

_TAIL = 4096  # bytes in which a question or a mark that comes in pieces is found
_KEPT = 4096  # bytes kept of what was printed before the mark
_MOST_WORDS = 200
UNASKED = 10.0  # seconds after which a command whose mark is empty is taken for one that asks nothing
# What sudo and doas say where a password is needed and nobody may be asked for it.
_NEEDS = re.compile(
    rb"password is required|no password was provided|terminal is required|Auth(?:entication|orization) required"
)

Kind = Literal["sudo-denied", "sudo-needs-password"]


class Prompting:
    """Reads what one command prints, answers through its feed, and holds its input back until the mark."""

    def __init__(self, prompt: Prompt, secret: Secret | None, feed: Feed, *, tty: bool = False) -> None:
        self.why: Failure | None = None  # what the command is to be ended for
        self._asks = re.compile(prompt.asks.encode()) if prompt.asks else None
        self._mark = prompt.mark.encode()
        self._secret = secret
        self._feed = feed
        self._told, self._signal = prompt.told, ""
        self.through = prompt.through
        self._watched: StreamName = "stdout" if tty else "stderr"
        self._passed = self._answered = self._rested = self._stopped = False
        self._tail = b""  # not looked through for good
        self._said = bytearray()  # before the mark, questions left out
        self._since = 0  # where in it the words behind the last question begin
        if prompt.mark or secret is not None:
            feed.hold()

    def tell(self, signal: str) -> None:
        """Have whoever watches beside the command end it by this signal, now or as soon as somebody does.

        Then TERM comes first also where it is late for that: KILL ends who watches as well, who would not see what the
        command, which begins in that very moment, has just given a group of its own (`timeout`).
        """
        self._signal = signal
        if self._passed and self._told:
            self._feed.answer(f"{signal}\n".encode())
            self._feed.on_more()

    def dismiss(self) -> None:
        """Have whoever watches beside the command, which has ended, leave: a terminal would stay open for him."""
        if self._told:
            self._feed.finish()

    def stop(self) -> bool:
        """Answer no question any more; return whether words may still follow that are to end the command."""
        self._stopped = True
        return self._told

    @property
    def unasked(self) -> bool:
        """Whether input waits for a question that need not come, because no mark will say that none comes."""
        return self._secret is not None and not self._mark and not self._answered

    def take(self, stream: StreamName, data: bytes) -> bytes:
        """Take what was printed, and return what of it is output."""
        if stream != self._watched or self._passed:
            return data
        self._tail += data
        if self._mark:
            _, found, after = self._tail.partition(self._mark)
            if found:  # first: whoever asked before it does not wait any more, and would read no answer
                self._passed, self._tail = True, b""
                self._feed.release()
                for signal in dict.fromkeys(("TERM", self._signal)) if self._signal else ():
                    self.tell(signal)
                return after
        output = self._look()
        cut = max(len(self._tail) - _TAIL, 0 if self._mark else self._tail.rfind(b"\n") + 1)
        output += self._tail[:cut]
        self._keep(self._tail[:cut])
        self._tail = self._tail[cut:]
        if self._mark:
            return b""
        return self._hidden(output) if self._watched == "stdout" else output

    def rest(self) -> bytes:
        """Return what is still held back and is output, now that nothing more comes; once."""
        if self._passed or self._rested:
            return b""
        self._rested = True
        if self._asks is not None:
            self._tail = self._asks.sub(b"", self._tail)
        self._keep(self._tail)
        output, self._tail = self._tail, b""
        return self._hidden(bytes(self._said)) if self._mark else output

    def judge(self, reply: Reply) -> Reply | Failure:
        """Return the reply, or the failure that it is: refused, or ended before a mark that was to come."""
        if self.why is not None:  # its exit was told before the question that it was to be ended for
            return self._failure(self.why.kind, self.why.message, reply)
        if self._passed or not self._mark:
            return reply
        if self._answered:
            return self._failure("sudo-denied", self._refused(), reply)
        end = f"signal {reply.signal}" if reply.signal else f"exit {reply.exit_code}"
        kind: Kind = "sudo-needs-password" if _NEEDS.search(self._said) else "sudo-denied"
        return self._failure(kind, self._words() or f"it ended with {end} before the command could begin", reply)

    def _look(self) -> bytes:
        """Answer the questions in the tail, and return what stood before them."""
        before = b""
        while self.why is None and self._asks is not None and (asked := self._asks.search(self._tail)):
            before += self._tail[: asked.start()]
            self._keep(self._tail[: asked.start()])
            self._tail = self._tail[asked.end() :]
            self._asked()
            self._since = len(self._said)
        return before

    def _asked(self) -> None:
        if self._stopped:
            return
        if self._secret is None:
            self.why = self._failure("sudo-needs-password", "a password is asked for, and none was given")
        elif self._answered:
            self.why = self._failure("sudo-denied", self._refused())
        else:
            self._answered = True
            self._feed.answer(_bytes(self._secret) + b"\n")
            if not self._mark:
                self._feed.release()
        if self.why is not None:
            self._feed.finish()  # whoever asks may leave by itself, and reads none of what the user gave

    def _refused(self) -> str:
        return ": ".join(filter(None, ("the password was not taken", self._words())))

    def _words(self) -> str:
        """Return the first line that was printed since the last question, or else the first at all, as one line."""
        for text in (self._said[self._since :], self._said):
            for line in self._hidden(bytes(text)).decode("utf-8", "replace").splitlines():
                if words := " ".join(line.split()):
                    return words[:_MOST_WORDS]
        return ""

    def _hidden(self, text: bytes) -> bytes:
        """Leave the answer out, which a terminal may have echoed."""
        return text.replace(_bytes(self._secret), b"") if self._answered and self._secret is not None else text

    def _keep(self, text: bytes) -> None:
        self._said += text[: _KEPT - len(self._said)]

    def _failure(self, kind: str, message: str, output: Output | None = None) -> Failure:
        printed = {name: getattr(output, name) for name in Output.__struct_fields__} if output is not None else {}
        return Failure(stage="exec", kind=kind, message=message, **printed)


def _bytes(secret: Secret) -> bytes:
    return secret.reveal().encode("utf-8", "surrogateescape")
