"""One command on one session channel: its request, its streams within their windows, and its end (RFC 4254 section 6).

Promises: a reply needs an exit status or an exit signal, else the command is `lost`; both streams are read in one
place, so that neither can block the other; the window is enforced against the host and opened only for what was
taken; a limit or a stop ends the command by TERM, and what became of it is said as seen.
"""

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace
from paramiko import common

from pssh.model.outcome import Failure, Reply
from pssh.model.secret import Secret
from pssh.model.work import Input, Limits, Listener, Prompt, StreamName, TransportError
from pssh.transport import terminal
from pssh.transport.feed import Feed
from pssh.transport.printed import Printed
from pssh.transport.prompting import UNASKED, Prompting
from pssh.transport.ssh import answers
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.ending import Ending
from pssh.transport.ssh.failures import ended, timed_out
from pssh.transport.ssh.stdin import Stdin
from pssh.transport.ssh.wire import Fields, ProtocolError, text, u32

WINDOW, MAX_DATA = 2 << 20, 128 << 10  # larger windows make sshd burn tens of seconds of CPU per GB
# Modes of a terminal (RFC 4254 section 8): ECHO and ONLCR are off, as `terminal` says; all else is as the host has it.
_MODES = b"\x35" + u32(0) + b"\x48" + u32(0) + b"\0"
_TERMINAL = text(terminal.KIND) + u32(terminal.COLUMNS) + u32(terminal.ROWS) + u32(0) + u32(0) + text(_MODES)
_STDERR = 1  # SSH_EXTENDED_DATA_STDERR
_NO_SECRETS: Mapping[str, Secret] = {}
_REFUSED = {1: "administratively prohibited", 2: "open failed", 3: "unknown channel type", 4: "resource shortage"}


class OpenRefused(Exception):
    """The host logged us in but opens no further session on this connection (MaxSessions)."""


class Exec:
    """One command. `done` becomes its Reply or a TransportError; `OpenRefused` if nothing was requested."""

    def __init__(
        self,
        driver: Driver,
        command: str,
        stdin: bytes | Input,
        limits: Limits,
        listener: Listener,
        *,
        quiet: bool,
        tty: bool = False,
        prompt: Prompt | None = None,
        secrets: Mapping[str, Secret] = _NO_SECRETS,
        hides: Sequence[Secret] = (),
    ) -> None:
        self._driver = driver
        self._loop = asyncio.get_running_loop()
        self._command = command
        self._tty = tty
        feed = Feed(stdin, tty=tty)
        self._stdin = Stdin(driver, feed)
        self._prompting: Prompting | None = None
        if prompt is not None:
            self._prompting = Prompting(prompt, secrets.get(prompt.secret), feed, tty=tty)
        self._limits = limits
        self._listener = listener
        self._quietly = quiet
        hears = listener if limits.say and not quiet else None
        self._printed = Printed(limits.keep, hears, self._prompting, tty=tty, hides=hides)
        self._remote = 0
        self._window = WINDOW  # what the host may still send
        self._code: int | None = None
        self._signal = ""
        self._note = ""
        self._why: Failure | None = None  # what we end it for
        self._ending: Ending | None = None
        self._stopped = False  # it was asked from outside
        self._timer: asyncio.TimerHandle | None = None
        self._stalled: asyncio.TimerHandle | None = None
        self._releasing: asyncio.TimerHandle | None = None
        self._left = self._closed = False  # we sent a CLOSE; the host did, or the connection ended
        self._refill: asyncio.Task[None] | None = None
        self.sent = False  # the request left: from here on it may have run
        self.answered = 0.0  # when the host said that it runs; 0: not yet
        self.heard = 0.0  # when the last byte came
        self.done: asyncio.Future[Reply] = self._loop.create_future()
        self.number = driver.add(self)

    # ---- towards the host

    def request_open(self, *, speculate: bool) -> None:
        """Ask for a session; `speculate`: the command goes right behind, to the number that sshd gives the first."""
        opening = text("session") + u32(self.number) + u32(WINDOW) + u32(MAX_DATA)
        if speculate:
            self._listener.connected()
            self._driver.send(b"\x5a" + opening)
            self._request()
        else:
            self._driver.send(b"\x5a" + opening)

    def passed_over(self) -> None:
        """The login request that this went behind was refused, and nothing behind it was looked at."""
        self.sent = False
        self._stdin.passed_over()
        if self._ending is not None:
            self._finish()

    def logged_in(self) -> None:
        """The login ended: the host now has `limits.open` seconds to answer."""
        if self._ending is not None:
            self._ending.begin()
        elif not self.answered:
            self._arm(self._limits.open, self._unanswered)

    def end(self, why: Failure) -> None:
        """End the command, and raise `why` once that is seen or the grace time is over; asked again, at once."""
        if self.done.cancelled():
            self.done = self._loop.create_future()  # who waited was cancelled, and now waits for the end
        if self._stopped and self._ending is not None:
            self._ending.hurry()
            self._leave()
        self._stopped = True
        self._end(why)

    def _end(self, why: Failure) -> None:
        if self._why is not None or self.done.done():
            return
        if self._over:  # the reply is at hand
            self._note = "stream-left-open"
            self._leave()
            return
        self._why = why
        if not self.sent:
            self._finish()
            return
        self._arm(0, self._leave)
        aids = self._prompting, self._stdin.say
        self._ending = Ending(self._driver, self._limits.kill_after, self.signal, self._leave, *aids)
        if self._driver.authenticated:
            self._ending.begin()

    def signal(self, name: str) -> None:
        """Send a signal (RFC 4254 section 6.9). sshd refuses it for some users, and says nothing."""
        if self._driver.authenticated and not self._closed:
            self._driver.send(b"\x62" + u32(self._remote) + text("signal") + b"\0" + text(name))
            self._driver.flush()

    def _request(self) -> None:
        self.sent = True
        if self._tty:  # no reply wanted: it would be taken for the command's, and a host without terminals shows anyway
            self._driver.send(b"\x62" + u32(self._remote) + text("pty-req") + b"\0" + _TERMINAL)
        self._driver.send(b"\x62" + u32(self._remote) + text("exec") + b"\1" + text(self._command))
        self._stdin.begin(self._remote)

    # ---- from the host

    def on(self, kind: int, fields: Fields) -> None:
        """Take one channel message."""
        if kind == common.MSG_CHANNEL_DATA:
            self._take("stdout", fields.string())
        elif kind == common.MSG_CHANNEL_EXTENDED_DATA:
            self._take("stderr" if fields.u32() == _STDERR else None, fields.string())
        elif kind == common.MSG_CHANNEL_OPEN_SUCCESS:
            self._opened(fields)
        elif kind == common.MSG_CHANNEL_WINDOW_ADJUST:
            self._stdin.widen(fields.u32())
        elif kind == common.MSG_CHANNEL_SUCCESS:
            self._runs()
        elif kind == common.MSG_CHANNEL_REQUEST:
            self._on_request(fields)
        elif kind == common.MSG_CHANNEL_CLOSE:
            self._on_close()
        elif kind == common.MSG_CHANNEL_FAILURE:
            self._denied()
        elif kind == common.MSG_CHANNEL_OPEN_FAILURE:
            code, words = fields.u32(), fields.words()[:200]
            if self.sent:  # before the entry goes: by that we hear that the connection ended
                raise ProtocolError("a session that was already in use was refused")
            del self._driver.channels[self.number]
            self._settle(OpenRefused(f"no session: {_REFUSED.get(code, code)}: {words}"))
        elif kind != common.MSG_CHANNEL_EOF:
            raise ProtocolError(f"unexpected packet {kind}")

    def _opened(self, fields: Fields) -> None:
        remote, room, packet = fields.u32(), fields.u32(), fields.u32()
        if self.sent:  # speculated, on the number that the first session of sshd has
            if remote != self._remote:
                raise ProtocolError(f"session {remote} where {self._remote} was taken for granted")
            self._stdin.opened(room, packet)
            return
        self._remote = remote
        self._stdin.opened(room, packet)
        if self.done.done():
            self._close()  # nobody waits any more, and the row says that it was not started
        elif self._quietly:
            self._go()
        else:
            self._listener.ready(self._go)
            if not self.sent and not self.done.done():  # it waits for us, which is no fault of the host
                self._arm(0, self._unanswered)

    def _go(self) -> None:
        if not self.done.done() and not self._closed:
            if self._timer is None:
                self._arm(self._limits.open, self._unanswered)
            self._listener.connected()
            self._request()
            self._loop.call_soon(self._driver.flush)  # many that are released at once are sent off together

    def _runs(self) -> None:
        self._expect_answer()
        self.answered = self.heard = self._loop.time()
        if self._why is None and not self._over and not self.done.done():
            self._arm(self._limits.total, self._out_of_time)
            if self._limits.stall:
                self._stalled = self._loop.call_later(self._limits.stall, self._check_stall)
            if self._prompting is not None and self._prompting.unasked:
                self._releasing = self._loop.call_later(UNASKED, self._stdin.release)

    def _expect_answer(self) -> None:
        if not self.sent or self.answered:  # each would set the limits anew
            raise ProtocolError("an answer where nothing was asked")

    def _expect_request(self) -> None:
        if not self.sent:
            raise ProtocolError("output or an end of a command that was not requested")

    def _take(self, name: StreamName | None, data: bytes) -> None:
        self._expect_request()
        self._window -= len(data)
        if self._window < 0 or len(data) > MAX_DATA:
            raise ProtocolError("the host sent more than its window allows")
        self.heard = self._loop.time()
        if self._prompting is not None and self._why is not None and not self._prompting.stop():
            self._stdin.close()  # an answer might now begin what is to end
        wait = self._printed.take(name, data) if name is not None else None
        if wait is not None and self._refill is None:
            self._refill = asyncio.ensure_future(self._refill_after(wait))
        elif self._window < WINDOW // 2 and self._refill is None:
            self._open_window()
        if self._prompting is not None:
            self._stdin.pump()
            if self._ending is not None:
                self._ending.tell()
            if self._prompting.why is not None:
                self._end(self._prompting.why)

    async def _refill_after(self, wait: Awaitable[None]) -> None:
        # Who shows the output is slower than the host. Only the window holds the host back: the socket is still read,
        # because signs of life and key changes arrive there.
        await wait
        self._refill = None
        if not self._closed:
            self._open_window()
            self._driver.flush()

    def _open_window(self) -> None:
        self._driver.send(b"\x5d" + u32(self._remote) + u32(WINDOW - self._window))
        self._window = WINDOW

    def _on_request(self, fields: Fields) -> None:
        kind, want_reply = fields.string(), fields.bool()
        if kind in (b"exit-status", b"exit-signal"):
            self._expect_request()
        if kind == b"exit-status" and not self._over:  # only the first: each would begin the drain time anew
            self._code = fields.u32()
        elif kind == b"exit-signal" and not self._over:
            self._signal = fields.words()[:32] or "unknown"
        elif want_reply:  # sshd's ClientAliveInterval asks so, and hangs up if not answered
            self._driver.send(b"\x64" + u32(self._remote))
            return
        else:
            return
        if self._ending is not None:
            self._ending.exited()
        else:
            self._arm(self._limits.drain, self._drained)

    def _on_close(self) -> None:
        self._close()
        del self._driver.channels[self.number]
        self._closed = True
        if self._ending is not None:
            self._ending.closed()
        else:
            self._finish()

    def _close(self) -> None:
        if not self._left:  # a second CLOSE names a channel that is no more, for which sshd hangs up
            self._left = True
            self._driver.send(b"\x61" + u32(self._remote))

    def _denied(self) -> None:
        self._expect_answer()
        self.sent = False  # the host says that it did not run it
        self._settle(TransportError(answers.REFUSED))

    # ---- its end

    def fail(self, error: Exception) -> None:
        """The connection ended."""
        self._closed = True
        if self._over or self._why is not None:
            self._finish()
        elif isinstance(error, TransportError):
            self._settle(TransportError(self._with_output(error.failure)))
        else:
            phase = self._driver.phase if self._driver.phase != "run" else "auth"
            failure = ended(error, phase, self._driver.before_banner, sent=self.sent)
            self._settle(TransportError(self._with_output(failure)))

    @property
    def _over(self) -> bool:
        return self._code is not None or bool(self._signal)

    def _finish(self) -> None:
        if self._why is not None:
            became: Literal["", "killed", "exited", "left running"] = "left running" if self.sent else ""
            if self._ending is not None and self._ending.gone:
                became = "killed" if self._signal else "exited"
            self._settle(TransportError(replace(self._with_output(self._why), remote_end=became)))
        elif not self._over:
            self._settle(TransportError(self._with_output(answers.NO_END)))
        else:
            code = None if self._signal else self._code
            end = answers.judged(Reply(exit_code=code, signal=self._signal, **self._output()))
            end = self._printed.judge(end) if isinstance(end, Reply) else end
            self._settle(end if isinstance(end, Reply) else TransportError(end))

    def _settle(self, outcome: Reply | Exception) -> None:
        self.let_go()
        if self.done.done():  # cancelled, or settled by a limit
            return
        if isinstance(outcome, Reply):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)

    def let_go(self) -> None:
        """Wait for nothing any more: what is left of the connection may be gone when a timer fires."""
        self._arm(0, self._leave)
        self._stdin.close()
        self._printed.hush()
        for waiting in (self._stalled, self._releasing, self._refill):
            if waiting is not None:
                waiting.cancel()
        if self._ending is not None:
            self._ending.let_go()

    def _output(self) -> dict[str, Any]:
        return {**self._printed.fields(), "note": self._note}

    def _with_output(self, failure: Failure) -> Failure:
        output = self._output()
        return replace(failure, **output) if any(output.values()) else failure

    # ---- time

    def _arm(self, seconds: float, then: Any) -> None:
        if self._timer is not None:
            self._timer.cancel()  # a forgotten timer would keep the output of a finished host alive
        self._timer = self._loop.call_later(seconds, then) if seconds and not self.done.done() else None

    def _unanswered(self) -> None:
        seconds = self._limits.open
        if self.sent:
            message = f"the host did not answer the request within {seconds:g} s"
            self._end(Failure(stage="exec", kind="no-answer", message=message))
        else:
            self._settle(TransportError(timed_out("open", seconds, "", [])))

    def _out_of_time(self) -> None:
        message = f"the command ran longer than {self._limits.total:g} s (`--timeout`)"
        self._end(Failure(stage="exec", kind="total", message=message))

    def _check_stall(self) -> None:
        if self._refill is not None:
            self.heard = self._loop.time()  # it is we who hold the host back
        left = max(self.heard, self._stdin.moved) + self._limits.stall - self._loop.time()
        if left > 0:
            self._stalled = self._loop.call_later(left, self._check_stall)
        else:
            message = f"nothing came for {self._limits.stall:g} s (`--stall`)"
            self._end(Failure(stage="exec", kind="stall", message=message))

    def _drained(self) -> None:
        if self._refill is not None:  # the host may have more, and waits for our window
            self._arm(self._limits.drain, self._drained)
            return
        self._note = "stream-left-open"
        self._leave()

    def _leave(self) -> None:
        """Close without waiting any longer; the entry stays until the host's CLOSE comes."""
        self._close()
        self._driver.flush()
        self._finish()
