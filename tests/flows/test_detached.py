"""Commands that are begun and left, from the flag to the table: on an embedded fleet."""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet
from tests.support.command import Done, pssh


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    with DemoFleet(3, faults="none", folder=tmp_path_factory.mktemp("fleet") / "it") as started:
        yield started


def test_what_is_detached_runs_on_and_is_tailed_killed_and_collected(fleet: DemoFleet, tmp_path: Path) -> None:
    def call(*words: str) -> Done:
        return pssh(*words[:2], "-i", str(fleet.inventory), *words[2:], cwd=tmp_path)

    begun = call("run", "--detach", "@all", "echo up; sleep 600")
    assert (begun.code, begun.out.count("detached as r1.")) == (0, 1), begun
    running = call("job", "collect", "r1", "@all")
    assert (running.code, "exec/running (left running)" in running.out) == (3, True), running
    tail = call("job", "tail", "@all")
    assert sorted(tail.out.splitlines()) == ["web01: up", "web02: up", "web03: up"]
    shown = call("job", "tail", "last")
    assert sorted(shown.out.splitlines()) == ["web01: up", "web02: up", "web03: up"]
    killed = call("job", "kill", "last~0", "web01,web02")
    assert (killed.code, "ended by TERM" in killed.out, "web03" in killed.out) == (0, True, False), killed
    killed = call("job", "kill", "r1", "@all")
    assert (killed.code, "ended by TERM" in killed.out) == (0, True), killed
    ended = call("job", "collect", "--remove", "r1", "@all")
    assert (ended.code, "143" in ended.out) == (5, True), ended
    gone = call("job", "collect", "r1", "@all")
    assert "exec/no-run: there is no detached run `r1`" in gone.out
    for words in (("tail", "-f", "r1"), ("tail", "r1"), ("collect", "-L", "r1"), ("kill", "-L", "r1")):
        gone = call("job", *words, "@all")
        assert (gone.code, "exec/no-run" in gone.out + gone.err) == (5, True), gone
        assert not re.search(r"[0-9a-f]{16}", gone.out + gone.err), gone  # what hosts tell us is not for a person


def test_the_last_detached_run_is_none_where_there_is_none(tmp_path: Path) -> None:
    done = pssh("job", "tail", "last", cwd=tmp_path)
    assert (done.code, "no detached run `last`: the history holds 0" in done.err) == (2, True), done


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("run", "--detach", "--tty", "@local", "x"), "`--tty` and `--detach` do not go together"),
        (("run", "--detach", "-I", "@local", "x"), "`--stdin` and `--detach` do not go together"),
        (("run", "--detach", "-T", "@local", "x {secret:a}"), "would stay in a file"),
        (("job", "kill", "a", "b", "c"), "`c` is one word too many"),
        (("job", "tail", "../x", "@local"), "`../x` is no name of a run"),
    ],
)
def test_what_cannot_be_detached_or_looked_after_is_one_line(words: tuple[str, ...], said: str, tmp_path: Path) -> None:
    done = pssh(*words, cwd=tmp_path)
    assert (done.code, said in done.err) == (2, True), done
    assert "Traceback" not in done.err
