"""What connection settings may hold, and what they become."""

from pathlib import Path
from typing import Any, get_type_hints

import pytest

from pssh.inventory.schema import _KEYS, settings
from pssh.model.host import Settings

BASE = Path("/inv")


@pytest.mark.parametrize(
    ("key", "value", "settled"),
    [
        ("address", "10.0.0.1", "10.0.0.1"),
        ("address", "[::1]", "::1"),
        ("port", 22, 22),
        ("port", "2201", 2201),
        ("user", "www-admin", "www-admin"),
        ("transport", "local", "local"),
        ("identity", "keys/a", ["/inv/keys/a"]),
        ("identity", ["/k/a", "b"], ["/k/a", "/inv/b"]),
        ("identities_only", True, True),
        ("agent", "none", ""),
        ("agent", "/run/agent", "/run/agent"),
        ("host_keys", "accept-new", "accept-new"),
        ("known_hosts", ["known"], ["/inv/known"]),
        ("keepalive", 0, 0.0),
        ("keepalive", "500ms", 0.5),
        ("connect_timeout", "2m30s", 150.0),
        ("auth_timeout", 3.5, 3.5),
        ("speculate", False, False),
        ("become", "doas", "doas"),
        ("become", "none", ""),
        ("become_user", "postgres", "postgres"),
    ],
)
def test_a_setting_is_taken(key: str, value: Any, settled: Any) -> None:
    assert settings({key: value}, BASE) == ({key: settled}, [])


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("address", "-oProxyCommand=x", "is refused"),
        ("address", "a b", "is refused"),
        ("address", "", "is not a text of one line"),
        ("address", 5, "is not a text of one line"),
        ("address", "a\nb", "is not a text of one line"),
        ("user", "$(id)", "is refused"),
        ("port", 0, "is no port"),
        ("port", 65536, "is no port"),
        ("port", True, "`true` is no port"),
        ("port", "22x", "is no port"),
        ("port", "9" * 5000, "is no port"),
        ("transport", "scripted", "none of `ssh`, `local`"),
        ("host_keys", ["off"], "none of `strict`, `accept-new`, `off`"),
        ("identities_only", "yes", "neither true nor false"),
        ("identity", 1, "is not a text"),
        ("identity", "~nobody-here-by-that-name/k", "the home of nobody"),
        ("keepalive", "soon", "is no duration"),
        ("keepalive", -1, "is not between"),
        ("keepalive", float("nan"), "is not between"),
        ("keepalive", True, "is no duration"),
        ("connect_timeout", 0, "would let nothing connect"),
        ("certificate", "c", "`certificate` is not supported by this version"),
        ("jump", "a[1-2]", "`a[1-2]` is not one machine"),
        ("jump", "-oProxyCommand=x", "is refused"),
        ("jump", "a,,b", "`` is refused"),
        ("jump", 5, "is not a text of one line"),
        ("proxy_command", "", "is not a text of one line"),
        ("certificate", "x", "not supported"),
        ("forward_agent", True, "not supported"),
        ("become", "root", "none of `sudo`, `su`, `doas`, `none`"),
        ("become", True, "`true` is none of"),
        ("become_user", "-x", "is refused"),
        ("become_password", "x", "has no place in a file"),
        ("shell", "sh", "not supported"),
        ("password", "x", "has no place in a file"),
        ("prot", 22, "unknown connection key `prot`; did you mean `port`?"),
    ],
)
def test_a_wrong_setting_is_named_and_never_passed_over(key: str, value: Any, says: str) -> None:
    settled, ((wrong, text),) = settings({key: value}, BASE)
    assert settled == {}
    assert wrong == key
    assert says in text


@pytest.mark.parametrize(
    ("said", "settled"),
    [
        ({"jump": "ops@bastion:2222, b"}, {"jump": ["ops@bastion:2222", "b"], "proxy_command": ""}),
        ({"jump": ["a", "[::1]:22"]}, {"jump": ["a", "[::1]:22"], "proxy_command": ""}),
        ({"jump": "none"}, {"jump": [], "proxy_command": ""}),
        ({"proxy_command": "nc %h %p"}, {"jump": [], "proxy_command": "nc %h %p"}),
        ({"proxy_command": "none"}, {"jump": [], "proxy_command": ""}),
    ],
)
def test_whoever_says_one_way_takes_back_the_other(said: dict[str, Any], settled: dict[str, Any]) -> None:
    assert settings(said, BASE) == (settled, [])


def test_a_host_is_reached_by_one_of_them() -> None:
    wrong = ("proxy_command", "a host is reached by `jump` or by `proxy_command`, not by both")
    assert settings({"jump": "a", "proxy_command": "nc"}, BASE)[1] == [wrong]


def test_every_setting_but_the_secrets_can_be_written() -> None:
    assert {*_KEYS, "password", "become_password"} == set(get_type_hints(Settings))
