"""The shipped inventories are ready to use, and reach nobody else's machines."""

from ipaddress import ip_address
from pathlib import Path

import pytest

from pssh.inventory.load import load
from pssh.inventory.select import groups, select

FOLDER = Path(__file__).parents[2] / "inventory"
FILES = sorted(path for path in FOLDER.iterdir() if path.suffix in (".toml", ".ini", ".txt", ".list"))


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_loads_and_every_group_of_it_can_be_selected(path: Path) -> None:
    inventory = load([path])
    everyone = select("@all", inventory).hosts
    assert everyone
    for name, hosts in groups(inventory):
        if hosts:
            assert [host.name for host in select(f"@{name.lstrip('@')}", inventory).hosts] == list(hosts)


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_each_host_is_this_machine(path: Path) -> None:
    for host in select("@all", load([path])).hosts:
        address = host.settings.get("address", host.name)
        assert host.settings.get("transport") == "local" or address == "localhost" or ip_address(address).is_loopback
