"""Ansible's variables as connection settings: what they mean to Ansible, or refused."""

from pathlib import Path
from typing import Any

import pytest

from pssh.inventory import schema
from pssh.inventory.sources.ansiblevars import Variables

BASE = Path("/inv")


def split(**said: Any) -> tuple[dict[str, Any], dict[str, Any], list[str]]:
    found, plain, wrong = Variables(BASE).split(said, ())
    return found, plain, [text for _, text in wrong]


@pytest.mark.parametrize(
    ("said", "settings"),
    [
        ({"ansible_host": "10.0.0.1"}, {"address": "10.0.0.1"}),
        ({"ansible_ssh_host": "::1"}, {"address": "::1"}),
        ({"ansible_port": "2222"}, {"port": 2222}),
        ({"ansible_ssh_port": 2222}, {"port": 2222}),
        ({"ansible_user": "ops"}, {"user": "ops"}),
        ({"ansible_ssh_user": "ops"}, {"user": "ops"}),
        ({"ansible_ssh_private_key_file": "keys/a"}, {"identity": ["/inv/keys/a"]}),
        ({"ansible_private_key_file": "/k"}, {"identity": ["/k"]}),
        ({"ansible_connection": "local"}, {"transport": "local"}),
        ({"ansible_connection": "ssh"}, {"transport": "ssh"}),
        ({"ansible_connection": "smart"}, {"transport": "ssh"}),
        ({"ansible_become": "yes"}, {"become": "sudo"}),
        ({"ansible_become": True, "ansible_become_method": "doas"}, {"become": "doas"}),
        ({"ansible_become": "True", "ansible_become_method": "su"}, {"become": "su"}),
        ({"ansible_become": "no", "ansible_become_method": "su"}, {"become": ""}),
        ({"ansible_become": 0}, {"become": ""}),
        ({"ansible_become_method": "sudo"}, {}),
        ({"ansible_become_user": "postgres"}, {"become_user": "postgres"}),
        ({"ansible_user": "a", "ansible_ssh_user": "a"}, {"user": "a"}),
    ],
)
def test_what_is_understood_becomes_a_setting_and_no_variable(said: dict[str, Any], settings: dict[str, Any]) -> None:
    assert split(**said) == (settings, {}, [])


@pytest.mark.parametrize(
    ("key", "value"),
    [("ansible_python_interpreter", "/usr/bin/python3"), ("ansible_ssh_args", "-C"), ("rack", [1]), ("x", "{{ y }}")],
)
def test_all_others_stay_variables(key: str, value: Any) -> None:
    assert split(**{key: value}) == ({}, {key: value}, [])


@pytest.mark.parametrize(
    "arguments",
    ["-J b", "-Jb", "-o ProxyJump=b", "-oProxyJump=b", "-o 'ProxyJump b'", '-o "proxyjump = b"', "-o ProxyJump=b "],
)
def test_a_jump_is_what_the_setting_would_be(arguments: str) -> None:
    found, wrong = schema.settings({"jump": "b"}, BASE)
    said = split(ansible_ssh_common_args=arguments)
    assert said[0] == found
    assert said[2] == [f"`ansible_ssh_common_args`: {text}" for _, text in wrong]


def test_no_arguments_end_what_a_group_says_of_a_jump() -> None:
    found, wrong = schema.settings({"jump": "none"}, BASE)
    assert not wrong
    assert split(ansible_ssh_common_args="") == (found, {}, [])


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        ("-C", "-C"),
        ("-J b -C", "-C"),
        ("-o ControlMaster=auto", "-o"),
        ("-o ProxyCommand='ssh -W %h:%p b'", "-o"),
        ("-F /x", "-F"),
    ],
)
def test_any_other_argument_is_refused(arguments: str, word: str) -> None:
    assert split(ansible_ssh_common_args=arguments)[2][-1].startswith(
        f"`ansible_ssh_common_args`: `{word}` of `{arguments}` is not understood"
    )


@pytest.mark.parametrize(
    ("said", "words"),
    [
        ({"ansible_port": "x"}, "`ansible_port`: `x` is no port"),
        ({"ansible_port": True}, "`ansible_port`: should be a text or a number"),
        ({"ansible_host": "a;b"}, "`ansible_host`: `a;b` is refused"),
        ({"ansible_host": ["a"]}, "should be a text or a number"),
        ({"ansible_user": "-x"}, "`ansible_user`: `-x` is refused"),
        ({"ansible_user": "{{ me }}"}, "is a template"),
        ({"ansible_user": "a", "ansible_ssh_user": "b"}, "another variable here says the same with another value"),
        ({"ansible_connection": "docker"}, "`docker` is not supported, `ssh` and `local` are"),
        ({"ansible_become": "maybe"}, "`ansible_become`: `maybe` is neither true nor false"),
        ({"ansible_become_method": "runas"}, "`runas` is none of"),
        ({"ansible_password": "x"}, "use a key or `--ask-pass`"),
        ({"ansible_ssh_pass": "x"}, "use a key or `--ask-pass`"),
        ({"ansible_become_pass": "x"}, "`--ask-become-pass`"),
        ({"ansible_ssh_common_args": 5}, "should be a text"),
        ({"ansible_ssh_common_args": "'"}, "a quote is not closed"),
        ({"ansible_ssh_common_args": "-J a -J b"}, "more than one jump"),
        ({"ansible_ssh_extra_args": "-J a"}, "say `-J HOST` in `ansible_ssh_common_args`"),
        ({"ansible_ssh_args": "-o ProxyCommand=x"}, "say `-J HOST`"),
        ({"x": "$ANSIBLE_VAULT;1.1;AES256 61"}, "`x`: the value is vaulted"),
        ({"x": [{"y": {"__ansible_vault": "z"}}]}, "`x`: the value is vaulted"),
        ({"ansible_user": "$ANSIBLE_VAULT;1.1"}, "the value is vaulted"),
    ],
)
def test_what_cannot_be_followed_is_refused(said: dict[str, Any], words: str) -> None:
    (text,) = split(**said)[2]
    assert words in text


def test_a_truth_is_no_number_even_after_one() -> None:
    variables = Variables(BASE)
    assert variables.split({"ansible_port": 1}, ())[2] == []
    assert variables.split({"ansible_port": True}, ())[2]


def test_a_method_that_stands_alone_is_refused_where_it_could_mean_another_way() -> None:
    variables = Variables(BASE)
    variables.split({"ansible_become": "yes"}, 1)
    variables.split({"ansible_become_method": "sudo"}, 2)
    assert not list(variables.disputes())
    variables.split({"ansible_become": "yes", "ansible_become_method": "su"}, 3)
    assert [where for where, _ in variables.disputes()] == [1, 2]
