"""Where inventories are looked for, and that only the first place counts."""

from pathlib import Path

import pytest

from pssh.errors import InventoryError
from pssh.inventory.find import find
from tests.support.inventories import written


class Places:
    """The four places of a search, each to be filled."""

    def __init__(self, folder: Path) -> None:
        self.cwd, self.config, self.system = folder / "work", folder / "config", folder / "etc" / "inventory"
        self.cwd.mkdir()
        self.config.mkdir()

    def find(self, *explicit: str, **environ: str) -> list[Path]:
        return find(explicit, environ=environ, cwd=self.cwd, config_home=self.config, system=self.system)


@pytest.fixture
def places(tmp_path: Path) -> Places:
    return Places(tmp_path)


def test_the_first_place_that_has_an_inventory_is_used_and_no_other(places: Places) -> None:
    assert places.find() == []
    written(places.system, "a")
    assert places.find() == [places.system]
    written(places.config / "inventory", "a")
    assert places.find() == [places.config / "inventory"]
    written(places.cwd / "inventory", "a")
    assert places.find() == [places.cwd / "inventory"]
    one, two = written(places.cwd, "a", "1.toml"), written(places.cwd, "a", "2.toml")
    assert places.find(PSSH_INVENTORY="1.toml:2.toml") == [one, two]
    assert places.find("2.toml", PSSH_INVENTORY="1.toml") == [two]
    assert places.find(PSSH_INVENTORY="") == [places.cwd / "inventory"]


def test_a_folder_of_that_name_without_inventories_is_something_else(places: Places) -> None:
    written(places.cwd / "inventory", "print()", "model.py")
    written(places.config / "inventory", "a")
    assert places.find() == [places.config / "inventory"]


@pytest.mark.parametrize("name", ["nix.toml", "empty"])
def test_what_is_named_must_be_there(places: Places, name: str) -> None:
    (places.cwd / "empty").mkdir()
    with pytest.raises(InventoryError) as caught:
        places.find(name)
    assert f"`{name}`" in caught.value.message
    assert caught.value.hint
    with pytest.raises(InventoryError):
        places.find(PSSH_INVENTORY=name)


@pytest.mark.parametrize("open_up", ["inventory/fleet.toml", "inventory", "."])
def test_a_place_that_others_may_write_to_is_refused_and_not_passed_over(places: Places, open_up: str) -> None:
    written(places.system, "a")
    written(places.cwd / "inventory", "a")
    (places.cwd / open_up).chmod(0o777)
    with pytest.raises(InventoryError, match="may be written to by everybody"):
        places.find()


def test_a_named_file_in_a_folder_that_others_may_write_to_is_refused(places: Places) -> None:
    written(places.cwd, "a")
    places.cwd.chmod(0o777)
    with pytest.raises(InventoryError, match=r"work` may be written to by everybody"):
        places.find("fleet.toml")


def test_a_link_into_a_folder_that_others_may_write_to_is_refused(places: Places, tmp_path: Path) -> None:
    target = written(tmp_path / "open", "a")
    target.parent.chmod(0o777)
    (places.cwd / "link.toml").symlink_to(target)
    with pytest.raises(InventoryError, match=r"open` may be written to by everybody"):
        places.find("link.toml")
