"""`pssh put` and `pssh get` as a person types them: rows, refusals before anything connects, dry runs, and the API."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pssh import Fleet, Put, Step, Steps
from pssh.demo.fleet import DemoFleet
from tests.support.command import Done, environment, pssh
from tests.support.trees import leftovers


def on(fleet: DemoFleet, *args: str, cwd: Path) -> Done:
    return pssh(*args, cwd=cwd, PSSH_INVENTORY=str(fleet.inventory))


@pytest.fixture
def there(demo_fleet: DemoFleet, tmp_path: Path) -> str:
    """A folder of the first sound host, named alike on all."""
    return tmp_path.name


def sound(fleet: DemoFleet) -> str:
    return ",".join(host.name for host in fleet.hosts if not host.fault)


def test_a_file_goes_everywhere_is_the_same_then_and_comes_back(demo_fleet: DemoFleet, tmp_path: Path, there: str):
    (tmp_path / "x.conf").write_text("a\nb\n")
    first = on(demo_fleet, "put", "--mkdir", "@all", "x.conf", f"{there}/x.conf", cwd=tmp_path)
    assert (first.code, "1 file, 4 B" in first.out, "auth/denied" in first.out) == (4, True, True)
    again = on(demo_fleet, "put", "-f", "json", sound(demo_fleet), "x.conf", f"{there}/", cwd=tmp_path)
    results = json.loads(again.out)["results"]
    assert {(result["stdout"], result["changed"]) for result in results} == {("same\n", False)}
    got = on(demo_fleet, "get", sound(demo_fleet), f"{there}/*.conf", "got", cwd=tmp_path)
    assert got.code == 0
    names = sound(demo_fleet).split(",")
    assert sorted(path.parent.name for path in tmp_path.glob("got/*/x.conf")) == sorted(names)
    assert leftovers(demo_fleet.folder) == leftovers(tmp_path) == []


def test_a_dry_run_shows_what_would_be_done_and_does_nothing(demo_fleet: DemoFleet, tmp_path: Path, there: str):
    host = demo_fleet.host().name
    (tmp_path / "x.conf").write_text("a\nb\n")
    on(demo_fleet, "put", "--mkdir", host, "x.conf", f"{there}/x.conf", cwd=tmp_path)
    (tmp_path / "x.conf").write_text("a\nB\n")
    shown = on(demo_fleet, "put", "-n", "--diff", host, "x.conf", f"{there}/x.conf", cwd=tmp_path)
    assert "| replace x.conf  4 B\n| --- x.conf (there)\n| +++ x.conf (new)\n| @@ -1,2 +1,2 @@\n|  a\n| -b\n| +B\n" in (
        shown.out
    )
    assert (demo_fleet.home(host) / there / "x.conf").read_text() == "a\nb\n"
    fetched = on(demo_fleet, "get", "-n", host, f"{there}/x.conf", "got", cwd=tmp_path)
    assert ("would fetch 1 file, 4 B" in fetched.out, (tmp_path / "got").exists()) == (True, False)


def test_a_file_is_made_for_each_host(demo_fleet: DemoFleet, tmp_path: Path, there: str):
    (tmp_path / "x").write_text("I am {host} of {N}, ${HOME} {{host}}\n")
    names = sound(demo_fleet).split(",")
    done = on(demo_fleet, "put", "--mkdir", "--render", ",".join(names), "x", f"{there}/{{host}}", cwd=tmp_path)
    assert done.code == 0
    for name in names:
        text = (demo_fleet.home(name) / there / name).read_text()
        assert text == f"I am {name} of {len(names)}, ${{HOME}} {{host}}\n"


@pytest.mark.parametrize(
    ("args", "said"),
    [
        (("put", "@all", "x"), "There is no SRC or no DEST"),
        (("put", "@all", "missing", "y"), "`missing` cannot be read"),
        (("put", "@all", "x", ""), "DEST is empty"),
        (("put", "@all", "x", "{nope}/y"), "No placeholder `{nope}`"),
        (("put", "--render", "@all", "bad", "y"), "No placeholder `{nope}` in `"),
        (("put", "--mode", "rw", "@all", "x", "y"), "`rw` is no mode"),
        (("put", "--diff", "@all", "x", "y"), "`--diff` shows what a dry run would do"),
        (("put", "--become", "su", "@all", "x", "y"), "carries no files"),
        (("put", "--limit-rate", "fast", "@all", "x", "y"), "`fast` is no size"),
        (("get", "@all", "x"), "There is no SRC or no DEST"),
        (("get", "--dest", "x.log", "@all", "x"), "`--dest x.log` is the same path for every host"),
        (("get", "--dest", "{host}/", "@all", "x"), "is no path of a file"),
    ],
)
def test_what_cannot_be_is_refused_before_anything_connects(
    demo_fleet: DemoFleet, tmp_path: Path, args: tuple[str, ...], said: str
):
    (tmp_path / "x").write_text("")
    (tmp_path / "bad").write_text("{nope}")
    done = on(demo_fleet, *args, cwd=tmp_path)
    assert (done.code, said in done.err, done.out) == (2, True, "")


def test_this_machine_is_a_host_like_any_other(tmp_path: Path):
    (tmp_path / "x").write_text("1")
    assert pssh("put", "@local", "x", "y", cwd=tmp_path).code == 0
    assert pssh("get", "--flat", "@local", "y", "got", cwd=tmp_path).code == 0
    assert ((tmp_path / "y").read_text(), (tmp_path / "got/y.local").read_text()) == ("1", "1")


def test_a_program_puts_and_gets_and_a_job_has_steps_that_do(
    demo_fleet: DemoFleet, tmp_path: Path, there: str, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "x").write_text("1")
    fleet = Fleet.load(demo_fleet.inventory).select(sound(demo_fleet))
    assert fleet.put("x", f"{there}/x", mkdir=True, parallel=3).check().counts == {"ok": len(fleet.hosts)}
    assert fleet.get(f"{there}/x", "got").check()
    assert len(list(tmp_path.glob("got/*/x"))) == len(fleet.hosts)
    steps = Steps(steps=(Step(name="send", operation=Put(("x",), f"{there}/again")),))
    assert fleet.run(steps).check()
    assert (demo_fleet.home(fleet.hosts[0]) / there / "again").read_text() == "1"


def test_a_disk_here_that_takes_no_more_is_our_own_side_and_leaves_nothing(tmp_path: Path):
    (tmp_path / "x").write_bytes(b"x" * 500_000)
    line = f"ulimit -f 400; exec {sys.executable} -m pssh get -f json @local x got"
    done = subprocess.run(["sh", "-c", line], cwd=tmp_path, env=environment(tmp_path), capture_output=True, timeout=60)
    (result,) = json.loads(done.stdout)["results"]
    assert (result["status"], result["cause"], done.returncode) == ("error", "local/disk-full", 1)
    assert [path for path in (tmp_path / "got").rglob("*") if path.is_file()] == []
