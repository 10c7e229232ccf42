"""One file per host, written while its output comes."""

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from pssh.errors import UsageError
from pssh.model.event import Event, JobConnected, JobEnded, JobSaid, JobStarted, RunEnded
from pssh.model.outcome import Reply
from pssh.report.folders import _MOST_OPEN, Folders, Room, file_name
from tests.support.runs import failed, ok, report, result


def hear(reporter: Folders, *events: Event) -> None:
    for event in events:
        reporter.on(event)


def ran(host: str, *said: bytes, job: int = 0) -> list[Event]:
    return [
        JobStarted(job, host),
        JobConnected(job, host),
        *(JobSaid(job, host, "stdout", data) for data in said),
        JobSaid(job, host, "stderr", b"oh\n"),
    ]


def open_files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def contents(folder: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in folder.iterdir()}


def test_each_stream_goes_to_its_folder_while_it_comes(tmp_path: Path) -> None:
    out, err = tmp_path / "a" / "out", tmp_path / "err"
    before = os.umask(0)
    try:
        reporter = Folders(str(out), str(err))
        hear(reporter, *ran("web01", b"one\n", b"\xff\x00two"))
        assert contents(out) == {"web01": b"one\n\xff\x00two"}
        assert contents(err) == {"web01": b"oh\n"}
    finally:
        os.umask(before)
    assert [path.stat().st_mode & 0o777 for path in (out, out.parent, err)] == [0o700] * 3
    assert (out / "web01").stat().st_mode & 0o777 == 0o600


def test_one_folder_for_both_holds_them_as_they_came(tmp_path: Path) -> None:
    hear(Folders(str(tmp_path / "o"), f"{tmp_path}/./o"), *ran("web01", b"one\n"))
    assert contents(tmp_path / "o") == {"web01": b"one\noh\n"}


def test_a_host_that_said_nothing_has_an_empty_file_and_one_that_was_not_reached_has_none(tmp_path: Path) -> None:
    reporter = Folders(str(tmp_path), "")
    hear(reporter, JobStarted(0, "a"), JobConnected(0, "a"), JobEnded(ok("a")))
    hear(reporter, JobStarted(1, "b"), JobEnded(failed("b", "connect/refused")))
    assert contents(tmp_path) == {"a": b""}


def test_what_an_earlier_run_left_is_gone_for_every_host_of_this_run_and_no_other(tmp_path: Path) -> None:
    for host in ("ran", "refused", "never", "other"):
        (tmp_path / host).write_bytes(b"old")
    reporter = Folders(str(tmp_path), "")
    hear(reporter, *ran("ran", b"new"), JobEnded(ok("ran")))
    hear(reporter, JobStarted(1, "refused"), JobEnded(failed("refused", "connect/refused")))
    hear(reporter, JobEnded(failed("never", "stop/budget")), RunEnded(report([])))
    assert contents(tmp_path) == {"ran": b"new", "other": b"old"}


def test_a_run_that_is_shown_again_has_its_output_in_files_too(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old")
    reporter = Folders(str(tmp_path), "")
    hear(reporter, JobSaid(0, "a", "stdout", b"x"), JobSaid(0, "a", "stdout", b"y"), JobEnded(ok("a")))
    assert contents(tmp_path) == {"a": b"xy"}


def test_to_append_keeps_what_was_there(tmp_path: Path) -> None:
    for number in range(2):
        hear(Folders(str(tmp_path), "", append=True), *ran("a", b"%d" % number), RunEnded(report([])))
    hear(Folders(str(tmp_path), "", append=True), JobEnded(failed("a", "stop/budget")))
    assert contents(tmp_path) == {"a": b"01"}


def test_what_was_said_before_a_command_was_tried_again_is_taken_out(tmp_path: Path) -> None:
    (tmp_path / "a").write_bytes(b"old\n")
    reporter = Folders(str(tmp_path), "", append=True)
    hear(reporter, JobStarted(0, "a"), JobStarted(0, "a", attempt=2), JobConnected(0, "a"))
    hear(reporter, JobSaid(0, "a", "stdout", b"no\n"), JobStarted(0, "a", attempt=3))
    hear(reporter, JobSaid(0, "a", "stdout", b"yes\n"), JobEnded(ok("a")))
    assert contents(tmp_path) == {"a": b"old\nyes\n"}


def test_few_files_are_open_at_once(tmp_path: Path) -> None:
    reporter = Folders(str(tmp_path), "")
    hosts = [f"h{number}" for number in range(2 * _MOST_OPEN)]
    before = open_files()
    for text in (b"a", b"b"):
        for number, host in enumerate(hosts):
            hear(reporter, *(ran(host, text, job=number) if text == b"a" else [JobSaid(number, host, "stdout", text)]))
    assert open_files() - before <= _MOST_OPEN
    hear(reporter, *(JobEnded(ok(host)) for host in hosts), RunEnded(report([])))
    assert contents(tmp_path) == dict.fromkeys(hosts, b"ab")
    assert open_files() < before


def test_what_there_is_no_room_for_is_left_out_to_the_byte_and_its_hosts_are_named(tmp_path: Path) -> None:
    said: list[str] = []
    reporter = Folders(str(tmp_path), "", room=Room(4, 7), say=said.append)
    hear(reporter, *ran("a", b"123", b"456"), *ran("b", b"1234", job=1), JobSaid(0, "a", "stdout", b"7"))
    hear(reporter, *ran("c", b"", job=2), RunEnded(report([])))
    assert contents(tmp_path) == {"a": b"1234", "b": b"123", "c": b""}
    assert said == [
        "pssh: The output files do not hold all that 2 hosts printed: a,b\n"
        "  they take 4 of a host and 7 of the run: `--max-output SIZE` for more\n"
    ]


def test_the_missing_middle_of_a_run_that_is_shown_again_is_told(tmp_path: Path) -> None:
    said: list[str] = []
    reporter = Folders(str(tmp_path), "", say=said.append)
    cut = result("a", Reply(exit_code=0, stdout=b"headtail", stdout_cut=9, stderr=b"oh\n"))
    hear(reporter, JobSaid(0, "a", "stdout", b"headtail"), JobEnded(cut), JobSaid(1, "b", "stdout", b"x"))
    hear(reporter, JobEnded(ok("b", b"x")), RunEnded(report([])))
    assert said == [
        "pssh: The output files do not hold all that 1 host printed: a\n"
        "  of a run that is over there are the first and the last part of each stream\n"
    ]


def test_a_command_that_is_tried_again_has_all_its_room_again(tmp_path: Path) -> None:
    reporter = Folders(str(tmp_path), "", room=Room(4, 4), say=pytest.fail)
    hear(reporter, *ran("a", b"123456"), JobStarted(0, "a", attempt=2), JobSaid(0, "a", "stdout", b"7890"))
    hear(reporter, JobEnded(ok("a")), RunEnded(report([])))
    assert contents(tmp_path) == {"a": b"7890"}


@given(st.lists(st.text(st.characters(exclude_categories=())), unique=True))
def test_a_file_name_is_one_part_of_a_path_and_each_hosts_own(hosts: list[str]) -> None:
    names = [file_name(host) for host in hosts]
    assert len(set(names)) == len(hosts)
    for name in names:
        assert name not in ("", ".", "..") and "/" not in name and "\0" not in name
        assert len(os.fsencode(name)) <= 255


def test_a_name_that_is_too_long_keeps_its_beginning() -> None:
    one, two = (file_name("x" * 300 + end) for end in "ab")
    assert one != two and one.startswith("x" * 180)
    assert file_name("../../etc") == "..%2F..%2Fetc" and file_name("web-01.example.org") == "web-01.example.org"


def test_a_link_or_a_pipe_in_the_folder_is_not_written_to(tmp_path: Path) -> None:
    precious = tmp_path / "precious"
    precious.write_bytes(b"mine")
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "a").symlink_to(precious)
    os.mkfifo(folder / "b")
    for host in "ab":
        with pytest.raises(OSError, match=r".") as raised:
            hear(Folders(str(folder), "", append=True), JobStarted(0, host), JobConnected(0, host))
        assert raised.value.filename == str(folder / host)
    assert precious.read_bytes() == b"mine"
    hear(Folders(str(folder), ""), *ran("a", b"x"))
    assert (folder / "a").read_bytes() == b"x" and precious.read_bytes() == b"mine"


def test_a_place_that_is_no_folder_is_refused(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path in ("file", "file/below"):
        with pytest.raises(UsageError, match=f"No files can be written to `{tmp_path}/{path}`: it is no folder"):
            Folders(f"{tmp_path}/{path}", "")
