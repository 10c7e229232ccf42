"""Ansible's patterns become the set Ansible would take."""

import pytest

from pssh.errors import TargetsError
from pssh.inventory.ansible import rewritten

GROUPS = {"web", "db", "old", "prod", "g.h"}


@pytest.mark.parametrize(
    ("pattern", "ours"),
    [
        ("web:!old:db", "(@web,@db)!@old"),
        ("web:db", "@web,@db"),
        ("web:&prod", "@web&@prod"),
        ("web:!old:&prod:db", "(@web,@db)&@prod!@old"),
        ("all:!web1", "@all!web1"),
        ("*:!web1", "@all!web1"),
        ("web1:n[1:3]", "web1,n[1:3]"),
        ("~^db\\d:!db1", "/^db\\d/!db1"),
        ("web,host.example:!old", "(@web,host.example)!@old"),
        ("web*:!old", "web*!@old"),
        ("!old:web", "@web!@old"),
        ("web", ""),
        ("web,db", ""),
        ("@web:x", ""),
        ("host:22", ""),
        ("host:22,other:2222", ""),
        ("n[1:3]", ""),
        ("db-[a:c]", ""),
        ("2001:db8::1", ""),
        ("[2001:db8::1]:22", ""),
        ("[fe80::a]:22,web", ""),
        ("os=a:b", ""),
        ("/a:b/", ""),
        ("^a:b", ""),
    ],
)
def test_a_pattern_is_rewritten_only_if_it_is_ansibles(pattern: str, ours: str) -> None:
    assert rewritten(pattern, GROUPS) == ours


@pytest.mark.parametrize("pattern", ["web[0]:db", "db:web[0:2]", "web[-1]:db", "g.h[1:]:db"])
def test_some_hosts_of_a_group_are_asked_for_otherwise(pattern: str) -> None:
    with pytest.raises(TargetsError, match="takes some hosts of a group") as caught:
        rewritten(pattern, GROUPS)
    assert "--slice" in caught.value.hint
