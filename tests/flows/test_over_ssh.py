"""Whole commands over SSH, against the demo fleet: rows, causes, exit codes, host keys, and what a terminal shows."""

import json
import re
import subprocess
import sys
from pathlib import Path

import pytest

from pssh.demo.fleet import DemoFleet
from tests.support.command import Done, environment, pssh
from tests.support.pty import CTRL_C, Screen, run_on_pty


@pytest.fixture
def private(demo_fleet: DemoFleet, tmp_path: Path) -> Path:
    """Return a copy of the demo's inventory with a known_hosts of its own, still empty."""
    text = demo_fleet.inventory.read_text().replace(str(demo_fleet.known_hosts), str(tmp_path / "known_hosts"))
    (tmp_path / "fleet.toml").write_text(text)
    return tmp_path


def on_fleet(fleet: DemoFleet, *args: str, cwd: Path, **environ: str) -> Done:
    return pssh(*args, cwd=cwd, PSSH_INVENTORY=str(fleet.inventory), **environ)


def on_terminal(*args: str, cwd: Path, keys: list[tuple[bytes, bytes]] | None = None, columns: int = 100) -> Screen:
    env = {**environment(cwd, TERM="xterm"), "PSSH_INVENTORY": str(cwd / "fleet.toml")}
    env.pop("COLUMNS")
    return run_on_pty([sys.executable, "-m", "pssh", *args], keys=keys or [], env=env, cwd=cwd, columns=columns)


def test_every_host_is_in_one_row_and_failures_name_their_cause(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    done = on_fleet(demo_fleet, "run", "-f", "json", "@all", "uname -r", cwd=tmp_path)
    results = {result["host"]: result for result in json.loads(done.out)["results"]}
    assert set(results) == {host.name for host in demo_fleet.hosts}
    assert results[demo_fleet.host("denied").name]["cause"] == "auth/denied"
    assert results[demo_fleet.host("down").name]["cause"] == "connect/refused"
    kernels = {results[host.name]["stdout"] for host in demo_fleet.hosts if not host.fault}
    assert len(kernels) == 1
    assert results[demo_fleet.host("differs").name]["stdout"] not in kernels
    assert done.code == 4


def test_causes_have_a_line_with_a_hint_each(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    done = on_fleet(demo_fleet, "run", "@all", "true", cwd=tmp_path)
    assert re.search(r"^  auth/denied  \w+  check the user", done.err, re.MULTILINE)
    assert re.search(r"^  connect/refused  \w+  is sshd listening", done.err, re.MULTILINE)


def test_a_sound_host_answers_with_its_exit_code_and_both_streams(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    name = demo_fleet.host().name
    done = on_fleet(demo_fleet, "run", "-f", "json", name, "echo out; echo err >&2; exit 3", cwd=tmp_path)
    (result,) = json.loads(done.out)["results"]
    assert (result["code"], result["stdout"], result["stderr"]) == (3, "out\n", "err\n")
    assert done.code == 5


def test_a_script_runs_on_the_host(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    (tmp_path / "where.sh").write_text("echo $1; pwd")
    done = on_fleet(demo_fleet, "script", "-f", "json", demo_fleet.host().name, "where.sh", "it's", cwd=tmp_path)
    (result,) = json.loads(done.out)["results"]
    assert result["stdout"].splitlines() == ["it's", str(demo_fleet.home(demo_fleet.host().name))]


def test_ping_names_the_phase_that_failed(demo_fleet: DemoFleet, tmp_path: Path) -> None:
    done = on_fleet(demo_fleet, "ping", cwd=tmp_path, COLUMNS="120")  # so that no column is left out
    rows = {line.split()[0]: line for line in done.out.splitlines()[2:]}
    assert re.search(r"unreachable +failed +\d.* connect/refused", rows[demo_fleet.host("down").name])
    assert re.search(r"auth +(\d[\d.]* m?s +){3}ok +failed ", rows[demo_fleet.host("denied").name])
    assert re.search(r"ok +(\d[\d.]* m?s +){3}ok +(\d[\d.]* m?s +){3}SSH-2.0-", rows[demo_fleet.host().name])


def test_an_unknown_host_is_refused_then_trusted_then_reached(demo_fleet: DemoFleet, private: Path) -> None:
    name = demo_fleet.host().name
    refused = pssh("run", "-i", "fleet.toml", name, "true", cwd=private)
    assert refused.code == 4
    assert "host-key/unknown" in refused.out
    assert f"`pssh trust -i fleet.toml {name}`" in refused.err
    asked = pssh("trust", "-i", "fleet.toml", name, cwd=private)
    assert asked.code == 2
    assert "There is no terminal" in asked.err
    assert not (private / "known_hosts").exists()
    assert pssh("trust", "-i", "fleet.toml", "--yes", name, cwd=private).code == 0
    assert (private / "known_hosts").read_text().count("\n") == 1
    assert (private / "known_hosts").stat().st_mode & 0o777 == 0o600
    assert pssh("run", "-i", "fleet.toml", name, "true", cwd=private).code == 0


def test_a_changed_key_is_an_alarm_and_never_written(demo_fleet: DemoFleet, private: Path) -> None:
    first, second = [host.name for host in demo_fleet.hosts if not host.fault][:2]
    pssh("trust", "-i", "fleet.toml", "--yes", f"{first},{second}", cwd=private)
    known = private / "known_hosts"
    one, two = known.read_text().splitlines()
    known.write_text(f"{one.partition(' ')[0]} {two.partition(' ')[2]}\n")
    before = known.read_bytes()
    done = pssh("trust", "-i", "fleet.toml", "--yes", f"{first},{second}", cwd=private)
    assert done.code == 4
    assert done.out.count("CHANGED") == 1
    assert "ssh-keygen -R" in done.err
    assert known.read_bytes().startswith(before)  # the other host's key is new, and added
    assert known.read_text().count("\n") == 2


def test_accept_new_writes_each_key_once(demo_fleet: DemoFleet, private: Path) -> None:
    sound = [host.name for host in demo_fleet.hosts if not host.fault]
    done = pssh("run", "-i", "fleet.toml", "--host-keys", "accept-new", ",".join(sound), "true", cwd=private)
    assert done.code == 0
    assert (private / "known_hosts").read_text().count("\n") == len(sound)


def test_unchecked_host_keys_are_warned_about_on_every_run(demo_fleet: DemoFleet, private: Path) -> None:
    done = pssh("run", "-q", "-i", "fleet.toml", "--host-keys", "off", demo_fleet.host().name, "true", cwd=private)
    assert done.code == 0
    assert done.err.startswith("pssh: Host keys are not checked")


def test_trust_asks_once_on_the_terminal(demo_fleet: DemoFleet, private: Path) -> None:
    name = demo_fleet.host().name
    no = on_terminal("trust", name, cwd=private, keys=[(b"[y/N] ", b"n\n")])
    assert no.exit_code == 2
    assert not (private / "known_hosts").exists()
    yes = on_terminal("trust", name, cwd=private, keys=[(b"[y/N] ", b"y\n")])
    assert yes.exit_code == 0
    assert "1 new key written to" in yes.text


def test_ctrl_c_on_a_terminal_gives_the_report_and_leaves_no_child(demo_fleet: DemoFleet, private: Path) -> None:
    sound = ",".join(host.name for host in demo_fleet.hosts if not host.fault)
    screen = on_terminal("run", "--host-keys", "off", sound, "sleep 60", cwd=private, keys=[(b"running ", CTRL_C)])
    assert screen.exit_code == 130
    assert screen.after < 4
    assert "stopped: interrupt  exit 130" in screen.text


def test_the_terminal_gets_no_byte_that_a_host_chose_unescaped(demo_fleet: DemoFleet, private: Path) -> None:
    name = demo_fleet.host().name
    screen = on_terminal(
        "run", "--color", "never", "--host-keys", "off", name, r"printf '\033]0;evil\007\r\302\233x'", cwd=private
    )
    assert "\\x1b]0;evil\\x07\\r\\x9bx" in screen.text
    assert b"evil\x07" not in screen.data


def test_a_passphrase_is_asked_once_on_the_terminal_and_not_shown(demo_fleet: DemoFleet, private: Path) -> None:
    key = private / "key"
    key.write_bytes(demo_fleet.identity.read_bytes())
    key.chmod(0o600)
    subprocess.run(["ssh-keygen", "-q", "-p", "-N", "open sesame", "-f", str(key)], check=True, capture_output=True)
    sound = ",".join(host.name for host in demo_fleet.hosts if not host.fault)
    screen = on_terminal(
        "run", "--host-keys", "off", "--identity", "key", sound, "echo hello",
        cwd=private, keys=[(b"Passphrase for key: ", b"wrong\n"), (b"Passphrase for key: ", b"open sesame\n")],
    )  # fmt: skip
    assert screen.exit_code == 0
    assert "hello" in screen.text
    assert "sesame" not in screen.text
    assert screen.text.count("Passphrase") == 2


def test_ctrl_c_at_a_question_ends_with_130_and_nothing_is_run(demo_fleet: DemoFleet, private: Path) -> None:
    screen = on_terminal("run", "-k", "@all", "true", cwd=private, keys=[(b"Password of ", CTRL_C)])
    assert screen.exit_code == 130
    assert "hosts:" not in screen.text
    assert "Traceback" not in screen.text


def test_hosts_of_unknown_key_share_one_hint(demo_fleet: DemoFleet, private: Path) -> None:
    first, second = [host.name for host in demo_fleet.hosts if not host.fault][:2]
    done = pssh("run", "-i", "fleet.toml", f"{first},{second}", "true", cwd=private)
    assert done.err.count("pssh trust") == 1
