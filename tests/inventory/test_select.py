"""What targets select from an inventory, and what is said when they select nothing."""

from pathlib import Path

import pytest

from pssh.errors import InventoryError, NoHosts, PsshError, TargetsError, UsageError
from pssh.inventory.load import load
from pssh.inventory.model import Inventory
from pssh.inventory.select import groups, narrow, select
from pssh.model.host import Host, Settings
from tests.support.inventories import FLEET, folded, loaded, written


@pytest.fixture
def fleet(tmp_path: Path) -> Inventory:
    return loaded(tmp_path, FLEET)


NONE = Inventory()


@pytest.mark.parametrize(
    ("text", "hosts"),
    [
        ("@web", "web[01-20]"),
        ("@all", "bastion,db[1-3],web[01-20]"),
        ("@web&@prod!web07", "web[01-06,08-19]"),
        ("(@web,@db)!web[01-10]", "db[1-3],web[11-20]"),
        ("@db,@web&@edge", "web[01-02]"),
        ("@db,(@web&@edge)", "db[1-3],web[01-02]"),
        ("@all!os=debian*", "bastion,db[1-3]"),
        ("rack=r[1-3]", None),
        ("rack=r1?", "web[10-19]"),
        ("http_port=8080&@edge", "web[01-02]"),
        ("env=prod&@db", "db[1-3]"),
        ("region=eu!@web", "bastion,db[1-3]"),
        ("port=2222", "db[1-3]"),
        ("user=ops", "bastion"),
        ("transport=ssh&name=b*", "bastion"),
        ("address=10.0.1.1?", "web[10-19]"),
        ("/^db\\d+$/", "db[1-3]"),
        ("/b/!/web/", "bastion,db[1-3]"),
        ("web0?", "web[01-09]"),
        ("*[1-2]", "db[1-2],web[01-02,11-12]"),
        ("@ungrouped", "bastion"),
        ("@frozen,db1", "db1"),
        ("@[d-d]b", "db[1-3]"),
        ("web[01-03,02]", "web[01-03]"),
        ("new.example.net,db1", "db1,new.example.net"),
        ("10.0.0.[1-2]:2222,[2001:db8::1]:22,2001:db8::2", "10.0.0.[1-2],2001:db8::[1-2]"),
        ("me@new,new2:22", "new,new2"),
        ("@local,db1", "db1,local"),
    ],
)
def test_an_expression_selects_its_hosts(fleet: Inventory, text: str, hosts: str | None) -> None:
    if hosts is None:
        with pytest.raises(NoHosts):
            select(text, fleet)
    else:
        assert folded(select(text, fleet)) == hosts


def test_the_order_is_the_inventorys_then_as_written(fleet: Inventory) -> None:
    found = select("z.example,bastion,a.example,db1,web02,web01", fleet).hosts
    assert [host.name for host in found] == ["web01", "web02", "db1", "bastion", "z.example", "a.example"]


def test_what_was_typed_stays_apart_from_what_the_inventory_says(fleet: Inventory) -> None:
    (host,) = select("root@web01:2022", fleet).hosts
    assert host == Host(
        name="web01",
        settings={
            "user": "www-admin",
            "identity": ["/keys/all"],
            "address": "10.0.1.1",
            "jump": [],
            "proxy_command": "",
        },
        typed={"user": "root", "port": 2022},
        groups=("prod", "edge", "web"),
        vars={"region": "eu", "env": "prod", "http_port": 8080, "os": "debian12", "rack": "r1"},
        protected=("prod",),
    )


def test_a_host_beyond_the_inventory_has_only_its_name_and_what_was_typed(fleet: Inventory) -> None:
    assert select("me@10.0.0.9", fleet).hosts == (Host("10.0.0.9", typed={"user": "me"}),)


def test_this_machine_needs_no_inventory() -> None:
    assert select("@local", NONE).hosts == (Host("local", settings={"transport": "local"}, groups=("local",)),)


def test_this_machine_is_never_taken_for_a_host_of_that_name(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "version = 1\n[hosts.local]\n")
    assert select("local", inventory).hosts == (Host("local"),)
    with pytest.raises(InventoryError, match="`@local` is this machine"):
        select("@local", inventory)


def test_without_an_inventory_every_plain_name_is_a_host() -> None:
    assert folded(select("web[1-3],db", NONE)) == "db,web[1-3]"


def test_a_name_of_ssh_config_is_a_host(fleet: Inventory) -> None:
    assert folded(select("alias", fleet, is_named="alias".__eq__)) == "alias"
    with pytest.raises(NoHosts):
        select("alias", fleet)


def test_a_host_reached_twice_is_one_host_and_one_notice(fleet: Inventory) -> None:
    found = select("web01,web[01-02],@edge", fleet)
    assert folded(found) == "web[01-02]"
    assert found.notices == ("Reached more than once, each is one job: web[01-02]",)
    assert select("ops@web01,@edge", fleet).hosts[0].typed == {"user": "ops"}
    assert select("@edge,ops@web01", fleet).hosts[0].typed == {"user": "ops"}


def test_one_host_with_two_logins_is_an_error_and_not_a_guess() -> None:
    with pytest.raises(TargetsError, match=r"`127\.0\.0\.1` is named with different users or ports"):
        select("127.0.0.1:2201,127.0.0.1:2202", NONE)


@pytest.mark.parametrize(
    ("text", "message", "hint"),
    [
        ("@wbe", "No group `@wbe` in `{path}`", "did you mean `@web`?"),
        ("@web01", "No group `@web01` in `{path}`", "`web01` is a host"),
        ("web", "No host `web`", "the group is `@web`"),
        ("web1", "No host `web1` in `{path}`", "did you mean `web01`?"),
        ("web[18-23]", "No hosts `web[21-23]` in `{path}`", "did you mean"),
        ("web[0]", "No host `web0`", "`--slice 1:1`"),
        ("@web&@db", "No host matches `@web&@db`", "`pssh hosts '@web'` lists 20 hosts, none of them in `@db`"),
        ("db1!@db", "No host matches `db1!@db`", "`pssh hosts 'db1'` lists 1 host, all of them in `@db`"),
        ("zz*", "No host matches `zz*`", "`zz*` matches no host of `{path}`"),
        ("@all&oss=x", "No host matches", "No host of `{path}` has a variable `oss`"),
        ("@frozen", "No host matches `@frozen`", ""),
        ("xyz*&@web", "No host matches", ""),
    ],
)
def test_no_match_is_an_error_that_names_the_nearest(fleet: Inventory, text: str, message: str, hint: str) -> None:
    with pytest.raises(NoHosts) as caught:
        select(text, fleet)
    path = str(fleet.paths[0])
    assert message.format(path=path) in caught.value.message
    assert hint.format(path=path) in caught.value.hint
    assert caught.value.exit_code == 2


@pytest.mark.parametrize("text", ["@all", "@web", "@ungrouped"])
def test_a_group_without_an_inventory_says_so(text: str) -> None:
    with pytest.raises(NoHosts, match="no inventory is in use") as caught:
        select(text, NONE)
    assert "-i FILE" in caught.value.hint


def test_an_inventory_without_hosts_is_named(tmp_path: Path) -> None:
    with pytest.raises(NoHosts) as caught:
        select("@all", loaded(tmp_path, "", "empty.txt"))
    assert caught.value.hint == f"there is no host in `{tmp_path}/empty.txt`"


def test_a_glob_without_a_match_beside_others_is_a_notice(fleet: Inventory) -> None:
    assert "`zz*` matches no host" in select("db1,zz*", fleet).notices[0]


def test_excluded_hosts_go_last(fleet: Inventory) -> None:
    assert folded(select("@web", fleet, exclude="@edge,web1*")) == "web[03-09,20]"
    with pytest.raises(NoHosts) as caught:
        select("@edge", fleet, exclude="@web")
    assert caught.value.hint == "`pssh hosts '@edge'` lists 2, all of them excluded"
    with pytest.raises(NoHosts, match="No group `@wbe`"):
        select("@edge", fleet, exclude="@wbe")


def test_a_file_holds_one_expression_per_line(fleet: Inventory, tmp_path: Path) -> None:
    written(
        tmp_path,
        "\ufeffdb1 # the first\r\n\r\n# no\r\n  web[01-02]\r\n@db&db2\nops@10.0.0.1:22\n10.0.0.2 root\n",
        "a.txt",
    )
    found = select("^a.txt", fleet, cwd=tmp_path)
    assert folded(found) == "10.0.0.[1-2],db[1-2],web[01-02]"
    assert [host.typed for host in found.hosts[-2:]] == [{"user": "ops", "port": 22}, {"user": "root"}]
    assert folded(select("@all!^a.txt", fleet, cwd=tmp_path)) == "bastion,db3,web[03-20]"


def test_a_fault_in_a_file_names_its_line(fleet: Inventory, tmp_path: Path) -> None:
    written(tmp_path, "db1\n@wbe\n", "a.txt")
    written(tmp_path, "db1\n\n^a.txt", "b.txt")
    with pytest.raises(NoHosts, match=r"\^a\.txt:2: No group `@wbe`"):
        select("^b.txt", fleet, cwd=tmp_path)


def test_files_in_files_end(fleet: Inventory, tmp_path: Path) -> None:
    written(tmp_path, "^b.txt", "a.txt")
    written(tmp_path, "^a.txt", "b.txt")
    with pytest.raises(TargetsError, match="reads itself"):
        select("^a.txt", fleet, cwd=tmp_path)
    for depth in range(9):
        written(tmp_path, f"^n{depth + 1}", f"n{depth}")
    written(tmp_path, "db1", "n9")
    assert folded(select("^n2", fleet, cwd=tmp_path)) == "db1"
    with pytest.raises(TargetsError, match="8 files deep"):
        select("^n1", fleet, cwd=tmp_path)


def test_a_file_is_found_beside_the_file_that_names_it(fleet: Inventory, tmp_path: Path) -> None:
    written(tmp_path, "^two.txt", "sub/one.txt")
    written(tmp_path, "db3", "sub/two.txt")
    assert folded(select("^sub/one.txt", fleet, cwd=tmp_path)) == "db3"


@pytest.mark.parametrize("data", [b"\xff\xfe", b"a\x00b", b"x" * (2 << 20)])
def test_a_file_that_is_no_list_is_refused(fleet: Inventory, tmp_path: Path, data: bytes) -> None:
    (tmp_path / "a.bin").write_bytes(data)
    with pytest.raises(TargetsError):
        select("^a.bin", fleet, cwd=tmp_path)


def test_a_missing_file_is_said(fleet: Inventory, tmp_path: Path) -> None:
    with pytest.raises(TargetsError, match=r"nix\.txt` cannot be read: No such file"):
        select("^nix.txt", fleet, cwd=tmp_path)


def test_standard_input_is_read_once(fleet: Inventory) -> None:
    assert folded(select("-", fleet, read_stdin=lambda: "db1\n@edge\n")) == "db1,web[01-02]"
    with pytest.raises(TargetsError, match="can be read once"):
        select("-,-", fleet, read_stdin=lambda: "db1")
    with pytest.raises(TargetsError, match="can be read once"):
        select("-", fleet, exclude="-", read_stdin=lambda: "db1\ndb2")


def test_more_hosts_than_a_run_may_have_are_refused() -> None:
    with pytest.raises(TargetsError, match="200,000"):
        select("n[1-200000]", NONE)
    with pytest.raises(TargetsError, match="120,000 hosts"):
        select("n[1-60000],m[1-60000]", NONE)


def test_groups_are_listed_in_order_with_their_hosts(fleet: Inventory) -> None:
    listed = groups(fleet)
    assert [name for name, _ in listed] == ["web", "db", "prod", "edge", "frozen", "ungrouped"]
    assert dict(listed)["db"] == ["db1", "db2", "db3"]
    assert dict(listed)["frozen"] == []
    assert dict(listed)["ungrouped"] == ["bastion"]


HOSTS = tuple(Host(f"h{number}") for number in range(1, 11))


def _names(hosts: tuple[Host, ...]) -> str:
    return " ".join(host.name for host in hosts)


@pytest.mark.parametrize(
    ("text", "hosts"), [("2:4", "h2 h3 h4"), ("9:", "h9 h10"), (":2", "h1 h2"), ("3", "h3"), ("9:99", "h9 h10")]
)
def test_a_slice_counts_from_one_and_includes_both_ends(text: str, hosts: str) -> None:
    assert _names(narrow(HOSTS, slice=text)) == hosts


@pytest.mark.parametrize("text", ["0:3", ":", "3:1", "a", "1:2:3", "-1:"])
def test_a_wrong_slice_is_refused(text: str) -> None:
    with pytest.raises(UsageError):
        narrow(HOSTS, slice=text)


def test_a_slice_beyond_the_end_is_no_match() -> None:
    with pytest.raises(NoHosts):
        narrow(HOSTS, slice="11:")


def test_slice_then_pick_then_first_and_the_order_stays() -> None:
    picked = narrow(HOSTS, slice="2:9", pick=4, seed=7)
    assert picked == narrow(HOSTS, slice="2:9", pick=4, seed=7)
    assert len(picked) == 4
    assert all(host in HOSTS[1:9] for host in picked)
    assert [HOSTS.index(host) for host in picked] == sorted(HOSTS.index(host) for host in picked)
    assert narrow(HOSTS, slice="2:9", pick=4, first=2, seed=7) == picked[:2]
    assert narrow(HOSTS, pick=99) == HOSTS
    assert narrow(HOSTS) == HOSTS


@pytest.mark.parametrize("wrong", [{"first": 0}, {"pick": -1}])
def test_taking_nothing_is_refused(wrong: dict[str, int]) -> None:
    with pytest.raises(UsageError):
        narrow(HOSTS, **wrong)  # type: ignore[arg-type]


def test_what_hosts_prints_selects_the_same_hosts(fleet: Inventory) -> None:
    everything = select("@all", fleet)
    assert select(folded(everything), fleet).hosts == everything.hosts


def test_ansibles_form_is_rewritten_and_said(fleet: Inventory) -> None:
    found = select("web:!edge:db", fleet)
    assert folded(found) == "db[1-3],web[03-20]"
    assert found.notices == ("`web:!edge:db` is read as `(@web,@db)!@edge`",)


def test_a_hostile_name_never_becomes_a_host(fleet: Inventory, tmp_path: Path) -> None:
    for text in ("-oProxyCommand=x", "a;touch x", "$(x)", "a.b/../c", "x" * 300, "a.b\x1b[0m"):
        with pytest.raises(PsshError):
            select(text, NONE)
        written(tmp_path, text, "hostile.txt")
        with pytest.raises(PsshError):
            select("^hostile.txt", fleet, cwd=tmp_path)


def test_two_inventories_are_one_selection(tmp_path: Path) -> None:
    one = written(tmp_path, "version = 1\n[hosts.a]\n", "one.toml")
    two = written(tmp_path, "b\nc\n", "two.txt")
    inventory = load([two, one])
    assert [host.name for host in select("@all", inventory).hosts] == ["b", "c", "a"]
    with pytest.raises(NoHosts, match="in 2 inventory files"):
        select("d", inventory)


def _runs(run: str, word: str, value: str) -> list[tuple[str, Settings, Settings]]:
    """Return an earlier run on a host of the inventory, one that it does not have any more, and a typed one."""
    known: dict[str, list[tuple[str, Settings, Settings]]] = {
        "failed": [
            ("gone", {}, {"address": "10.9.9.9", "port": 2200}),
            ("web02", {"user": "me"}, {"address": "10.8.8.8"}),
            ("new.example.net", {"port": 22}, {}),
        ],
        "": [(f"web{number:02}", {}, {}) for number in range(1, 4)],
    }
    return known.get(word, [])


def test_hosts_of_an_earlier_run_are_reached_as_the_inventory_of_today_says(fleet: Inventory) -> None:
    found = {host.name: host for host in select("@last:failed", fleet, runs=_runs).hosts}
    assert list(found) == ["web02", "gone", "new.example.net"]
    assert found["web02"].settings == fleet.host("web02").settings  # not what it was then
    assert found["web02"].typed == {"user": "me"}
    assert found["gone"].settings == {"address": "10.9.9.9", "port": 2200}  # as there is nothing of today
    assert found["new.example.net"].typed == {"port": 22}


def test_earlier_runs_go_with_operators(fleet: Inventory) -> None:
    assert folded(select("@web&@r3!web01", fleet, runs=_runs)) == "web[02-03]"
    assert folded(select("@r3,db1", Inventory(), runs=_runs)) == "db1,web[01-03]"
    assert "`@last:ok` has no host" in " ".join(select("@web,@last:ok", fleet, runs=_runs).notices)
    with pytest.raises(NoHosts, match="No host matches `@last:ok`"):
        select("@last:ok", fleet, runs=_runs)


def test_where_no_runs_are_kept_they_are_no_targets(fleet: Inventory) -> None:
    with pytest.raises(TargetsError, match="`@last` names an earlier run, and none are kept here"):
        select("@last", fleet)
