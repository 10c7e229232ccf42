"""Jump hosts become connections of their own."""

import pytest

from pssh.errors import UsageError
from pssh.model.host import Connection, Host, Settings
from pssh.model.options import PASSWORD, RunOptions
from pssh.model.work import Job
from pssh.ops.command import Command
from pssh.plan import jobs_for
from pssh.route import Routes

BUILT_IN: Settings = {"user": "me", "identity": ["/k"], "known_hosts": ["/known"]}


def routed(
    hosts: dict[str, Settings], config: dict[str, Settings] | None = None, options: RunOptions | None = None
) -> dict[str, Connection]:
    """Return the connection to each of an inventory's hosts; ssh_config says `config`."""
    options = options or RunOptions()

    def host(name: str, typed: Settings | None = None) -> Host:
        return Host(name, settings=hosts.get(name, {}), typed=typed or {})

    def lookup(name: str, user: str, port: int) -> Settings:
        return (config or {}).get(name, {})

    jobs: list[Job] = jobs_for(Command("true"), map(host, hosts), options, lookup, BUILT_IN)
    return {job.host: job.connection for job in Routes(host, lookup, options, BUILT_IN).jobs(jobs)}


def way(connection: Connection) -> list[str]:
    """Return where a connection leads, from the nearest on."""
    return [f"{stage.user}@{stage.address}:{stage.port}" for stage in reversed(list(connection.stages))]


def test_a_jump_host_has_what_inventory_and_ssh_config_say_of_it() -> None:
    hosts: dict[str, Settings] = {"db1": {"jump": ["ops@gate:2222", "inner"]}, "gate": {"address": "203.0.113.9"}}
    found = routed(hosts, {"inner": {"user": "in", "port": 23}})
    assert way(found["db1"]) == ["ops@203.0.113.9:2222", "in@inner:23", "me@db1:22"]
    assert way(found["gate"]) == ["me@203.0.113.9:22"]


def test_the_nearest_jump_host_may_be_behind_others_and_the_next_ones_come_after_it() -> None:
    hosts: dict[str, Settings] = {"db1": {"jump": ["a", "b"]}, "a": {"jump": ["outer"]}, "b": {"jump": ["elsewhere"]}}
    assert way(routed(hosts)["db1"]) == ["me@outer:22", "me@a:22", "me@b:22", "me@db1:22"]


def test_the_nearest_jump_host_may_be_reached_by_a_command_and_no_other() -> None:
    hosts: dict[str, Settings] = {"db1": {"jump": ["a", "b"]}, "a": {"proxy_command": "x"}, "b": {"proxy_command": "y"}}
    commands = [stage.proxy_command for stage in routed(hosts)["db1"].stages]
    assert commands == ["", "", "x"]


def test_all_may_be_sent_through_one_of_them() -> None:
    everywhere: Settings = {"jump": ["a", "b"]}
    found = routed(dict.fromkeys(("a", "b", "c"), everywhere))
    assert [way(found[name]) for name in ("a", "b", "c")] == [
        ["me@a:22"],
        ["me@a:22", "me@b:22"],
        ["me@a:22", "me@b:22", "me@c:22"],
    ]


def test_a_way_that_leads_through_itself_is_an_error() -> None:
    with pytest.raises(UsageError, match="More than 8 jump hosts"):
        routed({"c": {"jump": ["a"]}, "a": {"jump": ["b"]}, "b": {"jump": ["a"]}})


def test_what_is_the_targets_own_is_not_used_on_the_way() -> None:
    options = RunOptions(
        user="root", port=9, ask_pass=True, become="sudo", identity=("/own",), host_keys="accept-new", jump="gate"
    )
    found = routed({"db1": {}}, options=options)["db1"]
    assert found.via is not None
    gate = found.via.connection
    assert (found.user, found.port, found.password, found.become) == ("root", 9, PASSWORD, "sudo")
    assert (gate.user, gate.port, gate.password, gate.become) == ("me", 22, "", "")
    assert (gate.identity, gate.host_keys) == (("/own",), "accept-new")


def test_the_option_says_more_than_inventory_and_ssh_config() -> None:
    hosts: dict[str, Settings] = {"db1": {"jump": ["gate"]}, "db2": {}}
    config: dict[str, Settings] = {"db2": {"jump": [], "proxy_command": "nc"}}
    assert way(routed(hosts, config, RunOptions(jump="x, y"))["db2"]) == ["me@x:22", "me@y:22", "me@db2:22"]
    found = routed(hosts, config, RunOptions(jump="none"))
    assert (way(found["db1"]), found["db2"].proxy_command) == (["me@db1:22"], "")


def test_a_thousand_hosts_share_one_way() -> None:
    found = routed({f"db{n}": {"jump": ["gate"]} for n in range(1000)})
    assert len({id(connection.via) for connection in found.values()}) == 1


def test_this_machine_is_no_jump_host() -> None:
    with pytest.raises(UsageError, match="is this machine"):
        routed({"db1": {"jump": ["here"]}, "here": {"transport": "local"}})
