"""Every host reads the whole input at its own pace; nothing of it is left, and no end is told that is none."""

import asyncio
import contextlib
import hashlib
import os
import resource
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path
from typing import Any

import pytest

from pssh.engine import given
from pssh.engine.base import Engine
from pssh.engine.given import AHEAD, Given
from pssh.engine.pool import Pool
from pssh.engine.serial import Serial
from pssh.engine.spool import Spool
from pssh.engine.wire import Grown
from pssh.model.event import JobConnected, JobEnded, Notice
from pssh.model.outcome import Failure
from tests.engine.support.toy import jobs, options, results, run

Make = Callable[..., Engine]
DATA = os.urandom(3_000_001)


@pytest.fixture(params=[Pool, Serial], ids=["pool", "serial"])
def make(request: pytest.FixtureRequest) -> Make:
    """Make an engine of each kind."""
    return lambda **more: request.param(options(**more))


@pytest.fixture
def written(tmp_path: Path) -> Path:
    path = tmp_path / "input"
    path.write_bytes(DATA)
    return path


@contextlib.contextmanager
def piped(data: bytes) -> Iterator[Spool]:
    """A spool of a pipe into which a thread writes these bytes, as long as somebody reads."""
    ours, theirs = os.pipe()

    def write() -> None:
        left = memoryview(data)
        with contextlib.suppress(BrokenPipeError):
            while left:
                left = left[os.write(theirs, left) :]
        os.close(theirs)

    writer = threading.Thread(target=write)
    writer.start()
    yield Spool(ours)
    writer.join()


def names(folder: str | Path) -> list[str]:
    return sorted(path.name for path in Path(folder).iterdir())


def all_of(data: bytes) -> bytes:
    return f"{len(data)} {hashlib.sha256(data).hexdigest()}".encode()


def heard(spool: Spool) -> list[Grown]:
    told: list[Grown] = []
    spool.subscribe(told.append)
    return told


async def until(condition: Callable[[], Any]) -> None:
    while not condition():  # noqa: ASYNC110  what is waited for is the other end of a pipe
        await asyncio.sleep(0.001)


# In a run


@pytest.mark.parametrize("size", [0, 1, 3_000_001, 12_000_000])
async def test_every_host_gets_all_that_comes_through_a_pipe(make: Make, size: int) -> None:
    data = (DATA * 4)[:size]
    with piped(data) as spool:
        ended = await run(make(input=spool), jobs(*["begin;input 70000", "begin;input 1000000"] * 4))
    assert {result.end.stdout for result in ended} == {all_of(data)} and len(ended) == 8


async def test_every_host_gets_a_file_also_those_that_begin_late(make: Make, written: Path) -> None:
    ended = await run(make(input=Spool.read(str(written)), parallel=2), jobs(*["begin;input 70000"] * 8))
    assert {result.end.stdout for result in ended} == {all_of(DATA)} and len(ended) == 8


async def test_a_host_that_does_not_read_holds_nobody_up(make: Make) -> None:
    data = DATA * 8  # more than is taken ahead of the fastest
    with piped(data) as spool:
        engine = make(input=spool, grace=0.1)
        seen = []
        async for event in engine.run(jobs("hang", *["begin;input 1000000"] * 3)):
            seen.append(event)
            if sum(isinstance(event, JobEnded) for event in seen) == 3:
                engine.stop()
    assert [result.end.stdout for result in results(seen)[1:]] == [all_of(data)] * 3


async def test_a_job_that_goes_to_another_worker_reads_from_the_beginning(tmp_path: Path) -> None:
    mark = tmp_path / "mark"
    with piped(DATA) as spool:
        work = jobs(f"note {mark};early 0.2;begin;input 70000", "begin;early 0.1;kill KILL")
        ended = await run(Pool(options(input=spool, workers=1)), work)
    assert ended[0].attempts == 2 and ended[0].end.stdout == all_of(DATA)


async def test_without_an_input_every_command_reads_the_end_at_once(make: Make) -> None:
    (ended,) = await run(make(), jobs("begin;input 10"))
    assert ended.end.stdout == all_of(b"")


async def test_nothing_of_the_input_has_a_name(make: Make, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    ours, theirs = os.pipe()
    spool = Spool(ours)
    assert os.readlink(f"/proc/self/fd/{spool.file}").startswith(f"{tmp_path}/")  # noqa: PTH115  no path of ours
    os.write(theirs, b"x")
    async with aclosing(make(input=spool, grace=0.1).run(jobs("begin;input 10"))) as happening:  # type: ignore[type-var]
        async for event in happening:
            if isinstance(event, JobConnected):
                await until(lambda: spool.size)
                assert names(tmp_path) == []
                break
    os.close(theirs)
    assert names(tmp_path) == []


async def test_a_run_leaves_no_descriptor_of_its_input_open(make: Make, written: Path) -> None:
    before = len(names("/proc/self/fd"))
    with piped(DATA) as spool:
        await run(make(input=spool), jobs("begin;input 70000"))
    await run(make(input=Spool.read(str(written))), jobs("begin;input 70000"))
    assert len(names("/proc/self/fd")) == before


async def test_a_file_that_is_cut_short_ends_the_jobs_that_read_it_and_is_not_taken_for_its_end(
    make: Make, written: Path
) -> None:
    spool = Spool.read(str(written))
    os.truncate(written, 100_000)
    (ended,) = await run(make(input=spool), jobs("begin;input 70000"))
    assert (ended.status, ended.cause) == ("error", "local/changed")
    assert "cut short" in ended.end.message  # type: ignore[union-attr]


async def test_an_input_that_breaks_off_ends_the_jobs_that_read_it_and_is_not_taken_for_its_end(
    make: Make, full: None
) -> None:
    with piped(DATA) as spool:
        ended = await run(make(input=spool, parallel=2), jobs(*["begin;input 70000"] * 3, "exit 0"))
    assert [(result.status, result.cause) for result in ended] == [("error", "local/disk-full")] * 3 + [("ok", "")]


async def test_after_a_stop_nothing_more_is_taken_and_no_end_is_told(make: Make) -> None:
    ours, theirs = os.pipe()
    spool = Spool(ours)
    told = heard(spool)
    engine = make(input=spool, grace=0.1)
    os.write(theirs, b"x")
    async for event in engine.run(jobs("begin;input 10")):
        if isinstance(event, JobConnected):
            await until(lambda: spool.size)
            engine.stop()
            os.close(theirs)
    assert told == [Grown(1, ended=False)]


async def test_what_may_finish_still_gets_the_rest_of_its_input(make: Make) -> None:
    ours, theirs = os.pipe()
    engine = make(input=Spool(ours), grace=0.1)
    seen = []
    async for event in engine.run(jobs("begin;input 10", *["exit 0"] * 20)):
        seen.append(event)
        if isinstance(event, JobConnected) and event.job_id == 0:
            engine.stop(finish=True)
            os.write(theirs, b"rest")
            os.close(theirs)
    assert results(seen)[0].end.stdout == all_of(b"rest")


# What it reads from


def test_a_file_is_read_where_it_lies_from_where_it_stood_and_left_as_if_it_had_been_read(written: Path) -> None:
    with written.open("rb", buffering=0) as file:
        file.seek(1_000_000)
        spool = Spool(os.dup(file.fileno()))
        assert (spool.base, spool.size, spool.ended) == (1_000_000, len(DATA) - 1_000_000, True)
        assert spool.given().place(lambda why: None).read(5, 10) == DATA[1_000_005:1_000_015]
        assert file.tell() == 1_000_000
        spool.close()
        assert file.read() == b""


async def test_no_more_is_taken_than_a_little_beyond_what_the_fastest_host_has_read() -> None:
    spool = Spool(os.open("/dev/zero", os.O_RDONLY))
    place = spool.given().place(lambda why: None)
    spool.start(lambda notice: None)
    await until(lambda: spool.size >= AHEAD)
    await asyncio.sleep(0.01)
    first = spool.size
    assert AHEAD <= first < AHEAD + (1 << 20)
    assert len(place.read(0, 10 * AHEAD) or b"") == first
    await until(lambda: spool.size > first)
    await until(lambda: spool.size >= first + AHEAD)
    spool.close()


async def test_what_is_always_ready_is_read_to_its_end() -> None:
    spool = Spool(os.open(os.devnull, os.O_RDONLY))
    told = heard(spool)
    spool.start(lambda notice: None)
    await until(lambda: told)
    assert told == [Grown(0, ended=True)]
    spool.close()


async def test_an_input_that_cannot_be_read_has_no_end_and_that_is_said() -> None:
    ours, theirs = os.pipe()
    os.close(ours)  # whoever holds the writing end is woken, and can read nothing
    spool, notices = Spool(theirs), list[Notice]()
    told = heard(spool)
    spool.start(notices.append)
    await until(lambda: told)
    text = "the input of the run broke off after 0 bytes: Bad file descriptor"
    assert told == [Grown(0, False, Failure(stage="local", kind="changed", message=text))]
    assert [notice.text for notice in notices] == [text]
    spool.close()


@pytest.fixture
def full() -> Iterator[None]:
    """Have no file grow beyond a million bytes."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000_000, hard))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


async def test_an_input_that_cannot_be_kept_has_no_end_and_that_is_said(full: None) -> None:
    with piped(DATA) as spool:
        notices = list[Notice]()
        spool.start(notices.append)
        await until(lambda: spool.broken)
        told = heard(spool)
        spool.close()
    text = "the input of the run broke off after 1,000,000 bytes: File too large"
    assert told == [Grown(1_000_000, False, Failure(stage="local", kind="disk-full", message=text))]
    assert [notice.text for notice in notices] == [text]


def test_a_folder_is_no_input(tmp_path: Path) -> None:
    before = len(names("/proc/self/fd"))
    with pytest.raises(IsADirectoryError):
        Spool.read(str(tmp_path))
    assert len(names("/proc/self/fd")) == before


# Across the border, and at a worker


@pytest.mark.parametrize("there", [True, False])
def test_the_input_crosses_before_the_first_frame_also_if_there_is_none(there: bool, written: Path) -> None:
    ours, theirs = socket.socketpair()
    with ours, theirs, written.open("rb") as file:
        given.send(ours, file.fileno() if there else None, 7)
        ours.send(b"frame")
        arrived = given.receive(theirs)
        assert theirs.recv(100) == b"frame"
    if arrived is None:
        assert not there
    else:
        arrived.grown(100, True)
        assert there and arrived.place(lambda why: None).read(1, 3) == DATA[8:11]


def test_a_parent_that_is_gone_hands_over_no_input() -> None:
    ours, theirs = socket.socketpair()
    ours.close()
    with theirs, pytest.raises(EOFError):
        given.receive(theirs)


def test_a_place_is_called_once_when_there_is_more_and_never_after_its_job(written: Path) -> None:
    with written.open("rb") as file:
        source = Given(file.fileno(), 0)
        place, other = source.place(lambda why: None), source.place(lambda why: None)
        calls: list[str] = []
        assert place.read(0, 10) is None
        place.when_more(lambda: calls.append("one"))
        other.when_more(lambda: calls.append("other"))
        other.close()
        source.grown(5, False)
        source.grown(10, False)
        assert calls == ["one"]
        assert place.read(0, 100) == DATA[:10] and place.read(10, 100) is None
        source.grown(10, True)
        assert place.read(10, 100) == b""


def test_what_broke_off_is_read_to_there_and_is_then_the_failure_of_the_job(written: Path) -> None:
    why = Failure(stage="local", kind="disk-full", message="it broke off")
    failures: list[Failure] = []
    with written.open("rb") as file:
        source = Given(file.fileno(), 0)
        source.grown(10, False, why)
        place = source.place(failures.append)
        assert place.read(0, 100) == DATA[:10] and failures == []
        assert place.read(10, 100) is None and failures == [why]


def test_a_file_that_cannot_be_read_is_the_failure_of_the_job(written: Path) -> None:
    with written.open("ab") as file:
        source = Given(file.fileno(), 0)
        source.grown(10, True)
        failures: list[Failure] = []
        assert source.place(failures.append).read(0, 10) is None
    assert [failure.cause for failure in failures] == ["local/changed"]
    assert "Bad file descriptor" in failures[0].message
