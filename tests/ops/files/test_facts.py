"""What a host says of its files is held to what files can have, and read in one pass however much it is."""

import time

import pytest

from pssh.model.work import TransportError
from pssh.ops.files.facts import groups, there

USUAL = [b"81a4", b"5", b"0", b"0", b"1700000000", b"root", b"root"]


@pytest.mark.parametrize("field", range(5))
def test_a_number_that_no_file_has_is_refused(field: int) -> None:
    for digits in (b"9" * 5000, b"9" * 30):
        said = [*USUAL]
        said[field] = digits
        with pytest.raises(TransportError):
            there(b" ".join(said))
    assert there(b" ".join(USUAL))[1] == 5


def test_one_group_of_very_many_is_read_in_one_pass() -> None:
    count = 200_000
    data = b"+" * count + b"\n" + (b" ".join(USUAL) + b"\n") * count
    start = time.process_time()
    assert len(groups(data)) == count
    assert time.process_time() - start < 10
