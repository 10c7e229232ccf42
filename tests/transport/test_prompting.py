import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure, Reply
from pssh.model.secret import Secret
from pssh.model.work import HELD_OPEN, Prompt
from pssh.transport.feed import Feed
from pssh.transport.prompting import Prompting

ASKS, MARK = "nonce-4c1b", "mark-9e0a"
NONCE, SAID = ASKS.encode(), MARK.encode()


class Talk:
    """One command's words, and what became of them."""

    def __init__(
        self,
        asks: str = ASKS,
        mark: str = MARK,
        secret: str | None = "s3cret",
        *,
        tty: bool = False,
        stdin: bytes = b"in",
    ) -> None:
        self.feed = Feed(stdin, tty=tty)
        known = Secret(secret) if secret is not None else None
        self.prompting = Prompting(Prompt(asks=asks, mark=mark, secret="name"), known, self.feed, tty=tty)
        self.stream = "stdout" if tty else "stderr"
        self.output = b""
        self.sent = b""

    def hears(self, *pieces: bytes) -> "Talk":
        for piece in pieces:
            self.output += self.prompting.take(self.stream, piece)  # type: ignore[arg-type]
            while data := self.feed.next(100):
                self.sent += data
        return self

    def ends(self, code: int = 1) -> Reply | Failure:
        self.output += self.prompting.rest()
        return self.prompting.judge(Reply(code, stderr=self.output))

    @property
    def cause(self) -> str:
        return self.prompting.why.cause if self.prompting.why else ""


def cut(data: bytes, places: list[int]) -> list[bytes]:
    ends = sorted({min(place, len(data)) for place in places} | {0, len(data)})
    return [data[a:b] for a, b in itertools.pairwise(ends)]


@given(st.lists(st.integers(0, 80)), st.booleans())
def test_however_the_words_arrive_the_same_is_read_in_them(places: list[int], tty: bool):
    talk = Talk(tty=tty)
    talk.hears(*cut(b"lecture\n" + NONCE, places))
    assert talk.sent == b"s3cret\n"
    talk.hears(*cut(b"\r\n" + SAID + b"out " + NONCE + SAID, places))
    assert (talk.output, talk.sent[:9], talk.cause) == (b"out " + NONCE + SAID, b"s3cret\nin", "")
    assert talk.ends(0) == Reply(0, stderr=talk.output)


@given(st.lists(st.integers(0, 80)))
def test_however_it_arrives_a_second_question_is_never_answered(places: list[int]):
    talk = Talk().hears(*cut(b"lecture\n" + NONCE + b"\nSorry, try again.\n" + NONCE, places))
    assert (talk.cause, talk.sent.count(b"s3cret") <= 1, b"in" in talk.sent) == ("exec/sudo-denied", True, False)
    assert talk.prompting.why is not None
    assert talk.prompting.why.message == "the password was not taken: Sorry, try again."


@given(st.lists(st.integers(0, 80)))
def test_without_a_mark_only_the_question_is_left_out_however_it_arrives(places: list[int]):
    talk = Talk(mark="").hears(*cut(b"lecture\n" + NONCE + b"\nerr " + b"more\nno end", places))
    end = talk.ends(0)
    assert (talk.output, talk.sent) == (b"lecture\n\nerr more\nno end", b"s3cret\nin")
    assert end == Reply(0, stderr=talk.output)


def test_only_the_watched_stream_is_read():
    talk = Talk()
    assert talk.prompting.take("stdout", NONCE + SAID) == NONCE + SAID
    assert (talk.sent, talk.feed.next(9)) == (b"", None)
    screen = Talk(tty=True)
    assert screen.prompting.take("stdout", NONCE) == b""
    assert screen.feed.next(9) == b"s3cret\n"


def test_a_question_that_the_mark_has_overtaken_is_not_answered():
    assert Talk().hears(NONCE + b" " + SAID).sent == b"in"


def test_without_a_question_the_input_follows_the_mark():
    talk = Talk()
    assert talk.hears(b"some words\n").sent == b""
    assert talk.hears(SAID).sent == b"in"


@pytest.mark.parametrize("mark", [MARK, ""])
def test_a_question_without_a_password_ends_the_command_and_its_input(mark: str):
    talk = Talk(secret=None, mark=mark, stdin=b"" if not mark else b"in").hears(NONCE)
    assert (talk.cause, talk.sent, talk.feed.next(9)) == ("exec/sudo-needs-password", b"", b"")


@pytest.mark.parametrize(
    ("said", "kind", "message"),
    [
        (b"sudo: a password is required\n", "sudo-needs-password", "sudo: a password is required"),
        (b"sudo: a terminal is required to read the password\n", "sudo-needs-password", None),
        (b"doas: Authorization required\n", "sudo-needs-password", None),
        (b"\n  me is not\tin the sudoers file.  \r\nmore\n", "sudo-denied", "me is not in the sudoers file."),
        (b"", "sudo-denied", "it ended with exit 1 before the command could begin"),
        (
            NONCE + b"\nsu: Authentication failure\n",
            "sudo-denied",
            "the password was not taken: su: Authentication failure",
        ),
        (
            b"lecture\n" + NONCE + b"\nme is not allowed\n",
            "sudo-denied",
            "the password was not taken: me is not allowed",
        ),
        (NONCE, "sudo-denied", "the password was not taken"),
    ],
)
def test_an_end_before_the_mark_says_why_in_one_line(said: bytes, kind: str, message: str | None):
    end = Talk().hears(said).ends()
    assert isinstance(end, Failure)
    assert end.cause == f"exec/{kind}"
    assert message is None or end.message == message
    assert NONCE not in end.stderr


def test_a_refusal_holds_though_the_exit_was_told_before_the_question():
    end = Talk(mark="").hears(NONCE + b"no\n" + NONCE).ends()
    assert isinstance(end, Failure)
    assert end.cause == "exec/sudo-denied"


def test_a_signal_before_the_mark_is_named():
    end = Talk().prompting.judge(Reply(signal="KILL"))
    assert isinstance(end, Failure)
    assert end.message == "it ended with signal KILL before the command could begin"


def test_what_was_printed_before_a_mark_that_never_came_is_output_and_said_once():
    talk = Talk().hears(b"lecture\n" + NONCE + b"\nno\n")
    talk.ends()
    assert talk.output == b"lecture\n\nno\n"
    talk.ends()
    assert talk.output == b"lecture\n\nno\n"


def test_an_echoed_answer_is_in_no_word_of_a_failure():
    talk = Talk(tty=True).hears(b"Password " + NONCE, b"s3cret\n", b"s3cret is wrong\n")
    end = talk.ends()
    assert isinstance(end, Failure)
    assert "s3cret" not in end.message
    assert b"s3cret" not in talk.output


def test_on_a_terminal_without_a_mark_the_echo_is_left_out():
    talk = Talk(tty=True, mark="", stdin=b"").hears(NONCE, b"s3c", b"ret\nout\n")
    assert talk.output == b"\nout\n"


def test_a_regular_expression_finds_the_question_of_su():
    assert Talk("[Pp]assword[^\n]*: ?$", tty=True).hears(b"Pass", b"word: ").sent == b"s3cret\n"


def test_a_prompt_that_asks_nothing_waits_for_its_mark_only():
    talk = Talk("", secret=None).hears(b"words\n", SAID, b"err")
    assert (talk.output, talk.sent) == (b"err", b"in")


def test_memory_is_bounded_whatever_is_printed():
    for mark in (MARK, ""):
        talk = Talk(mark=mark)
        for _ in range(100):
            talk.prompting.take("stderr", bytes(100_000))
        assert len(talk.prompting._tail) + len(talk.prompting._said) <= 8192


def test_it_is_known_that_a_question_need_not_come_where_no_mark_tells():
    assert [
        Talk(mark="").prompting.unasked,
        Talk().prompting.unasked,
        Talk(mark="", secret=None).prompting.unasked,
    ] == [
        True,
        False,
        False,
    ]
    assert not Talk(mark="").hears(NONCE).prompting.unasked


# ---- a command that is ended by words


def told(*, told: bool = True) -> tuple[Prompting, Feed]:
    feed = Feed(HELD_OPEN)
    prompt = Prompt(asks=ASKS, mark=MARK, secret="name", told=told)
    return Prompting(prompt, Secret("s3cret"), feed), feed


def test_a_command_is_told_to_end_once_it_runs_and_not_before() -> None:
    prompting, feed = told()
    prompting.take("stderr", NONCE)
    assert feed.next(100) == b"s3cret\n"
    prompting.tell("TERM")
    assert feed.next(100) is None  # whoever asks for a password would read it
    prompting.take("stderr", SAID)
    assert feed.next(100) == b"TERM\n"
    prompting.tell("KILL")
    assert feed.next(100) == b"KILL\n"


def test_a_command_that_begins_after_its_kill_is_told_term_first() -> None:
    """What it has just given a group of its own is seen by a second look only, and after KILL there is none."""
    prompting, feed = told()
    prompting.tell("TERM")
    prompting.tell("KILL")
    prompting.take("stderr", SAID)
    assert feed.next(100) == b"TERM\nKILL\n"


def test_nobody_is_told_where_nobody_is_beside_it() -> None:
    prompting, feed = told(told=False)
    prompting.take("stderr", SAID)
    prompting.tell("TERM")
    assert feed.next(100) is None
    assert prompting.stop() is False


def test_a_question_that_comes_after_the_stop_is_not_answered() -> None:
    prompting, feed = told()
    assert prompting.stop() is True
    prompting.take("stderr", NONCE)
    assert feed.next(100) is None
    assert prompting.why is None
