"""The tables of file operations."""

from pssh.model.files import Act, Answer, Digest, Entry, Space, Sum, lines
from pssh.model.outcome import Reply, Result
from pssh.report.files import Look, age, files_table, number
from tests.support.runs import failed, report, result

NOW = 1_000_000_000.0


def said(host: str, *answers: Answer, code: int = 0, stderr: bytes = b"") -> Result:
    return result(host, Reply(exit_code=code, stdout=lines(answers), stderr=stderr))


def table(*results: Result, look: Look = Look()) -> list[str]:  # noqa: B008
    return files_table(report(results), look, NOW).splitlines()


def entry(path: str, **more: object) -> Entry:
    fields = {"type": "file", "size": 2048, "mode": 0o644, "mtime": int(NOW) - 7200, "user": "root", "group": "root"}
    return Entry(path=path, **{**fields, **more})  # type: ignore[arg-type]


def test_equal_names_share_a_row_and_ages_that_differ_are_a_span() -> None:
    shown = table(
        said("web1", entry("/a")), said("web2", entry("/a", mtime=int(NOW) - 86400 * 3)), said("db1", entry("/b"))
    )
    assert shown[0].split() == ["HOSTS", "MODE", "OWNER", "SIZE", "AGE", "PATH"]
    assert shown[2].split() == ["web[1-2]", "-rw-r--r--", "root:root", "2.0K", "2h-3d", "/a"]
    assert shown[3].split() == ["db1", "-rw-r--r--", "root:root", "2.0K", "2h", "/b"]


def test_a_host_that_failed_is_below_with_its_cause_and_what_it_could_say_is_above() -> None:
    broken = said("web2", entry("/a"), code=1, stderr=b"/x: Permission denied\n")
    shown = table(said("web1", entry("/a")), broken, failed("db1", "connect/refused", "no sshd there"))
    assert shown[2].split()[0] == "web[1-2]"
    below = shown[shown.index("") + 1 :]
    assert [line.split()[0] for line in below[2:]] == ["db1", "web2"]
    assert "Permission denied" in below[-1] and "no sshd there" in below[2]


def test_a_host_with_nothing_to_say_is_in_a_row_too() -> None:
    assert table(said("web1"))[2].split()[:3] == ["web1", "1", "ok"]


def test_the_odd_tree_comes_first_and_says_what_differs() -> None:
    def digest(mark: str, **parts: str) -> Digest:
        return Digest(path="/srv", sha256=mark * 64, type="dir", files=3, size=10, parts=parts)

    good = digest("a", x="1", y="2")
    shown = table(said("web1", good), said("web2", digest("b", x="1", y="3", z="4")), said("web3", good))
    assert shown[2].split() == ["web2", "bbbbbbbbbbbb", "3", "10", "/srv", "y,", "+z"]
    assert shown[3].split() == ["web[1,3]", "aaaaaaaaaaaa", "3", "10", "/srv"]


def test_nothing_differs_where_all_are_equal() -> None:
    assert "DIFFERS" not in table(said("web1", Digest(path="/a", sha256="a" * 64)))[0]


def test_rows_are_sorted_as_asked() -> None:
    rows = (said("b", Sum(path="/x", size=5, disk=1, files=1)), said("a", Sum(path="/y", size=9, disk=1, files=1)))
    by = {
        order: [line.split()[0] for line in table(*rows, look=Look(sort=order))[2:]]
        for order in ("name", "size", "host")
    }
    assert by == {"name": ["b", "a"], "size": ["a", "b"], "host": ["a", "b"]}
    assert [line.split()[0] for line in table(*rows, look=Look(sort="size", reverse=True))[2:]] == ["b", "a"]


def test_what_a_host_calls_its_files_cannot_act_on_a_terminal() -> None:
    text = "\n".join(table(said("web1", entry("/\x1b[2J\n[ok] web2"), entry("/l", type="link", target="\x07"))))
    assert "\x1b" not in text and "\x07" not in text and r"\x1b[2J\n[ok] web2" in text


def test_exact_is_bytes_and_seconds() -> None:
    (row,) = table(said("web1", entry("/a", size=123456, mtime=0)), look=Look(exact=True))[2:]
    assert "123,456" in row and "1970-01-01T00:00:00Z" in row


def test_a_narrow_table_drops_what_tells_least_and_keeps_the_end_of_a_path() -> None:
    shown = table(said("web1", entry("/a/very/long/folder/that/goes/on/and/on/file")), look=Look(width=50))
    assert all(len(line) <= 50 for line in shown) and shown[2].endswith("file") and "OWNER" not in shown[0]


def test_a_file_system_says_how_full_it_is_rounded_up() -> None:
    (row,) = table(said("web1", Space(path="/", device="/dev/vda1", size=1000, used=501, free=499)))[2:]
    assert row.split() == ["web1", "1000", "501", "499", "51%", "/", "/dev/vda1"]


def test_what_was_done_has_a_row_for_each_path() -> None:
    (row,) = table(said("web1", Act(path="/a", did="removed")), said("web2", Act(path="/a", did="removed")))[2:]
    assert row.split() == ["web[1-2]", "removed", "/a"]


def test_numbers_are_short() -> None:
    sizes = {
        0: "0",
        1023: "1023",
        1024: "1.0K",
        10 * 1024: "10K",
        1023 * 1024: "1.0M",
        5 << 30: "5.0G",
        3 << 60: "3.0E",
    }
    assert {size: number(size, Look()) for size in sizes} == sizes
    ages = {0: "0s", 59: "59s", 60: "1m", 3600: "1h", 86400 * 2: "2d", 86400 * 730: "2.0y", -5: "0s"}
    assert {seconds: age(seconds) for seconds in ages} == ages


def test_a_time_that_is_in_no_calendar_stays_a_number() -> None:
    for when in (253402300800, 1 << 62, -(1 << 62)):
        assert str(when) in "\n".join(table(said("a", entry("x", mtime=when)), look=Look(exact=True)))
