"""What a host says is read strictly: whatever it says, nothing leads outside, and nothing raises but our own error."""

import contextlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.ops.fs import answer
from pssh.ops.fs.answer import Garbled

NAME = st.binary(min_size=1, max_size=8).filter(lambda name: b"\0" not in name and b"/" not in name)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    with contextlib.suppress(Garbled):
        answer.read(b"noise" + b"pssh-fs\0" + data)


@given(
    st.lists(st.sampled_from([b"r", b"/x", b"g", b"s", b"h", b"l", b"d", b"c", b".", b"f 644 1 2.0 1 1 1 1 0 0", b""]))
)
def test_any_strings_are_read_or_refused(strings: list[bytes]) -> None:
    with contextlib.suppress(Garbled):
        answer.read(b"pssh-fs\0" + b"".join(string + b"\0" for string in strings))


@pytest.mark.parametrize("name", [b"..", b".", b"../x", b"a/../b", b"/etc", b"a//b", b"a/"])
def test_a_name_that_leads_elsewhere_is_refused(name: bytes) -> None:
    said = b"pssh-fs\0r\0/x\0g\0f 644 1 2.0 1 1 1 1 0 0\0u\0g\0" + name + b"\0\0.\0"
    with pytest.raises(Garbled):
        answer.read(said)


@given(NAME, NAME)
def test_lines_of_stat_are_parted_whatever_a_name_holds(first: bytes, second: bytes) -> None:
    lines = b"".join(b"81a4 1 2 3 4 5 6 7 8/u/g//x//./%s\n" % name for name in sorted({first, second}))
    if {first, second} & {b".", b".."}:
        return
    (tree,) = answer.read(b"pssh-fs\0r\0/x\0s\0" + lines + b"\0.\0").trees
    assert set(tree.entries) == {first, second}


def test_an_answer_that_breaks_off_is_none() -> None:
    for said in (b"", b"pssh-fs\0", b"pssh-fs\0d\0made", b"pssh-fs\0r\0/x\0g\0"):
        with pytest.raises(Garbled):
            answer.read(said)


def test_what_a_login_prints_first_is_passed_over() -> None:
    assert answer.read(b"Welcome!\r\npssh-fs\0d\0made\0/x\0.\0").acts == [("made", b"/x")]


@pytest.mark.parametrize(
    "said",
    [
        b"c\0inf\0001\0001\0/x\0",
        b"c\0001e300\0001\0001\0/x\0",
        b"r\0/x\0s\0" + b"f" * 40 + b" 1 2 3 4 5 6 7 8/u/g//x\0",
        b"r\0/x\0s\00081a4 1 " + b"9" * 60 + b" 3 4 5 6 7 8/u/g//x\0",
        b"r\0/x\0g\0f 644 1 " + b"9" * 60 + b".0 1 1 1 1 0 0\0u\0g\0\0\0",
        b"r\0/x\0g\0f 644 -1 2.0 1 1 1 1 0 0\0u\0g\0\0\0",
    ],
)
def test_a_number_that_no_file_has_is_refused(said: bytes) -> None:
    with pytest.raises(Garbled):
        answer.read(b"pssh-fs\0" + said + b".\0")


ENTRY = b"f 644 1 5.0\0name\0\0"
SUM = b"h\0" + b"a" * 64 + b"  /x//./name\n\0"


@pytest.mark.parametrize("entries", [b"", ENTRY, ENTRY * 2, b"f 644 1 5.0\0h\0\0", b"f 644 1 5.0\0.\0.\0"])
@pytest.mark.parametrize("sums", [b"", SUM])
def test_a_listing_of_very_many_names_is_read_whole(entries: bytes, sums: bytes) -> None:
    said = answer.read(b"noise pssh-fs\0t\0001 2\0r\0/x\0b\0" + entries + sums + b".\0")
    (tree,) = said.trees
    assert tree.brief is not None
    found = zip(tree.brief.metas, tree.brief.names, tree.brief.targets, strict=True)
    assert b"".join(b"%b\0%b\0%b\0" % strings for strings in found) == entries
    assert (said.text, tree.hashes) == (b"1 2", {b"name": "a" * 64} if sums else {})


@pytest.mark.parametrize("tail", [b"", b".", b"f 644\0.\0", b"f 644\0x\0.\0", ENTRY, ENTRY + b"h\0.\0", SUM])
def test_a_listing_of_very_many_names_that_breaks_off_is_none(tail: bytes) -> None:
    with pytest.raises(Garbled):
        answer.read(b"pssh-fs\0t\0001 2\0r\0/x\0b\0" + ENTRY + tail)
