"""Plain lists: one host per line."""

from pathlib import Path

import pytest

from tests.support.inventories import findings, loaded


def test_every_form_of_a_line_is_read_in_order(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        "\ufeff# all\r\n\r\nweb[1-2]\r\nops@10.0.0.1:2222\n10.0.0.2 root\n10.0.0.3:22 me # end\n"
        "a,b\n[2001:db8::1]:22\n::1\nz\n",
        "a.txt",
    )
    assert " ".join(inventory.hosts) == "web1 web2 10.0.0.1 10.0.0.2 10.0.0.3 a b 2001:db8::1 ::1 z"
    assert inventory.host("10.0.0.1").settings == {"user": "ops", "port": 2222}
    assert inventory.host("10.0.0.2").settings == {"user": "root"}
    assert inventory.host("10.0.0.3").settings == {"user": "me", "port": 22}
    assert inventory.host("2001:db8::1").settings == {"port": 22}
    assert inventory.host("web1").settings == {}
    assert inventory.groups == {}


def test_a_list_may_end_in_list(tmp_path: Path) -> None:
    assert list(loaded(tmp_path, "a\n", "a.list").hosts) == ["a"]


def test_duplicates_are_one_host_and_a_notice(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "a\nb\na\n", "a.txt")
    assert list(inventory.hosts) == ["a", "b"]
    assert inventory.notices == (f"`{tmp_path}/a.txt` names 1 of its hosts more than once, each is one host",)


@pytest.mark.parametrize("lines", ["a:22\na:23", "a:22\na", "a\nme@a", "a root\na me"])
def test_one_host_with_two_logins_is_an_error(tmp_path: Path, lines: str) -> None:
    (found,) = findings(tmp_path, lines, "a.txt")
    assert "`a` is listed again with another user or port" in found


@pytest.mark.parametrize(
    ("line", "says"),
    [
        ("@web", "holds hosts only"),
        ("a!b", "holds hosts only"),
        ("/a/", "holds hosts only"),
        ("os=x", "holds hosts only"),
        ("^b.txt", "holds hosts only"),
        ("-", "holds hosts only"),
        ("web*", "`web*` is refused"),
        ("-oProxyCommand=x", "is refused"),
        ("a;b", "is refused"),
        ("a b c", "without an operator"),
        ("a -b", "without an operator"),
        ("a:99999", "where a port"),
        ("a:0", "where a port"),
        ("n[3-1]", "counts down; write `[1-3]`"),
        ("n[1-200000]", "200,000 names"),
        ("x" * 300, "is refused"),
        ("web1\x00", "is refused"),
    ],
)
def test_a_wrong_line_is_named_and_the_others_are_read(tmp_path: Path, line: str, says: str) -> None:
    first, second = findings(tmp_path, f"ok\n{line}\n-bad\n", "a.txt")
    assert first.startswith("2: ")
    assert says in first
    assert second.startswith("3: ")
