"""`pssh fs` and `pssh sync` as they are typed: on a fleet over SSH and on this machine."""

import json
import os
import sys
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet
from tests.support.command import Done, environment, pssh
from tests.support.pty import run_on_pty


def on_fleet(fleet: DemoFleet, *args: str, cwd: Path) -> Done:
    return pssh(*args, cwd=cwd, PSSH_INVENTORY=str(fleet.inventory))


def sound(fleet: DemoFleet) -> list[str]:
    """Return the names of two hosts without faults."""
    return [host.name for host in fleet.hosts if not host.fault][:2]


def test_what_one_host_has_differently_is_named(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    names = [host.name for host in demo_fleet.hosts if not host.fault][:3]
    for number, name in enumerate(names):
        folder = demo_fleet.home(name) / "odd"
        folder.mkdir()
        (folder / "same").write_text("1")
        (folder / "conf").write_text("2" if number else "other")
    done = on_fleet(demo_fleet, "fs", "checksum", ",".join(names), "odd", cwd=tmp_path)
    head, _, odd, rest = done.out.splitlines()
    assert head.split() == ["HOSTS", "SHA256", "FILES", "SIZE", "PATH", "DIFFERS"]
    assert odd.split()[0] == names[0] and odd.split()[-1] == "conf"
    assert len(rest.split()) == 5 and done.code == 0


def test_a_host_that_cannot_be_reached_is_in_the_table_too(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    down, name = demo_fleet.host("down").name, sound(demo_fleet)[0]
    done = on_fleet(demo_fleet, "fs", "ls", f"{down},{name}", ".", cwd=tmp_path)
    assert done.code == 4
    assert any(line.startswith(name) and line.endswith("bin") for line in done.out.splitlines())
    assert any(line.startswith(down) and "connect/refused" in line for line in done.out.splitlines())


def test_df_has_a_row_for_each_file_system(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    done = on_fleet(demo_fleet, "fs", "df", ",".join(sound(demo_fleet)), cwd=tmp_path)
    assert done.out.splitlines()[0].split() == ["HOSTS", "SIZE", "USED", "FREE", "FULL", "ON", "DEVICE"]
    assert "/dev/vda1" in done.out


def test_many_folders_of_this_machine_are_jobs_of_their_own(tmp_path: Path) -> None:
    for number in range(3):
        (tmp_path / "data" / f"d{number}").mkdir(parents=True)
        (tmp_path / "data" / f"d{number}" / "file").write_bytes(b"x" * 3000)
    done = pssh("fs", "size", "@local", "data/*", "--exact", "-f", "json", cwd=tmp_path)
    document = json.loads(done.out)
    rows = {result["host"]: json.loads(result["stdout"]) for result in document["results"]}
    assert list(rows) == [f"local:data/d{number}" for number in range(3)]
    assert all(row["size"] == 3000 and row["what"] == "sum" for row in rows.values())
    table = pssh("fs", "size", "@local", "data/*", cwd=tmp_path)
    assert [line.split()[0] for line in table.out.splitlines()[2:]] == list(rows)
    assert table.err.startswith("\n3 hosts: 3 ok")


def test_a_removal_is_asked_for_and_needs_a_terminal(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    done = pssh("fs", "rm", "@local", "-r", "old", cwd=tmp_path)
    assert (done.code, done.out) == (2, "") and "cannot be undone" in done.err and "`--yes`" in done.err
    dry = pssh("fs", "rm", "@local", "-r", "old", "-n", cwd=tmp_path)
    assert "would remove" in dry.out and (tmp_path / "old").exists()
    assert pssh("fs", "rm", "@local", "-r", "old", "--yes", cwd=tmp_path).code == 0
    assert not (tmp_path / "old").exists()


def test_the_number_of_hosts_lets_a_removal_begin(tmp_path: Path) -> None:
    (tmp_path / "old").mkdir()
    words = [sys.executable, "-m", "pssh", "fs", "rm", "@local", "-r", "old"]
    screen = run_on_pty(words, keys=[(b"to go on", b"1\n")], env=environment(tmp_path, TERM="xterm"), cwd=tmp_path)
    assert b"rm: rm --recursive old" in screen.data and not (tmp_path / "old").exists()


@pytest.mark.parametrize("path", ["/", "/etc", "/root", "/home/somebody", "~", "*", "../x", "", "/usr/*"])
def test_what_must_stay_is_refused_before_anything_connects(tmp_path: Path, path: str) -> None:
    done = pssh("fs", "rm", "@local", "--yes", "-r", path, cwd=tmp_path)
    assert done.code == 2 and done.out == "" and done.err.startswith("pssh: ")


def test_a_verb_that_does_not_exist_is_one_line(tmp_path: Path) -> None:
    done = pssh("fs", "lss", "@local", "/", cwd=tmp_path)
    assert done.code == 2 and "No verb `lss`" in done.err and "ls, stat" in done.err


def test_a_table_fits_eighty_columns_and_keeps_the_end_of_a_path(tmp_path: Path) -> None:
    deep = tmp_path / ("long" * 20) / "folder"
    deep.mkdir(parents=True)
    (deep / "the-end").touch()
    words = [sys.executable, "-m", "pssh", "fs", "ls", "@local", str(deep), "-q"]
    env = environment(tmp_path, TERM="xterm")
    env.pop("COLUMNS")
    screen = run_on_pty(words, keys=[], env=env, cwd=tmp_path, columns=80)
    rows = screen.data.decode().splitlines()
    assert all(len(row) <= 80 for row in rows)
    assert any(row.endswith("the-end") for row in rows)


def test_a_folder_is_kept_the_same_on_a_fleet(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    hosts = ",".join(sound(demo_fleet))
    site = tmp_path / "site"
    (site / "css").mkdir(parents=True)
    (site / "index").write_text("1")
    (site / "css" / "a b").write_text("2")
    first = on_fleet(demo_fleet, "sync", hosts, "site", "www", cwd=tmp_path)
    assert first.code == 0 and "2 files" in first.out
    homes = [demo_fleet.home(name) / "www" for name in sound(demo_fleet)]
    assert all((home / "css" / "a b").read_text() == "2" for home in homes)
    (homes[0] / "extra").touch()
    (homes[0] / "notes.log").touch()
    plan = on_fleet(demo_fleet, "sync", hosts, "site", "www", "--delete", "--exclude", "*.log", "-n", cwd=tmp_path)
    assert plan.code == 0 and "remove  extra" in plan.out and (homes[0] / "extra").exists()
    words = ("sync", hosts, "site", "www", "--delete", "--exclude", "*.log")
    assert on_fleet(demo_fleet, *words, cwd=tmp_path).code == 2
    assert on_fleet(demo_fleet, *words, "--yes", cwd=tmp_path).code == 0
    assert sorted(os.listdir(homes[0])) == ["css", "index", "notes.log"]  # noqa: PTH208  names alone


def test_each_hosts_folder_comes_here_under_its_name(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    names = sound(demo_fleet)
    for name in names:
        (demo_fleet.home(name) / "conf").mkdir(exist_ok=True)
        (demo_fleet.home(name) / "conf" / "who").write_text(name)
    done = on_fleet(demo_fleet, "sync", "--pull", ",".join(names), "conf", "copies", cwd=tmp_path)
    assert done.code == 0
    assert {name: (tmp_path / "copies" / name / "who").read_text() for name in names} == {n: n for n in names}
    again = on_fleet(demo_fleet, "sync", "--pull", ",".join(names), "conf", "copies", cwd=tmp_path)
    assert "same" in again.out


def test_a_run_on_many_folders_is_kept_and_repeated_where_it_failed(tmp_path: Path) -> None:
    (tmp_path / "there").mkdir()
    assert pssh("fs", "stat", "@local", "there", "late*", "later", cwd=tmp_path).code == 5
    shown = pssh("show", "-f", "json", cwd=tmp_path)
    assert [result["host"] for result in json.loads(shown.out)["results"]] == [
        "local:there", "local:late*", "local:later",
    ]  # fmt: skip
    (tmp_path / "later").mkdir()
    again = pssh("rerun", cwd=tmp_path)
    assert "local:later" in again.out and "local:there" not in again.out


def test_files_and_folders_are_worked_on_under_a_lock(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    listed = pssh("fs", "stat", "@local", "--lock", "files", "a", "-f", "json", cwd=tmp_path)
    (result,) = json.loads(listed.out)["results"]
    assert result["status"] == "ok" and '"path":"a"' in result["stdout"]
    assert pssh("sync", "@local", "--lock", "files", "a", "b", cwd=tmp_path).code == 0
    assert (tmp_path / "b").is_dir()


def test_a_name_that_is_no_text_is_worked_on_in_every_way(tmp_path: Path) -> None:
    name = os.fsdecode(b"caf\xe9")
    (tmp_path / name).touch()
    for words in (["stat"], ["stat", "--lock", "x"], ["checksum"], ["rm", "--yes"]):
        done = pssh("fs", words[0], "@local", *words[1:], name, cwd=tmp_path)
        assert done.code == 0 and r"caf\xe9" in done.out, done.err
    assert not (tmp_path / name).exists()
