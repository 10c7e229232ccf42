"""Our own format: what pairs, what is refused, and that no text can end in anything but findings."""

from pathlib import Path
from string import ascii_letters

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pssh.inventory.load import load
from tests.support.inventories import FLEET, damaged, findings, loaded, loads_or_is_refused


def test_a_range_in_a_value_pairs_with_the_hosts_one_to_one(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """
        version = 1
        [hosts."n[1-2]-[a-b]"]
        address = "10.0.[1-2].[7-8]"
        connection = { port = "[2201-2204]", identity = ["/k/[1-4]", "/k/all"] }
        vars = { rack = "r[1-4]", deep = { list = ["x[5-8]", 1] }, same = "[not a range]", one = "a[7]" }
        """,
    )
    host = inventory.host("n2-a")
    assert host.settings == {"address": "10.0.2.7", "port": 2203, "identity": ["/k/3", "/k/all"]}
    assert host.vars == {"rack": "r3", "deep": {"list": ["x7", 1]}, "same": "[not a range]", "one": "a[7]"}


def test_each_of_many_hosts_may_be_behind_a_jump_host_of_its_own(tmp_path: Path) -> None:
    text = 'version = 1\n[hosts."db[1-2]".connection]\njump = "ops@gate[1-2]"\n'
    (tmp_path / "fleet.toml").write_text(text)
    found = load([tmp_path / "fleet.toml"])
    assert [found.host(name).settings for name in ("db1", "db2")] == [
        {"jump": ["ops@gate1"], "proxy_command": ""},
        {"jump": ["ops@gate2"], "proxy_command": ""},
    ]


def test_a_bracket_is_text_where_one_host_is_named(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "version = 1\n[hosts.x]\nvars = { pattern = '[a-z]+' }\naddress = '[::1]'\n")
    assert inventory.host("x").vars == {"pattern": "[a-z]+"}
    assert inventory.host("x").settings == {"address": "::1"}


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "`version = 1` is missing"),
        ("version = '1'", "1: version '1' is not known, `version = 1` is"),
        ("version = true", "1: version True is not known, `version = 1` is"),
        ("version = 1\nversion = 1", "2: this is no TOML: cannot overwrite a value"),
        ("version = 1\n[hosts.a]\n\n[hosts.a]", "4: this is no TOML: cannot declare ('hosts', 'a') twice"),
        ("version = 1\nx = [1,\n", "3: this is no TOML: invalid value"),
        ("version = 1\nvars = 5", "2: `vars` is a number and should be a table"),
        ("version = 1\n[hosts]\na = 5", "3: `a` is a number and should be a table"),
        ("version = 1\n[[hosts.a]]", "2: `a` is a list and should be a table"),
        ("version = 1\n[hosts.a]\nconnection = []", "3: `connection` is a list and should be a table"),
        ("version = 1\n[hosts.a]\nvars = 2026-01-01", "3: `vars` is a date or time and should be a table"),
        ("version = 1\n[hosts.'a b']", "2: `a b` is refused; a host or user name"),
        ("version = 1\n[hosts.'']", "2: `` is refused"),
        ("version = 1\n[hosts.'-x']", "2: `-x` is refused"),
        ("version = 1\n[hosts.'x*']", "2: `x*` is refused"),
        (
            "version = 1\n[hosts.'n[1-3]']\naddress = 'a[1-2]'",
            "3: `a[1-2]` stands for 2 values, and its host's name for 3",
        ),
        (
            "version = 1\n[hosts.'n[1-3]']\nvars.a = 1\nvars.b = 'r[1-9999999]'",
            "4: `r[1-9999999]` stands for 9,999,999 values, and its host's name for 3",
        ),
        ("version = 1\n[hosts.'n[1-2]'.connection]\nport = '[0-1]'", "3: `0` is no port"),
        ("version = 1\n[hosts.'n[1-2]']\naddress = 'a;[1-2]'", "3: `a;1` is refused"),
        ("version = 1\n[hosts.a]\naddress = 'b'\nconnection.address = 'c'", "4: `address` is said twice"),
        ("version = 1\n[groups.'a b']", "2: `a b` is refused"),
        ("version = 1\n[groups.a]\nhosts = 5", "3: `hosts` is a number and should be a text or a list of texts"),
        ("version = 1\n[groups.a]\nhosts = ['x', 5]", "3: `hosts` is a list and should be a text or a list of texts"),
        ("version = 1\n[groups.a]\npriority = 1.5", "3: `priority` is a number and should be a number"),
        ("version = 1\n[groups.a]\npriority = true", "3: `priority` is true or false and should be a number"),
        ("version = 1\n[groups.a]\nprotected = 1", "3: `protected` is a number and should be true or false"),
        ("version = 1\n[groups.a]\nhots = 'x'", "3: unknown key `hots`; did you mean `hosts`?"),
        ("version = 1\n[connection]\nuser = 'a b'", "3: `a b` is refused"),
        ("version = 1\n[groups.a.connection]\ncertificate = 'x'", "3: `certificate` is not supported by this version"),
        ("version = 1\nvars = { " + "a = { " * 3000 + "} " * 3000 + "}", "nested too deeply"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, found: str) -> None:
    (said,) = findings(tmp_path, text)
    assert found in said


def test_everything_the_format_knows_is_taken(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, FLEET)
    assert inventory.groups["prod"].protected
    assert inventory.groups["edge"].priority == 10
    assert len(inventory.groups["frozen"].members) == 0


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_a_damaged_inventory_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    text = damaged(data, FLEET, "[]{}=\"'.,-\n#@&!()0" + ascii_letters[:6])
    loads_or_is_refused(tmp_path / "fleet.toml", text)
