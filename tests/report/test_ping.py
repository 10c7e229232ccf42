"""What ping shows."""

import re

import pytest

from pssh.model.outcome import Reply, Result
from pssh.report.grid import width_of
from pssh.report.ping import ping_table
from tests.support.runs import failed, report, result

SECONDS = {"dns": 0.0, "connect": 0.0004, "banner": 0.014, "kex": 0.0073, "auth": 0.0071, "open": 0.001, "run": 0.003}


def up(host: str) -> Result:
    reached = result(host, Reply(exit_code=0), banner="SSH-2.0-OpenSSH_9.2p1 Debian-2+deb12u7")
    reached.seconds.update(SECONDS)
    return reached


def down(host: str) -> Result:
    return failed(host, "host-key/changed", "the host key is not the one in /root/.ssh/known_hosts:1")


def test_without_a_width_every_phase_has_a_column_and_nothing_is_cut() -> None:
    text = ping_table(report([up("web01"), down("web02")]))
    header, _, first, second = text.splitlines()
    assert re.split(r"  +", header) == [
        *("HOST", "STATUS", "TCP", "BANNER", "KEX", "HOST KEY", "AUTH", "EXEC", "TOTAL", "SERVER")
    ]
    assert first.startswith("web02")
    assert first.endswith("known_hosts:1")
    assert second.endswith("deb12u7")


@pytest.mark.parametrize("host", ["db1", "127.1.0.250", "web-frontend-0001.int.example.net", "日本語のとても長い名前"])
@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_the_table_is_never_wider_than_the_screen(width: int, host: str) -> None:
    lines = ping_table(report([up(host), down("web02")]), width=width).splitlines()
    assert max(map(width_of, lines)) <= width
    assert "host-key/chan" in lines[2]


def test_at_80_columns_the_times_stay_and_what_the_cause_says_anyway_goes() -> None:
    header = ping_table(report([up("127.1.0.1")]), width=80).splitlines()[0]
    assert header.split() == ["HOST", "STATUS", "TCP", "KEX", "AUTH", "EXEC", "TOTAL", "SERVER"]


def test_no_host_is_an_empty_table() -> None:
    assert ping_table(report([]), width=80).startswith("HOST")
