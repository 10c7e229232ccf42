"""Ansible's INI inventories: read as Ansible reads them, refused where it would only warn."""

import shlex
import time
from pathlib import Path

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from pssh.inventory.folder import files
from pssh.inventory.load import load
from pssh.inventory.sources import ini
from pssh.inventory.sources.gathered import Gathered
from pssh.model import names
from tests.support.inventories import findings, loaded, loads_or_is_refused, written

# What Ansible makes of it, from its documentation and its parser: text, hosts in order.
KNOWN = [
    ("a\nb\na\n", "a b"),
    ("# c\n; c\n\n  a  # c\n", "a"),
    ("www[01:03].example.com\n", "www01.example.com www02.example.com www03.example.com"),
    ("db-[a:c].x\n", "db-a.x db-b.x db-c.x"),
    ("n[1:9:4]\n", "n1 n5 n9"),
    ("n[09:11]\n", "n09 n10 n11"),
    ("n[9:11]\n", "n9 n10 n11"),
    ("[g]\nr[1:2]n[a:b]\n", "r1na r1nb r2na r2nb"),
    ("[all]\na\n[ungrouped]\nb\n", "a b"),
    ("[g] # c\na\n", "a"),
    ("[g:hosts]\na\n", "a"),
    ("2001:db8::1\n[2001:db8::2]:22\n[2001:db8::3]\n::1 x=1\n", "2001:db8::1 2001:db8::2 2001:db8::3 ::1"),
    ("\ufeffa\r\n[g]\r\nb\r\n", "a b"),
]


@pytest.mark.parametrize(("text", "hosts"), KNOWN)
def test_hosts_are_those_that_ansible_finds(tmp_path: Path, text: str, hosts: str) -> None:
    assert " ".join(loaded(tmp_path, text, "hosts.ini").hosts) == hosts


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("x=1", "1"),
        ("x=True", "True"),
        ("x='a b'", "a b"),
        ('x="a # b"', "a # b"),
        ("x=a#b", "a"),
        ("x=a;b", "a;b"),
        ("x=%d%(y)s", "%d%(y)s"),
        ("x=a=b", "a=b"),
        ("x=", ""),
        ("x=a\\ b", "a b"),
        ("x='[1, 2]'", "[1, 2]"),
        ("x='\"a\"'", "a"),
        ('x="it\'s"', "it's"),
    ],
)
def test_a_value_beside_a_host_is_text_as_a_shell_reads_it(tmp_path: Path, line: str, value: str) -> None:
    assert loaded(tmp_path, f"a {line}\n", "hosts.ini").host("a").vars == {"x": value}


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("x = 1", "1"),
        ("x=a b", "a b"),
        ("x='a b'", "a b"),
        ('x = "a" # c', "a"),
        ("x=5 # c", "5"),
        ("x=a # b", "a # b"),
        ("x=a=b", "a=b"),
        ("x=", ""),
        ("x='a' 'b", "'a' 'b"),
    ],
)
def test_a_value_of_a_group_is_the_rest_of_the_line(tmp_path: Path, line: str, value: str) -> None:
    assert loaded(tmp_path, f"[g]\na\n[g:vars]\n{line}\n", "hosts.ini").host("a").vars == {"x": value}


def test_groups_hold_groups_wherever_they_stand(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """
        [prod:children]
        web # the web
        db
        [prod:vars]
        env=prod
        x=outer
        [web:vars]
        x=web
        [web]
        w[1:2] x=host
        w3
        [db]
        d1
        [all:vars]
        region=eu
        x=all
        """,
        "hosts",
    )
    assert list(inventory.groups["prod"].members) == ["w1", "w2", "w3", "d1"]
    assert [inventory.host(name).vars["x"] for name in ("w1", "w3", "d1")] == ["host", "web", "outer"]
    assert inventory.host("d1").vars == {"x": "outer", "env": "prod", "region": "eu"}
    assert inventory.groups_of("w1") == ("prod", "web")


def test_a_port_stands_after_the_name_and_gives_way_to_the_variable(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "a:2222\nb:22 ansible_port=23\n[::1]:24\nn[1:2]:25\n", "hosts.ini")
    assert [inventory.host(name).settings["port"] for name in inventory.hosts] == [2222, 23, 24, 25, 25]


def test_a_jump_is_the_same_as_in_our_own_form(tmp_path: Path) -> None:
    ours = 'version = 1\n[connection]\njump = "ops@b:2222,c"\n[hosts.a]\n[hosts.n]\nconnection = { jump = "none" }\n'
    wanted = loaded(tmp_path, ours)
    theirs = "a\nn ansible_ssh_common_args=\n[all:vars]\nansible_ssh_common_args='-o ProxyJump=\"ops@b:2222,c\"'\n"
    inventory = loaded(tmp_path, theirs, "hosts.ini")
    assert inventory.host("a").settings == wanted.host("a").settings
    assert inventory.host("n").settings == wanted.host("n").settings
    assert inventory.host("a").settings["jump"]


def test_a_group_may_be_defined_in_another_file(tmp_path: Path) -> None:
    written(tmp_path, "[web:vars]\nx=1\n[p:children]\nweb\n", "1.ini")
    written(tmp_path, "[web]\na\n", "2.ini")
    inventory = load([tmp_path])
    assert inventory.host("a").vars == {"x": "1"}
    assert inventory.groups_of("a") == ("p", "web")


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("a b", "1: `b` is no `key=value`"),
        ("a x=1 x=2", "1: `x` is said twice"),
        ("a =1", "1: `=1` is no `key=value`"),
        ("a x='", "1: a quote is not closed"),
        ("a;b", "1: `a;b` is refused"),
        ("ops@a", "1: `ops@a` is refused; the user goes into `ansible_user`"),
        ("a:0", "1: `0` is no port"),
        ("a:99999", "1: `99999` is no port"),
        ("a:b", "1: `a:b` is refused"),
        ("-a", "1: `-a` is refused"),
        ("n[3:1]", "1: `n[3:1]` counts down"),
        ("n[:3]", "1: `n[:3]` has a range that has no start; write `[0-3]`"),
        ("n[1:", "1: `n[1:` has a bracket that is not closed"),
        ("n[1:010]", "differ in width"),
        ("n[1:200000]", "1: `n[1:200000]` stands for 200,000 names"),
        ("n[1:999999]", "1: the hosts of this file are more than 500,000"),
        ("[a b]\nx", "1: `[a b]` is no section"),
        ("[g:varz]\nx=1", "1: `[g:varz]` is not known, `:vars` and `:children` are; did you mean `vars`?"),
        ("[a/b]\nx", "1: group `a/b` is refused"),
        ("# c\n[g:vars]\nx=1", "2: variables for a group `g` that is defined nowhere"),
        ("[g]\n[g:vars]\nx", "3: `x` is no `key=value`"),
        ("[g]\n[g:vars]\nx=1\ny=1\nx=2", "5: `x` is said twice, in line 3 too"),
        ("[g]\n[g:vars]\nx=1\nansible_port=x", "4: `ansible_port`: `x` is no port"),
        ("[g]\n[g:vars]\nx=1\nansible_become_method=x", "4: `ansible_become_method`: `x` is none of"),
        ("[g]\n[g:vars]\nx=1\nansible_become_method=su", "3: `ansible_become_method` stands here without"),
        ("[g:children]\nh\nk\n[h]", "3: No group `@k`"),
        ("[g:children]\nx y", "2: `x y` is no group"),
        ("[g:children]\nall", "2: `all` cannot be in a group"),
        ("[all:children]\ng", "2: group `g` is named and defined nowhere"),
        ("[a:children]\nb\n[b:children]\na", "groups hold each other"),
        ("[local]\nx", "1: `@local` has a meaning of its own"),
        ("[ungrouped:vars]\nx=1", "2: `ungrouped` is no group here"),
        ("$ANSIBLE_VAULT;1.1;AES256\n61", "the whole file is vaulted"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, found: str) -> None:
    (said,) = findings(tmp_path, text, "hosts.ini")
    assert found in said


def test_all_that_is_wrong_is_listed_together(tmp_path: Path) -> None:
    found = findings(tmp_path, "a b\nok\n[x y]\n[g:vars]\nq\nr=1\n[p:children]\nz\n", "hosts.ini")
    assert [line.partition(":")[0] for line in found] == ["1", "3", "4", "5", "8"]


def test_a_program_without_suffix_is_no_inventory_of_a_folder(tmp_path: Path) -> None:
    written(tmp_path, "#!/bin/sh\n[ -f x ] && exit 1\n", "check")
    written(tmp_path, "[g]\na\n", "hosts")
    assert [path.name for path in files(tmp_path)] == ["hosts"]


NAMES = st.text(alphabet="ab", min_size=1, max_size=3)


@given(NAMES, st.integers(0, 30), st.integers(0, 30), st.integers(1, 4), st.integers(1, 3), NAMES)
def test_a_range_gives_the_hosts_that_fold_back_to_it(
    head: str, start: int, more: int, width: int, step: int, tail: str
) -> None:
    wanted = [f"{head}{number:0{width}}{tail}" for number in range(start, start + more + 1, step)]
    first, last = f"{start:0{width}}", f"{start + more:0{width}}"
    assume(len(first) == len(last) or first[0] != "0" or len(first) == 1)
    found, port = Gathered(Path("x"), int).expanded(f"{head}[{first}:{last}:{step}]{tail}:22")
    assert (found, port) == (wanted, 22)
    assert sorted(names.expand(names.fold(found))) == sorted(wanted)


@given(st.lists(st.text(alphabet="ab= #'\"\t;", max_size=6), max_size=6))
def test_words_are_those_of_a_shell(pieces: list[str]) -> None:
    line = "h " + " ".join(pieces)
    try:
        wanted = shlex.split(line, comments=True)
    except ValueError:
        with pytest.raises(ValueError):
            ini._words(line)
    else:
        assert ini._words(line) == wanted


@given(st.text(alphabet="[]:=ab1 \n#;'\"\\{}-,.@$", max_size=60))
def test_any_text_loads_or_is_refused(tmp_path_factory: pytest.TempPathFactory, text: str) -> None:
    loads_or_is_refused(tmp_path_factory.getbasetemp() / "any.ini", text)


def test_twenty_thousand_hosts_take_a_second_at_most(tmp_path: Path) -> None:
    lines = [f"w{n:05} ansible_host=10.0.{n // 250}.{n % 250} ansible_port=2222 x='a b'" for n in range(20_000)]
    path = written(tmp_path, "[web]\n" + "\n".join(lines) + "\n[prod:children]\nweb\n", "hosts.ini")
    begin = time.process_time()
    inventory = load([path])
    assert time.process_time() - begin < 2
    assert len(inventory.groups["prod"].members) == 20_000
