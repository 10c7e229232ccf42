"""Paths: what is refused, and that a shell reads nothing of one but its patterns."""

import os
import subprocess
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.errors import UsageError
from pssh.ops.fs.here.globs import expanded
from pssh.ops.fs.paths import changeable, is_kept, is_pattern, normal, word

TEXT = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), min_size=1, max_size=20)
REFUSED = [
    "/", "//", "/.", "/etc", "/etc/", "//etc", "/usr/bin", "/home", "/home/anna", "/home/anna/", "/root", "~", "~/",
    ".", "./", "", " ", "*", "~/*", "/*", "/usr/*", "/home/*", "/e*", "..", "../x", "/srv/../etc", "a/../b", "~anna/x",
]  # fmt: skip


@pytest.mark.parametrize("path", REFUSED)
def test_what_a_system_or_a_person_lives_in_is_refused(path: str) -> None:
    with pytest.raises(UsageError):
        changeable(path)


@pytest.mark.parametrize(
    "path", ["/srv/app", "/home/anna/x", "x", "~/x", "/etc/app.conf", "/tmp/*", "/srv/*", "a/*", "-rf"]
)
def test_what_lies_inside_may_be_meant(path: str) -> None:
    assert changeable(path)


@given(TEXT)
def test_a_shell_reads_a_word_as_the_bytes_that_it_stands_for(text: str) -> None:
    plain = "".join(f"\\{letter}" if letter in "\\*?[" else letter for letter in text)
    if plain.startswith("~"):
        return
    assert not is_pattern(plain)
    words = normal(plain) if plain.strip() else "./" + plain
    done = subprocess.run(["sh", "-c", os.fsencode(f"printf '%s' {word(words)}")], capture_output=True)
    expected = text if text.startswith("/") else f"./{text}"
    assert done.stdout == expected.encode() and done.stderr == b""


@given(TEXT)
def test_no_word_runs_anything(text: str) -> None:
    done = subprocess.run(
        ["sh", "-c", os.fsencode(f"set -- {word(text)}; echo $#")], capture_output=True, cwd="/proc/self"
    )
    assert done.returncode == 0 and done.stdout.strip().isdigit() and done.stderr == b""


@pytest.mark.parametrize(
    "pattern", ["*", "a*", "?", "[ab]*", "[!a]*", "*.log", "*'s", "x\\*", "a b*", "*/c", "[x", "é*"]
)
def test_here_and_in_a_shell_a_pattern_matches_the_same(tmp_path: Path, pattern: str) -> None:
    for name in ("a", "b", "ab", "x*", "x1", "a b", "it's", "é", "[x", ".hidden", "one.log"):
        (tmp_path / name).touch()
    (tmp_path / "dir").mkdir()
    (tmp_path / "dir" / "c").touch()
    ours = expanded(f"{tmp_path}/{pattern}")
    script = f"for f in {word(f'{tmp_path}/{pattern}')}; do printf '%s\\0' \"$f\"; done"
    env = {"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]}
    done = subprocess.run(["bash", "-c", os.fsencode(script)], capture_output=True, check=True, env=env)
    assert sorted(os.fsdecode(name) for name in done.stdout.split(b"\0")[:-1]) == sorted(ours)


def test_a_path_is_kept_however_it_is_written() -> None:
    assert is_kept("/etc/./") and is_kept("/usr/../etc") and not is_kept("/etc/x") and not is_kept("etc")
