"""What a dry run shows."""

from typing import Any

from pssh.cli.preview import preview
from pssh.fit import fitted
from pssh.model.host import Connection, Host
from pssh.model.options import options_from
from pssh.model.report import Run
from pssh.model.work import Job
from pssh.ops.command import Command
from pssh.plan import Plan


def shown(text: str, count: int = 3, protected: tuple[str, ...] = (), how: Any = None, **said: Any) -> list[str]:
    """Return what is shown of a command on hosts `web1`, `web2`, ..., up to the table."""
    options = options_from(said)
    hosts = [Host(f"web{number + 1}") for number in range(count)]
    jobs = [
        Job(n, host.name, Connection(address=host.name, user="me", **(how or {})), Command(text))
        for n, host in enumerate(hosts)
    ]
    names = tuple(host.name for host in hosts)
    run = Run(
        id="",
        started=0,
        operation="command",
        text=text,
        targets="@web",
        inventory=(),
        hosts=names,
        options=options.told,
    )
    return preview(Plan(run, fitted(jobs, hosts, options), protected=protected), options).splitlines()


def test_a_plain_run_is_its_command_its_hosts_and_its_limits() -> None:
    assert shown("uptime", timeout=5)[:6] == [
        "command: uptime",
        "3 hosts: web[1-3]",
        "inventory: none",
        "  parallel = 64",
        "  timeout = 5.0",
        "",
    ]


def test_waves_are_shown_with_their_hosts_if_there_is_more_than_one() -> None:
    lines = shown("uptime", 7, canary=1, batch="2,50%")
    assert lines[lines.index("") + 1 :][:4] == [
        "wave 1 of 3: 1 host: web1",
        "wave 2 of 3: 2 hosts: web[2-3]",
        "wave 3 of 3: 4 hosts: web[4-7]",
        "",
    ]
    assert not any(line.startswith("wave") for line in shown("uptime", 7, batch="100%"))
    many = shown("uptime", 30, batch="1")
    assert sum(line.startswith("wave") for line in many) == 20
    assert "… 10 more waves" in many


def test_commands_are_shown_as_they_will_run_where_they_differ() -> None:
    lines = shown("echo {host}", 12, template=True)
    assert "web1: echo web1" in lines
    assert "web10: echo web10" in lines
    assert "web11: echo web11" not in lines
    assert "… 2 more commands" in lines
    assert "web[1-3]: uptime" not in shown("uptime", template=True)
    assert "web[1-3]: echo 22" in shown("echo {port}", template=True)


def test_who_a_command_becomes_and_which_hosts_are_protected_are_shown() -> None:
    lines = shown("id", protected=("web2",), how={"become": "su", "become_user": "postgres"})
    assert "protected: web2" in lines
    assert lines[-3].split() == ["web1", "ssh", "me", "web1", "22", "postgres", "by", "su"]


def test_one_more_wave_is_one() -> None:
    assert "… 1 more wave" in shown("uptime", 21, batch="1")
