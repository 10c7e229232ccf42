"""What crosses the border arrives as it was, and what is not ours is refused, whatever it is."""

import random
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.engine import wire
from pssh.model.event import HostKeyLearned, JobConnected, JobEnded, JobMoved, JobReady, JobSaid, JobStarted
from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply, Result
from pssh.model.secret import Secret
from pssh.model.work import Limits

odd_text = st.text(st.characters(codec=None), max_size=20)  # lone surrogates, as undecodable bytes give
REPLY = Reply(exit_code=3, stdout=b"\xff\x00", stderr=b"", stdout_cut=7, note="n", changed=True)
RESULT = Result(job_id=1, host="h", operation="", status="failed", state="finished", end=REPLY, seconds={"total": 0.5})
FROM_WORKER: list[Any] = [
    wire.Ready(),
    wire.Pong(),
    wire.Wanted(1 << 40),
    JobReady(1, "h"),
    JobStarted(1, "h", 2, 3),
    JobConnected(1, "h"),
    JobSaid(1, "h", "stderr", b"\xff"),
    JobMoved(1, "h", 3, 1 << 40),
    HostKeyLearned(1, "h", "/f", "line"),
    JobEnded(RESULT),
]


@pytest.mark.parametrize("value", FROM_WORKER)
def test_what_a_worker_says_arrives_as_it_was(value: Any) -> None:
    assert wire.unpack(wire.pack(value), wire.FromWorker) == value


@pytest.mark.parametrize(
    "value", [wire.Stop("c", running=False), wire.End(3, "c"), wire.Release(), wire.Grown(1 << 40, ended=True)]
)
def test_what_a_worker_is_told_arrives_as_it_was(value: Any) -> None:
    assert wire.unpack(wire.pack(value), wire.ToWorker) == value


@given(odd_text, odd_text, st.lists(odd_text), st.binary())
def test_text_that_is_not_valid_unicode_crosses_unchanged(host: str, path: str, files: list[str], raw: bytes) -> None:
    work = wire.Work(1, host, Connection(address=path, user="u", identity=tuple(files)), 0, Limits())
    assert wire.unpack(wire.pack(work), wire.ToWorker) == work
    failure = Failure(stage="exec", kind="total", message=path, stdout=raw)
    ended = JobEnded(Result(job_id=1, host=host, operation="", status="lost", state="end-unknown", end=failure))
    assert wire.unpack(wire.pack(ended), wire.FromWorker) == ended


@given(odd_text)
def test_a_secret_crosses_and_stays_one(text: str) -> None:
    setup = wire.Setup(0, {"password": Secret(text)}, 8, 4, 64, {})
    arrived = wire.unpack(wire.pack(setup), wire.ToWorker)
    assert arrived == setup
    assert repr(arrived).count("***") == 1


@pytest.mark.parametrize("value", [object(), {1: 1j}, ValueError("no exception crosses")])
def test_nothing_else_crosses(value: object) -> None:
    with pytest.raises((TypeError, ValueError)):
        wire.pack(value)


def test_20_000_mutated_frames_are_a_value_or_garbled_and_nothing_else() -> None:
    chance = random.Random(1)
    seeds = [wire.pack(value) for value in FROM_WORKER]
    seeds.append(wire.pack(JobConnected(1, "\udcff")))
    for _ in range(20_000):
        raw = bytearray(chance.choice(seeds))
        for _ in range(chance.randint(1, 4)):
            at = chance.randrange(len(raw) + 1)
            match chance.randrange(3):
                case 0:
                    raw[at : at + 1] = bytes([chance.randrange(256)])
                case 1:
                    raw[at:at] = chance.randbytes(chance.randint(1, 9))
                case 2:
                    del raw[at : at + chance.randint(1, 9)]
        try:
            value = wire.unpack(bytes(raw), wire.FromWorker)
        except wire.Garbled:
            continue
        assert type(value) in {type(known) for known in FROM_WORKER}


@pytest.mark.parametrize("raw", [b"", b"\x91" * 100_000, b"\xc7\x00\x01", b"\xd4\x01\xc1", b"\xc7\x02\x01\x91\xc1"])
def test_hollow_and_bottomless_frames_are_garbled(raw: bytes) -> None:
    with pytest.raises(wire.Garbled):
        wire.unpack(raw, wire.FromWorker)


def test_an_operation_is_found_by_its_module_and_name() -> None:
    assert wire.operation_path(REPLY) == "pssh.model.outcome:Reply"  # type: ignore[arg-type]  # any type will do


def test_an_operation_of_a_script_or_inside_a_function_is_refused() -> None:
    class Inner:
        pass

    with pytest.raises(TypeError, match="top of a module"):
        wire.operation_path(Inner())  # type: ignore[arg-type]  # any type will do
    Inner.__qualname__, Inner.__module__ = "Inner", "__main__"
    with pytest.raises(TypeError, match="top of a module"):
        wire.operation_path(Inner())  # type: ignore[arg-type]  # any type will do
