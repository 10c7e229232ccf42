"""The scripted session answers as it was told, and serves limits, listeners and `end` as a real one does."""

import asyncio

import pytest

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply
from pssh.model.work import Input, Limits, Prompt, TransportError
from pssh.testing import ScriptedSession, ScriptedTransport
from tests.support.inputs import Growing
from tests.support.listeners import Quiet

HERE = Connection(address="localhost", user="me")
STOP = Failure(stage="stop", kind="interrupt", message="stopped")


class Heard(Quiet):
    """A listener that remembers."""

    def __init__(self) -> None:
        self.told: list[object] = []

    def connected(self) -> None:
        self.told.append("connected")

    def said(self, stream: str, data: bytes) -> None:
        self.told.append((stream, data))

    def learned(self, line: str) -> None:
        self.told.append(line)


async def failure_of(session: ScriptedSession, command: str, stdin: bytes | Input = b"") -> Failure:
    with pytest.raises(TransportError) as caught:
        await session.exec(command, stdin=stdin)
    return caught.value.failure


async def test_the_first_reply_whose_words_occur_in_a_command_is_given():
    session = ScriptedSession({"uname": Reply(0, stdout=b"Linux\n"), "name": Reply(1)})
    assert await session.exec("uname -s", stdin=b"in") == Reply(0, stdout=b"Linux\n")
    assert await session.exec("hostname") == Reply(1)
    assert (session.asked, session.given) == (["uname -s", "hostname"], [b"in", b""])


async def test_a_scripted_failure_is_raised():
    denied = Failure(stage="auth", kind="denied", message="no")
    listener = Heard()
    assert await failure_of(ScriptedSession({"x": denied}, listener=listener), "x") == denied
    assert listener.told == []


async def test_an_unknown_command_ends_with_zero_and_says_nothing():
    assert await ScriptedSession().exec("true") == Reply(0)


@pytest.mark.parametrize(
    ("acts", "reply"),
    [
        ("exit 3", Reply(3)),
        ("signal SEGV", Reply(signal="SEGV")),
        ("echo a b; echo c; exit 1", Reply(1, stdout=b"a b\nc\n")),
        ("print 3; print 2 stderr", Reply(0, stdout=b"xxx", stderr=b"xx")),
        ("sleep 0; exit 7", Reply(7)),
    ],
)
async def test_acts_are_played_in_order(acts: str, reply: Reply):
    assert await ScriptedSession().exec(acts) == reply


async def test_output_is_said_as_it_comes_and_only_if_asked_for():
    for limits, told in ((Limits(), []), (Limits(say=True), [("stdout", b"hi\n")])):
        listener = Heard()
        session = ScriptedSession(limits=limits, listener=listener)
        await session.exec("echo hi")
        await session.exec("echo secret", quiet=True)
        assert listener.told == ["connected", *told]


async def test_output_beyond_the_limit_is_counted():
    reply = await ScriptedSession(limits=Limits(keep=10)).exec("print 1000000")
    assert (len(reply.stdout), reply.stdout_bytes) == (20, 1_000_000)


@pytest.mark.parametrize(("limits", "cause"), [(Limits(total=0.01), "exec/total"), (Limits(stall=0.01), "exec/stall")])
async def test_limits_end_a_command_that_hangs_and_keep_its_output(limits: Limits, cause: str):
    failure = await failure_of(ScriptedSession(limits=limits), "echo so far; hang")
    assert (failure.cause, failure.stdout, failure.remote_end) == (cause, b"so far\n", "killed")


async def test_a_failure_before_exec_means_that_nothing_was_requested():
    for cause, told in (("connect/refused", []), ("exec/connection-closed", ["connected"])):
        listener = Heard()
        failure = await failure_of(ScriptedSession(listener=listener), f"fail {cause}")
        assert (failure.cause, listener.told) == (cause, told)


async def test_a_host_may_fail_at_its_first_tries_only():
    transport = ScriptedTransport()
    for _ in range(2):
        async with transport.open("web1", HERE, Limits(), Heard()) as session:
            assert (await failure_of(session, "fail connect/refused 2")).cause == "connect/refused"
    async with transport.open("web1", HERE, Limits(), Heard()) as session:
        assert (await session.exec("fail connect/refused 2")).exit_code == 0


async def test_handshakes_in_flight_are_bounded():
    transport = ScriptedTransport(connect_limit=1)
    done: list[str] = []

    async def run(host: str) -> None:
        async with transport.open(host, HERE, Limits(), Heard()) as session:
            await session.exec("connect 0.01")
            done.append(host)

    began = asyncio.get_running_loop().time()
    await asyncio.gather(run("a"), run("b"), run("c"))
    assert asyncio.get_running_loop().time() - began > 0.029
    assert done == ["a", "b", "c"]


async def test_end_makes_a_running_command_raise_the_reason():
    session = ScriptedSession()
    running = asyncio.ensure_future(failure_of(session, "echo hi; hang"))
    await asyncio.sleep(0)
    session.end(STOP)
    failure = await running
    assert (failure.cause, failure.stdout) == ("stop/interrupt", b"hi\n")


async def test_a_closed_session_answers_nothing():
    async with ScriptedTransport().open("web1", HERE, Limits(), Heard()) as session:
        assert await session.host_key() == "ssh-ed25519 scripted-web1"
    assert (await failure_of(session, "true")).cause == "exec/connection-closed"


async def test_raise_is_an_exception_nobody_foresaw():
    with pytest.raises(RuntimeError):
        await ScriptedSession().exec("raise")


@pytest.mark.parametrize(("act", "told"), [("connect 9", []), ("hang", ["connected"])])
async def test_a_cancelled_command_answers_with_what_it_has(act: str, told: list[str]):
    listener = Heard()
    session = ScriptedSession(listener=listener)
    running = asyncio.ensure_future(failure_of(session, act))
    await asyncio.sleep(0)
    running.cancel()
    assert ((await running).cause, listener.told) == ("stop/interrupt", told)


async def test_cat_says_what_it_is_given_as_it_comes():
    growing = Growing(b"a")
    session = ScriptedSession()
    running = asyncio.ensure_future(session.exec("cat; exit 3", stdin=growing))
    await asyncio.sleep(0)
    growing.grow(b"b", ended=True)
    assert await running == Reply(3, stdout=b"ab")
    assert await session.exec("cat", stdin=b"x") == Reply(0, stdout=b"x")


async def test_limits_end_a_cat_whose_input_does_not_end():
    failure = await failure_of(ScriptedSession(limits=Limits(total=0.01)), "cat", stdin=Growing(b"a"))
    assert (failure.cause, failure.stdout) == ("exec/total", b"a")


async def test_terminals_and_prompts_that_were_asked_for_are_remembered():
    session, prompt = ScriptedSession(), Prompt(asks="x", mark="y")
    await session.exec("true")
    await session.exec("true", tty=True, prompt=prompt)
    assert (session.ttys, session.prompts) == ([False, True], [None, prompt])
