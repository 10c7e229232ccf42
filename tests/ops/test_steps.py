"""Steps are done in their order, the first that is not ok is the last, and what is to be taken back is taken back."""

import asyncio
from typing import Any, cast

import msgspec
import pytest

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply, StepResult
from pssh.model.work import TransportError
from pssh.ops import reboot
from pssh.ops import steps as module
from pssh.ops.command import Command
from pssh.ops.ping import Ping
from pssh.ops.reboot import Reboot
from pssh.ops.script import Script
from pssh.ops.steps import Packed, Step, Steps
from pssh.testing import ScriptedSession

STOP = Failure(stage="stop", kind="interrupt", message="the run was interrupted")


def step(name: str, line: str = "", **more: Any) -> Step:
    """Return a step that does a line, or nothing under its own name."""
    return Step(name=name, operation=Command(line or name), **more)


def drain(undo: str = "enable") -> Step:
    return step("drain", here=True, undo=Command(undo))


async def perform(*steps: Step, session: ScriptedSession) -> Reply:
    return await Steps(steps=steps).perform(session)


async def failure_of(*steps: Step, session: ScriptedSession) -> Failure:
    with pytest.raises(TransportError) as caught:
        await perform(*steps, session=session)
    return caught.value.failure


def told(session: ScriptedSession) -> list[tuple[str, str]]:
    return [(f"{'-' * one.undo}{one.name}", one.cause or one.status) for one in session.steps]


@pytest.fixture(autouse=True)
def at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let no test wait before a new try."""
    monkeypatch.setattr(module, "_PAUSES", (0.0, 0.0))


async def test_steps_are_done_in_order_here_and_there_and_taken_back_at_the_end():
    session = ScriptedSession()
    reply = await perform(drain(), step("stop"), step("start"), session=session)
    assert reply == Reply(0, stdout=b"drain, stop, start ok\n")
    assert session.asked == ["here: drain", "stop", "start", "here: enable"]
    assert told(session) == [("drain", "ok"), ("stop", "ok"), ("start", "ok"), ("-drain", "ok")]


async def test_the_first_step_that_is_not_ok_is_the_last_and_the_row_says_which():
    session = ScriptedSession({"upgrade": Reply(100, stderr=b"no lock\n")})
    reply = await perform(drain(), step("upgrade"), step("never"), session=session)
    assert reply == Reply(100, stderr=b"upgrade: exit 100: no lock\n")
    assert session.asked == ["here: drain", "upgrade", "here: enable"]
    assert told(session) == [("drain", "ok"), ("upgrade", "exit 100"), ("-drain", "ok")]


async def test_more_than_a_line_of_output_stands_whole_below_the_step():
    session = ScriptedSession({"upgrade": Reply(2, stdout=b"a\nb\n", stderr=b"c\n")})
    reply = await perform(step("upgrade"), session=session)
    assert (reply.stdout, reply.stderr) == (b"a\nb\n", b"upgrade: exit 2\nc\n")


async def test_a_failure_names_its_step_and_what_was_begun_is_taken_back_the_latest_first():
    session = ScriptedSession({"boom": Failure(stage="exec", kind="connection-closed", message="gone")})
    second = step("mask", undo=Command("unmask"))
    failure = await failure_of(drain(), second, step("boom"), session=session)
    assert (failure.cause, failure.message) == ("exec/connection-closed", "boom: gone")
    assert session.asked == ["here: drain", "mask", "boom", "unmask", "here: enable"]


async def test_a_step_that_failed_may_have_done_half_and_is_taken_back():
    session = ScriptedSession({"drain": Reply(1)})
    await perform(drain(), step("never"), session=session)
    assert session.asked == ["here: drain", "here: enable"]


async def test_what_cannot_be_taken_back_is_a_row_that_is_not_ok():
    session = ScriptedSession({"enable": Reply(7, stderr=b"no such host\n")})
    reply = await perform(drain(), step("work"), session=session)
    assert (reply.exit_code, reply.stderr) == (7, b"undo of drain: exit 7: no such host\n")


async def test_what_cannot_be_taken_back_after_a_failure_is_a_note_beside_it():
    session = ScriptedSession({"enable": Reply(7), "work": Reply(3)})
    reply = await perform(drain(), step("work"), session=session)
    assert (reply.exit_code, reply.note) == (3, "undo of drain: exit 7")


async def test_a_host_that_cannot_be_reached_at_first_has_done_nothing_and_may_be_tried_again_by_the_lane():
    session = ScriptedSession({"work": Failure(stage="connect", kind="refused", message="refused")})
    failure = await failure_of(step("work", undo=Command("back")), session=session)
    assert (failure.cause, failure.message) == ("connect/refused", "refused")
    assert session.asked == ["work"]
    assert session.steps == []


async def test_a_connection_that_is_gone_before_a_step_began_is_made_anew():
    session = ScriptedSession()
    reply = await perform(drain(), step("work", "fail auth/closed 1"), session=session)
    assert reply.exit_code == 0
    assert session.connections == 2


async def test_a_host_that_stays_away_ends_after_two_more_tries_and_is_taken_back():
    session = ScriptedSession()
    failure = await failure_of(drain(), step("work", "fail connect/refused"), session=session)
    assert failure.message == "work: scripted connect/refused"
    assert session.connections == 3
    assert session.asked[-1] == "here: enable"


async def test_p3_what_may_have_run_is_not_run_again():
    session = ScriptedSession()
    failure = await failure_of(step("work", "fail exec/connection-closed 1"), session=session)
    assert failure.cause == "exec/connection-closed"
    assert len(session.asked) == 1


async def test_p3_an_idempotent_step_is_run_again_as_often_as_it_says_also_after_an_unknown_end():
    session = ScriptedSession()
    again = step("work", "fail exec/connection-closed 1", idempotent=True, retries=1)
    assert (await perform(again, session=session)).exit_code == 0
    assert (session.connections, session.steps[0].attempts) == (2, 2)
    session = ScriptedSession({"work": Reply(1)})
    assert (await perform(step("work", idempotent=True, retries=2), session=session)).exit_code == 1
    assert session.asked == ["work"] * 3


async def test_a_check_is_repeated_until_it_is_ok():
    replies = {"health": Reply(7)}
    session = ScriptedSession(replies)
    task = asyncio.ensure_future(perform(step("health", retry_for=60, every=0.001), session=session))
    while len(session.asked) < 3:  # noqa: ASYNC110  what is waited for is another task of this loop
        await asyncio.sleep(0.001)
    replies["health"] = Reply(0)
    assert (await task).exit_code == 0
    assert session.steps[0].attempts >= 4


async def test_a_check_whose_time_is_over_ends_by_its_last_answer():
    session = ScriptedSession({"health": Reply(7)})
    reply = await perform(step("health", retry_for=0.01, every=0.004), session=session)
    assert (reply.exit_code, reply.stderr) == (7, b"health: exit 7\n")
    assert 2 <= len(session.asked) <= 4


async def test_a_step_that_takes_too_long_is_ended_and_no_command_of_it_begins_after_that():
    session = ScriptedSession()
    failure = await failure_of(drain(), step("slow", "hang", timeout=0.01), step("never"), session=session)
    assert failure.cause == "exec/total"
    assert failure.message == "slow: it took longer than 0.01 s (`timeout`)"
    assert session.asked == ["here: drain", "hang", "here: enable"]


async def test_a_job_that_is_to_end_begins_no_further_step_and_takes_back_what_it_did():
    session = ScriptedSession()
    session.ending = STOP
    assert (await failure_of(drain(), session=session)).cause == "stop/interrupt"
    assert session.asked == []


async def test_a_job_cancelled_between_two_tries_takes_back_what_it_did_and_says_where_it_was():
    session = ScriptedSession({"health": Reply(1)})
    task = asyncio.ensure_future(perform(drain(), step("health", retry_for=60), session=session))
    while len(session.asked) < 2:  # noqa: ASYNC110  what is waited for is another task of this loop
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    session.ending = STOP
    task.cancel()
    with pytest.raises(TransportError) as caught:
        await task
    assert caught.value.failure.message == "health: the run was interrupted"
    assert session.asked[-1] == "here: enable"
    assert told(session) == [("drain", "ok"), ("health", "exit 1"), ("-drain", "ok")]


async def test_each_undo_has_a_time_of_its_own_and_one_that_hangs_takes_none_of_the_others():
    session = ScriptedSession()
    slow = step("mask", timeout=0.01, undo=Command("hang"))
    failure = await failure_of(drain(), slow, step("work", timeout=0.01, undo=Command("hang")), session=session)
    assert session.asked[-1] == "here: enable"
    assert told(session)[3:] == [("-work", "exec/total"), ("-mask", "exec/total"), ("-drain", "ok")]
    assert failure.message.startswith("undo of work: it took longer than 0.01 s")


def test_taking_back_may_take_what_its_steps_say_within_reason():
    assert Steps(steps=(step("a"),)).undoing(2.0) == 0
    steps = step("a", undo=Command("x")), step("b", undo=Command("x"), timeout=20), step("c", timeout=9)
    assert Steps(steps=steps).undoing(2.0) == 60 + 20 + 2 * 3
    assert Steps(steps=(step("a", undo=Command("x"), timeout=7200),)).undoing(2.0) == 300 + 3


def done_so(*names: str) -> list[StepResult]:
    """Return what is told of steps: `-a` is the undo of `a`, `a!` one that failed, `a?` one that was skipped."""
    how = {"!": ("failed", "exit 1"), "?": ("skipped", "rule/condition"), "~": ("unreachable", "connect/refused")}
    found = []
    for name in names:
        status, cause = how.get(name[-1], ("ok", ""))
        found.append(StepResult(name=name.strip("-!?~"), status=cast(Any, status), cause=cause, undo=name[0] == "-"))
    return found


@pytest.mark.parametrize(
    ("told", "cut", "owed"),
    [
        ("", False, ""),
        ("", True, "a"),
        ("a", False, "a"),
        ("a", True, "b a"),
        ("a b!", True, "b a"),
        ("a b! -b", False, "a"),
        ("a b! -b!", True, "a"),
        ("a b c -b -a", False, ""),
        ("a b?", False, "a"),
        ("a b~", False, "a"),
        ("a b c d", True, "b a"),
    ],
)
def test_what_was_begun_and_not_taken_back_is_owed_the_latest_first(told: str, cut: bool, owed: str):
    undo = Command("undo")
    all_steps = Steps(steps=(step("a", undo=undo), step("b", undo=undo), step("c"), step("d")))
    found = all_steps.owed(done_so(*told.split()), cut=cut, cause="worker/died")
    assert [(one.name, one.status, one.cause, one.undo) for one in found] == [
        (name, "not-run", "worker/died", True) for name in owed.split()
    ]


async def test_the_codes_of_a_step_that_are_success_are_its_own():
    session = ScriptedSession({"grep": Reply(1)})
    assert (await perform(step("grep", ok=(0, 1)), session=session)).exit_code == 0


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"name": " "}, "no name"),
        ({"name": "a\nb"}, "no name"),
        ({"retries": 1}, "idempotent"),
        ({"timeout": -1.0}, "below 0"),
        ({"ok": (1,)}, "exit code 0"),
    ],
)
def test_what_a_step_cannot_mean_is_refused(fields: dict[str, Any], words: str):
    with pytest.raises(UsageError, match=words):
        Step(**{"name": "x", "operation": Command("x"), **fields})


def test_a_job_has_steps_and_each_has_a_name_of_its_own():
    with pytest.raises(UsageError, match="at least one"):
        Steps(steps=())
    with pytest.raises(UsageError, match="`a`"):
        Steps(steps=(step("a"), step("a")))
    assert Steps(steps=(step("a"), step("b"))).label == "a, b"


async def test_a_script_is_a_step_like_another():
    session = ScriptedSession({"mkdir -- ": Reply(0, stdout=b"/run/x\n"), "/run/x/t.sh": Reply(5)})
    reply = await perform(Step(name="tidy", operation=Script("t.sh", b"exit 5")), session=session)
    assert reply.stderr == b"tidy: exit 5\n"


async def test_any_operation_is_a_step_and_crosses_the_border_packed():
    one = Step(name="look", operation=Ping())  # type: ignore[arg-type]
    assert isinstance(one.operation, Packed)
    there = msgspec.msgpack.decode(msgspec.msgpack.encode(Steps(steps=(one,))), type=Steps)
    session = ScriptedSession()
    assert (await there.perform(session)).exit_code == 0
    assert session.asked == ["true"]


async def test_what_any_step_changed_is_what_the_job_changed():
    session = ScriptedSession({"a": Reply(0, changed=False), "b": Reply(0, changed=True)})
    assert (await perform(step("a"), session=session)).changed is False
    assert (await perform(step("a"), step("b"), session=session)).changed is True
    assert (await perform(step("c"), session=session)).changed is None


# ---- a reboot


class Booting(ScriptedSession):
    """A host that is another one once it was connected to so often again; the words say how a login ends until then."""

    def __init__(self, after: int, words: str = "", replies: dict[str, Any] | None = None) -> None:
        self.seen: dict[str, Any] = {"cat boot": Reply(0, stdout=b"old\n"), **(replies or {})}
        super().__init__(self.seen)
        self._after, self._words = after, words

    async def again(self) -> None:
        await super().again()
        stage, _, kind = self._words.partition("/")
        if self.connections > self._after:
            self.seen["cat boot"] = Reply(0, stdout=b"new\n")
        elif kind:
            self.seen["cat boot"] = Failure(stage=cast(Any, stage), kind=kind, message="away")


@pytest.fixture
def quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reboot, "_PAUSES", (0.0001, 0.001))  # twice nothing would be nothing for ever


def boot(**more: Any) -> Step:
    fields = {"booted": "cat boot", "command": "boot", "timeout": 5.0, **more}
    return Step(name="reboot", operation=Reboot(**fields))


GONE = Failure(stage="exec", kind="connection-closed", message="gone")


@pytest.mark.parametrize("words", ["", "connect/refused", "auth/closed", "exec/connection-closed"])
@pytest.mark.parametrize("told", [Reply(0), Reply(signal="TERM"), GONE])
@pytest.mark.usefixtures("quickly")
async def test_a_reboot_is_over_once_the_host_says_that_it_booted(words: str, told: Reply | Failure):
    session = Booting(3, words, {"boot": told})  # behind the question, which has that word too
    reply = await perform(boot(), step("after"), session=session)
    assert reply == Reply(0, stdout=b"reboot, after ok\n", changed=True)
    assert session.connections == 4
    assert session.steps[0].changed is True


@pytest.mark.usefixtures("quickly")
async def test_a_reboot_that_is_not_needed_is_skipped_and_the_next_step_is_done():
    session = Booting(1, replies={"test -f needed": Reply(1)})
    reply = await perform(boot(when="test -f needed"), step("after"), session=session)
    assert reply == Reply(0, stdout=b"after ok; reboot skipped\n")
    assert told(session) == [("reboot", "rule/condition"), ("after", "ok")]
    assert session.steps[0].status == "skipped"
    assert session.asked == ["test -f needed", "after"]


@pytest.mark.parametrize("code", [126, 127])
async def test_a_condition_that_cannot_be_asked_for_is_no_answer(code: int):
    session = Booting(1, replies={"needed": Reply(code)})
    assert (await perform(boot(when="needed"), session=session)).exit_code == code


@pytest.mark.usefixtures("quickly")
async def test_a_host_that_does_not_come_back_in_time_says_what_was_seen_last():
    session = Booting(1000, "connect/refused", {"boot": GONE})
    failure = await failure_of(boot(timeout=0.05), session=session)
    assert failure.cause == "exec/total"
    assert failure.message == "reboot: it had not come back after 0.05 s: connect/refused: away"
    session = Booting(1000)
    failure = await failure_of(boot(timeout=0.05), session=session)
    assert failure.message.endswith("it still runs as before")


@pytest.mark.usefixtures("quickly")
async def test_another_host_key_after_a_reboot_ends_it_at_once_and_refused_logins_after_three():
    for words, connections in (("host-key/changed", 2), ("auth/denied", 4)):
        session = Booting(1000, words)
        failure = await failure_of(boot(), session=session)
        assert (failure.cause, session.connections) == (words, connections)


async def test_a_reboot_that_is_refused_is_the_steps_end():
    session = Booting(1)
    session.seen["boot"] = Reply(1, stderr=b"not permitted\n")
    reply = await perform(boot(command="sudo boot"), session=session)
    assert reply.stderr == b"reboot: exit 1: not permitted\n"
    assert session.connections == 1


async def test_a_host_that_does_not_tell_when_it_booted_is_not_booted():
    session = Booting(1, replies={"cat boot": Reply(1, stderr=b"no such file\n")})
    failure = await failure_of(boot(), session=session)
    assert "no such file" in failure.message
    assert session.asked == ["cat boot"]
