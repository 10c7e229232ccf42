"""Hosts behind a jump host, as the inventory, ssh_config and the command line say it: on a real sshd."""

import json
import re
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.command import Done, pssh
from tests.support.sshd import Sshd


@pytest.fixture
def site(start_sshd: Callable[..., Sshd], tmp_path: Path) -> Callable[..., tuple[Done, int]]:
    """Run a command on two hosts behind a bastion; returns what came of it, and how many logins there were."""
    daemon = start_sshd()
    known = daemon.known_hosts(*(f"127.0.6.{n}" for n in (1, 11, 12)))
    connection = f'port = {daemon.port}\nuser = "{daemon.user}"\nidentity = "{daemon.identity}"\n'
    (tmp_path / "fleet.toml").write_text(
        f'version = 1\n[connection]\n{connection}known_hosts = "{known}"\n'
        '[hosts.bastion]\naddress = "127.0.6.1"\n'
        '[hosts."db[1-2]"]\naddress = "127.0.6.[11-12]"\n[groups.db]\nhosts = "db[1-2]"\n'
        '[groups.inner]\ngroups = ["db"]\nconnection = { jump = "bastion" }\n'
    )

    def run(*words: str, config: str = "") -> tuple[Done, int]:
        (tmp_path / "config").write_text(config)
        before = daemon.log().count("Accepted publickey")
        done = pssh(words[0], "-i", "fleet.toml", "-F", str(tmp_path / "config"), *words[1:], cwd=tmp_path)
        return done, daemon.log().count("Accepted publickey") - before

    return run


@pytest.mark.parametrize(
    ("options", "config", "logins"),
    [
        ([], "", 3),  # as the inventory says
        (["-J", "none"], "", 2),
        (["-J", "none"], "ProxyJump bastion\n", 2),
        (["-J", "db1"], "", 4),  # db1 is reached without itself, and db2 through it, to which the bastion leads
        ([], "Host db1 db2\nProxyCommand false\n", 3),  # the inventory says more than ssh_config
    ],
)
def test_the_way_is_that_of_the_highest_source(
    site: Callable[..., tuple[Done, int]], options: list[str], config: str, logins: int
) -> None:
    done, accepted = site("run", "-f", "json", *options, "@db", "echo here", config=config)
    assert {result["host"]: result["stdout"] for result in json.loads(done.out)["results"]} == {
        "db1": "here\n",
        "db2": "here\n",
    }
    assert (done.code, accepted) == (0, logins)


def test_a_dry_run_shows_the_way(site: Callable[..., tuple[Done, int]]) -> None:
    done, logins = site(
        "run", "-n", "-J", "bastion,inner", "@db", "true", config="Host bastion\nProxyCommand nc %h %p\n"
    )
    rows = [re.split(" {2,}", line)[1] for line in done.out.splitlines() if line.startswith("db")]
    assert (rows, logins) == (["ssh via ProxyCommand, bastion, inner"] * 2, 0)


def test_files_go_through_it_as_well(site: Callable[..., tuple[Done, int]], tmp_path: Path) -> None:
    (tmp_path / "big").write_bytes(bytes(range(256)) * 20_000)
    done, logins = site("put", "@db", "big", f"{tmp_path}/{{host}}")
    assert (done.code, logins) == (0, 3)
    assert {(tmp_path / name).read_bytes() == (tmp_path / "big").read_bytes() for name in ("db1", "db2")} == {True}


def test_a_bastion_that_is_down_is_the_cause_of_all_behind_it(site: Callable[..., tuple[Done, int]]) -> None:
    done, _ = site("run", "-J", "bastion:1", "@db", "true")
    assert done.code == 4
    assert "connect/proxy: jump host `bastion`: refused the" in done.out
    assert "check the jump host" in done.err


@pytest.mark.parametrize("hop", ["-oProxyCommand=x", "a b", "gate[1-3]", "a:99999", ""])
def test_what_is_no_jump_host_is_refused_before_anything_connects(
    site: Callable[..., tuple[Done, int]], hop: str
) -> None:
    done, logins = site("run", f"--jump={hop}", "@db", "true")
    assert (done.code, logins, done.err.count("\n")) == (2, 0, 2)
    assert "-J" in done.err
