from hypothesis import given
from hypothesis import strategies as st

from pssh.model.work import NO_INPUT
from pssh.transport.feed import Feed
from tests.support.inputs import Growing


def drained(feed: Feed, most: int = 7) -> bytes:
    """Return all that a feed gives until its end, or until there is nothing for now."""
    given = b""
    while data := feed.next(most):
        given += data
    return given


@given(st.binary(max_size=200), st.lists(st.integers(0, 20)))
def test_all_bytes_come_in_order_whatever_room_there_is(data: bytes, rooms: list[int]):
    for stdin in (data, Growing(data, ended=True)):
        feed, got = Feed(stdin), b""
        for room in rooms:
            piece = feed.next(room)
            assert len(piece or b"") <= room
            got += piece or b""
        assert got + drained(feed) == data
        assert feed.next(7) == b""


def test_the_end_needs_no_room_and_bytes_do():
    assert Feed(b"").next(0) == b""
    assert Feed(NO_INPUT).next(0) == b""
    assert Feed(b"x").next(0) is None


def test_without_room_the_input_is_looked_at_once():
    growing = Growing(b"x" * 100)
    feed = Feed(growing)
    for _ in range(5):
        assert feed.next(0) is None
    growing.read_to = 0
    feed.next(0)
    assert growing.read_to == 0
    assert feed.next(9) == b"x" * 9


def test_who_waits_is_called_once_when_there_is_more():
    growing, calls = Growing(), []
    feed = Feed(growing)
    feed.on_more = lambda: calls.append(1)
    assert [feed.next(9) for _ in range(3)] == [None] * 3
    assert growing.waiting == 1
    growing.grow(b"x")
    assert (calls, feed.next(9), feed.next(9), growing.waiting) == ([1], b"x", None, 1)


def test_while_it_is_held_only_answers_are_given():
    feed = Feed(b"input")
    feed.hold()
    assert feed.next(9) is None
    feed.answer(b"right\n")
    assert (feed.next(3), feed.next(9), feed.next(9)) == (b"rig", b"ht\n", None)
    feed.release()
    assert (feed.next(9), feed.next(9)) == (b"input", b"")


def test_a_held_feed_does_not_even_end():
    feed = Feed(b"")
    feed.hold()
    assert feed.next(9) is None
    feed.release()
    assert feed.next(9) == b""


def test_a_finished_feed_gives_the_end_and_nothing_of_the_rest():
    feed = Feed(b"input")
    feed.hold()
    feed.answer(b"right")
    feed.finish()
    assert feed.next(9) == b""


def test_a_closed_feed_gives_nothing_and_wakes_nobody():
    growing, calls = Growing(), []
    feed = Feed(growing)
    feed.on_more = lambda: calls.append(1)
    feed.next(9)
    feed.close()
    growing.grow(b"x", ended=True)
    assert (calls, feed.next(9)) == ([], None)


def test_on_a_terminal_the_end_is_a_character_given_twice_in_mid_line():
    for data, end in ((b"", b"\x04"), (b"line\n", b"\x04"), (b"no end", b"\x04\x04")):
        feed = Feed(data, tty=True)
        assert drained(feed) == data + end
        assert feed.next(9) is None


def test_a_feed_knows_whether_the_user_gave_anything():
    assert [Feed(stdin).empty for stdin in (b"", NO_INPUT, b"x", Growing(), Growing(ended=True))] == [
        True,
        True,
        False,
        False,
        True,
    ]
