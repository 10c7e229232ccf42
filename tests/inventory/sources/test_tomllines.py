"""Where keys stand in a TOML text."""

import time
import tomllib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.inventory.sources.tomllines import lines, too_deep

TEXT = '''# version = 0
version = 1  # = x
[hosts."web[01-20]"]
address = "a = b"
  [ hosts . 'db 1' . vars ]
text = """
[no.table]
key = 1
"""
list = [ # [x]
  { a = 1, b = "}" },
  "]",
]
after = { c = { d = 1, e = [2, 3] }, "f\\u0041" = 4 }
a.b."c.d" = 5
time = 10:00:00
'''


def test_every_key_has_its_line() -> None:
    assert lines(TEXT) == {
        ("version",): 2,
        ("hosts", "web[01-20]"): 3,
        ("hosts", "web[01-20]", "address"): 4,
        ("hosts", "db 1", "vars"): 5,
        ("hosts", "db 1", "vars", "text"): 6,
        ("hosts", "db 1", "vars", "list"): 10,
        ("hosts", "db 1", "vars", "list", "a"): 11,
        ("hosts", "db 1", "vars", "list", "b"): 11,
        ("hosts", "db 1", "vars", "after"): 14,
        ("hosts", "db 1", "vars", "after", "c"): 14,
        ("hosts", "db 1", "vars", "after", "c", "d"): 14,
        ("hosts", "db 1", "vars", "after", "c", "e"): 14,
        ("hosts", "db 1", "vars", "after", "fA"): 14,
        ("hosts", "db 1", "vars", "a", "b", "c.d"): 15,
        ("hosts", "db 1", "vars", "time"): 16,
    }


def _leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[str, ...]]:
    if not isinstance(value, dict) or not value:
        return [path]
    return [leaf for key, inner in value.items() for leaf in _leaves(inner, (*path, key))]


def test_the_keys_are_those_of_the_standard_parser() -> None:
    found = lines(TEXT)
    assert all(leaf in found for leaf in _leaves(tomllib.loads(TEXT)))


@given(st.text(alphabet="[]{}=\"'.,-\n#\\ab1 \t", max_size=60))
def test_any_text_is_read_to_its_end(text: str) -> None:
    found = lines(text)
    assert all(1 <= line <= text.count("\n") + 1 for line in found.values())
    try:
        said = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        return
    assert all(leaf in found for leaf in _leaves(said) if leaf)


@pytest.mark.parametrize(
    "text", ["a" * 1_000_000, "a." * 200_000, '"' * 200_001, "'a" * 200_000, '"""' + '\\"' * 200_000]
)
def test_a_hostile_text_is_read_in_one_pass(text: str) -> None:
    begin = time.process_time()
    lines(text)
    too_deep(text)
    assert time.process_time() - begin < 4


def test_only_a_key_is_too_deep() -> None:
    key = ".".join("a" * 65)
    assert too_deep(f"x = 1\n{key} = 1") == 2
    assert too_deep(f"x = '{key}'") == 0
    assert too_deep(f"# {key}") == 0
    assert too_deep(f"{key[2:]} = 1") == 0
