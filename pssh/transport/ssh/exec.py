"""One command on one session channel: its request, its streams within their windows, and its end (RFC 4254 section 6).

Promises: a reply needs an exit status or an exit signal, else the command is `lost`; both streams are read in one
place, so that neither can block the other; a sink has taken everything before there is a reply; a limit or a stop ends
the command by TERM, and what became of it is said as seen.
"""

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Literal

from msgspec.structs import replace
from paramiko import common

from pssh.model.outcome import Failure, Reply
from pssh.model.secret import Secret
from pssh.model.work import Input, Limits, Listener, Prompt, Sink, StreamName, TransportError
from pssh.transport.feed import Feed
from pssh.transport.printed import BROKEN, Printed
from pssh.transport.prompting import UNASKED, Prompting
from pssh.transport.ssh import answers
from pssh.transport.ssh.channel import TERMINAL, Window, expect, opening, refusal, request
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.ending import Ending
from pssh.transport.ssh.failures import ended, timed_out
from pssh.transport.ssh.stdin import Stdin
from pssh.transport.ssh.wire import Fields, ProtocolError, text, u32

_STDERR = 1  # SSH_EXTENDED_DATA_STDERR
_UNASKED = "an answer where nothing was asked"  # each would set the limits anew
_UNREQUESTED = "output or an end of a command that was not requested"
_NO_SECRETS: Mapping[str, Secret] = {}


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
        sink: Sink | None = None,
        secrets: Mapping[str, Secret] = _NO_SECRETS,
        hides: Sequence[Secret] = (),
        subsystem: Callable[[], None] | None = None,
    ) -> None:
        """`subsystem`: the command is the name of one, and this is called once the host has started it."""
        self._driver = driver
        self._loop = asyncio.get_running_loop()
        self._command, self._tty, self._subsystem = command, tty, subsystem
        feed = Feed(stdin, tty=tty)
        feed.on_broken, self._stdin = self._broke, Stdin(driver, feed)
        self._prompting: Prompting | None = None
        if prompt is not None:
            self._prompting = Prompting(prompt, secrets.get(prompt.secret), feed, tty=tty)
        self._limits = limits
        self._listener = listener
        self._quietly = quiet
        hears = listener if limits.heard and not quiet else None
        self._printed = Printed(limits.keep, hears, self._prompting, tty=tty, hides=hides, sink=sink)
        self._sinks = sink is not None
        self._remote = 0
        self._window = Window(driver, self._broke)
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
        self._cause: Exception | None = None  # what the sink or the input raised
        self.sent = False  # the request left: from here on it may have run
        self.answered = 0.0  # when the host said that it runs; 0: not yet
        self.heard = 0.0  # when the last byte came
        self.done: asyncio.Future[Reply] = self._loop.create_future()
        self.number = driver.add(self)

    # ---- towards the host

    def request_open(self, *, speculate: bool) -> None:
        """Ask for a session; `speculate`: the command goes right behind, to the number that sshd gives the first."""
        if speculate:
            self._listener.connected()
        self._driver.send(opening(self.number))
        if speculate:
            self._request()

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
        if self._over and not self._sinks:  # the reply is at hand; of content we do not know whether there is more
            self._note = "stream-left-open"
            self._leave()
            return
        self._why = why
        if not self.sent or self._closed:
            self._finish()
            return
        self._arm(0, self._leave)
        self._ending = Ending(self._driver, self._limits.kill_after, self.signal, self._leave, self._prompting)
        if self._driver.authenticated:
            self._ending.begin()
        if self._over:
            self._ending.exited()

    def signal(self, name: str) -> None:
        """Send a signal (RFC 4254 section 6.9). sshd refuses it for some users, and says nothing."""
        if self._driver.authenticated and not self._closed:
            self._driver.send(request(self._remote, "signal", text(name)))
            self._driver.flush()

    def _request(self) -> None:
        self.sent = True
        if self._tty:  # no reply wanted: it would be taken for the command's, and a host without terminals shows anyway
            self._driver.send(request(self._remote, "pty-req", TERMINAL))
        kind = "exec" if self._subsystem is None else "subsystem"
        self._driver.send(request(self._remote, kind, text(self._command), reply=True))
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
            refused = refusal(fields)
            if self.sent:  # before the entry goes: by that we hear that the connection ended
                raise ProtocolError("a session that was already in use was refused")
            del self._driver.channels[self.number]
            self._settle(refused)
        elif kind != common.MSG_CHANNEL_EOF:
            raise ProtocolError(f"unexpected packet {kind}")

    def _opened(self, fields: Fields) -> None:
        remote, room, packet = fields.u32(), fields.u32(), fields.u32()
        if self.sent:  # speculated, on the number that the first session of sshd has
            if remote != self._remote:
                raise ProtocolError(f"session {remote} where {self._remote} was taken for granted")
            self._stdin.opened(room, packet)
            return
        self._remote = self._window.remote = remote
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
        expect(self.sent and not self.answered, _UNASKED)
        self.answered = self.heard = self._loop.time()
        if self._why is None and not self._over and not self.done.done():
            self._arm(self._limits.total, self._out_of_time)
            if self._limits.stall:
                self._stalled = self._loop.call_later(self._limits.stall, self._check_stall)
            if self._prompting is not None and self._prompting.unasked:
                self._releasing = self._loop.call_later(UNASKED, self._stdin.release)
            if self._subsystem is not None:
                self._subsystem()

    def _take(self, name: StreamName | None, data: bytes) -> None:
        expect(self.sent, _UNREQUESTED)
        self._window.count(len(data))
        self.heard = self._loop.time()
        if self._prompting is not None and self._why is not None and not self._prompting.stop():
            self._stdin.close()  # an answer might now begin what is to end
        if not self._sinks or self._tty:
            data = bytes(data)  # of what is a view only a sink can make something
        try:
            wait = self._printed.take(name, data) if name is not None else None
        except Exception as error:  # noqa: BLE001  a sink may raise anything, and it ends this command only
            wait = None
            self._broke(error)
        self._window.taken(wait)
        if self._prompting is not None:
            self._stdin.pump()
            if self._prompting.why is not None:
                self._end(self._prompting.why)

    def _broke(self, error: Exception) -> None:
        """The sink or the input raised: end the command, and let its caller have that."""
        if self._why is None and not self.done.done():
            self._cause = error
            self._printed.hush()
            self._end(error.failure if isinstance(error, TransportError) else BROKEN)

    def _on_request(self, fields: Fields) -> None:
        kind, want_reply = fields.string(), fields.bool()
        if kind in (b"exit-status", b"exit-signal"):
            expect(self.sent, _UNREQUESTED)
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
            self._conclude()

    def _close(self) -> None:
        self._window.close()
        if not self._left:  # a second CLOSE names a channel that is no more, for which sshd hangs up
            self._left = True
            self._driver.send(b"\x61" + u32(self._remote))

    def _denied(self) -> None:
        expect(self.sent and not self.answered, _UNASKED)
        self.sent = False  # the host says that it did not run it
        self._settle(TransportError(answers.REFUSED))

    # ---- its end

    def fail(self, error: Exception) -> None:
        """The connection ended."""
        self._closed = True
        self._window.close()
        if self._over or self._why is not None:
            self._conclude()
        elif isinstance(error, TransportError):
            self._settle(TransportError(self._with_output(error.failure)))
        else:
            phase = self._driver.phase if self._driver.phase != "run" else "auth"
            failure = ended(error, phase, self._driver.before_banner, sent=self.sent)
            self._settle(TransportError(self._with_output(failure)))

    @property
    def _over(self) -> bool:
        return self._code is not None or bool(self._signal)

    def _conclude(self) -> None:
        """Finish once the sink has taken everything."""
        if self._sinks and self._why is None and self._window.held:
            self._window.after(self._conclude)
        else:
            self._finish()

    def _finish(self) -> None:
        if self._why is not None:
            self._settle(TransportError(replace(self._with_output(self._why), remote_end=self._became())))
        elif not self._over:
            self._settle(TransportError(self._with_output(answers.NO_END)))
        else:
            code = None if self._signal else self._code
            end = answers.judged(Reply(exit_code=code, signal=self._signal, **self._output()))
            end = self._printed.judge(end) if isinstance(end, Reply) else end
            self._settle(end if isinstance(end, Reply) else TransportError(end))

    def _became(self) -> Literal["", "killed", "exited", "left running"]:
        gone = self._over and self._closed if self._ending is None else self._ending.gone
        if gone:
            return "killed" if self._signal else "exited"
        return "left running" if self.sent else ""

    def _settle(self, outcome: Reply | Exception) -> None:
        self.let_go()
        if self.done.done():  # cancelled, or settled by a limit
            return
        if self._cause is not None and not isinstance(self._cause, TransportError):
            outcome = self._cause
        if isinstance(outcome, Reply):
            self.done.set_result(outcome)
        else:
            self.done.set_exception(outcome)

    def let_go(self) -> None:
        """Wait for nothing any more: what is left of the connection may be gone when a timer fires."""
        self._arm(0, self._leave)
        self._stdin.close()
        self._printed.hush()
        for timer in (self._stalled, self._releasing):
            if timer is not None:
                timer.cancel()
        self._window.let_go()
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
        if self._window.held:
            self.heard = self._loop.time()  # it is we who hold the host back
        left = max(self.heard, self._stdin.moved) + self._limits.stall - self._loop.time()
        if left > 0:
            self._stalled = self._loop.call_later(left, self._check_stall)
        else:
            message = f"nothing came for {self._limits.stall:g} s (`--stall`)"
            self._end(Failure(stage="exec", kind="stall", message=message))

    def _drained(self) -> None:
        quiet = self._loop.time() - self.heard >= self._limits.drain
        if self._window.held or (self._sinks and not quiet):  # the host may have more, and waits for our window
            self._arm(self._limits.drain, self._drained)
            return
        self._note = "stream-left-open"
        self._leave()

    def _leave(self) -> None:
        """Close without waiting any longer; the entry stays until the host's CLOSE comes."""
        self._close()
        self._driver.flush()
        self._finish()
