"""Inventories that a program prints: real programs, run as a person names them."""

import json
import os
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from pssh.errors import InventoryError
from pssh.inventory.find import find
from pssh.inventory.load import load
from pssh.inventory.sources import program
from tests.support.inventories import written


def script(folder: Path, body: str, name: str = "prog") -> Path:
    path = written(folder, f"#!/bin/sh\n{body}\n", name)
    path.chmod(0o700)
    return path


def printing(folder: Path, said: Any, name: str = "prog") -> Path:
    data = written(folder, said if isinstance(said, str) else json.dumps(said), "said.txt")
    return script(folder, f'[ "$1" = --list ] && exec cat {data}', name)


LISTED = {
    "web": {"hosts": ["a", "b"], "vars": {"x": "web"}},
    "prod": {"children": ["web", "old"], "vars": {"env": "prod", "ansible_user": "ops"}},
    "old": ["c"],
    "all": {"children": ["ungrouped", "prod"], "vars": {"region": "eu"}},
    "ungrouped": {"hosts": ["lone"]},
    "_meta": {"hostvars": {"a": {"ansible_host": "10.0.0.1", "ansible_port": 2222, "rack": {"n": 1}}}},
}


@pytest.mark.parametrize("name", ["prog", "prog.py", "prog.json", "prog.x.sh"])
def test_a_program_lists_groups_and_the_variables_of_hosts(tmp_path: Path, name: str) -> None:
    inventory = load([printing(tmp_path, LISTED, name)])
    assert list(inventory.hosts) == ["a", "b", "c", "lone"]
    assert list(inventory.groups["prod"].members) == ["a", "b", "c"]
    assert inventory.host("a").settings == {"user": "ops", "address": "10.0.0.1", "port": 2222}
    assert inventory.host("a").vars == {"region": "eu", "env": "prod", "x": "web", "rack": {"n": 1}}
    assert inventory.groups_of("lone") == ()


def test_without_meta_each_host_is_asked_once(tmp_path: Path) -> None:
    inventory = load(
        [
            script(
                tmp_path,
                f'echo "$@" >> {tmp_path}/asked.txt\n'
                'case "$*" in --list) echo \'{"g": ["a", "b"], "h": ["a"]}\';; "--host a") echo \'{"x": 1}\';; esac',
            )
        ]
    )
    assert inventory.host("a").vars == {"x": 1}
    assert inventory.host("b").vars == {}
    assert (tmp_path / "asked.txt").read_text() == "--list\n--host a\n--host b\n"


def test_variables_of_hosts_in_no_group_are_left_out_with_a_notice(tmp_path: Path) -> None:
    inventory = load([printing(tmp_path, {"g": ["a"], "_meta": {"hostvars": {"z": {}}}})])
    assert list(inventory.hosts) == ["a"]
    assert "has variables of 1 host that no group holds" in inventory.notices[0]


@pytest.mark.parametrize(
    ("said", "found"),
    [
        ("", "prints nothing and should print groups"),
        ("[]", "prints a list and should print groups"),
        ("{", "prints no JSON"),
        ('{"a": NaN}', "`NaN` is no number of JSON"),
        ('{"a": {}, "a": {}}', "key `a` is said twice"),
        ('{"a": ' + "[" * 100 + "]" * 100 + "}", "nested more than 64 deep"),
        ("[" * 500_000, "nested more than 64 deep"),
        ('{"a": ' + "1" * 5000 + "}", "prints no JSON"),
        ({"a": 5}, "a: this is a number and should be a table"),
        ({"a": {"hosts": "b"}}, "a.hosts: this is a text and should be a list"),
        ({"a": {"hosts": [1]}}, "a.hosts: `1` is a number and should be a text"),
        ({"a": {"hosts": ["b;c"]}}, "a.hosts.b;c: `b;c` is refused"),
        ({"a": {"hosts": ["n[1:3]"]}}, "`n[1:3]` is refused"),
        ({"a": {"hots": []}}, "a.hots: unknown key; did you mean `hosts`?"),
        ({"a b": {}}, "group `a b` is refused"),
        ({"a": {"children": ["b"]}}, "No group `@b`"),
        ({"a": ["b"], "_meta": {"hostvars": {"b": {"ansible_port": "x"}}}}, "a.hosts.b.ansible_port: `ansible_port`"),
        ({"a": {"vars": {"x": {"__ansible_vault": "y"}}}}, "a.vars.x: `x`: the value is vaulted"),
        ({"_meta": {"hostvars": []}}, "_meta.hostvars: this is a list"),
    ],
)
def test_what_it_prints_wrong_is_named(tmp_path: Path, said: Any, found: str) -> None:
    with pytest.raises(InventoryError) as caught:
        load([printing(tmp_path, said)])
    (text,) = caught.value.findings or (caught.value.message,)
    assert found in text


@pytest.mark.parametrize(
    ("body", "found"),
    [
        ("echo oh no >&2; echo more >&2; exit 3", "failed, exit 3: oh no"),
        ("printf '\\033[31mred\\n' >&2; exit 1", "failed, exit 1: ?[31mred"),
        ("exit 1", "failed, exit 1"),
        ("kill -9 $$", "failed, signal 9"),
        ('[ "$1" = --list ] && echo \'{"g": ["a"]}\' || exit 7', "--host a` failed, exit 7"),
    ],
)
def test_a_program_that_fails_is_an_error_with_its_first_line(tmp_path: Path, body: str, found: str) -> None:
    with pytest.raises(InventoryError) as caught:
        load([script(tmp_path, body)])
    assert caught.value.message.endswith(found)


def test_what_cannot_be_run_says_so(tmp_path: Path) -> None:
    path = written(tmp_path, "x", "prog")
    path.chmod(0o700)
    with pytest.raises(InventoryError, match="cannot be run: Exec format error"):
        load([path])


def test_a_program_that_does_not_end_is_ended_with_all_of_its_group(tmp_path: Path) -> None:
    path = script(tmp_path, f"sleep 300 & echo $! > {tmp_path}/pid.txt; wait")
    begin = time.monotonic()
    with pytest.raises(InventoryError, match=r"did not end within 0.5 seconds, and was ended"):
        program.load(path, seconds=0.5)
    assert time.monotonic() - begin < 20
    child = (tmp_path / "pid.txt").read_text().strip()
    state = subprocess.run(["ps", "-o", "stat=", "-p", child], capture_output=True, text=True, check=False).stdout
    assert not state or state.startswith("Z")


def test_a_program_that_prints_without_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(program, "MOST_BYTES", 1 << 20)
    with pytest.raises(InventoryError, match="prints more than 1 MiB, and was ended"):
        load([script(tmp_path, "yes; exit 0")])


def test_errors_without_end_do_not_block_a_program(tmp_path: Path) -> None:
    assert list(load([script(tmp_path, 'yes | head -c 300000 >&2; echo \'{"g": ["a"], "_meta": {}}\'')]).hosts) == ["a"]


def test_its_input_is_empty_whatever_ours_is(tmp_path: Path) -> None:
    theirs, ours = os.pipe()
    os.write(ours, b"typed")
    os.close(ours)
    kept = os.dup(0)
    os.dup2(theirs, 0)
    try:
        load([script(tmp_path, f"cat > {tmp_path}/in.txt; echo '{{}}'")])
    finally:
        os.dup2(kept, 0)
        os.close(kept)
        os.close(theirs)
    assert (tmp_path / "in.txt").read_bytes() == b""


def test_its_environment_loads_no_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LD_AUDIT", "x")
    monkeypatch.setenv("PYTHONPATH", "x")
    monkeypatch.setenv("AWS_PROFILE", "kept")
    monkeypatch.setenv("PATH", f".::bin:{os.environ['PATH']}")
    load([script(tmp_path, f"env > {tmp_path}/env.txt; echo '{{}}'")])
    said = dict(line.split("=", 1) for line in (tmp_path / "env.txt").read_text().splitlines() if "=" in line)
    assert said["AWS_PROFILE"] == "kept"
    assert not {"LD_AUDIT", "PYTHONPATH"} & said.keys()
    assert all(folder.startswith("/") for folder in said["PATH"].split(":"))


def test_nothing_is_run_unless_it_is_named_on_the_command_line(tmp_path: Path) -> None:
    mark = tmp_path / "ran.txt"
    folder = tmp_path / "inventory"
    path = script(folder, f"touch {mark}; echo '{{}}'")
    written(folder, "a\n", "z.txt")
    assert list(load([folder]).hosts) == ["a"]
    with pytest.raises(InventoryError, match="of `PSSH_INVENTORY` is a program") as caught:
        find([], environ={"PSSH_INVENTORY": str(path)}, cwd=tmp_path, config_home=tmp_path)
    assert caught.value.hint.startswith(f"`-i {path}` runs it")
    assert find([], environ={}, cwd=tmp_path, config_home=tmp_path) == [folder]
    path.chmod(0o600)
    with pytest.raises(InventoryError, match=r"no program without `chmod \+x`"):
        load([path])
    assert not mark.exists()
    path.chmod(0o700)
    assert load(find([str(path)], environ={}, cwd=tmp_path, config_home=tmp_path)).hosts == {}
    assert mark.exists()


def test_a_program_in_a_folder_is_not_run_by_the_name_of_json_either(tmp_path: Path) -> None:
    script(tmp_path / "inventory", f"touch {tmp_path}/ran.txt; echo '{{}}'", "prog.json")
    with pytest.raises(InventoryError, match="is JSON, which is read from programs only"):
        load([tmp_path / "inventory"])
    assert not (tmp_path / "ran.txt").exists()


@pytest.mark.parametrize("place", ["top/mid/prog", "top/mid", "top"])
def test_a_program_that_others_could_replace_is_not_run(tmp_path: Path, place: str) -> None:
    path = script(tmp_path / "top" / "mid", f"touch {tmp_path}/ran.txt; echo '{{}}'")
    (tmp_path / place).chmod(0o777)
    with pytest.raises(InventoryError, match="may be written to by everybody"):
        load([path])
    assert not (tmp_path / "ran.txt").exists()


def test_a_data_file_with_the_executable_bit_is_data(tmp_path: Path) -> None:
    for name in ("hosts", "a.ini"):
        path = written(tmp_path, "[web]\na\n", name)
        path.chmod(0o700)
        assert list(load([path]).hosts) == ["a"]
