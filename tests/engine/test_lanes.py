"""A lane ends its job in one result, in time, and says of the command what is known."""

import asyncio
import contextlib
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from pssh.engine.clock import Clock
from pssh.engine.lanes import Lane, Transports
from pssh.engine.watched import Watched
from pssh.model.event import JobConnected, JobMoved, JobStarted, StepEnded
from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.work import Limits, Listener, Session, TransportError
from pssh.ops.command import Command
from pssh.ops.steps import Step
from pssh.ops.steps import Steps as Job
from pssh.transport.scripted import ScriptedSession
from tests.engine.support.toy import TOY, ToyTransport, jobs


class Outlet:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def tell(self, event: Any) -> None:
        self.told.append(event)

    tell_now = tell

    def tell_then(self, event: Any, call: Callable[[], None]) -> None:
        self.told.append(event)
        call()

    def room(self) -> Awaitable[None] | None:
        return None


class Slept:
    """A clock whose sleeps take no time and are written down."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def lane(
    text: str, *, clock: Clock | None = None, limits: Limits | None = None, barrier: bool = False
) -> tuple[Lane, Outlet]:
    outlet = Outlet()
    (job,) = jobs(text, limits=limits or Limits())
    return Lane(job, outlet, clock or Clock(), barrier=barrier), outlet


class Steps:
    """An operation of several commands, `-` before a quiet one; it tidies up after a failure."""

    label = "steps"

    def __init__(self, *commands: str) -> None:
        self._commands = commands

    async def perform(self, session: Session) -> Reply:
        reply = Reply(exit_code=0)
        try:
            for command in self._commands:
                reply = await session.exec(command.removeprefix("-"), quiet=command.startswith("-"))
            return reply
        except TransportError:
            await session.exec("echo tidy", quiet=True)
            raise


class Played:
    """A transport whose one session remembers what was asked; replies to all but acts are those of the list."""

    def __init__(self, *replies: Reply) -> None:
        self.asked: list[str] = []
        self.opened = 0
        self.answered: Callable[[], None] = lambda: None  # called when the first command has its reply
        self._replies = list(replies)

    @asynccontextmanager
    async def open(self, host: str, connection: Connection, limits: Limits, listener: Listener) -> AsyncIterator[Any]:
        self.opened += 1
        session = ScriptedSession(limits=limits, listener=listener)
        inner = session.exec

        async def exec_(command: str, **more: Any) -> Reply:
            self.asked.append(command)
            reply = await inner(command, **more)
            answered, self.answered = self.answered, lambda: None
            answered()
            return self._replies.pop(0) if self._replies else reply

        session.exec = exec_  # type: ignore[method-assign, assignment]
        yield session


def steps(*commands: str, clock: Clock | None = None, barrier: bool = False) -> tuple[Lane, Outlet]:
    outlet = Outlet()
    (job,) = jobs("")
    return Lane(replace(job, operation=Steps(*commands)), outlet, clock or Clock(), barrier=barrier), outlet


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110  what is waited for is another task of this loop
        await asyncio.sleep(0)


async def run(lane: Lane) -> Result:
    return await lane.run(ToyTransport({}, 8))


async def test_new_tries_wait_twice_as_long_each_time_by_chance() -> None:
    slept = Slept()
    one, outlet = lane("fail connect/refused", clock=Clock(sleep=slept, random=lambda: 0.5), limits=Limits(retries=3))
    result = await run(one)
    assert slept.seconds == [0.25, 0.5, 1.0]
    assert result.attempts == 4 and result.status == "unreachable"
    assert [event.attempt for event in outlet.told if isinstance(event, JobStarted)] == [2, 3, 4]


@pytest.mark.parametrize("cause", ["dns/timeout", "connect/timeout", "host-key/changed", "auth/closed", "kex/protocol"])
async def test_what_a_new_try_would_not_change_is_not_tried_again(cause: str) -> None:
    one, _ = lane(f"fail {cause}")
    assert (await run(one)).attempts == 1


async def test_e8_what_may_have_run_is_not_tried_again_whatever_the_failure_is_called() -> None:
    one, _ = lane("begin;fail connect/refused")
    assert (await run(one)).attempts == 1


async def test_a_host_that_takes_too_long_in_its_command_is_ended_there_and_its_output_kept() -> None:
    one, _ = lane("echo so far;hang", limits=Limits(host=0.05))
    result = await run(one)
    assert (result.cause, result.status, result.state) == ("exec/deadline", "timed-out", "finished")
    assert result.end.stdout == b"so far\n" and result.end.remote_end == "killed"  # type: ignore[union-attr]


async def test_a_command_that_prints_more_than_it_may_is_ended_and_what_it_printed_is_counted() -> None:
    one, outlet = lane("print 300000;hang", limits=Limits(output=200_000, keep=1000))
    result = await run(one)
    assert (result.cause, result.status, result.state) == ("stop/output-limit", "cancelled", "finished")
    assert result.failure and result.failure.message == "more than 200000 printed (`--max-output`)"
    assert result.failure.remote_end == "killed"
    assert result.end.truncated and 200_000 < result.end.stdout_bytes <= 300_000
    assert "JobSaid" not in kinds(outlet)
    one, _ = lane("print 200000", limits=Limits(output=200_000))
    assert (await run(one)).ok


async def test_a_host_that_takes_too_long_before_its_command_is_unreachable_and_not_started() -> None:
    one, _ = lane("early 60", limits=Limits(host=0.05))
    result = await run(one)
    assert (result.cause, result.status, result.state) == ("connect/timeout", "unreachable", "not-started")


async def test_an_operation_that_does_not_let_go_is_dropped_after_the_kill(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("pssh.engine.lanes._LEAVING", 0.05)
    one, _ = lane("begin;early 60", limits=Limits(host=0.05, kill_after=0.05))
    result = await run(one)
    assert (result.cause, result.state) == ("exec/deadline", "end-unknown")
    assert result.end.remote_end == "left running"  # type: ignore[union-attr]


async def test_the_time_limit_of_a_host_counts_its_new_tries() -> None:
    one, _ = lane("fail connect/refused", clock=Clock(random=lambda: 1.0), limits=Limits(host=0.05))
    assert (await run(one)).cause == "connect/timeout"


async def test_a_stop_before_its_first_step_is_heeded() -> None:
    one, outlet = lane("exit 0")
    task = asyncio.create_task(run(one))
    one.stop("interrupt")
    assert (await task).status == "not-run"
    assert outlet.told == []


# The barrier


def kinds(outlet: Outlet) -> list[str]:
    return [type(event).__name__ for event in outlet.told]


async def test_behind_a_barrier_a_command_begins_when_it_is_released_and_not_before() -> None:
    one, outlet = lane("echo x", barrier=True)
    task = asyncio.create_task(run(one))
    await until(lambda: outlet.told)
    for _ in range(20):
        await asyncio.sleep(0)
    assert kinds(outlet) == ["JobReady"] and not one.begun
    one.release()
    assert (await task).end.stdout == b"x\n"
    assert kinds(outlet) == ["JobReady", "JobConnected"]


async def test_what_is_ready_after_the_release_waits_for_nobody() -> None:
    one, outlet = lane("early 0.01;exit 0", barrier=True)
    task = asyncio.create_task(run(one))
    await asyncio.sleep(0)
    one.release()
    assert (await task).ok
    assert kinds(outlet) == ["JobConnected"]


async def test_only_the_first_command_of_a_job_waits_at_the_barrier() -> None:
    one, outlet = lane("exit 0", limits=Limits(retry_exit=True, ok=(7,), retries=1), barrier=True)
    task = asyncio.create_task(run(one))
    await until(lambda: outlet.told)
    one.release()
    assert (await task).attempts == 2
    assert kinds(outlet) == ["JobReady", "JobConnected", "JobStarted"]


@pytest.mark.parametrize("running", [True, False])
async def test_a_lane_that_is_stopped_at_the_barrier_has_not_begun_and_is_not_released_later(running: bool) -> None:
    one, outlet = lane("exit 0", barrier=True)
    task = asyncio.create_task(run(one))
    await until(lambda: outlet.told)
    one.stop("interrupt", running=running)
    one.release()
    result = await task
    assert (result.status, result.state) == ("not-run", "not-started")
    assert kinds(outlet) == ["JobReady"]


async def test_the_time_limit_of_a_host_counts_at_the_barrier() -> None:
    one, _ = lane("exit 0", barrier=True, limits=Limits(host=0.02))
    result = await run(one)
    assert (result.cause, result.state) == ("connect/timeout", "not-started")


async def test_what_prepares_a_command_runs_before_the_barrier_and_is_tidied_up_if_it_is_stopped_there() -> None:
    transport = Played()
    one, outlet = steps("-echo prepare", "echo run", barrier=True)
    task = asyncio.create_task(one.run(transport))
    await until(lambda: outlet.told)
    assert kinds(outlet) == ["JobReady"] and transport.asked == ["echo prepare", "echo run"]
    one.stop("interrupt", running=False)
    assert (await task).status == "not-run"
    assert transport.asked[-1] == "echo tidy"
    assert kinds(outlet) == ["JobReady"]


async def test_what_was_prepared_before_the_barrier_has_begun_at_the_release() -> None:
    one, outlet = steps("-echo prepare", "echo run", barrier=True)
    task = asyncio.create_task(one.run(Played()))
    await until(lambda: outlet.told)
    assert kinds(outlet) == ["JobReady"]
    one.release()
    assert (await task).ok
    assert kinds(outlet) == ["JobReady", "JobConnected"]


def test_behind_a_barrier_no_command_is_sent_along_with_the_login() -> None:
    (job,) = jobs("exit 0")
    eager = replace(job, connection=replace(job.connection, speculate=True))
    assert not Lane(eager, Outlet(), Clock(), barrier=True).job.connection.speculate
    assert Lane(eager, Outlet(), Clock()).job is eager


# A parent that listens slowly


async def test_a_command_begins_only_when_the_parent_will_hear_of_it_and_a_stop_until_then_has_it_not_run() -> None:
    for stopped in (False, True):
        one, outlet = lane("exit 0")
        calls: list[Callable[[], None]] = []
        outlet.tell_then = lambda event, call, calls=calls: calls.append(call)  # type: ignore[method-assign, misc]
        task = asyncio.create_task(run(one))
        await until(calls.__len__)
        assert not one.begun
        if stopped:
            one.stop("interrupt", running=False)
        calls[0]()
        result = await task
        assert result.status == ("not-run" if stopped else "ok")


# Stops


async def test_a_stop_that_spares_what_runs_lets_it_finish() -> None:
    one, outlet = lane("sleep 0.02;exit 3")
    task = asyncio.create_task(run(one))
    await until(lambda: outlet.told)
    one.stop("interrupt", running=False)
    assert (await task).cause == "exit 3"


async def test_a_stop_that_spares_what_runs_ends_what_waits_for_a_new_try() -> None:
    resting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        resting.set()
        await asyncio.sleep(60)

    one, _ = lane("fail connect/refused", clock=Clock(sleep=sleep))
    task = asyncio.create_task(run(one))
    await resting.wait()
    one.stop("budget", running=False)
    result = await task
    assert (result.status, result.attempts) == ("not-run", 1)


async def test_after_a_stop_that_spared_it_a_lane_is_still_ended_by_the_next_and_waits_for_its_host() -> None:
    one, outlet = lane("hang")
    task = asyncio.create_task(run(one))
    await until(lambda: outlet.told)
    one.stop("interrupt", running=False)
    one.stop("interrupt")
    result = await task
    assert (result.status, result.end.remote_end) == ("cancelled", "killed")  # type: ignore[union-attr]


async def test_what_a_stop_that_spared_others_ended_may_still_tidy_up_when_it_is_told_again() -> None:
    tidying, tidied = asyncio.Event(), asyncio.Event()

    class Tidy:
        label = ""

        async def perform(self, session: Session) -> Reply:
            await session.exec("echo prepare", quiet=True)
            try:
                return await session.exec("echo one")
            except TransportError:
                tidying.set()
                await session.exec("sleep 0.01", quiet=True)
                tidied.set()
                raise

    outlet = Outlet()
    (job,) = jobs("")
    one = Lane(replace(job, operation=Tidy()), outlet, Clock(), barrier=True)
    task = asyncio.create_task(one.run(Played()))
    await until(lambda: outlet.told)
    one.stop("budget", running=False)
    await tidying.wait()
    one.stop("budget")  # it said that it was ready before the first was heard
    assert (await task).status == "not-run"
    assert tidied.is_set()


async def test_a_stop_between_two_commands_does_not_begin_the_second_and_lets_the_operation_tidy_up() -> None:
    transport = Played()
    one, _ = steps("echo one", "echo two")
    transport.answered = lambda: one.stop("interrupt")
    result = await one.run(transport)
    assert transport.asked == ["echo one", "echo tidy"]
    assert (result.status, result.state, result.end.remote_end) == ("cancelled", "finished", "exited")  # type: ignore[union-attr]


async def test_an_operation_that_catches_what_ended_it_still_begins_no_further_command() -> None:
    class Stubborn:
        label = ""

        async def perform(self, session: Session) -> Reply:
            with contextlib.suppress(TransportError):
                await session.exec("hang")
            return await session.exec("echo two")

    outlet, transport = Outlet(), Played()
    (job,) = jobs("")
    one = Lane(replace(job, operation=Stubborn()), outlet, Clock())
    task = asyncio.create_task(one.run(transport))
    await until(lambda: outlet.told)
    one.stop("interrupt")
    result = await task
    assert transport.asked == ["hang"]
    assert (result.status, result.end.remote_end) == ("cancelled", "killed")  # type: ignore[union-attr]


async def test_an_operation_that_does_not_come_to_its_end_while_it_tidies_up_is_dropped(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("pssh.engine.lanes._LEAVING", 0.02)

    class Slow:
        label = ""

        async def perform(self, session: Session) -> Reply:
            try:
                await session.exec("echo one")
                return await asyncio.sleep(60)  # type: ignore[func-returns-value]
            finally:
                await session.exec("hang", quiet=True)

    outlet, transport = Outlet(), Played()
    (job,) = jobs("", limits=Limits(kill_after=0.02))
    one = Lane(replace(job, operation=Slow()), outlet, Clock())
    task = asyncio.create_task(one.run(transport))
    await until(lambda: outlet.told)
    await asyncio.sleep(0.01)
    one.stop("interrupt")
    assert (await task).status == "cancelled"


# New tries of a command


RETRY = Limits(retry_exit=True, retries=3, ok=(0, 2))


async def test_a_command_is_tried_again_on_the_same_session_until_it_answers_with_a_success() -> None:
    transport, slept = Played(Reply(exit_code=1), Reply(signal="SEGV"), Reply(exit_code=2)), Slept()
    outlet = Outlet()
    (job,) = jobs("exit 0", limits=RETRY)
    result = await Lane(job, outlet, Clock(sleep=slept, random=lambda: 0.5)).run(transport)
    assert (result.status, result.attempts, transport.opened, len(transport.asked)) == ("ok", 3, 1, 3)
    assert slept.seconds == [0.25, 0.5]
    assert kinds(outlet) == ["JobConnected", "JobStarted", "JobStarted"]
    assert [event.attempt for event in outlet.told[1:]] == [2, 3]


async def test_a_command_that_never_succeeds_ends_with_its_last_answer_after_so_many_new_tries() -> None:
    transport = Played(*[Reply(exit_code=code) for code in (5, 6, 7, 8, 9)])
    (job,) = jobs("exit 0", limits=RETRY)
    result = await Lane(job, Outlet(), Clock(sleep=Slept())).run(transport)
    assert (result.cause, result.attempts) == ("exit 8", 4)


async def test_a_command_is_not_tried_again_unless_it_is_asked_for() -> None:
    one, _ = lane("exit 3", limits=Limits(retries=5))
    assert (await run(one)).attempts == 1


async def test_new_tries_of_the_connection_and_of_the_command_are_counted_together() -> None:
    one, _ = lane("fail connect/refused 1;exit 1", clock=Clock(sleep=Slept()), limits=RETRY)
    result = await run(one)
    assert (result.cause, result.attempts) == ("exit 1", 4)


@pytest.mark.parametrize("running", [True, False])
async def test_a_stop_between_two_tries_of_a_command_leaves_its_answer(running: bool) -> None:
    resting = asyncio.Event()

    async def sleep(seconds: float) -> None:
        resting.set()
        await asyncio.sleep(60)

    one, _ = lane("exit 3", clock=Clock(sleep=sleep), limits=RETRY)
    task = asyncio.create_task(run(one))
    await resting.wait()
    one.stop("interrupt", running=running)
    result = await task
    assert (result.cause, result.attempts, result.end.note) == ("exit 3", 1, "the run was interrupted")


async def test_after_a_stop_that_spares_what_runs_a_command_is_not_tried_again() -> None:
    one, outlet = lane("sleep 0.02;exit 3", limits=RETRY)
    task = asyncio.create_task(run(one))
    await until(lambda: outlet.told)
    one.stop("interrupt", running=False)
    result = await task
    assert (result.cause, result.attempts) == ("exit 3", 1)


async def test_a_stop_ends_the_new_try_of_a_command() -> None:
    outlet, transport, slept = Outlet(), Played(), Slept()

    class Twice:
        label = ""
        commands = iter(["exit 1", "hang"])

        async def perform(self, session: Session) -> Reply:
            return await session.exec(next(self.commands))

    (job,) = jobs("", limits=RETRY)
    one = Lane(replace(job, operation=Twice()), outlet, Clock(sleep=slept))
    task = asyncio.create_task(one.run(transport))
    await until(lambda: len(transport.asked) == 2)
    await asyncio.sleep(0)
    one.stop("interrupt")
    result = await task
    assert (result.cause, result.attempts, result.end.remote_end) == ("stop/interrupt", 2, "killed")  # type: ignore[union-attr]


async def test_no_new_try_waits_longer_than_half_a_minute() -> None:
    slept = Slept()
    one, _ = lane("fail connect/refused", clock=Clock(sleep=slept, random=lambda: 1.0), limits=Limits(retries=9))
    await run(one)
    assert slept.seconds == [0.5, 1, 2, 4, 8, 16, 30, 30, 30]


async def test_a_stop_after_the_answer_does_not_change_it() -> None:
    one, _ = lane("exit 3")
    inner = ToyTransport({}, 8)
    closing = asyncio.Event()

    class Slow:
        def __init__(self, context: Any) -> None:
            self._context = context

        async def __aenter__(self) -> Any:
            return await self._context.__aenter__()

        async def __aexit__(self, *error: Any) -> None:
            await self._context.__aexit__(*error)
            closing.set()
            await asyncio.sleep(60)

    class Transport:
        def open(self, *args: Any) -> Any:
            return Slow(inner.open(*args))

    task = asyncio.create_task(one.run(Transport()))
    await closing.wait()
    one.stop("interrupt")
    result = await task
    assert (result.status, result.cause) == ("failed", "exit 3")


async def test_whoever_cancels_a_lane_without_a_stop_has_a_bug() -> None:
    one, _ = lane("early 60")
    task = asyncio.create_task(run(one))
    await asyncio.sleep(0)
    task.cancel()
    assert (await task).cause == "worker/bug"


async def test_a_result_holds_the_phases_the_total_and_the_banner() -> None:
    clock = Clock(now=iter((10.0, 12.5)).__next__, wall=lambda: 1_800_000_000.0)
    one, _ = lane("connect 0.01;exit 0", clock=clock)
    result = await run(one)
    assert result.seconds == {"connect": 0.01, "total": 2.5}
    assert (result.started, result.banner) == (1_800_000_000.0, "SSH-2.0-scripted")


async def test_nothing_of_a_failed_session_waits_for_the_collector() -> None:
    class Failing:
        seconds: dict[str, float] = {}  # noqa: RUF012  nobody writes to it
        banner = ""

        async def exec(self, command: str, **more: Any) -> Reply:
            answer: asyncio.Future[Reply] = asyncio.get_running_loop().create_future()
            answer.set_exception(TransportError(Failure(stage="exec", kind="total", message="")))
            return await answer  # the exception holds this frame, and this frame the exception

    left: list[weakref.ref[Failing]] = []

    class Transport:
        @asynccontextmanager
        async def open(self, *args: Any) -> AsyncIterator[Failing]:
            session = Failing()
            left.append(weakref.ref(session))
            yield session

    one, _ = lane("any")
    gc.disable()
    try:
        assert (await one.run(Transport())).cause == "exec/total"  # type: ignore[arg-type]  # as much as is needed
        assert left[0]() is None
    finally:
        gc.enable()


async def test_how_far_content_has_come_is_told_four_times_a_second_and_at_its_end() -> None:
    now = [0.0]
    outlet = Outlet()
    (job,) = jobs("")
    one = Lane(job, outlet, Clock(now=lambda: now[0]))
    for step in range(101):
        one.moved(step, 100)
        now[0] += 0.01
    one.moved(100, 100)
    told = [event.done for event in outlet.told if isinstance(event, JobMoved)]
    assert told == [0, 25, 50, 75, 100]


@pytest.mark.parametrize("changed", [None, True, False])
async def test_what_an_operation_says_it_changed_is_in_the_result(changed: bool | None) -> None:
    (job,) = jobs("")
    result = await Lane(job, Outlet(), Clock()).run(Played(Reply(0, changed=changed)))  # type: ignore[arg-type]
    assert result.changed is changed


async def test_no_subsystem_is_opened_for_a_job_that_is_to_end() -> None:
    session = ScriptedSession()
    watched = Watched(session, session.beside, session.step)
    watched.halt(Failure(stage="stop", kind="interrupt", message="stopped"))
    with pytest.raises(TransportError) as caught:
        await watched.subsystem("sftp")
    assert caught.value.failure.cause == "stop/interrupt"


def test_a_transport_is_made_once() -> None:
    transports = Transports(TOY, {}, 8, 8)
    assert transports.find("toy") is transports.find("toy")


def of_steps(*done: Step, undo: float = 0.0) -> tuple[Lane, Outlet]:
    outlet = Outlet()
    (job,) = jobs("", limits=Limits(undo=undo, kill_after=0.1))
    here = Transports(TOY, {}, 8, 8).find("toy")
    return Lane(replace(job, operation=Job(steps=done)), outlet, Clock(), here=lambda: here), outlet


def done(name: str, line: str, **more: Any) -> Step:
    return Step(name=name, operation=Command(line), **more)


async def test_e8_a_command_of_this_machine_counts_as_begun_before_it_begins() -> None:
    one, outlet = of_steps(done("drain", "exit 0", here=True), done("work", "fail connect/refused"))
    result = await run(one)
    assert outlet.told[0] == JobConnected(0, "h0", login=False)
    assert [(event.step.name, event.step.status) for event in outlet.told if isinstance(event, StepEnded)] == [
        ("drain", "ok"),
        ("work", "unreachable"),
    ]
    assert (result.cause, result.attempts) == ("connect/refused", 1)
    assert len([event for event in outlet.told if isinstance(event, JobConnected)]) == 1


async def test_a_stop_ends_the_step_under_way_on_this_machine_and_what_was_done_is_taken_back(tmp_path: Path) -> None:
    back = tmp_path / "back"
    drain = done("drain", "exit 0", here=True, undo=Command(f"note {back}"))
    one, outlet = of_steps(drain, done("wait", "hang", here=True), undo=5.0)
    task = asyncio.ensure_future(run(one))
    await until(lambda: any(isinstance(event, StepEnded) for event in outlet.told))
    await asyncio.sleep(0)
    one.stop("interrupt")
    result = await task
    assert (result.status, result.cause) == ("cancelled", "stop/interrupt")
    assert result.failure is not None and result.failure.message == "wait: the run was interrupted"
    assert result.failure.remote_end == "killed"
    assert back.read_text() == "h0\n"


async def test_a_stop_between_two_looks_of_a_check_takes_back_what_was_done(tmp_path: Path) -> None:
    back = tmp_path / "back"
    drain = done("drain", "exit 0", here=True, undo=Command(f"note {back}"))
    one, _ = of_steps(drain, done("health", "echo no;exit 1", retry_for=60.0, every=30.0), undo=5.0)
    task = asyncio.ensure_future(run(one))
    await until(lambda: one._session is not None and one._session.left and one._session.busy is False)
    await asyncio.sleep(0.01)
    one.stop("interrupt")
    assert (await task).cause == "stop/interrupt"
    assert back.read_text() == "h0\n"


async def test_taking_back_after_a_stop_has_its_time_and_no_more() -> None:
    drain = done("drain", "exit 0", here=True, undo=Command("hang"))
    one, _ = of_steps(drain, done("wait", "hang"), undo=0.1)
    task = asyncio.ensure_future(run(one))
    await until(lambda: one._session is not None and one._session.busy and one.begun)
    await asyncio.sleep(0.01)
    one.stop("interrupt")
    async with asyncio.timeout(3):
        result = await task
    assert result.status == "cancelled"


async def test_a_stop_while_steps_are_taken_back_ends_none_of_that(tmp_path: Path) -> None:
    back = tmp_path / "back"
    first = done("first", "exit 0", here=True, undo=Command(f"note {back}"))
    second = done("second", "exit 0", undo=Command("sleep 0.2"))
    lane, _ = of_steps(first, second, undo=5.0)
    task = asyncio.ensure_future(run(lane))
    await until(lambda: lane._session is not None and lane._session.sparing and lane._session.busy)
    lane.stop("interrupt")
    result = await task
    assert result.status == "ok"  # it had done everything
    assert back.read_text() == "h0\n"


async def test_a_stop_between_two_steps_that_are_taken_back_ends_none_of_that(tmp_path: Path) -> None:
    back = tmp_path / "back"
    first = done("first", "exit 0", here=True, undo=Command(f"note {back}"))
    second = done("second", "exit 0", undo=Command("fail connect/refused 1"))  # it is tried again after a pause
    lane, _ = of_steps(first, second, undo=5.0)
    task = asyncio.ensure_future(run(lane))
    await until(lambda: lane._session is not None and lane._session.sparing and not lane._session.busy)
    lane.stop("interrupt")
    await task
    assert back.read_text() == "h0\n"


async def test_a_machine_without_a_way_to_itself_is_a_row() -> None:
    one, _ = steps()
    one.job = replace(one.job, operation=Job(steps=(done("drain", "exit 0", here=True),)))
    assert (await run(one)).cause == "local/transport"
