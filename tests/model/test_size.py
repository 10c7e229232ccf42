"""Sizes as people write them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.model.size import size, sized


@pytest.mark.parametrize(
    ("text", "number"),
    [
        ("0", 0),
        ("65536", 65536),
        ("64K", 65536),
        ("16M", 16 << 20),
        ("1g", 1 << 30),
        ("2T", 2 << 40),
        ("3MiB", 3 << 20),
    ],
)
def test_a_size_is_bytes(text: str, number: int) -> None:
    assert size(text) == number


@pytest.mark.parametrize("text", ["", "x", "-1", "1.", ".5M", "M", "1P", "1 M", "٣", "9" * 16])
def test_what_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no size; write"):
        size(text)


@given(st.integers(0, 1 << 50))
def test_a_size_is_read_as_it_is_written(number: int) -> None:
    assert size(sized(number)) == number
