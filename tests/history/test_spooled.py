"""What hosts print beyond their results: kept whole within two budgets, shown again, and gone with its run."""

import os
import stat
from contextlib import closing
from pathlib import Path
from tempfile import TemporaryDirectory

from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.history import spooled
from pssh.history.retention import Retention
from pssh.history.spooled import HELD, Budget, Spool, Spooled
from pssh.history.store import History
from pssh.model.outcome import Reply
from pssh.model.output import Heard, printed
from pssh.model.work import StreamName
from tests.support.history import begun, kept
from tests.support.runs import ok, result

KEEP = 1000


def answered(spool: Spool, data: bytes, job: int = 0, *, by: int = 70_000, err: bytes = b"") -> Reply:
    """Return the reply of a host that printed that, in pieces, and of which 1,000 bytes from each end are kept."""
    told = Spooled(spool, job)
    heard: dict[StreamName, Heard] = {"stdout": Heard(KEEP), "stderr": Heard(KEEP)}
    pieces: list[tuple[StreamName, bytes]] = [("stdout", data[at : at + by]) for at in range(0, len(data), by)]
    pieces += [("stderr", err)] if err else []
    for name, piece in pieces:
        told.take(name, piece)
        heard[name].add(piece)
    return ended(told, Reply(exit_code=0, **printed(heard["stdout"], heard["stderr"])))


def ended(writer: Spooled, end: Reply) -> Reply:
    """Return the reply with what was kept of it."""
    found = writer.end(end)
    assert isinstance(found, Reply)
    return found


def spool(folder: Path, most: int = 0, most_run: int = 0) -> Spool:
    return Spool(Budget(str(spooled.path_of(folder, "r1")), most, most_run))


def told(folder: Path, end: Reply, job: int = 0) -> bytes:
    """Return all that is kept of stdout."""
    pieces = spooled.printed(folder, "r1", result("a", end, job_id=job))
    return b"".join(data for name, data in pieces if name == "stdout")


def files(folder: Path) -> list[str]:
    return sorted(path.name for path in spooled.path_of(folder, "r1").glob("*.std*"))


SIZES = st.integers(0, 3000) | st.integers(0, 3 * HELD)
DATA = st.builds(
    lambda size, seed: (bytes(range(256)) * (size // 256 + 2))[seed : size + seed], SIZES, st.integers(0, 255)
)


@settings(max_examples=60)
@given(DATA, DATA, SIZES, st.integers(0, 1), st.integers(1, 100_000))
def test_within_the_budget_all_can_be_had_and_beyond_it_both_ends(
    data: bytes, err: bytes, most: int, run: int, by: int
) -> None:
    with TemporaryDirectory() as name:
        folder = Path(name)
        end = answered(spool(folder, 0 if run else most, most if run else 0), data, by=by, err=err)
        assert (end.stdout_bytes, end.stderr_bytes) == (len(data), len(err))
        assert not most or sum(path.stat().st_size for path in folder.glob("*/*.std*")) <= most
        if not most or len(data) + len(err) <= most:
            assert end.whole
        shown = told(folder, end)
        whole = spooled.filled(folder, "r1", result("a", end), 1 << 30).end
        assert (shown == data) is (end.stdout_cut == 0 or len(shown) == len(data))
        assert shown == whole.stdout
        assert whole.stdout_bytes == len(data)
        assert data.startswith(shown[: whole.stdout_at or len(shown) // 2])
        assert data.endswith(shown[whole.stdout_at or len(shown) - len(shown) // 2 :])


def test_a_result_that_holds_everything_leaves_no_file(tmp_path: Path) -> None:
    large = Spool(Budget(str(spooled.path_of(tmp_path, "r1"))))
    writer = Spooled(large, 0)
    writer.take("stdout", b"x" * 3 * HELD)
    assert files(tmp_path) == ["0.stdout"]
    assert writer.end(Reply(exit_code=0, stdout=b"x" * 3 * HELD)).stdout_spooled == 0
    assert files(tmp_path) == []


def test_processes_share_what_a_run_may_take_and_give_back_what_they_do_not_keep(tmp_path: Path) -> None:
    one, other = (spool(tmp_path, most_run=3 << 20) for _ in "12")
    data = b"x" * (2 << 20)
    first, second = answered(one, data, 0), answered(other, data, 1)
    assert first.whole and not second.whole
    assert first.stdout_spooled + second.stdout_spooled <= 3 << 20
    writer = Spooled(one, 2)
    assert one.take(1) == 0
    one.give_back(100)
    writer.take("stdout", b"y" * (HELD + 1))
    assert one.take(1) == 0


def test_another_try_and_the_next_step_begin_anew_and_what_is_undone_is_not_taken(tmp_path: Path) -> None:
    place = spool(tmp_path, most_run=1 << 20)
    writer = Spooled(place, 0)
    writer.take("stdout", b"first" * HELD)
    writer.again()
    writer.take("stdout", b"second" * HELD)
    writer.hold()
    writer.take("stdout", b"undone" * HELD)
    data = b"second" * HELD
    end = ended(writer, Reply(exit_code=1, stdout=data[:8] + data[-8:], stdout_cut=len(data) - 16))
    assert told(tmp_path, end) == data


def test_an_answer_that_is_not_what_was_printed_is_not_mixed_with_it(tmp_path: Path) -> None:
    writer = Spooled(spool(tmp_path), 0)
    writer.take("stdout", b"printed" * HELD)
    end = writer.end(Reply(exit_code=0, stdout=b"made up by an operation", stdout_cut=10_000_000))
    assert (end.stdout_spooled, files(tmp_path)) == (0, [])


def test_a_disk_that_takes_no_more_costs_nothing_but_the_middle_and_is_said(tmp_path: Path) -> None:
    spooled.path_of(tmp_path, "r1").write_text("in the way")
    end = answered(spool(tmp_path), b"x" * (1 << 20))
    assert end.note == "not all of the output could be kept: Not a directory"
    assert not end.whole
    assert told(tmp_path, end) == b"x" * 2 * KEEP


def test_what_a_result_is_cut_to_lies_beside_it(tmp_path: Path) -> None:
    end = Reply(exit_code=0, stdout=b"abcdefgh", stderr=b"xy")
    less = replace(end, stdout=b"abgh", stdout_cut=4)
    kept_there = spooled.spilled(spool(tmp_path), 0, end, less)
    assert isinstance(kept_there, Reply)
    assert (kept_there.stdout_spooled, files(tmp_path)) == (8, ["0.stdout"])
    assert told(tmp_path, kept_there) == b"abcdefgh"
    (spooled.path_of(tmp_path, "r1") / "0.stdout").unlink()
    assert told(tmp_path, kept_there) == b"abgh"


def test_files_are_ours_alone_and_go_with_their_run(tmp_path: Path) -> None:
    old = os.umask(0)
    try:
        with closing(History(tmp_path / "state")) as history:
            keeper = begun(history, ["a"])
            answered(Spool(keeper.spool), b"x" * (1 << 20))
            folder = Path(keeper.spool.path)
            modes = [stat.S_IMODE(path.stat().st_mode) for path in (folder, *folder.iterdir())]
            assert (modes[0], set(modes[1:])) == (0o700, {0o600})
            keeper.close()
        with closing(History(tmp_path / "state", Retention(keep=2))) as history:
            kept(history, [ok("a")])
            assert folder.exists()
            kept(history, [ok("a")])
            kept(history, [ok("a")])
            assert not folder.exists()
    finally:
        os.umask(old)


def test_a_link_in_the_place_of_a_file_is_not_followed(tmp_path: Path) -> None:
    link = spooled.path_of(tmp_path, "r1") / "0.stdout"
    link.parent.mkdir()
    link.symlink_to(tmp_path / "theirs")
    end = answered(spool(tmp_path), b"x" * (1 << 20))
    assert not (tmp_path / "theirs").exists()
    assert not end.whole
