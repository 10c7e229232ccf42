"""A secret that a command was given is `***` in what it prints, however that arrives."""

from itertools import pairwise

from hypothesis import given
from hypothesis import strategies as st

from pssh.model.secret import Secret, slot
from pssh.model.work import Prompt
from pssh.transport import hiding
from pssh.transport.hiding import Hiding


def passed(data: bytes, places: list[int], *secrets: str) -> bytes:
    """Return what comes out of data that is cut at these places."""
    one = Hiding(map(Secret, secrets))
    cuts = [0, *sorted(place % (len(data) + 1) for place in places), len(data)]
    return b"".join(one.take(data[at:to]) for at, to in pairwise(cuts)) + one.rest()


@given(st.lists(st.integers(0, 99)))
def test_however_it_arrives_a_secret_is_left_out(places: list[int]):
    data = b"ababab: ababc, ababc\xff\nababababcab"
    assert passed(data, places, "ababc") == b"ababab: ***, ***\xff\nabab***ab"


@given(st.lists(st.sampled_from([b"a", b"ab", b"aba", b"abab", b"b", b"*"])), st.lists(st.integers(0, 99)))
def test_what_holds_no_secret_stays_what_it_is(pieces: list[bytes], places: list[int]):
    data = b"".join(pieces)
    assert passed(data, places, "abac", "caba") == data


def test_the_longer_of_two_secrets_goes_first_and_a_short_word_is_none():
    assert passed(b"s3cret-more s3cret abc", [], "s3cret", "s3cret-more", "abc", "") == b"*** *** abc"


def test_a_secret_that_is_not_text_is_found_as_the_bytes_it_was_sent_as():
    assert passed(b"\xfflong\n", [3], "\udcfflong") == b"***\n"


def test_nothing_is_held_back_that_cannot_be_one():
    one = Hiding([Secret("s3cret")])
    assert (one.take(b"a line\n"), one.take(b"s3c"), one.take(b"a"), one.rest()) == (b"a line\n", b"", b"s3ca", b"")


def test_a_command_was_given_what_stands_in_its_line_and_what_answers_it():
    known = {name: Secret(name) for name in ("secret:x", "become", "password")}
    asks = Prompt(asks="a", mark="b", secret="become")
    assert hiding.given("id", None, known) == []
    assert hiding.given(f"echo {slot('x')}{slot('y')}", asks, known) == [known["secret:x"], known["become"]]
