"""Looking back and running the rest, as a user does it."""

import json
import re
import sys
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet
from pssh.history.store import FILE
from tests.support.command import Done, environment, pssh
from tests.support.history import state
from tests.support.pty import run_on_pty

FLEET = """
version = 1
[connection]
transport = "local"
[hosts."web[01-05]"]
[groups.web]
hosts = "web[01-05]"
[groups.kept]
hosts = "web05"
protected = true
"""
# Fails on web03 and web04 until a file of their name is there.
FLAKY = "echo {host}; case {host} in web0[34]) test -e {host};; esac && echo {host} {run} >> done"


@pytest.fixture
def home(tmp_path: Path) -> Path:
    (tmp_path / "fleet.toml").write_text(FLEET)
    return tmp_path


def run(home: Path, targets: str, *command: str, more: tuple[str, ...] = ()) -> Done:
    return pssh("run", "-i", "fleet.toml", *more, targets, *command, cwd=home)


def hosts(home: Path, targets: str) -> str:
    return pssh("hosts", "-i", "fleet.toml", targets, cwd=home).out.strip()


def test_a_run_has_a_number_and_is_shown_again_as_it_was(home: Path) -> None:
    done = run(home, "@web!web05", FLAKY, more=("-T",))
    assert "run r1  exit 5" in done.err
    again = pssh("show", cwd=home)
    assert (again.out, again.err, again.code) == (done.out, done.err, 0)
    other = run(home, "web01", "uname", more=("-f", "json"))
    assert pssh("show", "-f", "json", "r2", cwd=home).out == other.out
    assert json.loads(other.out)["run"]["run"] == "r2"
    assert (home / "done").read_text().splitlines() == ["web01 r1", "web02 r1"]


def test_show_takes_some_of_the_hosts(home: Path) -> None:
    run(home, "@web!web05", FLAKY, more=("-T",))
    failed = pssh("show", "--failed", "-f", "json", cwd=home)
    assert [row["host"] for row in json.loads(failed.out)["results"]] == ["web03", "web04"]
    raw = pssh("show", "--host", "web03", "--raw", "-q", cwd=home)
    assert (raw.out, raw.err) == ("web03\n", "")
    assert "2 of 4 hosts: 2 ok, 2 failed" in pssh("show", "--status", "ok", cwd=home).err
    lines = pssh("show", "-q", "-L", "--status", "failed", cwd=home)
    assert lines.out == "web03: web03\nweb04: web04\n"
    wrong = pssh("show", "--host", "db1", cwd=home)
    assert (wrong.code, wrong.err.splitlines()[0]) == (2, "pssh: The run `r1` had no host `db1`")
    assert "there is no status `wrong`" in pssh("show", "--status", "wrong", cwd=home).err


def test_show_gives_the_hints_of_those_that_it_shows(home: Path) -> None:
    run(home, "web01,web02", "[ {host} = web01 ] || sleep 9", more=("-T", "-t", "0.2"))
    assert re.search("^  exec/total  web02  ", pssh("show", cwd=home).err, re.MULTILINE)
    some = pssh("show", "last", "web01", cwd=home).err
    assert "1 of 2 hosts: 1 ok" in some and "web02" not in some


def test_earlier_runs_are_targets(home: Path) -> None:
    run(home, "@web!web05", FLAKY, more=("-T",))
    assert hosts(home, "@last:failed") == "web[03-04]"
    assert hosts(home, '@web!@r1:cause="exit 1"') == "web[01-02,05]"
    assert run(home, "@last:failed", "true").code == 0
    assert hosts(home, "@last") == "web[03-04]"
    assert hosts(home, "@last~1:ok") == "web[01-02]"
    pssh("ping", "-i", "fleet.toml", "web05", cwd=home)
    assert hosts(home, "@last") == "web[03-04]"  # a ping counts for nothing
    none = run(home, "@last:failed", "true")
    assert none.code == 2
    assert "No host matches `@last:failed`" in none.err


def test_a_host_that_no_inventory_has_any_more_is_reached_as_then(home: Path) -> None:
    run(home, "web0[1-2]", "true")
    (home / "fleet.toml").write_text('version = 1\n[hosts.web01]\nconnection = { transport = "local" }\n')
    again = run(home, "@last", "echo here")
    assert again.code == 0, again.err
    assert "web[01-02]" in again.out


def test_rerun_does_the_rest_until_nothing_is_left(home: Path) -> None:
    run(home, "@web!web05", FLAKY, more=("-T", "-p", "7"))
    planned = pssh("rerun", "-n", cwd=home)
    assert planned.out.splitlines()[1:2] == ["2 hosts: web[03-04]"]
    (home / "web03").touch()
    second = pssh("rerun", "-f", "json", cwd=home)
    report = json.loads(second.out)
    assert (second.code, report["counts"], report["run"]["options"]["parallel"]) == (5, {"ok": 1, "failed": 1}, 7)
    (home / "web04").touch()
    elsewhere = pssh("rerun", "r1", cwd=home / ".local", PSSH_STATE=str(state(home)))
    assert elsewhere.code == 0  # it goes to the folder in which the run was started
    third = pssh("rerun", cwd=home)
    assert (third.code, third.err) == (0, "pssh: Nothing is left of r1: 4 ok\n")
    assert sorted(line.split()[0] for line in (home / "done").read_text().splitlines()) == [
        f"web0{number}" for number in range(1, 5)
    ]
    listed = pssh("log", cwd=home).out.splitlines()
    assert [line.split()[0] for line in listed[2:]] == ["r3<r1", "r2<r1", "r1"]


def test_rerun_takes_what_it_is_told(home: Path) -> None:
    run(home, "@web!web05", "test {host} != web03", more=("-T",))
    assert pssh("rerun", "--only", "unreachable", cwd=home).err == "pssh: Nothing is left of r1: 3 ok, 1 failed\n"
    everything = pssh("rerun", "--all", "-f", "json", cwd=home)
    assert json.loads(everything.out)["counts"] == {"ok": 3, "failed": 1}
    both = pssh("rerun", "--all", "--only", "ok", cwd=home)
    assert (both.code, "do not go together" in both.err) == (2, True)


def test_a_protected_host_is_confirmed_again_at_a_rerun(home: Path) -> None:
    run(home, "web05", "false", more=("--yes",))
    refused = pssh("rerun", cwd=home)
    assert (refused.code, "protected" in refused.err) == (2, True)
    assert pssh("rerun", "--yes", cwd=home).code == 5
    assert "r3" not in pssh("log", cwd=home).out  # the refused one has left no gap


def test_a_folder_that_is_gone_is_told(home: Path) -> None:
    (home / "sub").mkdir()
    pssh("run", "-i", str(home / "fleet.toml"), "web01", "false", cwd=home / "sub", PSSH_STATE=str(state(home)))
    (home / "sub").rmdir()
    again = pssh("rerun", cwd=home, PSSH_STATE=str(state(home)))
    assert (again.code, "cannot be entered: No such file or directory" in again.err) == (1, True)


def test_log_lists_runs_and_finds_those_of_a_host(home: Path) -> None:
    empty = pssh("log", cwd=home)
    assert (empty.code, empty.out, empty.err) == (0, "", "pssh: There is no run yet\n")
    run(home, "web01", "echo", "\x1b[31mred")
    run(home, "web02", "uname")
    assert "\x1b" not in pssh("log", cwd=home).out
    assert [line.split()[0] for line in pssh("log", "--targets", "web0[2-9]", cwd=home).out.splitlines()[2:]] == ["r2"]
    assert len(pssh("log", "-n", "1", cwd=home).out.splitlines()) == 3
    listed = json.loads(pssh("log", "--json", "--since", "1h", cwd=home).out)
    assert [(one["run"], one["state"], one["counts"], one["exit"]) for one in listed["runs"]] == [
        ("r2", "ended", {"ok": 1}, 0),
        ("r1", "ended", {"ok": 1}, 0),
    ]
    assert pssh("log", "--since", "2000-01-01", cwd=home).code == 0
    assert "is no time" in pssh("log", "--since", "never", cwd=home).err


def test_diff_shows_what_changed(home: Path) -> None:
    run(home, "web0[1-4]", "cat {host}.txt 2>&1 || true", more=("-T",))
    (home / "web01.txt").write_text("one\ntwo\n")
    run(home, "web0[2-4]", "exit 3")
    run(home, "web0[1-3]", "cat {host}.txt 2>&1 || true", more=("-T",))
    changed = pssh("diff", "r1", "r2", cwd=home)
    assert changed.out.splitlines()[2].split() == ["web[02-04]", "3", "ok", "failed", "exit", "3"]
    assert changed.out.endswith("only in r1: web01\n")
    said = pssh("diff", "r1", "r3", cwd=home)
    assert "| -cat: web01.txt: No such file or directory\n| +one\n| +two\n" in said.out
    assert said.out.endswith("only in r1: web04\n")
    same = pssh("diff", "r3", "r3", cwd=home)
    assert (same.code, same.out, same.err) == (0, "", "pssh: r3 and r3 do not differ\n")


def test_nothing_is_kept_where_that_is_wanted(home: Path) -> None:
    done = run(home, "web01", "true", more=("--no-history",))
    assert "run r" not in done.err
    assert not state(home).exists()


def test_a_state_folder_that_is_not_ours_alone_stops_the_run_before_it_begins(home: Path) -> None:
    (home / "open").mkdir()
    (home / "open").chmod(0o777)
    refused = pssh("run", "-i", "fleet.toml", "web01", "touch ran", cwd=home, PSSH_STATE="open")
    assert refused.code == 1
    assert "may be written to by others" in refused.err
    assert "`--no-history` keeps nothing" in refused.err
    assert not (home / "ran").exists()


def test_a_history_that_was_destroyed_does_not_keep_a_run_from_going_on(home: Path) -> None:
    run(home, "web01", "true")
    for path in state(home).iterdir():
        path.write_bytes(b"junk" * 5000)
    done = run(home, "web01", "true")
    assert (done.code, done.err.count("could not be read, and a new one is begun")) == (0, 1)
    assert hosts(home, "@last") == "web01"


CANARY = b"canary5f1e9bsecret"


def test_no_secret_is_ever_kept_and_a_rerun_asks_for_it_again(home: Path) -> None:
    with DemoFleet(2, faults="none", folder=home / "fleet") as fleet:
        line = "echo {secret:token}; echo {secret:token} >&2; test -e ok"
        words = ["run", "-i", str(fleet.inventory), "-T", "--env", "WORD={secret:token}", "@all", line]
        answer = [(b"Secret token: ", CANARY + b"\n")]
        for argv in (words, ["rerun"]):
            command = [sys.executable, "-m", "pssh", *argv]
            screen = run_on_pty(command, keys=answer, env=environment(home, TERM="dumb"), cwd=home)
            assert (screen.exit_code, screen.text.count("Secret token: ")) == (5, 1), screen.text
            assert CANARY not in screen.data
    kept = list(state(home).iterdir())
    assert FILE in {path.name for path in kept}
    assert [path.name for path in kept if CANARY in path.read_bytes()] == []
    assert any(b"{secret:token}" in path.read_bytes() for path in kept)  # what is needed to ask again
    assert '{"stdout":"***\\n","stderr":"***\\n"}' in _streams(pssh("show", "-f", "json", cwd=home).out)


def _streams(text: str) -> str:
    rows = json.loads(text)["results"]
    return json.dumps([{name: row[name] for name in ("stdout", "stderr")} for row in rows], separators=(",", ":"))


LONG = "seq 1 400000"  # 2.7 MB, of which a report holds 1 MiB


def test_the_whole_of_a_long_output_can_be_had_later(home: Path) -> None:
    whole = "".join(f"{number}\n" for number in range(1, 400_001))
    done = run(home, "web[01-03]", LONG)
    assert "`pssh show r1 'web[01-03]'` has all of it" in done.err
    assert f"({len(whole):,} bytes printed)" in done.out
    assert pssh("show", "r1", "web02", "--raw=always", cwd=home).out == whole
    assert "`pssh show last web02`" in pssh("show", "web02", cwd=home).err
    body = pssh("show", "r1", "web02", cwd=home).out
    assert "".join(f"{line[2:]}\n" for line in body.splitlines() if line.startswith("| ")) == whole
    assert pssh("show", "-o", "out", "-q", cwd=home).code == 0
    assert (home / "out" / "web03").read_text() == whole
    (row,) = json.loads(pssh("show", "last", "web01", "-f", "json", cwd=home).out)["results"]
    assert (row["stdout"], row["truncated"]) == (whole, False)


def test_beyond_max_output_the_middle_is_gone_and_said_to_be(home: Path) -> None:
    done = run(home, "web[01-03]", LONG, more=("--max-output", "2M", "-f", "json"))
    assert "has more of it; the rest was dropped, see `--max-output`" in done.err
    assert {(row["truncated"], row["spooled"]) for row in json.loads(done.out)["results"]} == {(True, False)}
    body = pssh("show", "last", "web01", cwd=home).out.splitlines()
    assert body[3] == "| 1" and "| 300000" in body and "| 399999" in body
    assert [line for line in body if "left out" in line] == ["… 67,455 bytes left out …"]


def test_without_history_the_middle_is_gone(home: Path) -> None:
    done = run(home, "web[01-03]", LONG, more=("--no-history",))
    assert "(truncated: 2,688,895 bytes printed)" in done.out
    assert "long output" not in done.err


def test_what_changed_on_files_is_told_in_words_and_not_in_json(home: Path) -> None:
    (home / "f").write_text("one")
    for _ in "12":
        assert pssh("fs", "stat", "-i", "fleet.toml", "web01", str(home / "f"), cwd=home).code == 0
        (home / "f").write_text("other")
    assert f"  fs stat {home}"[:14] in pssh("log", cwd=home).out
    said = pssh("diff", "last~1", "last", cwd=home, COLUMNS="").out
    assert "{" not in said
    old, new = (line.split() for line in said.splitlines() if line.startswith(("| -", "| +")))
    assert (old[3], new[3], old[-1]) == ("3", "5", str(home / "f"))


STEPS = """
version = 1
name = "long"
targets = "web01"
inventory = "fleet.toml"
[[step]]
name = "drain"
local = "true"
undo = "seq 1 400000"
[[step]]
name = "before"
run = "seq 1 300000"
[[step]]
name = "it"
run = "seq 500000 900000; exit 3"
"""


def test_of_steps_that_of_the_failed_one_is_kept_whole(home: Path) -> None:
    (home / "long.toml").write_text(STEPS)
    (home / "long.toml").chmod(0o600)
    assert pssh("job", "run", "--now", "long.toml", cwd=home).code == 5
    whole = "".join(f"{number}\n" for number in range(500_000, 900_001))
    assert pssh("show", "last", "web01", "--raw", cwd=home).out == whole


def test_no_run_leaves_a_folder_without_outputs(home: Path) -> None:
    run(home, "web[01-03]", "seq 1 60000")  # 350 kB, which a result holds
    run(home, "web[01-03]", "true")
    assert list(state(home).glob("*.spool")) == []
