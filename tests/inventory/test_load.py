"""How files become one inventory, and how all that is wrong in them is listed."""

import time
from pathlib import Path

import pytest

from pssh.errors import InventoryError
from pssh.inventory.load import load
from tests.support.inventories import FLEET, findings, loaded, written


def test_a_folder_is_the_union_of_its_files_in_name_order(tmp_path: Path) -> None:
    written(tmp_path, "version = 1\n[hosts.b]\n[groups.g]\nhosts = 'a,b'\n", "20.toml")
    written(tmp_path, "a\n", "10.txt")
    written(tmp_path, "not an inventory", "README.md")
    written(tmp_path, "[", ".hidden.toml")
    written(tmp_path, "[", "old.toml~")
    inventory = load([tmp_path])
    assert list(inventory.hosts) == ["a", "b"]
    assert inventory.groups_of("a") == ("g",)
    assert [path.name for path in inventory.paths] == ["10.txt", "20.toml"]


def test_of_one_host_or_group_in_several_files_the_later_wins_key_by_key(tmp_path: Path) -> None:
    one = written(
        tmp_path,
        """
        version = 1
        vars = { a = 1, b = 1 }
        [hosts.x]
        vars = { c = 1, d = 1 }
        [groups.g]
        hosts = "x"
        vars = { e = 1, f = 1 }
        """,
        "1.toml",
    )
    two = written(
        tmp_path,
        """
        version = 1
        vars = { b = 2 }
        [hosts.x]
        vars = { d = 2 }
        [hosts.y]
        [groups.g]
        hosts = "y"
        vars = { f = 2 }
        """,
        "2.toml",
    )
    inventory = load([one, two])
    assert inventory.host("x").vars == {"a": 1, "b": 2, "c": 1, "d": 2, "e": 1, "f": 2}
    assert list(inventory.groups["g"].members) == ["x", "y"]


def test_one_file_named_twice_is_read_once(tmp_path: Path) -> None:
    path = written(tmp_path, FLEET)
    assert load([path, path]).paths == (path,)


def test_no_path_is_no_inventory() -> None:
    inventory = load([])
    assert not inventory.paths
    assert not inventory.hosts


@pytest.mark.parametrize(
    ("name", "text", "form"),
    [
        ("groups.conf", "", "ClusterShell"),
        ("groups.cfg", "", "ClusterShell"),
    ],
)
def test_a_known_format_without_a_source_is_never_left_out_in_silence(
    tmp_path: Path, name: str, text: str, form: str
) -> None:
    written(tmp_path, "a\n", "z.txt")
    path = written(tmp_path, text, name)
    for given in (path, tmp_path):
        with pytest.raises(InventoryError, match=f"{form} form, and this version cannot read it") as caught:
            load([given])
        assert caught.value.hint == "this version reads `.ini`, `.list`, `.toml`, `.txt`, `.yaml`, `.yml`"


def test_json_that_lies_there_is_refused_with_what_would_read_it(tmp_path: Path) -> None:
    path = written(tmp_path, "{}", "a.json")
    for given in (path, tmp_path):
        with pytest.raises(InventoryError, match="is JSON, which is read from programs only") as caught:
            load([given])
        assert "`-i ./program` runs" in caught.value.hint


def test_what_ansible_would_read_beside_an_inventory_is_named_as_not_read(tmp_path: Path) -> None:
    written(tmp_path, "x: 1\n", "group_vars/all.yml")
    written(tmp_path, "[defaults]\n", "ansible.cfg")
    path = written(tmp_path, "[web]\na\n", "hosts")
    (notice,) = load([path]).notices
    assert notice == f"`{tmp_path}/group_vars` is not read: what is said there has no effect here"
    (tmp_path / "host_vars").mkdir()
    (notice,) = load([tmp_path]).notices
    assert "and" in notice
    assert "are not read" in notice


def test_a_file_of_no_known_name_is_refused_when_named(tmp_path: Path) -> None:
    with pytest.raises(InventoryError, match="no inventory by its name"):
        load([written(tmp_path, "x", "prog.sh")])


def test_everything_wrong_is_listed_with_file_and_line(tmp_path: Path) -> None:
    assert findings(
        tmp_path,
        """
        version = 1
        colour = "red"
        [hosts."web[3-1]"]
        [hosts.a]
        adress = "x"
        connection = { prot = 22, port = 99999, shell = "sh" }
        [groups.g]
        hosts = ["a", "b"]
        groups = "h"
        exclude = "c("
        [groups.all]
        [groups.r7]
        """,
    ) == [
        "2: unknown key `colour`",
        "3: `web[3-1]` counts down; write `[1-3]`",
        "5: unknown key `adress`; did you mean `address`?",
        "6: `99999` is no port from 1 to 65535",
        "6: `shell` is not supported by this version",
        "6: unknown connection key `prot`; did you mean `port`?",
        f"8: No host `b` in `{tmp_path}/fleet.toml`",
        f"9: No group `@h` in `{tmp_path}/fleet.toml`",
        "10: `c(` is refused; a host or user name holds letters, digits, `.`, `_`, `-` and does not begin with `-`",
        "11: `@all` has a meaning of its own, and no group may be named so",
        "12: `@r7` has a meaning of its own, and no group may be named so",
    ]


def test_the_findings_of_all_files_are_listed_together(tmp_path: Path) -> None:
    one = written(tmp_path, "version = 2", "1.toml")
    two = written(tmp_path, "a$b\n", "2.txt")
    three = written(tmp_path, "", "3.conf")
    with pytest.raises(InventoryError, match="3 things are wrong in the inventory") as caught:
        load([one, two, three])
    assert [finding.partition(": ")[0] for finding in caught.value.findings] == [
        f"`{three}` is an inventory in ClusterShell form, and this version cannot read it",
        f"{one}:1",
        f"{two}:1",
    ]


@pytest.mark.parametrize(
    ("groups", "circle"),
    [
        ("[groups.a]\ngroups = 'a'", "`@a` in `@a`"),
        ("[groups.a]\ngroups = 'b'\n[groups.b]\nhosts = 'x,@a'", "`@a` in `@b` in `@a`"),
        ("[groups.a]\nexclude = '@b'\n[groups.b]\ngroups = 'a'", "in"),
    ],
)
def test_groups_that_hold_each_other_are_found(tmp_path: Path, groups: str, circle: str) -> None:
    (found,) = findings(tmp_path, f"version = 1\n[hosts.x]\n{groups}\n")
    assert "groups hold each other" in found
    assert circle in found or "`@b` in `@a` in `@b`" in found


@pytest.mark.parametrize(
    ("hosts", "says"),
    [
        ("^x.txt", "no place in an inventory"),
        ("-", "no place in an inventory"),
        ("ops@x", "belong in `connection`"),
        ("x:22", "belong in `connection`"),
        ("y.example.net", "No host `y.example.net`"),
        ("@ungrouped", "No group `@ungrouped`"),
        ("@last", "no place in an inventory"),
    ],
)
def test_a_group_holds_only_what_the_inventory_itself_knows(tmp_path: Path, hosts: str, says: str) -> None:
    (found,) = findings(tmp_path, f"version = 1\n[hosts.x]\n[groups.g]\nhosts = '{hosts}'\n")
    assert found.startswith("4: ")
    assert says in found


def test_a_group_may_be_any_expression(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """
        version = 1
        vars = { site = "a" }
        [hosts."n[1-9]"]
        vars = { os = "debian" }
        [hosts.m]
        vars = { site = "b" }
        [groups.low]
        hosts = "n[1-5]!n3"
        [groups.debian]
        hosts = "os=deb*"
        [groups.site-b]
        hosts = "@all&site=b"
        [groups.rest]
        hosts = "/^n/!@low"
        [groups.some]
        groups = "(low,rest)!@low"
        """,
    )
    members = {name: " ".join(group.members) for name, group in inventory.groups.items()}
    assert members["low"] == "n1 n2 n4 n5"
    assert members["debian"] == "n1 n2 n3 n4 n5 n6 n7 n8 n9"
    assert members["site-b"] == "m"
    assert members["rest"] == members["some"] == "n3 n6 n7 n8 n9"


def test_groups_nest_to_any_depth(tmp_path: Path) -> None:
    chain = "".join(f"[groups.g{n}]\ngroups = 'g{n + 1}'\n" for n in range(3_000))
    inventory = loaded(tmp_path, f"version = 1\n[hosts.x]\n{chain}[groups.g3000]\nhosts = 'x'\n")
    assert inventory.groups["g3000"].depth == 3_001
    assert len(inventory.groups_of("x")) == 3_001


BOMBS = {
    "a range of ranges": "version = 1\n[hosts.'n[1-99999][1-99999][1-99999]']\n",
    "many ranges": "version = 1\n" + "".join(f"[hosts.'n{n}-[1-100000]']\n" for n in range(2_000)),
    "many paired values": "version = 1\n[hosts.'n[1-100000]'.vars]\n"
    + "".join(f"v{n} = 'x[1-100000]'\n" for n in range(500)),
    "values of huge ranges": "version = 1\n[hosts.'n[1-9]'.vars]\n"
    + "".join(f"v{n} = 'x[1-99999999]'\n" for n in range(99)),
    "nested arrays": "version = 1\nx = " + "[" * 50_000 + "]" * 50_000,
    "nested tables": "version = 1\nx = " + "{a=" * 50_000 + "1" + "}" * 50_000,
    "a dotted key": "version = 1\n" + ".".join("a" * 20_000) + " = 1\n",
    "a dotted header": "version = 1\n[" + " . ".join(['"a"'] * 20_000) + "]\n",
    "a dotted key inside": "version = 1\nx = { " + ".".join("a" * 20_000) + " = 1 }\n",
    "a long number": "version = 1\nvars = { x = " + "9" * 10_000 + " }\n",
    "a long line": "version = 1\nvars = { x = '" + "9" * (2 << 20) + "' }\n",
    "large groups": "version = 1\n[hosts.'n[1-100000]']\n"
    + "".join(f"[groups.g{n}]\nhosts='@all'\n" for n in range(99)),
    "no end": 'version = 1\nx = """' + '"a' * 100_000,
}


@pytest.mark.parametrize("name", BOMBS)
def test_a_bomb_is_refused_quickly(tmp_path: Path, name: str) -> None:
    path = written(tmp_path, BOMBS[name])
    begin = time.process_time()
    with pytest.raises(InventoryError):
        load([path])
    assert time.process_time() - begin < 2


def test_a_group_as_deep_as_it_is_wide_is_refused_quickly(tmp_path: Path) -> None:
    groups = "".join(f"[groups.g{n}]\ngroups = 'g[{n + 1}-400]'\n" for n in range(400))
    path = written(tmp_path, f"version = 1\n[hosts.x]\n{groups}[groups.g400]\nhosts = 'x'\n")
    begin = time.process_time()
    assert load([path]).groups["g400"].depth == 401
    assert time.process_time() - begin < 2


@pytest.mark.parametrize("name", ["fleet.toml", "fleet.txt", "users.txt"])
def test_a_hundred_thousand_hosts_load(tmp_path: Path, name: str) -> None:
    text = {
        "fleet.toml": "version = 1\n"
        "[hosts.'n[1-100000]']\naddress = '10.[0-3].[0-99].[0-249]'\n[groups.g]\nhosts = 'n*'\n",
        "fleet.txt": "".join(f"n{number}\n" for number in range(1, 100_001)),
        "users.txt": "".join(f"ops@n{number}:2222\n" for number in range(1, 100_001)),
    }[name]
    path = written(tmp_path, text, name)
    inventory = load([path])
    assert len(inventory.hosts) == 100_000
