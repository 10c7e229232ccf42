import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from paramiko import common

from pssh.model.outcome import Reply
from pssh.model.secret import Secret
from pssh.model.work import Limits, TransportError
from pssh.transport.ssh.auth import Password
from pssh.transport.ssh.channel import WINDOW, OpenRefused
from pssh.transport.ssh.exec import Exec
from pssh.transport.ssh.failures import Closed
from pssh.transport.ssh.wire import ProtocolError, text, u32
from tests.support.peer import STOP, Pair, Silent, command_of

EXIT_0 = u32(0)


class Command:
    """An Exec on a pair that is logged in, and what the server saw of it."""

    def __init__(self, *, stdin: bytes = b"", listener: Silent | None = None, **limits: Any) -> None:
        self.pair = Pair(speculate=bool(limits.pop("speculate", False)))
        self.listener = listener or Silent()
        self.exec = Exec(self.pair.client, "uname", stdin, Limits(**limits), self.listener, quiet=False)
        self.pair.up()
        self.server = self.pair.server

    def runs(self) -> "Command":
        self.server.open(0)
        self.pair.move()
        self.server.send(b"\x63" + u32(0))
        self.pair.move()
        return self

    def says(self, *payloads: bytes) -> None:
        for payload in payloads:
            self.server.send(payload)
        self.pair.move()

    def ends(self, code: int = 0) -> None:
        self.server.request(0, "exit-status", u32(code))
        self.server.close_channel(0)
        self.pair.move()

    def requests(self) -> list[tuple[str, str]]:
        return [command_of(body) for kind, body in self.server.got if kind == common.MSG_CHANNEL_REQUEST]

    @property
    def sent(self) -> list[int]:
        return [kind for kind in self.server.types if kind >= 80]


async def test_a_command_without_input_sends_the_end_of_input_at_once() -> None:
    command = Command().runs()
    assert command.sent == [90, 98, 96]
    assert command.requests() == [("exec", "uname")]
    command.ends(3)
    assert await command.exec.done == Reply(exit_code=3)


async def test_the_listener_is_told_before_the_command_leaves() -> None:
    command = Command()
    assert (command.listener.connections, command.requests()) == (0, [])
    command.runs()
    assert (command.listener.connections, command.requests()) == (1, [("exec", "uname")])


async def test_while_a_command_waits_for_us_no_answer_of_the_host_is_missed_and_afterwards_it_is() -> None:
    class Held(Silent):
        def ready(self, go: Callable[[], None]) -> None:
            self.go = go

    held = Held()
    command = Command(listener=held, open=0.05)
    command.exec.logged_in()
    command.server.open(0)
    command.pair.move()
    await asyncio.sleep(0.1)
    assert not command.exec.done.done() and command.requests() == []
    held.go()
    command.pair.move()
    assert command.requests() == [("exec", "uname")]
    with pytest.raises(TransportError) as error:
        await command.exec.done
    assert error.value.failure.cause == "exec/no-answer"


async def test_both_streams_are_kept_apart_and_counted() -> None:
    command = Command(keep=4, say=True).runs()
    command.server.data(0, b"0123456789")
    command.server.data(0, b"oops", stderr=True)
    command.ends()
    reply = await command.exec.done
    assert (reply.stdout, reply.stdout_cut, reply.stderr) == (b"01236789", 2, b"oops")
    assert command.listener.heard == [("stdout", b"0123456789"), ("stderr", b"oops")]


async def test_a_signal_is_an_end_of_its_own() -> None:
    command = Command().runs()
    command.server.request(0, "exit-signal", text("SEGV") + b"\1" + text("core") + text(""))
    command.server.close_channel(0)
    command.pair.move()
    assert await command.exec.done == Reply(signal="SEGV")


async def test_a_close_without_an_exit_status_is_lost_and_keeps_the_output() -> None:
    command = Command().runs()
    command.server.data(0, b"half")
    command.server.close_channel(0)
    command.pair.move()
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.cause == "exec/connection-closed"
    assert caught.value.failure.stdout == b"half"


async def test_a_connection_that_ends_after_the_exit_status_is_a_reply() -> None:
    command = Command().runs()
    command.server.request(0, "exit-status", EXIT_0)
    command.pair.move()
    command.exec.fail(Closed())
    assert (await command.exec.done).exit_code == 0


@pytest.mark.parametrize(
    ("error", "cause"), [(Closed("bye"), "exec/connection-closed"), (ProtocolError("junk"), "exec/protocol")]
)
async def test_a_connection_that_ends_in_mid_command_is_lost(error: Exception, cause: str) -> None:
    command = Command().runs()
    command.exec.fail(error)
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.cause == cause


async def test_a_connection_that_ends_before_the_request_did_not_start_anything() -> None:
    command = Command()
    command.exec.fail(Closed())
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.cause == "auth/closed"


async def test_the_window_is_opened_for_what_was_taken() -> None:
    command = Command().runs()
    for _ in range(20):
        command.server.data(0, b"x" * (64 << 10))
        command.pair.move()
    adjusts = [body for kind, body in command.server.got if kind == common.MSG_CHANNEL_WINDOW_ADJUST]
    assert [int.from_bytes(body[4:8], "big") for body in adjusts] == [17 * (64 << 10)]


async def test_a_host_that_ignores_its_window_is_cut_off() -> None:
    command = Command(listener=Slow(), say=True).runs()
    with pytest.raises(ProtocolError, match="window"):
        for _ in range(WINDOW // (128 << 10) + 1):
            command.server.data(0, b"x" * (128 << 10))
            command.pair.move()


class Slow(Silent):
    """A listener that cannot keep up until it is released."""

    def __init__(self) -> None:
        super().__init__()
        self.free: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def said(self, stream: str, data: bytes) -> Any:
        return asyncio.shield(self.free)


async def test_a_slow_listener_holds_back_the_window_and_nothing_else() -> None:
    slow = Slow()
    command = Command(listener=slow, say=True).runs()
    for _ in range(12):
        command.server.data(0, b"x" * (128 << 10))
    command.pair.move()
    assert common.MSG_CHANNEL_WINDOW_ADJUST not in command.server.types
    slow.free.set_result(None)
    for _ in range(3):
        await asyncio.sleep(0)
    command.pair.move()
    assert common.MSG_CHANNEL_WINDOW_ADJUST in command.server.types


async def test_input_goes_out_within_the_hosts_window_and_ends() -> None:
    data = bytes(range(256)) * 400
    command = Command(stdin=data)
    command.server.open(0, window=50_000)
    command.pair.move()
    assert sum(len(body) - 8 for kind, body in command.server.got if kind == 94) == 50_000
    command.says(b"\x5d" + u32(0) + u32(1 << 20))
    sent = b"".join(body[8:] for kind, body in command.server.got if kind == 94)
    assert sent == data
    assert max(len(body) for kind, body in command.server.got if kind == 94) <= (32 << 10) + 8
    assert command.sent[-1] == common.MSG_CHANNEL_EOF


async def test_a_sign_of_life_asked_on_the_channel_is_given() -> None:
    command = Command().runs()
    command.server.request(0, "keepalive@openssh.com", b"", reply=True)
    command.pair.move()
    assert command.server.types[-1] == common.MSG_CHANNEL_FAILURE


async def test_a_refused_session_is_told_apart_from_a_refused_command() -> None:
    command = Command()
    command.says(b"\x5c" + u32(0) + u32(1) + text("open failed") + text(""))
    with pytest.raises(OpenRefused, match="administratively prohibited"):
        await command.exec.done
    command = Command()
    command.server.open(0)
    command.pair.move()
    command.says(b"\x64" + u32(0))
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.cause == "exec/denied"


async def test_a_stream_that_a_child_holds_open_is_left_after_the_drain_time() -> None:
    command = Command(drain=0.01).runs()
    command.server.request(0, "exit-status", u32(3))
    command.pair.move()
    reply = await command.exec.done
    assert (reply.exit_code, reply.note) == (3, "stream-left-open")


@pytest.mark.parametrize("limit", ["total", "stall"])
async def test_a_command_over_its_limit_gets_term_and_the_row_says_how_it_ended(limit: str) -> None:
    command = Command(**{limit: 0.01}, kill_after=5.0).runs()
    await asyncio.sleep(0.03)
    command.pair.move()
    command.says(b"\x5c" + u32(1) + u32(1) + text("open failed") + text(""))  # no second session that could do more
    assert command.requests()[-1] == ("signal", "TERM")
    command.server.request(0, "exit-signal", text("TERM") + b"\0" + text("") + text(""))
    command.server.close_channel(0)
    command.pair.move()
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert (caught.value.failure.cause, caught.value.failure.remote_end) == (f"exec/{limit}", "killed")


async def test_a_command_that_ignores_term_is_left_running_and_called_so() -> None:
    command = Command(kill_after=0.01).runs()
    command.exec.end(STOP)
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert (caught.value.failure.cause, caught.value.failure.remote_end) == ("stop/interrupt", "left running")


async def test_a_command_that_was_not_requested_yet_is_ended_at_once_and_never_requested() -> None:
    command = Command()
    command.exec.end(STOP)
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.remote_end == ""
    command.server.open(0)
    command.pair.move()
    assert command.requests() == []


async def test_a_host_that_never_answers_the_request_has_no_answer() -> None:
    command = Command(open=0.01, kill_after=0.01)
    command.exec.logged_in()
    command.server.open(0)
    command.pair.move()
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.cause == "exec/no-answer"


async def test_a_speculated_command_leaves_with_the_login_and_only_towards_openssh() -> None:
    pair = Pair(speculate=True)
    Exec(pair.client, "uname", b"", Limits(), Silent(), quiet=False)
    pair.move()
    assert pair.server.types == [20, 30, 21, 5, 50, 90, 98, 96]
    other = Pair(speculate=True, banner="SSH-2.0-other", single=True)
    Exec(other.client, "uname", b"", Limits(), Silent(), quiet=False)
    other.move()
    assert other.server.types == [20, 30, 21, 5, 50, 90]


async def test_a_speculated_command_whose_session_has_another_number_is_never_trusted() -> None:
    command = Command(speculate=True)
    command.server.open(0, number=5)
    with pytest.raises(ProtocolError, match="session 5"):
        command.pair.move()


async def test_a_session_opened_behind_a_refused_key_is_asked_for_again() -> None:
    pair = Pair(keys=2)
    Exec(pair.client, "uname", b"", Limits(), Silent(), quiet=False)
    pair.move()
    assert pair.server.types == [20, 30, 21, 5, 50, 90]
    pair.server.send(b"\6" + text("ssh-userauth"))
    pair.server.send(b"\x33" + text("publickey") + b"\0")
    pair.server.send(b"\3" + u32(6))
    pair.move()
    pair.server.send(b"\x34")
    pair.move()
    assert pair.server.types[6:] == [50, 90]


async def test_nothing_is_sent_behind_a_login_where_more_than_one_method_may_be_needed() -> None:
    pair = Pair(keys=2, banner="SSH-2.0-dropbear")
    Exec(pair.client, "uname", b"", Limits(), Silent(), quiet=False)
    pair.move()
    assert pair.server.types == [20, 30, 21, 5, 50]
    pair.server.log_in()
    pair.move()
    assert pair.server.types[-1] == 90


async def test_a_session_that_is_refused_while_its_command_runs_is_still_told_of_the_end() -> None:
    command = Command().runs()
    with pytest.raises(ProtocolError, match="already in use"):
        command.says(b"\x5c" + u32(0) + u32(1) + text("") + text(""))
    assert list(command.pair.client.channels.values()) == [command.exec]


@pytest.mark.parametrize("answer", [b"\x63", b"\x64"])
async def test_an_answer_where_nothing_was_asked_ends_the_connection(answer: bytes) -> None:
    with pytest.raises(ProtocolError, match="nothing was asked"):
        Command().says(answer + u32(0))
    with pytest.raises(ProtocolError, match="nothing was asked"):
        Command().runs().says(answer + u32(0))


async def test_a_host_that_repeats_its_exit_status_does_not_gain_time() -> None:
    command = Command(drain=0.05).runs()
    for code in range(4):
        command.server.request(0, "exit-status", u32(code))
        command.pair.move()
        await asyncio.sleep(0.03)
    assert command.exec.done.done()
    assert (await command.exec.done).exit_code == 0


async def test_an_exit_before_the_answer_still_ends_after_the_drain_time() -> None:
    command = Command(drain=0.01)
    command.server.open(0)
    command.server.request(0, "exit-status", EXIT_0)
    command.server.send(b"\x63" + u32(0))
    command.pair.move()
    assert (await asyncio.wait_for(command.exec.done, 1)).exit_code == 0


async def test_a_session_that_opens_too_late_runs_nothing() -> None:
    command = Command(open=0.01)
    command.exec.logged_in()
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.cause == "auth/timeout"
    command.server.open(0)
    command.pair.move()
    assert (command.listener.connections, command.requests(), command.sent[-1]) == (0, [], 97)


async def test_nothing_that_comes_after_the_end_sets_a_timer() -> None:
    command = Command(kill_after=0.01, drain=0.01, total=0.01, stall=0.01).runs()
    command.exec.end(STOP)
    with pytest.raises(TransportError):
        await command.exec.done
    command.server.request(0, "exit-status", EXIT_0)
    command.pair.move()
    command.pair.client.dissolve()
    errors: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda loop, context: errors.append(context))
    await asyncio.sleep(0.05)
    assert errors == []


async def test_a_session_that_we_left_is_closed_once() -> None:
    command = Command(drain=0.01).runs()
    command.server.request(0, "exit-status", EXIT_0)
    command.pair.move()
    await command.exec.done
    command.server.close_channel(0)
    command.pair.move()
    assert command.sent.count(common.MSG_CHANNEL_CLOSE) == 1


async def test_while_a_slow_listener_holds_the_host_back_neither_drain_nor_stall_count() -> None:
    slow = Slow()
    command = Command(listener=slow, say=True, drain=0.02, stall=0.02).runs()
    command.server.data(0, b"begin ")
    command.server.request(0, "exit-status", EXIT_0)
    command.pair.move()
    await asyncio.sleep(0.06)
    assert not command.exec.done.done()
    slow.free.set_result(None)
    await asyncio.sleep(0)
    command.server.data(0, b"end")
    command.server.close_channel(0)
    command.pair.move()
    assert await command.exec.done == Reply(exit_code=0, stdout=b"begin end")


async def test_a_command_speculated_behind_a_refused_key_is_requested_once_another_is_taken() -> None:
    pair = Pair(keys=2, speculate=True)
    command = Exec(pair.client, "uname", b"", Limits(), Silent(), quiet=False)
    pair.move()
    pair.client._login._todo = [Password(Secret("x"))]  # type: ignore[attr-defined]
    pair.server.send(b"\6" + text("ssh-userauth"))
    pair.server.send(b"\x33" + text("publickey,password") + b"\0")
    pair.move()
    assert not command.sent
    pair.server.send(b"\x34")
    pair.move()
    pair.server.open(0)
    pair.move()
    assert pair.server.types[5:] == [90, 98, 96, 50, 90, 98, 96]


@pytest.mark.parametrize(
    "payload",
    [
        b"\x62" + u32(0) + text("exit-status") + b"\0" + EXIT_0,
        b"\x62" + u32(0) + text("exit-signal") + b"\0" + text("TERM") + b"\0" + text("") + text(""),
        b"\x5e" + u32(0) + text("words"),
        b"\x5f" + u32(0) + u32(1) + text("words"),
    ],
    ids=["exit-status", "exit-signal", "stdout", "stderr"],
)
async def test_a_command_that_was_not_requested_yet_has_neither_output_nor_an_end(payload: bytes) -> None:
    class Waits(Silent):
        def ready(self, go: Callable[[], None]) -> None: ...

    command = Command(listener=Waits())
    command.server.open(0)
    command.pair.move()
    command.server.send(payload)
    with pytest.raises(ProtocolError):
        command.pair.move()
    assert command.listener.heard == []
    assert not command.exec.done.done()
    command.exec.fail(ProtocolError("x"))
    with pytest.raises(TransportError) as caught:
        await command.exec.done
    assert caught.value.failure.cause == "auth/closed"
