"""Input, barrier and new tries as real hosts see them: a real sshd at the end of each lane."""

import hashlib
import os
import tempfile
import threading
from pathlib import Path

from msgspec import Struct
from msgspec.structs import replace

from pssh.engine.base import EngineOptions
from pssh.engine.pool import Pool
from pssh.engine.spool import Spool
from pssh.model.event import Event, JobConnected, JobEnded, JobReady, Released
from pssh.model.host import Connection
from pssh.model.outcome import Reply
from pssh.model.rollout import Rollout
from pssh.model.work import Job, Limits, Session
from pssh.ops.script import Script
from tests.engine.support.toy import results
from tests.support.faulty import Faulty
from tests.support.sshd import Sshd

DATA = os.urandom(1 << 20) * 12  # more than is taken ahead of the fastest host
SUM = f"{hashlib.sha256(DATA).hexdigest()}  -\n".encode()


class Feeds(Struct, frozen=True):
    """A command that reads the run's input."""

    line: str

    @property
    def label(self) -> str:
        return self.line

    async def perform(self, session: Session) -> Reply:
        return await session.exec(self.line, stdin=session.input)


def connections(daemon: Sshd, count: int) -> list[Connection]:
    addresses = [f"127.8.0.{number}" for number in range(1, count + 1)]
    known = (str(daemon.known_hosts(*addresses, name="known_lanes")),)
    identity = (str(daemon.identity),)
    return [
        Connection(address=address, port=daemon.port, user=daemon.user, identity=identity, known_hosts=known)
        for address in addresses
    ]


def jobs(daemon: Sshd, *lines: str, limits: Limits | None = None) -> list[Job]:
    hosts = zip(lines, connections(daemon, len(lines)), strict=True)
    return [Job(at, f"h{at}", host, Feeds(line), limits or Limits()) for at, (line, host) in enumerate(hosts)]


def pipe_of(data: bytes) -> int:
    """Return the end of a pipe into which a thread writes these bytes, as long as somebody reads."""
    ours, theirs = os.pipe()

    def write() -> None:
        left = memoryview(data)
        try:
            while left:
                left = left[os.write(theirs, left) :]
        except BrokenPipeError:
            pass
        finally:
            os.close(theirs)

    threading.Thread(target=write, daemon=True).start()
    return ours


def left_behind(name: str) -> list[Path]:
    return list(Path(tempfile.gettempdir()).glob(f"*/{name}"))


async def test_every_host_gets_the_whole_input_however_slow_another_is(sshd: Sshd) -> None:
    engine = Pool(EngineOptions(workers=2, input=Spool(pipe_of(DATA))))
    seen: list[Event] = []
    lines = ["sleep 60", "head -c 5 >/dev/null; sleep 60", "head -c 3", *["sha256sum"] * 6]
    async for event in engine.run(jobs(sshd, *lines)):
        seen.append(event)
        if sum(isinstance(event, JobEnded) for event in seen) == 7:
            engine.stop()
    ended = results(seen)
    assert [result.status for result in ended] == ["cancelled"] * 2 + ["ok"] * 7
    assert ended[2].end.stdout == DATA[:3]
    assert {result.end.stdout for result in ended[3:]} == {SUM}


async def test_the_input_reaches_commands_on_this_machine_too(tmp_path: Path) -> None:
    (tmp_path / "input").write_bytes(DATA)
    here = Connection(address="", user="", transport="local")
    for source in (Spool.read(str(tmp_path / "input")), Spool(pipe_of(DATA))):
        engine = Pool(EngineOptions(workers=1, input=source))
        work = [Job(at, f"h{at}", here, Feeds("sha256sum")) for at in range(3)]
        ended = results([event async for event in engine.run(work)])
        assert [result.end.stdout for result in ended] == [SUM] * 3


async def test_behind_a_barrier_every_host_waits_for_the_slowest_and_none_runs_out_of_time_for_it(
    sshd: Sshd, faulty: Faulty, tmp_path: Path
) -> None:
    port, begun = faulty.start("silent"), tmp_path / "begun"
    work = jobs(sshd, *[f"echo x >> {begun}"] * 6, limits=Limits(open=0.5))
    work[5] = replace(
        work[5], connection=replace(work[5].connection, address="127.0.0.1", port=port, connect_timeout=1.5)
    )
    work[4] = replace(work[4], operation=Script("x.sh", f"echo x >> {begun}".encode()))
    seen: list[Event] = []
    async for event in Pool(EngineOptions(workers=1, rollout=Rollout(barrier=True))).run(work):
        seen.append(event)
        if isinstance(event, Released):
            assert not begun.exists()
    assert [result.cause for result in results(seen)] == ["", "", "", "", "", "banner/timeout"]
    kinds = [type(event) for event in seen]
    assert kinds.count(JobReady) == kinds.count(JobConnected) == 5
    assert (
        max(at for at, kind in enumerate(kinds) if kind is JobReady) < kinds.index(Released) < kinds.index(JobConnected)
    )
    assert begun.read_text() == "x\n" * 5


async def test_a_command_that_is_tried_again_stays_on_its_connection(sshd: Sshd, tmp_path: Path) -> None:
    before = sshd.log().count("Accepted publickey")
    line = f"echo x >> {tmp_path}/n; [ $(wc -l < {tmp_path}/n) -eq 3 ]"
    work = jobs(sshd, line, limits=Limits(retry_exit=True, retries=5))
    (ended,) = results([event async for event in Pool(EngineOptions()).run(work)])
    assert (ended.status, ended.attempts) == ("ok", 3)
    assert sshd.log().count("Accepted publickey") == before + 1


async def test_a_new_try_gets_the_input_from_its_beginning(sshd: Sshd, tmp_path: Path) -> None:
    line = f"sha256sum; echo x >> {tmp_path}/n; [ $(wc -l < {tmp_path}/n) -eq 2 ]"
    work = jobs(sshd, line, limits=Limits(retry_exit=True))
    engine = Pool(EngineOptions(input=Spool(pipe_of(DATA))))
    (ended,) = results([event async for event in engine.run(work)])
    assert (ended.status, ended.attempts, ended.end.stdout) == ("ok", 2, SUM)


async def test_a_host_that_is_stopped_at_the_barrier_ran_nothing_and_keeps_nothing(sshd: Sshd, tmp_path: Path) -> None:
    begun = tmp_path / "begun"
    script = Script(f"{tmp_path.name}-{os.getpid()}.sh", f"echo x >> {begun}".encode())
    work = [replace(job, operation=script) for job in jobs(sshd, "", "")]
    work.append(Job(2, "h2", replace(work[0].connection, address="127.8.1.1"), Feeds("true")))  # its key is not known
    engine = Pool(EngineOptions(workers=1, rollout=Rollout(barrier=True)))
    seen: list[Event] = []
    async for event in engine.run(work):
        seen.append(event)
        if isinstance(event, JobReady):
            engine.stop(finish=True)
    assert [result.status for result in results(seen)[:2]] == ["not-run"] * 2
    assert not begun.exists()
    assert left_behind(script.name) == []
