"""A thousand hosts of which most are broken, each in its way: every one in the report once, with its cause."""

import json
import subprocess
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from tests.support.command import pssh
from tests.support.faulty import Faulty
from tests.support.sshd import Sshd

# Kind of host -> what its rows must say. Hosts of kind k are 127.7.k.1 to 127.7.k.100.
EXPECTED = {
    "refused": ("unreachable", "connect/refused"),
    "silent": ("unreachable", "banner/timeout"),
    "dripping": ("unreachable", "banner/timeout"),
    "wrong-key": ("host-key", "host-key/changed"),
    "denied": ("auth", "auth/denied"),
    "dropped": ("lost", "exec/connection-closed"),
    "exit-3": ("failed", "exit 3"),
    "signal": ("failed", "signal SEGV"),
    "well": ("ok", ""),
    "also-well": ("ok", ""),
}
KINDS = list(EXPECTED)
PER_KIND = 100
CONNECT_TIMEOUT, SLOTS = 2.0, 32

# One command for all; what a host does depends on the address it was reached at.
COMMAND = f"""
case "$SSH_CONNECTION" in
*" 127.7.{KINDS.index("dropped")}."*) echo begun; sleep 0.3; kill -9 $PPID; sleep 9;;
*" 127.7.{KINDS.index("exit-3")}."*) exit 3;;
*" 127.7.{KINDS.index("signal")}."*) kill -SEGV $$;;
esac
echo fine
"""


def addresses(kind: str) -> list[str]:
    return [f"127.7.{KINDS.index(kind)}.{number}" for number in range(1, PER_KIND + 1)]


def test_of_a_thousand_hosts_with_every_fault_each_has_one_row_with_the_right_cause(
    tmp_path: Path, start_sshd: Callable[..., Sshd], faulty: Faulty, closed_port: int
) -> None:
    daemon = start_sshd()
    for name in ("other_host", "other_user"):
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", tmp_path / name], check=True)
    wrong = " ".join((tmp_path / "other_host.pub").read_text().split()[:2])
    known = tmp_path / "known_hosts"
    known.write_text(
        "".join(
            f"[{address}]:{daemon.port} {wrong if kind == 'wrong-key' else daemon.host_key()}\n"
            for kind in KINDS
            for address in addresses(kind)
        )
    )
    ports = {
        "refused": closed_port,
        "silent": faulty.start("silent", address="0.0.0.0"),
        "dripping": faulty.start("drip", address="0.0.0.0"),
    }
    groups = "".join(
        f'[hosts."{kind}-[1-{PER_KIND}]"]\naddress = "127.7.{number}.[1-{PER_KIND}]"\n'
        f"connection = {{ port = {ports.get(kind, daemon.port)}, "
        f'identity = ["{tmp_path / "other_user" if kind == "denied" else daemon.identity}"] }}\n'
        for number, kind in enumerate(KINDS)
    )
    (tmp_path / "fleet.toml").write_text(
        f'version = 1\n[connection]\nuser = "{daemon.user}"\nknown_hosts = ["{known}"]\n{groups}'
    )
    began = time.monotonic()
    done = pssh(
        *("run", "-F", "none", "-i", "fleet.toml", "-f", "json", "--retries", "0"),
        *("--connect-timeout", str(CONNECT_TIMEOUT), "--connect-limit", str(SLOTS), "@all", COMMAND),
        cwd=tmp_path,
        timeout=110,
    )
    took = time.monotonic() - began
    rows = json.loads(done.out)["results"]
    found = Counter((row["host"].rpartition("-")[0], row["status"], row["cause"] or "") for row in rows)
    assert found == {(kind, *end): PER_KIND for kind, end in EXPECTED.items()}
    assert len({row["host"] for row in rows}) == len(rows) == PER_KIND * len(KINDS)
    assert all(row["stdout"] == "begun\n" for row in rows if row["host"].startswith("dropped"))
    assert "Traceback" not in done.out + done.err
    assert done.code == 3
    # Two hundred hosts use up their time, so many at once as there are slots; the rest is work for two processors.
    assert took < -(-2 * PER_KIND // SLOTS) * CONNECT_TIMEOUT + 40
