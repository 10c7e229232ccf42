"""The inventories in the folder `inventory/` load, and name nothing but this machine."""

from ipaddress import ip_address, ip_network
from pathlib import Path

import pytest

from pssh.inventory.folder import files
from pssh.inventory.load import load
from pssh.inventory.select import select
from tests.support.inventories import folded

FOLDER = Path(__file__).parents[2] / "inventory"
LOOPBACK = ip_network("127.0.0.0/8")


def test_every_inventory_is_tried_here() -> None:
    assert [path.name for path in files(FOLDER)] == ["classic.ini", "fleet.toml", "lab.toml", "plain.txt"]
    known = {"classic.ini", "fleet.toml", "lab.toml", "plain.txt", "README.md"}
    assert {path.name for path in FOLDER.iterdir()} == known


@pytest.mark.parametrize(
    ("name", "targets", "hosts"),
    [
        ("fleet.toml", "@web&@prod", "web[01-05]"),
        ("fleet.toml", "@canary", "db1,web01"),
        ("fleet.toml", "@all!@prod", "backup,web06"),
        ("fleet.toml", "@ungrouped", "backup"),
        ("lab.toml", "@lab", "here,loopback"),
        ("classic.ini", "@backend!@api", "queue-a,queue-b,queue-c"),
        ("classic.ini", "@ungrouped", "cache.classic"),
        ("plain.txt", "@all!127.0.4.*", "127.0.5.1"),
    ],
)
def test_each_loads_and_selects(name: str, targets: str, hosts: str) -> None:
    assert folded(select(targets, load([FOLDER / name]))) == hosts


def test_together_they_hold_this_machine_only_and_no_conflict() -> None:
    selection = select("@all", load([FOLDER]))
    assert not selection.conflicts
    assert not selection.notices
    for host in selection.hosts:
        here = host.settings.get("transport") == "local"
        assert here or ip_address(host.settings.get("address", host.name)) in LOOPBACK
