"""Inventories written for one test, and what was selected from them in short."""

from pathlib import Path
from textwrap import dedent

import pytest
from hypothesis import strategies as st

from pssh.errors import InventoryError
from pssh.inventory.load import load
from pssh.inventory.model import Inventory
from pssh.inventory.select import Selection
from pssh.model.names import fold

FLEET = """
version = 1
vars = { region = "eu" }
[connection]
user = "deploy"
identity = ["/keys/all"]
[hosts."web[01-20]"]
address = "10.0.1.[1-20]"
vars = { os = "debian12", rack = "r[1-20]" }
[hosts."db[1-3]"]
address = "db[1-3].int.example.net"
connection = { port = 2222 }
[hosts.bastion]
address = "203.0.113.10"
connection = { user = "ops", host_key_alias = "bastion-a" }
[groups.web]
hosts = "web[01-20]"
vars = { http_port = 8080 }
connection = { user = "www-admin" }
[groups.db]
hosts = ["db[1-3]"]
connection = { identity = ["/keys/db"] }
[groups.prod]
groups = ["web", "db"]
exclude = "web20"
protected = true
vars = { env = "prod" }
[groups.edge]
hosts = "web[01-02]"
priority = 10
connection = { jump = "none" }
[groups.frozen]
"""


def written(folder: Path, text: str, name: str = "fleet.toml") -> Path:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(dedent(text).lstrip("\n"), "utf-8")
    return path


def loaded(folder: Path, text: str, name: str = "fleet.toml") -> Inventory:
    return load([written(folder, text, name)])


def damaged(data: st.DataObject, text: str, alphabet: str) -> str:
    """Return a text of which some letters are missing, or others."""
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, min(len(text), start + 12)))
    return text[:start] + data.draw(st.text(alphabet=alphabet, max_size=8)) + text[end:]


def loads_or_is_refused(path: Path, text: str) -> None:
    """Write a file and look at all hosts of it; only what is wrong may be raised, and as what a person can mend."""
    path.write_text(text, "utf-8")
    try:
        inventory = load([path])
        for name in inventory.hosts:
            inventory.host(name)
    except InventoryError as error:
        assert error.exit_code == 2


def findings(folder: Path, text: str, name: str = "fleet.toml") -> list[str]:
    """Return what is wrong with an inventory, as `line: text`."""
    path = written(folder, text, name)
    with pytest.raises(InventoryError) as caught:
        load([path])
    found = caught.value.findings or (caught.value.message,)
    return [finding.removeprefix(f"{path}:").strip() for finding in found]


def folded(selection: Selection) -> str:
    return fold(host.name for host in selection.hosts)
