"""Which hosts of earlier runs a word means, and that repeating what is left comes to an end."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pssh.errors import NoHosts, TargetsError
from pssh.history.queries import Queries
from pssh.history.store import History
from pssh.model.outcome import Reply, Result
from tests.support.history import begun, kept
from tests.support.runs import failed, ok, result

RESULTS = [
    ok("fine", changed=True),
    ok("same", changed=False),
    result("broken", Reply(exit_code=3)),
    failed("down", "connect/refused"),
    failed("denied", "auth/denied"),
    failed("cut", "exec/connection-closed"),
    failed("late", "stop/budget"),
    failed("locked", "rule/lock-held"),
]


@pytest.fixture
def queries(tmp_path: Path) -> Iterator[Queries]:
    history = History(tmp_path / "state")
    kept(history, RESULTS)
    yield Queries(history)
    history.close()


def names(queries: Queries, run: str, word: str = "", value: str = "") -> list[str]:
    return [host.name for host in queries.pick(run, word, value)]


@pytest.mark.parametrize(
    ("word", "value", "hosts"),
    [
        ("", "", "fine same broken down denied cut late locked"),
        ("all", "", "fine same broken down denied cut late locked"),
        ("ok", "", "fine same"),
        ("failed", "", "broken"),
        ("unreachable", "", "down"),
        ("lost", "", "cut"),
        ("not-run", "", "late"),
        ("skipped", "", "locked"),
        ("bad", "", "broken down denied cut late"),
        ("changed", "", "fine"),
        ("todo", "", "broken down denied late locked"),
        ("state", "end-unknown", "cut"),
        ("state", "not-started", "down denied late locked"),
        ("cause", "connect/*", "down"),
        ("cause", "exit 3", "broken"),
        ("cause", "*/*", "down denied cut late locked"),
    ],
)
def test_a_word_means_hosts(queries: Queries, word: str, value: str, hosts: str) -> None:
    assert names(queries, "last", word, value) == hosts.split()


@pytest.mark.parametrize(
    ("word", "value", "message"),
    [
        ("wrong", "", "`@r1:wrong` means no hosts of a run"),
        ("failed", "x", "`@r1:failed=x` means no hosts of a run"),
        ("state", "asleep", "`@r1:state=asleep` has no state of a host"),
        ("cause", "", "`@r1:cause` has no value"),
    ],
)
def test_a_word_that_means_nothing_is_refused(queries: Queries, word: str, value: str, message: str) -> None:
    with pytest.raises(TargetsError) as caught:
        queries.pick("r1", word, value)
    assert caught.value.message == message
    assert caught.value.hint


def test_last_counts_back_and_leaves_out_what_does_not_count(tmp_path: Path) -> None:
    history = History(tmp_path / "state")
    queries = Queries(history)
    with pytest.raises(NoHosts, match="There is no run `last`") as caught:
        queries.number("last")
    assert "makes the first" in caught.value.hint
    kept(history, [ok("a")])
    kept(history, [ok("a")])
    begun(history, ["a"], counts=False)
    assert [queries.number(name) for name in ("last", "last~0", "last~1", "r1", "3")] == [2, 2, 1, 1, 3]
    for name in ("last~2", "r4", "r0"):
        with pytest.raises(NoHosts, match="There is no run"):
            queries.number(name)
    with pytest.raises(TargetsError, match="`first` is no run"):
        queries.number("first")
    history.close()


def test_a_run_that_goes_on_gives_no_targets(tmp_path: Path) -> None:
    history = History(tmp_path / "state")
    begun(history, ["a"])
    with pytest.raises(TargetsError, match="The run `r1` goes on"):
        Queries(history).pick("last")
    history.close()


def test_a_rerun_joins_the_run_it_repeats(tmp_path: Path) -> None:
    history = History(tmp_path / "state")
    queries = Queries(history)
    kept(history, [ok("a"), result("b", Reply(exit_code=1)), failed("c", "connect/refused")])
    kept(history, [ok("b"), failed("c", "connect/timeout")], first=1)
    assert names(queries, "r1", "todo") == names(queries, "last", "todo") == ["c"]
    assert names(queries, "last") == ["a", "b", "c"]  # the last is a rerun, and stands for what it repeats
    assert names(queries, "r2") == ["b", "c"]
    assert names(queries, "r1", "cause", "connect/*") == ["c"]
    assert names(queries, "r1", "cause", "connect/refused") == []
    kept(history, [ok("c")], first=1)
    assert names(queries, "r2", "todo") == names(queries, "last", "todo") == []
    history.close()


OUTCOMES = st.sampled_from(["ok", "fails", "refused", "cut", "not-run", "skipped"])


def _ends(host: str, outcome: str) -> Result:
    causes = {"refused": "connect/refused", "cut": "exec/connection-closed", "not-run": "stop/budget"}
    match outcome:
        case "ok":
            return ok(host)
        case "fails":
            return result(host, Reply(exit_code=1))
        case "skipped":
            return failed(host, "rule/lock-held")
    return failed(host, causes[outcome])


@settings(max_examples=25)
@given(st.lists(st.lists(OUTCOMES, min_size=6, max_size=6), min_size=1, max_size=5))
def test_rerunning_takes_each_host_until_it_is_ok_or_unknown(rounds: list[list[str]]) -> None:
    """Against a model: the newest outcome of each host, of which `cut` is never taken again."""
    import tempfile

    hosts = [f"h{number}" for number in range(6)]
    with tempfile.TemporaryDirectory() as folder:
        history = History(Path(folder) / "state")
        queries = Queries(history)
        newest: dict[str, str] = {}
        left, first = hosts, 0
        for outcomes in rounds:
            if not left:
                break
            ends = {host: outcomes[hosts.index(host)] for host in left}
            number = kept(history, [_ends(host, outcome) for host, outcome in ends.items()], first=first)
            first = first or number
            newest |= ends
            left = names(queries, "last", "todo")
            assert left == [host for host in hosts if newest[host] not in ("ok", "cut")]
            assert left == names(queries, "r1", "todo")
            assert names(queries, "r1", "ok") == [host for host in hosts if newest[host] == "ok"]
            assert names(queries, "r1", "bad") == [host for host in hosts if newest[host] not in ("ok", "skipped")]
            assert names(queries, "r1") == hosts
        history.close()
