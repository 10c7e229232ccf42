"""YAML inventories: Ansible's shape and our own schema, read strictly."""

import json
import time
from pathlib import Path
from string import ascii_letters

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pssh.inventory.load import load
from pssh.inventory.sources import yamltext
from tests.support.inventories import damaged, findings, loaded, loads_or_is_refused, written

FLEET = """
all:
  vars:
    ansible_user: deploy
    region: eu
  hosts:
    mail.example.com:
  children:
    web:
      hosts:
        www[01:03]:2222:
          http_port: 8080
      vars: {x: web}
    prod:
      vars: &both
        x: prod
        env: prod
      children:
        web:
        db:
          hosts:
            db-[a:b]: {ansible_host: 10.0.0.1}
    stage:
      vars:
        <<: *both
        env: stage
    ungrouped:
      hosts: {lone: }
"""


def test_groups_are_nested_and_may_be_said_in_parts(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, FLEET, "hosts.yml")
    assert " ".join(inventory.hosts) == "mail.example.com www01 www02 www03 db-a db-b lone"
    assert list(inventory.groups["prod"].members) == ["www01", "www02", "www03", "db-a", "db-b"]
    www = inventory.host("www02")
    assert www.settings == {"user": "deploy", "port": 2222}
    assert www.vars == {"region": "eu", "env": "prod", "x": "web", "http_port": 8080}
    assert inventory.host("db-b").settings == {"user": "deploy", "address": "10.0.0.1"}
    assert inventory.groups_of("lone") == ()
    assert inventory.groups["stage"].vars == {"x": "prod", "env": "stage"}


def test_groups_may_stand_at_the_top_and_one_name_may_stand_alone(tmp_path: Path) -> None:
    inventory = loaded(tmp_path, "web: {hosts: a}\nprod: {children: web, hosts: }\nempty:\n", "hosts.yaml")
    assert list(inventory.groups["prod"].members) == ["a"]
    assert not inventory.groups["empty"].members


def test_our_own_schema_may_be_written_in_yaml(tmp_path: Path) -> None:
    inventory = loaded(
        tmp_path,
        """
        version: 1
        connection: {user: deploy}
        hosts:
          "web[1-2]": {address: "10.0.0.[1-2]"}
        groups:
          web: {hosts: "web*", protected: true, priority: 3}
        """,
        "fleet.yaml",
    )
    assert inventory.host("web2").settings == {"user": "deploy", "address": "10.0.0.2"}
    assert inventory.groups["web"].protected


@pytest.mark.parametrize(
    ("text", "value"),
    [
        *((word, word) for word in ("no", "yes", "on", "off", "y", "True", "False", "NULL", "010", "0x1f", "1:30")),
        *(
            (word, word)
            for word in ("1_000", "+1", "1e3", "1.10", "-0", ".5", "5.", "1.2.3", "2026-01-01", ".inf", "=")
        ),
        ("1" * 30, "1" * 30),
        ("true", True),
        ("false", False),
        ("null", None),
        ("~", None),
        ("", None),
        ("0", 0),
        ("-17", -17),
        ("1.5", 1.5),
        ("'1'", "1"),
        ('"true"', "true"),
        ("! 1", "1"),
        ("!!str 1", "1"),
        ("!!int 1", 1),
        ("!!float 1.5", 1.5),
        ("|\n  a\n  b\n", "a\nb\n"),
        ("[1, a]", [1, "a"]),
        ("{a: }", {"a": None}),
    ],
)
def test_a_value_is_a_number_or_a_truth_only_if_nobody_could_take_it_for_another(text: str, value: object) -> None:
    read, found = yamltext.read(f"x: {text}")
    assert (read, found) == ({"x": value}, [])
    assert type(read["x"]) is type(value)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "the file says nothing"),
        ("# c\n", "the file says nothing"),
        ("- hosts: web\n  tasks: []\n", "1: this is a list and should be groups"),
        ("web1", "1: this is a text and should be groups"),
        ("plugin: aws_ec2\nregions: [eu]\n", "settings of Ansible's plugin `aws_ec2`, which is not run"),
        ("$ANSIBLE_VAULT;1.1;AES256\n6162\n", "the whole file is vaulted"),
        ("a:\n  hosts: {\n", "3: this is no YAML"),
        ("a:\n\tb: 1\n", "2: this is no YAML"),
        ("a:\n  b: \x01\n", "2: this is no YAML: a control character"),
        ("a: {}\n---\nb: {}\n", "2: a second document begins"),
        ("a: {}\na: {}\n", "2: key `a` is said twice"),
        ("a:\n  vars: {x: 1,\n    x: 2}\n", "3: key `x` is said twice"),
        ("a:\n  vars:\n    80: x\n", "3: key `80` is a number and should be a text: write it in quotes"),
        ("a:\n  vars:\n    true: x\n", "3: key `true` is true or false and should be a text"),
        ("a:\n  vars:\n    ~: x\n", "3: key `~` is nothing and should be a text"),
        ("a:\n  vars:\n    [b]: x\n", "3: a key is a table or a list"),
        ("a:\n  vars:\n    x: !mine 1\n", "3: tag `!mine` is not known"),
        ("a:\n  vars:\n    x: !mine {}\n", "3: tag `!mine` is not known"),
        ("a:\n  vars:\n    x: !!python/name:os.system\n", "python/name:os.system` is not known"),
        ("a:\n  vars:\n    x: !!int no\n", "3: `no` is not of the kind that its tag says"),
        ("a:\n  vars:\n    x: !vault |\n      $ANSIBLE_VAULT\n", "3: the value is vaulted"),
        ("a:\n  vars:\n    x: *b\n", "3: `*b` names nothing"),
        ("a: &b\n  vars: *b\n", "2: `*b` stands inside what it names"),
        ("a:\n  vars:\n    <<: 1\n", "3: `<<` is a number and should be a table"),
        ("a:\n  vars:\n    x: " + "[" * 70 + "]" * 70, "3: values are nested more than 64 deep"),
        ("a:\n  hots: {b: }\n", "2: unknown key `hots` in group `a`; did you mean `hosts`?"),
        ("a:\n  ansible_user: x\n", "2: unknown key `ansible_user` in group `a`; a group holds"),
        ("a: [b]\n", "1: `a` is a list and should be a table"),
        ("a:\n  hosts: [b]\n", "2: `hosts` is a list and should be a table: write each name on a line of its own"),
        ("a:\n  hosts:\n    b: [c]\n", "3: `b` is a list and should be a table"),
        ("a:\n  hosts:\n    b: text\n", "3: `b` is a text and should be a table"),
        ("a:\n  hosts:\n    n[3:1]:\n", "3: `n[3:1]` counts down"),
        ("a:\n  hosts:\n    b:\n      x: 1\n      ansible_port: no\n", "5: `ansible_port`: `no` is no port"),
        ("a:\n  vars:\n    ansible_password: x\n", "3: `ansible_password`: a password has no place in a file"),
        ("a:\n  children:\n    all:\n", "3: `all` cannot be in a group"),
        ("a:\n  children:\n    b/c:\n", "3: group `b/c` is refused"),
        ("ungrouped:\n  vars: {x: 1}\n", "2: `ungrouped` is no group here"),
        ("a: {children: {b: {children: {a: }}}}", "groups hold each other"),
        ("local: {hosts: {a: }}", "1: `@local` has a meaning of its own"),
        ("hosts: {}\n", "`version: 1` is missing"),
        ("version: 2\n", "1: version 2 is not known, `version: 1` is"),
        ("version: 1\nhosts:\n  a:\n", "3: `a` is nothing and should be a table"),
        ("version: 1\ngroups:\n  g: {hots: a}\n", "3: unknown key `hots`; did you mean `hosts`?"),
    ],
)
def test_what_is_wrong_is_named_with_its_line(tmp_path: Path, text: str, found: str) -> None:
    (said,) = findings(tmp_path, text, "hosts.yml")
    assert found in said


def test_all_that_is_wrong_is_listed_together(tmp_path: Path) -> None:
    text = "a:\n  hosts:\n    b: {x: 1, x: 2}\n    3: {}\n    -c: {}\n  vars: {ansible_port: x}\n"
    assert [line.partition(":")[0] for line in findings(tmp_path, text, "hosts.yml")] == ["3", "4", "5", "6"]


def bomb(levels: int) -> str:
    rows = ["a0: &a0 [x, x, x, x, x, x, x, x, x]"]
    rows += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 9)}]" for n in range(1, levels)]
    return "\n".join(rows)


@pytest.mark.parametrize(
    "text",
    [
        bomb(9),
        "a: &a 1\nb: &b [" + "*a," * 40 + "]\nc: [" + "*b," * 40 + "]",
        "a: &a 1\nb: [" + "*a," * 1001 + "]",
        "a: &a [" + "1," * 2000 + "]\nb: [" + "*a," * 900 + "]",
        "".join(f"a{n}: &a{n} {'[' * 30}{f'*a{n - 1}' if n else 1}{']' * 30}\n" for n in range(40)),
        "a: " + "[" * 200_000,
        "a: " + "{a: " * 100_000,
        "a: " + "- " * 100_000,
        "? " * 100_000,
    ],
)
def test_a_bomb_is_refused_in_no_time(tmp_path: Path, text: str) -> None:
    begin = time.process_time()
    (said,) = findings(tmp_path, text, "hosts.yml")
    assert any(words in said for words in ("stand for too much", "deep", "a key is", "no YAML")), said
    assert time.process_time() - begin < 2


def test_a_thousand_aliases_are_taken() -> None:
    read, found = yamltext.read("a: &a {x: 1}\nb: [" + "*a," * 1000 + "]")
    assert not found
    assert len(read["b"]) == 1000


TEXT = st.text(st.characters(max_codepoint=0xD7FF), max_size=8)  # JSON writes what is above in two halves
PLAIN = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**17), 10**17) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)


@given(st.dictionaries(TEXT, PLAIN, max_size=4))
def test_what_is_written_as_json_is_read_back(value: dict[str, object]) -> None:
    assert yamltext.read(json.dumps(value)) == (value, [])


@given(st.dictionaries(st.text(alphabet="abno1:-. #", max_size=6), PLAIN, max_size=4))
def test_what_pyyaml_writes_is_read_back(value: dict[str, object]) -> None:
    if "<<" not in str(value):
        assert yamltext.read(yaml.safe_dump(value)) == (value, [])


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=150)
@given(st.data())
def test_a_damaged_inventory_loads_or_is_refused(tmp_path: Path, data: st.DataObject) -> None:
    text = damaged(data, FLEET, "[]{}:\"'|>*&!,.-\n#?%@()0 " + ascii_letters[:6])
    loads_or_is_refused(tmp_path / "hosts.yml", text)


def test_twenty_thousand_hosts_take_a_second_or_so(tmp_path: Path) -> None:
    rows = [
        f"    w{n:05}:\n      ansible_host: 10.0.{n // 250}.{n % 250}\n      rack: r{n % 40}" for n in range(20_000)
    ]
    path = written(tmp_path, "web:\n  hosts:\n" + "\n".join(rows) + "\n", "hosts.yml")
    begin = time.process_time()
    assert len(load([path]).groups["web"].members) == 20_000
    assert time.process_time() - begin < 3
