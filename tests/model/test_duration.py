"""How durations are written."""

import pytest

from pssh.model.duration import seconds


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("10", 10),
        ("0", 0),
        ("1.5", 1.5),
        ("500ms", 0.5),
        ("2m30s", 150),
        ("1h", 3600),
        ("1d1h", 90000),
        ("3s", 3),
        ("1h1", 3601),
    ],
)
def test_a_duration_reads_as_it_is_written(text: str, value: float) -> None:
    assert seconds(text) == value


@pytest.mark.parametrize("text", ["", "s", "10x", "m5", "-1", "1 m", "nan", "inf", "1e3", "5ms3", "1m-2s", "1m2h", "٣"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="is no duration"):
        seconds(text)
