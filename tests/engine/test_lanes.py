"""A lane ends its job in one result, in time, and says of the command what is known."""

import asyncio
import gc
import weakref
from collections.abc import AsyncIterator, Awaitable
from contextlib import asynccontextmanager
from typing import Any

import pytest

from pssh.engine.clock import Clock
from pssh.engine.lanes import Lane, Transports
from pssh.model.event import JobStarted
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.work import Limits, TransportError
from tests.engine.support.toy import TOY, ToyTransport, jobs


class Outlet:
    def __init__(self) -> None:
        self.told: list[Any] = []

    def tell(self, event: Any) -> None:
        self.told.append(event)

    tell_now = tell

    def room(self) -> Awaitable[None] | None:
        return None


class Slept:
    """A clock whose sleeps take no time and are written down."""

    def __init__(self) -> None:
        self.seconds: list[float] = []

    async def __call__(self, seconds: float) -> None:
        self.seconds.append(seconds)


def lane(text: str, *, clock: Clock | None = None, limits: Limits | None = None) -> tuple[Lane, Outlet]:
    outlet = Outlet()
    (job,) = jobs(text, limits=limits or Limits())
    return Lane(job, outlet, clock or Clock()), outlet


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


async def test_a_host_that_takes_too_long_in_its_command_is_ended_there_and_its_output_kept() -> None:
    one, _ = lane("echo so far;hang", limits=Limits(host=0.05))
    result = await run(one)
    assert (result.cause, result.status, result.state) == ("exec/deadline", "timed-out", "finished")
    assert result.end.stdout == b"so far\n" and result.end.remote_end == "killed"  # type: ignore[union-attr]


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
    clock = Clock(now=iter((10.0, 11.0, 12.5)).__next__, wall=lambda: 1_800_000_000.0)
    one, _ = lane("connect 0.01;exit 0", clock=clock)
    result = await run(one)
    assert result.seconds == {"connect": 0.01, "total": 2.5}
    assert (result.started, result.banner) == (1_800_000_000.0, "SSH-2.0-scripted")


async def test_nothing_of_a_failed_session_waits_for_the_collector() -> None:
    class Failing:
        seconds: dict[str, float] = {}  # noqa: RUF012  nobody writes to it
        banner = ""

        async def exec(self, command: str) -> Reply:
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


def test_a_transport_is_made_once() -> None:
    transports = Transports(TOY, {}, 8)
    assert transports.find("toy") is transports.find("toy")
