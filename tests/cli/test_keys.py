"""What keys mean while a run goes on, without any terminal."""

import io
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from pssh.cli.keyboard import Keyboard
from pssh.cli.keys import HELP, Keys
from pssh.engine.base import End, GoOn, Hold, Widen
from pssh.model.event import Event, JobEnded, JobStarted, RunEnded, StatusAsked, Stopping, Tick, WaveEnded
from pssh.model.host import Connection
from pssh.model.work import Job
from pssh.ops.command import Command
from pssh.plan import RunOptions
from pssh.report.screen import Screen
from pssh.runner import Controls, Stop
from tests.support.engines import Told
from tests.support.runs import ok, report

CLEAR = "\r\x1b[K"


class Desk:
    """A run of three hosts, attended by keys; what they ordered, told and said."""

    def __init__(self, options: RunOptions, *, whole: bool = True, width: int = 80, hosts: int = 3) -> None:
        self.engine = Told()
        self.told: list[Event] = []
        self._err = io.BytesIO()
        jobs = [Job(n, f"web{n}", Connection(address="a", user="me"), Command("true")) for n in range(hosts)]
        self.keys = Keys(Screen(io.BytesIO(), self._err), options, width=width, whole=whole, shown=True)
        self.controls = Controls(jobs, Stop(self.engine, self.hear), self.engine.steer, self.hear)

    def hear(self, event: Event) -> None:
        self.told.append(event)
        self.keys.on(event)

    def press(self, *keys: bytes) -> str:
        """Press keys and return what was said to them, without what came and went."""
        before = len(self._err.getvalue())
        for key in keys:
            self.keys.pressed(key)
        return self._err.getvalue()[before:].decode()


@pytest.fixture(autouse=True)
def terminal(monkeypatch: pytest.MonkeyPatch) -> list[bool]:
    """Be a terminal that is in front, without one; whether it is there and in front can be changed."""
    is_there_in_front = [True, True]
    held = [False]

    @contextmanager
    def opened(keyboard: Keyboard) -> Iterator[None]:
        yield

    def take(keyboard: Keyboard) -> bool:
        held[0] = all(is_there_in_front)
        return held[0]

    monkeypatch.setattr(Keyboard, "open", opened)
    monkeypatch.setattr(Keyboard, "there", property(lambda keyboard: is_there_in_front[0]))
    monkeypatch.setattr(Keyboard, "held", property(lambda keyboard: held[0]))
    monkeypatch.setattr(Keyboard, "take", take)
    monkeypatch.setattr(Keyboard, "give_back", lambda keyboard: held.__setitem__(0, False))
    return is_there_in_front


@pytest.fixture
def desk() -> Iterator[Desk]:
    made = Desk(RunOptions(parallel=8), hosts=100)
    with made.keys.attend(made.controls):
        made.hear(JobStarted(0, "web0"))
        made.hear(JobStarted(1, "web1"))
        made.hear(JobEnded(ok("web1", job_id=1)))
        made.told.clear()
        yield made


@pytest.mark.parametrize("key", [b"\r", b"\n"])
def test_enter_asks_who_is_at_work(desk: Desk, key: bytes) -> None:
    desk.press(key)
    assert desk.told == [StatusAsked()]


def test_a_question_mark_lists_the_keys(desk: Desk) -> None:
    assert desk.press(b"?") == HELP


def test_p_pauses_and_goes_on(desk: Desk) -> None:
    assert desk.press(b"p") == "pssh: paused, 1 host at work; `p` goes on\n"
    assert desk.press(b"p") == "pssh: going on\n"
    assert desk.engine.orders == [Hold(), GoOn()]


def test_plus_and_minus_change_how_many_run_at_once_by_a_quarter(desk: Desk) -> None:
    assert desk.press(b"+") == "pssh: 10 hosts at once\n"
    assert desk.press(b"+") == "pssh: 12 hosts at once\n"
    assert desk.press(b"-") == "pssh: 9 hosts at once\n"
    assert desk.engine.orders == [Widen(2), Widen(2), Widen(-3)]


def test_there_is_at_least_one_at_once_and_no_more_than_the_engine_has_room_for(desk: Desk) -> None:
    assert desk.press(*[b"-"] * 40).endswith("pssh: 1 host at once\n")
    assert desk.press(*[b"+"] * 40).endswith("pssh: 32 hosts at once\n")
    assert sum(order.by for order in desk.engine.orders if isinstance(order, Widen)) == 32 - 8
    assert Widen(0) not in desk.engine.orders


def test_k_and_a_name_end_one_host(desk: Desk) -> None:
    assert desk.press(b"k", b"web0", b"\r").endswith(f"{CLEAR}pssh: ending `web0`\n")
    assert desk.engine.orders == [End(0)]


def test_a_name_is_shown_while_it_is_typed_and_can_be_put_right(desk: Desk) -> None:
    said = desk.press(b"k", b"w", b"x", b"\x7f", b"eb", b"0", b"\n")
    lines = [line.removeprefix("end which host? ") for line in said.split(CLEAR)[1:-1]]
    assert lines == ["", "w", "wx", "w", "we", "web", "web0"]
    assert desk.engine.orders == [End(0)]


def test_a_whole_name_can_be_taken_back(desk: Desk) -> None:
    desk.press(b"k", b"wrong", b"\x15", b"web0", b"\r")
    assert desk.engine.orders == [End(0)]


@pytest.mark.parametrize(
    ("name", "said"),
    [
        (b"web", "no host `web` in this run"),
        (b"web1", "`web1` has ended"),
        (b"\xc3\xa4\xe2\x80\xae", "no host `ä` in this run"),
    ],
)
def test_a_name_that_is_nobody_to_end_is_told_and_ends_nobody(desk: Desk, name: bytes, said: str) -> None:
    assert desk.press(b"k", name, b"\r").endswith(f"pssh: {said}\n")
    assert desk.engine.orders == []


def test_a_host_that_waits_is_not_run(desk: Desk) -> None:
    assert desk.press(b"k", b"web2", b"\r").endswith("pssh: `web2` will not be run\n")
    assert desk.engine.orders == [End(2)]


@pytest.mark.parametrize("keys", [(b"web0", b"\x1b"), (b"\r",), (b"  ", b"\r")])
def test_escape_and_no_name_at_all_end_nobody(desk: Desk, keys: tuple[bytes, ...]) -> None:
    assert desk.press(b"k", *keys).endswith(CLEAR)
    assert desk.engine.orders == []
    desk.press(b"p")
    assert desk.engine.orders == [Hold()]


def test_letters_of_a_name_are_no_orders(desk: Desk) -> None:
    desk.press(b"k", b"pqk+-?", b"\x1b")
    assert (desk.engine.orders, desk.engine.stops, desk.told) == ([], [], [])


@pytest.mark.parametrize("key", [b"\x1b[A", b"\x1bOp", b"\x1bq", b"\x1b[1;5k", b"\x1b[15~", b"\x1b", b"x", b"\xff"])
def test_arrows_function_keys_and_unknown_letters_do_nothing(desk: Desk, key: bytes) -> None:
    assert desk.press(key) == ""
    assert (desk.engine.orders, desk.engine.stops, desk.told) == ([], [], [])


def test_a_letter_that_comes_in_two_pieces_is_one(desk: Desk) -> None:
    said = desk.press(b"k", b"\xc3", b"\xa4", b"\r")
    assert "no host `ä`" in said


def test_a_long_name_never_reaches_the_last_column() -> None:
    desk = Desk(RunOptions(), width=30)
    with desk.keys.attend(desk.controls):
        said = desk.press(b"k", b"x" * 300)
    assert max(len(line) for line in said.split(CLEAR)) == 29


def test_q_lets_what_runs_finish(desk: Desk) -> None:
    desk.press(b"q")
    assert desk.engine.stops == [("operator", True)]
    assert desk.told == [Stopping("operator")]


@pytest.mark.parametrize("key", [b"q", b"p", b"+", b"-"])
def test_a_run_that_ends_already_cannot_be_steered(desk: Desk, key: bytes) -> None:
    desk.hear(Stopping("budget"))
    assert desk.press(key) == "pssh: the run is ending already\n"
    assert (desk.engine.orders, desk.engine.stops) == ([], [])


def test_one_host_can_be_ended_while_the_others_finish(desk: Desk) -> None:
    desk.press(b"q", b"k", b"web0\r")
    assert desk.engine.orders == [End(0)]


WAVES = RunOptions(canary=1, batch="25%", pause="ask")
FIRST = WaveEnded(1, 5, asks=True, report=report([ok("web0")]))


def test_the_next_wave_is_asked_for_with_its_size() -> None:
    desk = Desk(WAVES, hosts=100)
    with desk.keys.attend(desk.controls):
        desk.hear(FIRST)
        assert desk.press().endswith("")
        assert "go on with wave 2 of 5 (25 hosts)? [y/N] " in desk._err.getvalue().decode()


@pytest.mark.parametrize("key", [b"y", b"Y"])
def test_yes_goes_on(key: bytes) -> None:
    desk = Desk(WAVES, hosts=100)
    with desk.keys.attend(desk.controls):
        desk.hear(FIRST)
        assert "pssh: going on with wave 2 of 5 (25 hosts)\n" in desk.press(key)
        assert desk.engine.orders == [GoOn()]
        assert desk.engine.stops == []
        desk.press(b"y")
        assert desk.engine.orders == [GoOn()]


@pytest.mark.parametrize("key", [b"n", b"N", b"\r", b"\x1b", b"q", b"\x04"])
def test_anything_that_means_no_ends_the_run_gently(key: bytes) -> None:
    desk = Desk(WAVES, hosts=100)
    with desk.keys.attend(desk.controls):
        desk.hear(FIRST)
        desk.press(key)
        assert desk.engine.stops == [("operator", True)]
        assert desk.engine.orders == []


@pytest.mark.parametrize("key", [b"x", b"\x1b[A", b"+", b"p", b"k"])
def test_keys_that_are_no_answer_leave_the_question_as_it_is(key: bytes) -> None:
    desk = Desk(WAVES, hosts=100)
    with desk.keys.attend(desk.controls):
        desk.hear(FIRST)
        desk.press(key)
        assert (desk.engine.orders, desk.engine.stops) == ([], [])
        desk.press(b"y")
        assert desk.engine.orders == [GoOn()]


def test_a_question_that_a_stop_has_answered_takes_no_answer_any_more() -> None:
    desk = Desk(WAVES, hosts=100)
    with desk.keys.attend(desk.controls):
        desk.hear(FIRST)
        desk.hear(Stopping("interrupt"))
        desk.press(b"y")
        assert desk.engine.orders == []
        desk.hear(WaveEnded(2, 5, asks=True))
        desk.press(b"y")
        assert desk.engine.orders == []


def test_without_a_terminal_the_answer_is_no(terminal: list[bool]) -> None:
    terminal[:] = [False, False]
    desk = Desk(WAVES, whole=False)
    with desk.keys.attend(desk.controls):
        desk.hear(FIRST)
    assert desk.engine.stops == [("operator", True)]


def test_in_the_background_the_question_waits_until_the_run_is_in_front(terminal: list[bool]) -> None:
    terminal[:] = [True, False]
    desk = Desk(WAVES, whole=False)
    with desk.keys.attend(desk.controls):
        desk.hear(FIRST)
        assert "bring this to the foreground" in desk._err.getvalue().decode()
        desk.hear(Tick())
        assert "[y/N]" not in desk._err.getvalue().decode()
        terminal[1] = True
        desk.hear(Tick())
        assert desk._err.getvalue().decode().endswith("go on with wave 2 of 5 (1 host)? [y/N] ")
        desk.press(b"y")
    assert desk.engine.orders == [GoOn()]


def test_a_terminal_that_was_taken_for_a_question_is_given_back_after_it() -> None:
    desk = Desk(WAVES, whole=False)
    with desk.keys.attend(desk.controls):
        assert not desk.keys._keyboard.held
        desk.hear(FIRST)
        assert desk.keys._keyboard.held
        desk.press(b"y")
        assert not desk.keys._keyboard.held
        desk.hear(Tick())
        assert not desk.keys._keyboard.held


def test_what_was_being_typed_is_off_the_screen_when_the_run_is_over(desk: Desk) -> None:
    desk.press(b"k", b"web")
    desk.hear(RunEnded(report([])))
    assert desk._err.getvalue().decode().endswith(CLEAR)
