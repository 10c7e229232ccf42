"""What an inventory says of one host: layers, ranks, and groups that disagree."""

from pathlib import Path
from typing import Any

import pytest

from pssh.errors import InventoryError
from pssh.inventory.model import Inventory
from pssh.inventory.select import select
from tests.support.inventories import loaded


def test_all_then_parent_then_child_then_host(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """
        version = 1
        vars = { a = "all", b = "all", c = "all", d = "all" }
        connection = { user = "all", keepalive = 1 }
        [hosts.x]
        vars = { d = "host" }
        connection = { port = 1 }
        [groups.child]
        hosts = "x"
        vars = { c = "child", d = "child" }
        connection = { user = "child", port = 2 }
        [groups.parent]
        groups = "child"
        vars = { b = "parent", c = "parent", d = "parent" }
        connection = { user = "parent", port = 3, connect_timeout = "2s" }
        """,
    )
    host = inventory.host("x")
    assert host.groups == ("parent", "child")
    assert host.vars == {"a": "all", "b": "parent", "c": "child", "d": "host"}
    assert host.settings == {"user": "child", "keepalive": 1.0, "connect_timeout": 2.0, "port": 1}


def test_a_host_knows_which_of_its_groups_are_protected(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """
        version = 1
        [hosts."x[1-2]"]
        [groups.web]
        hosts = "x[1-2]"
        [groups.live]
        hosts = "x1"
        protected = true
        """,
    )
    assert [inventory.host(name).protected for name in ("x1", "x2", "x3")] == [("live",), (), ()]


TWO = """
version = 1
[hosts.x]
{host}
[groups.a]
hosts = "x"
{a}
[groups.b]
hosts = "x"
{b}
"""


def _two(folder: Path, a: str, b: str, host: str = "") -> Inventory:
    return loaded(folder, TWO.format(a=a, b=b, host=host))


def test_siblings_that_disagree_on_a_setting_are_an_error_only_for_a_selected_host(tmp_path: Path) -> None:
    inventory = _two(tmp_path, "connection = { user = 'one' }", "connection = { user = 'two' }")
    with pytest.raises(InventoryError) as caught:
        select("x", inventory)
    assert caught.value.message == "`x`: groups `@a` and `@b` disagree on `user`"
    assert "priority" in caught.value.hint


def test_siblings_that_agree_are_no_conflict(tmp_path: Path) -> None:
    inventory = _two(tmp_path, "connection = { user = 'one' }", "connection = { user = 'one' }")
    assert inventory.host("x").settings == {"user": "one"}


@pytest.mark.parametrize(
    ("a", "b", "host", "user"),
    [
        ("priority = 1\nconnection = { user = 'one' }", "connection = { user = 'two' }", "", "one"),
        ("connection = { user = 'one' }", "priority = -1\nconnection = { user = 'two' }", "", "one"),
        ("connection = { user = 'one' }", "connection = { user = 'two' }", "connection = { user = 'me' }", "me"),
    ],
)
def test_priority_or_the_host_decides_between_siblings(tmp_path: Path, a: str, b: str, host: str, user: str) -> None:
    assert _two(tmp_path, a, b, host).host("x").settings["user"] == user


def test_a_deeper_group_settles_what_outer_ones_dispute(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """
        version = 1
        [hosts.x]
        [groups.a]
        groups = "c"
        vars = { v = 1 }
        [groups.b]
        groups = "c"
        vars = { v = 2 }
        [groups.c]
        hosts = "x"
        vars = { v = 3 }
        """,
    )
    assert inventory.host("x").vars == {"v": 3}
    assert inventory.conflicts("x") == ()


@pytest.mark.parametrize(("one", "other"), [("1", "2"), ("1", "true"), ("[1]", "[2]"), ("'1'", "1")])
def test_a_disputed_variable_is_left_out_and_named(tmp_path: Path, one: str, other: str) -> None:
    inventory = _two(tmp_path, f"vars = {{ v = {one}, w = 1 }}", f"vars = {{ v = {other} }}")
    selection = select("x", inventory)
    assert selection.hosts[0].vars == {"w": 1}
    assert [str(conflict) for conflict in selection.conflicts] == ["`x`: groups `@a` and `@b` disagree on `v`"]


def test_a_disputed_variable_is_an_error_where_it_is_used(tmp_path: Path) -> None:
    inventory = _two(tmp_path, "vars = { v = 1, w = 1 }", "vars = { v = 2 }")
    assert len(select("w=1", inventory).hosts) == 1
    with pytest.raises(InventoryError, match="disagree on `v`"):
        select("v=1", inventory)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("'x'", "x"),
        ("1", "1"),
        ("1.10", "1.1"),
        ("true", "true"),
        ("[1, 'a']", '[1, "a"]'),
        ("2026-11-22", '"2026-11-22"'),
        ("{ a = 1 }", '{"a": 1}'),
    ],
)
def test_a_variable_compares_as_text(tmp_path: Path, value: str, text: str) -> None:
    inventory = loaded(tmp_path, f"version = 1\n[hosts.x]\nvars = {{ v = {value} }}\n")
    assert inventory.value("x", "v") == text
    assert inventory.value("x", "w") is None


def test_nothing_outside_can_change_an_inventory(tmp_path: Path) -> None:
    inventory: Any = loaded(tmp_path, "version = 1\n[hosts.x]\n[groups.g]\n")
    with pytest.raises(TypeError):
        inventory.hosts["y"] = ()
    with pytest.raises(TypeError):
        inventory.groups["h"] = inventory.groups["g"]
    with pytest.raises(AttributeError):
        inventory.paths = ()
