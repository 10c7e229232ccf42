"""Heads and tails of streams: never more than promised, never miscounted."""

import tracemalloc

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure, Reply
from pssh.model.output import Heard, trim


def heard(keep: int, *pieces: bytes) -> Heard:
    stream = Heard(keep)
    for piece in pieces:
        stream.add(piece)
    return stream


def test_a_silent_stream_is_empty_and_whole():
    assert (heard(4).kept(), heard(4).size, heard(4).cut) == (b"", 0, 0)


def test_up_to_twice_keep_everything_is_kept():
    stream = heard(4, b"abc", b"defgh")
    assert (stream.kept(), stream.cut) == (b"abcdefgh", 0)


def test_one_byte_more_leaves_one_byte_out_of_the_middle():
    stream = heard(4, b"abcdefghi")
    assert (stream.kept(), stream.size, stream.cut) == (b"abcdfghi", 9, 1)


def test_keeping_nothing_still_counts():
    stream = heard(0, b"abc", b"de")
    assert (stream.kept(), stream.size, stream.cut) == (b"", 5, 5)


@given(st.integers(0, 9), st.lists(st.binary(max_size=30)))
def test_the_first_and_the_last_bytes_are_kept_however_they_come(keep: int, pieces: list[bytes]):
    stream, all_of_it = heard(keep, *pieces), b"".join(pieces)
    whole = len(all_of_it) <= 2 * keep
    assert stream.kept() == (all_of_it if whole else all_of_it[:keep] + all_of_it[len(all_of_it) - keep :])
    assert (stream.size, stream.cut) == (len(all_of_it), len(all_of_it) - len(stream.kept()))


def test_what_was_given_may_be_changed_afterwards():
    piece = bytearray(b"abc")
    stream = heard(2, memoryview(piece))
    piece[:] = b"xyz!"  # would raise BufferError if it were still exported
    assert stream.kept() == b"abc"


@pytest.mark.parametrize("length", [2, 100_000])
def test_memory_stays_at_twice_keep(length: int):
    keep, piece = 16 << 10, bytes(length)
    tracemalloc.start()
    stream = Heard(keep)
    while stream.size < 4 * keep:
        stream.add(piece)
    held, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert held < 2.5 * keep  # a growing bytearray is given an eighth more than it needs


def test_of_a_gigabyte_only_the_ends_are_kept():
    piece, stream = bytes(1 << 17), Heard(512 << 10)
    for _ in range(1 << 13):
        stream.add(piece)
    assert (stream.size, len(stream.kept())) == (1 << 30, 1 << 20)


def test_what_fits_is_not_touched():
    reply = Reply(0, stdout=b"abcd")
    assert trim(reply, 4) is reply


def test_a_trimmed_reply_keeps_both_ends_and_the_count():
    reply = trim(Reply(3, stdout=b"abcdefghi", stderr=b"ok", note="stream-left-open"), 5)
    assert reply == Reply(3, stdout=b"abhi", stdout_cut=5, stderr=b"ok", note="stream-left-open")
    assert (reply.stdout_bytes, reply.truncated) == (9, True)


def test_a_stream_that_was_cut_before_is_cut_in_the_same_place():
    stream = heard(4, b"abcdefghijk")
    reply = trim(Reply(0, stdout=stream.kept(), stdout_cut=stream.cut), 4)
    assert (reply.stdout, reply.stdout_cut) == (b"abjk", 7)


def test_a_failure_stays_the_failure_it_was():
    failure = trim(Failure(stage="exec", kind="total", message="too long", stderr=b"abcdef", remote_end="killed"), 0)
    assert (failure.cause, failure.remote_end, failure.stderr, failure.stderr_bytes) == ("exec/total", "killed", b"", 6)


@given(st.binary(max_size=40), st.integers(0, 5), st.integers(0, 20))
def test_trimming_never_exceeds_the_limit_and_never_loses_count(data: bytes, cut: int, most: int):
    reply = trim(Reply(0, stdout=data, stdout_cut=cut), most)
    assert len(reply.stdout) <= max(most, 0)
    assert reply.stdout_bytes == len(data) + cut
