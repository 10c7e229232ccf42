"""Steps over a real sshd: reboots, connections that go between two steps, and stops."""

import shlex
from pathlib import Path
from typing import Any

import pytest

from pssh.engine.base import EngineOptions
from pssh.engine.serial import Serial
from pssh.model.event import JobEnded, StepEnded
from pssh.model.host import Connection
from pssh.model.outcome import Result
from pssh.model.work import Job, Limits
from pssh.ops.command import Command
from pssh.ops.reboot import Reboot
from pssh.ops.steps import Step, Steps
from tests.support.sshd import Sshd


def step(name: str, line: str, **more: Any) -> Step:
    return Step(name=name, operation=Command(line), **more)


@pytest.fixture
def drain(tmp_path: Path) -> Step:
    log = shlex.quote(str(tmp_path / "log"))
    return step("drain", f"echo drained >> {log}", here=True, undo=Command(f"echo enabled >> {log}"))


async def run(daemon: Sshd, *steps: Step, stop_after: str = "") -> Result:
    connection = Connection(
        address="127.0.0.1",
        port=daemon.port,
        user=daemon.user,
        identity=(str(daemon.identity),),
        known_hosts=(str(daemon.known_hosts()),),
    )
    engine = Serial(EngineOptions(grace=0.5))
    job = Job(0, "here", connection, Steps(steps=steps), Limits(undo=5.0, kill_after=0.5))
    async for event in engine.run([job]):
        if isinstance(event, StepEnded) and event.step.name == stop_after and not event.step.undo:
            engine.stop()
        if isinstance(event, JobEnded):
            result = event.result
    return result


async def test_a_host_that_boots_is_waited_for_and_goes_on(sshd: Sshd, tmp_path: Path, drain: Step) -> None:
    boot = tmp_path / "boot"
    boot.write_text("old\n")
    file = shlex.quote(str(boot))
    reboot = Step(name="reboot", operation=Reboot(command=f"echo new > {file}; kill -9 $PPID", booted=f"cat {file}"))
    result = await run(sshd, drain, reboot, step("health", "true"))
    assert (result.status, result.end.stdout) == ("ok", b"drain, reboot, health ok\n")
    assert (tmp_path / "log").read_text() == "drained\nenabled\n"
    assert result.changed is True
    assert [one.cause for one in result.steps] == [""] * 4


async def test_a_connection_that_goes_between_two_steps_is_made_anew(sshd: Sshd, tmp_path: Path) -> None:
    gone = "p=$PPID; (sleep 0.1; kill -9 $p) >/dev/null 2>&1 &"
    result = await run(sshd, step("one", gone), step("two", "sleep 0.4", here=True), step("three", "true"))
    assert (result.status, result.end.stdout) == ("ok", b"one, two, three ok\n")


async def test_p3_a_step_whose_connection_goes_is_not_done_again(sshd: Sshd, tmp_path: Path, drain: Step) -> None:
    seen = tmp_path / "seen"
    line = f"echo once >> {shlex.quote(str(seen))}; kill -9 $PPID"
    result = await run(sshd, drain, step("work", line), step("never", "true"))
    assert (result.status, result.cause) == ("lost", "exec/connection-closed")
    assert seen.read_text() == "once\n"
    assert (tmp_path / "log").read_text() == "drained\nenabled\n"


async def test_a_stop_ends_the_step_and_takes_back_what_was_done(sshd: Sshd, tmp_path: Path, drain: Step) -> None:
    result = await run(sshd, drain, step("long", "sleep 600"), stop_after="drain")
    assert result.cause == "stop/interrupt"
    assert (tmp_path / "log").read_text() == "drained\nenabled\n"
    assert [one.name for one in result.steps if one.undo] == ["drain"]
