"""The real sshd of the suite is one, for every address of 127/8."""

from collections.abc import Callable

import pytest

from tests.support import processes
from tests.support import sshd as support
from tests.support.sshd import Sshd


@pytest.mark.parametrize("address", ["127.0.0.1", "127.3.2.1"])
def test_every_loopback_address_is_a_host(sshd: Sshd, address: str) -> None:
    done = sshd.ssh("cat; echo err >&2; exit 3", address=address, stdin=b"in")
    assert (done.returncode, done.stdout, done.stderr) == (3, b"in", b"err\n")


def test_what_sshd_logs_is_kept(sshd: Sshd) -> None:
    sshd.ssh("true")
    assert f"Accepted publickey for {sshd.user}" in sshd.log()


def test_home_is_an_empty_folder_of_its_own(sshd: Sshd) -> None:
    assert sshd.ssh("echo $HOME").stdout.decode().strip() == str(sshd.home)


def test_a_test_may_configure_its_own(start_sshd: Callable[..., Sshd]) -> None:
    daemon = start_sshd("ForceCommand echo forced\n", host_keys=("ecdsa", "rsa"))
    assert daemon.host_key("ecdsa").startswith("ecdsa-sha2-nistp256 ")
    known = daemon.known_hosts(kind="ecdsa").read_text()
    assert known == f"[127.0.0.1]:{daemon.port} {daemon.host_key('ecdsa')}\n"


def test_a_configuration_that_sshd_refuses_is_named(start_sshd: Callable[..., Sshd]) -> None:
    with pytest.raises(RuntimeError, match="NoSuchKeyword"):
        start_sshd("NoSuchKeyword yes\n")


def test_nothing_of_it_is_left_when_it_is_stopped(tmp_path_factory: pytest.TempPathFactory) -> None:
    with support.sshd_fleet(tmp_path_factory.mktemp("sshd")) as daemon:
        left = int(daemon.ssh("setsid sleep 4712 </dev/null >/dev/null 2>&1 & echo $!").stdout)
        assert processes.alive([left])
    assert processes.gone([left, daemon.pid])


def test_without_sshd_a_test_is_left_out_with_one_reason(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "path", lambda: "")
    monkeypatch.delenv("CI", raising=False)
    with pytest.raises(BaseException, match="apt-get install openssh-server") as left:
        support.required()
    assert left.typename == "Skipped"


def test_without_sshd_the_gate_fails(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(support, "path", lambda: "")
    monkeypatch.setenv("CI", "true")
    with pytest.raises(BaseException, match="apt-get install openssh-server") as left:
        support.required()
    assert left.typename == "Failed"
