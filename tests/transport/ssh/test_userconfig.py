"""ssh_config says to us what it says to ssh, and nothing is left out in silence."""

import os
import random
import subprocess
from pathlib import Path
from pwd import getpwuid
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pssh.errors import ConfigError
from pssh.transport.ssh.userconfig import UserConfig

HOME = Path(getpwuid(os.getuid()).pw_dir)  # ssh takes it from there, not from $HOME
VARIABLES = {"FLEET": "lab one", "SSH_AUTH_SOCK": "/run/agent"}


def config(tmp_path: Path, text: str, name: str = "config", **kwargs: Any) -> UserConfig:
    (tmp_path / name).write_text(text)
    return UserConfig.load(str(tmp_path / name), home=HOME, environ=VARIABLES, **kwargs)


def test_only_what_was_said_is_in_the_answer(tmp_path):
    assert config(tmp_path, "").lookup("web1") == {}
    assert config(tmp_path, "Host web1\n Port 2222\n").lookup("web2") == {}


def test_the_first_value_wins_and_identity_files_add_up(tmp_path):
    text = """
        Host web*
            User a
            IdentityFile ~/one
        Host *
            User b
            Port 2222
            IdentityFile ~/two
            IdentityFile ~/one
    """
    assert config(tmp_path, text).lookup("web1") == {
        "user": "a",
        "port": 2222,
        "identity": [f"{HOME}/one", f"{HOME}/two"],
    }


def test_every_supported_keyword_becomes_a_setting(tmp_path):
    text = """
        HostName %h.lab.example
        User ops
        Port ssh
        IdentityFile "/keys/a b/%h-%n-%r-%p-%u-%%"
        IdentitiesOnly yes
        UserKnownHostsFile ~/.ssh/kh_%k /etc/kh
        GlobalKnownHostsFile none
        StrictHostKeyChecking ask
        ConnectTimeout 1m30s
        HostKeyAlias Web-A
        IdentityAgent ${SSH_AUTH_SOCK}.%h
        ServerAliveInterval 20
    """
    assert config(tmp_path, text).lookup("Web1") == {
        "address": "web1.lab.example",
        "user": "ops",
        "port": 22,
        "identity": [f"/keys/a b/web1.lab.example-Web1-ops-22-{getpwuid(os.getuid()).pw_name}-%"],
        "identities_only": True,
        "known_hosts": [f"{HOME}/.ssh/kh_web-a", "/etc/kh"],
        "host_keys": "strict",
        "connect_timeout": 90.0,
        "host_key_alias": "web-a",
        "agent": "/run/agent.web1.lab.example",
        "keepalive": 20.0,
    }


def test_what_is_stronger_than_the_file_stands_in_its_tokens(tmp_path):
    both = config(tmp_path, "User ops\nIdentityFile /keys/%r-%p\n")
    assert both.lookup("web1")["identity"] == ["/keys/ops-22"]
    assert both.lookup("web1", user="root", port=2222)["identity"] == ["/keys/root-2222"]


def test_none_means_none(tmp_path):
    text = """
        IdentityFile none
        IdentityAgent none
        UserKnownHostsFile none
        ProxyJump none
        ProxyJump bastion
    """
    read = config(tmp_path, text)
    answer = read.lookup("web1")
    assert (answer["identity"], answer["agent"], read.notices) == ([], "", [])
    assert answer["known_hosts"][0] == "/dev/null"  # the file that is written to


def test_a_connect_timeout_without_a_limit_leaves_ours_in_force(tmp_path):
    assert config(tmp_path, "ConnectTimeout 0\nConnectTimeout 5\n").lookup("web1") == {}
    assert config(tmp_path, "ConnectTimeout none\nConnectTimeout 5\n").lookup("web1") == {"connect_timeout": 5.0}


@pytest.mark.parametrize(("value", "agent"), [("SSH_AUTH_SOCK", "/run/agent"), ("$FLEET", "lab one"), ("$NOT_SET", "")])
def test_the_agent_may_be_a_variable(tmp_path, value, agent):
    assert config(tmp_path, f"IdentityAgent {value}").lookup("web1")["agent"] == agent


def test_a_named_file_is_read_alone_and_none_is_no_file(tmp_path):
    (tmp_path / "system").write_text("Port 2222\n")
    (tmp_path / ".ssh").mkdir()
    (tmp_path / ".ssh" / "config").write_text("User me\n")
    for path, answer in (
        (None, {"port": 2222, "user": "me"}),
        (str(tmp_path / "system"), {"port": 2222}),
        ("~/.ssh/config", {"user": "me"}),
        ("none", {}),
        ("/dev/null", {}),
    ):
        assert UserConfig.load(path, home=tmp_path, system=tmp_path / "system").lookup("web1") == answer
    with pytest.raises(ConfigError, match="There is no file"):
        UserConfig.load(str(tmp_path / "missing"), home=tmp_path)
    assert UserConfig.load(None, home=tmp_path / "nobody", system=tmp_path / "missing").lookup("web1") == {}


def test_includes_are_anchored_sorted_and_end_with_their_file(tmp_path):
    folder = tmp_path / ".ssh"
    (folder / "d").mkdir(parents=True)
    (folder / "d" / "folder.conf").mkdir()
    (folder / "d" / "2.conf").write_text("Port 2\nUser two\n")
    (folder / "d" / "1.conf").write_text("Port 1\nHost other\n User one\n")
    (folder / "config").write_text("Host web1\n Include d/*.conf missing/*\n IdentitiesOnly yes\n")
    (tmp_path / "system").write_text("Include more\n")
    (tmp_path / "more").write_text("ConnectTimeout 7\n")
    read = UserConfig.load(None, home=tmp_path, system=tmp_path / "system")
    assert read.lookup("web1") == {"port": 1, "user": "two", "identities_only": True, "connect_timeout": 7.0}
    assert read.lookup("other") == {"connect_timeout": 7.0}  # its Include stands in the block of web1
    assert read.names() == {"web1", "other"}


def test_a_file_that_includes_itself_is_an_error(tmp_path):
    with pytest.raises(ConfigError, match="16 deep"):
        config(tmp_path, f"Include {tmp_path}/config\n" * 2)


def test_a_file_that_others_may_change_is_refused(tmp_path):
    (tmp_path / ".ssh").mkdir()
    file = tmp_path / ".ssh" / "config"
    file.write_text("User me\n")
    file.chmod(0o664)
    with pytest.raises(ConfigError, match="changed by other users"):
        UserConfig.load(None, home=tmp_path)
    with pytest.raises(ConfigError, match="changed by other users"):
        config(tmp_path, f"Include {file}\n")
    assert UserConfig.load(str(file), home=tmp_path).lookup("web1") == {"user": "me"}  # as ssh -F takes it


def test_match_is_never_taken_for_true(tmp_path):
    read = config(tmp_path, "Match all\n User bad\n Include /x\n Frobnicate yes\nHost web1\n Port 2222\n")
    assert read.lookup("web1") == {"port": 2222}
    assert read.notices[0] == f"{tmp_path}/config:1: `Match` is not supported, its lines are left out"


def test_what_is_not_supported_is_named_once_for_the_hosts_it_applies_to(tmp_path):
    read = config(tmp_path, "Host web*\n BindAddress ::1\nHost *\n RemoteCommand id\n Frobnicate 1\n")
    unknown = f"{tmp_path}/config:5: `Frobnicate` is not known, it is left out"
    assert read.notices == [unknown]
    for name in ("web1", "web1", "web2", "web3", "web4", "web5", "db1"):
        read.lookup(name)
    assert read.notices == [
        unknown,
        f"{tmp_path}/config:2: `BindAddress` is not supported, it is left out for `web1`, `web2`, `web3` and 2 more",
        f"{tmp_path}/config:4: `RemoteCommand` is not supported, it is left out for `web1`, `web2`, `web3` and 3 more",
    ]


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("ProxyJump ops@a:22,b\nProxyCommand nc %h %p", {"jump": ["ops@a:22", "b"], "proxy_command": ""}),
        ('ProxyCommand nc -X 5 "%h" %p # x\nProxyJump a', {"jump": [], "proxy_command": 'nc -X 5 "w.x" 22 # x'}),
        ("ProxyCommand=none\nProxyJump a", {"jump": [], "proxy_command": ""}),
        ("ProxyJump none\nProxyCommand nc", {"jump": [], "proxy_command": ""}),
        ("ProxyCommand it's %n %r %%h", {"jump": [], "proxy_command": "it's web1 me %h"}),
        ("ProxyJump %r@gate-%h", {"jump": ["me@gate-w.x"], "proxy_command": ""}),
    ],
)
def test_of_jump_and_command_the_first_is_the_way(tmp_path, text: str, said: dict[str, object]):
    found = config(tmp_path, f"{text}\nHostName w.x\nUser me\n").lookup("web1")
    assert {key: found[key] for key in ("jump", "proxy_command")} == said  # type: ignore[literal-required]


@pytest.mark.parametrize("address", ["-oProxyCommand=x", "a;touch x", "$(x)"])
def test_nothing_that_a_shell_would_read_is_put_into_a_command(tmp_path, address: str):
    read = config(tmp_path, f'HostName "{address}"\nProxyCommand nc %h %p\n')
    with pytest.raises(ConfigError, match="is not fit for `ProxyCommand`"):
        read.lookup("web1")


def test_what_changes_nothing_is_silent(tmp_path):
    text = """
        SendEnv LANG LC_*
        HashKnownHosts yes
        GSSAPIAuthentication yes
        ControlMaster auto
        ControlPath ~/.ssh/%C
        ForwardX11 no
        ForwardAgent no
        PasswordAuthentication yes
        LogLevel QUIET
        Compression yes
        IgnoreUnknown Frob*, other
        Frobnicate yes
        UseKeychain yes
    """
    read = config(tmp_path, text)
    assert read.lookup("web1") == {}
    assert read.notices == []


def test_every_keyword_of_ssh_is_supported_silent_or_named(tmp_path):
    """`ssh -G` prints nearly all keywords there are; none of them may be called unknown."""
    shown = subprocess.run(["ssh", "-G", "-F", "/dev/null", "web1"], capture_output=True, text=True, check=True).stdout
    keywords = {line.split()[0] for line in shown.splitlines()} - {"host"}
    assert len(keywords) > 60
    lines = [line for line in shown.splitlines() if line.split()[0] in keywords and len(line.split()) > 1]
    assert [notice for notice in config(tmp_path, "\n".join(lines)).notices if "not known" in notice] == []


def test_names_are_those_spelled_out(tmp_path):
    assert config(tmp_path, "Host web1 web2 *.lab !web3 db?\nHost bastion\n").names() == {"web1", "web2", "bastion"}


def test_a_token_that_stands_for_nothing_is_an_error(tmp_path):
    for line in (
        "IdentityFile /k/%Z",
        "IdentityFile /k/%",
        "IdentityFile ${NOT_SET}",
        "HostName %p",
        "IdentityFile ${FLEET",
    ):
        with pytest.raises(ConfigError, match=r"config:1: `.+` in `.+` stands for nothing"):
            config(tmp_path, line).lookup("web1")


@pytest.mark.parametrize(
    "line",
    [
        "Port 0",
        "Port 65536",
        "Port nosuchservice",
        "Port -1",
        "Port 22 23",
        "Port",
        "Port #22",
        "User",
        'User ""',
        'User "a',
        "IdentitiesOnly maybe",
        "StrictHostKeyChecking perhaps",
        "ConnectTimeout 5x",
        "ConnectTimeout -5",
        "ConnectTimeout 3000000000",
        "UserKnownHostsFile a none",
        "IdentityFile a b",
        "HostName a b",
        'Host ""',
        'Host web1 "a',
        "Include",
        "ProxyJump",
        'LogLevel "QUIET',
        "Host\n",
        "IdentityFile 'a",
    ],
)
def test_what_ssh_refuses_is_refused_with_its_line(tmp_path, line):
    (tmp_path / "ssh").write_text(f"# first\n{line}\n")
    done = subprocess.run(["ssh", "-G", "-F", tmp_path / "ssh", "web1"], capture_output=True, text=True)
    assert done.returncode != 0
    with pytest.raises(ConfigError, match="config:2: "):
        config(tmp_path, f"# first\n{line}\n")


WORDS = st.sampled_from(
    """Host Match Include Port User IdentityFile HostName UserKnownHostsFile ConnectTimeout ProxyJump IdentityAgent
    IgnoreUnknown web1 ! * ? = " ' \\ # % ${ } ~ ~x ~/ %h %n none yes 22 [ ] / 99999999999999999999m""".split()
) | st.text(max_size=4)
LINES = st.lists(st.lists(WORDS, max_size=5).map(" ".join), max_size=6).map("\n".join)


@given(text=LINES)
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_any_text_is_read_or_refused_in_one_line(tmp_path, text):
    (tmp_path / "any").write_bytes(text.encode("utf-8", "surrogatepass"))
    try:
        config = UserConfig.load(str(tmp_path / "any"), home=HOME, environ=VARIABLES)
        config.lookup("web1")
    except ConfigError as error:
        assert "\n" not in error.message


PATTERNS = ["web1", "web*", "!web2", "*", "?eb1", "db1", "*.lab", "!*.lab", "10.0.0.*", "w*1"]
NAMES = ["web1", "web2", "Web1", "db1", "a.lab", "10.0.0.1", "fe80::1"]
VALUES = {
    "HostName": ["x.example", "%h.lab", "10.1.1.1", "UPPER.example", "%%h", '"quoted.name"'],
    "Port": ["22", "2222", '"2200"', "2201 # comment", "ssh"],
    "User": ["ops", '"two words"', "a#b", "it\\'s", "'q'", "back\\\\slash", "a\\ b"],
    "IdentityFile": ["~/.ssh/one", "/keys/two", '"/keys/a b"', "none", "~/.ssh/one"],
    "IdentitiesOnly": ["yes", "no", "TRUE", "false"],
    "UserKnownHostsFile": ["~/kh", "/kh/%h /kh/%n-%p", "none", "/kh/${FLEET}/%r-%k", "/%d/%i/%l/%L/%%/%u"],
    "GlobalKnownHostsFile": ["/g/one /g/two", "none", "~/g"],
    "StrictHostKeyChecking": ["yes", "no", "ask", "accept-new", "off", "true"],
    "ConnectTimeout": ["5", "1m", "1h30m5s", "none"],
    "HostKeyAlias": ["alias", "UPPER"],
    "IdentityAgent": ["none", "/run/a-%h", "~/agent", "${SSH_AUTH_SOCK}"],
    "ServerAliveInterval": ["15", "1m"],
}
NOISE = ["# comment", "", "   ", "Compression yes", "SendEnv LANG LC_*", "LogLevel ERROR", "\t# indented"]


def generated(rng: random.Random, folder: Path, depth: int = 0) -> str:
    lines = []
    for _ in range(rng.randint(2, 14)):
        choice = rng.random()
        if choice < 0.2:
            lines.append("Host " + " ".join(rng.sample(PATTERNS, rng.randint(1, 3))))
        elif choice < 0.25 and depth < 2:
            name = folder / f"include{rng.random()}"
            name.write_text(generated(rng, folder, depth + 1))
            lines.append(f"Include {name}")
        elif choice < 0.35:
            lines.append(rng.choice(NOISE))
        else:
            keyword = rng.choice(list(VALUES))
            written = rng.choice([keyword, keyword.lower(), keyword.upper()])
            between = rng.choice([" ", "  ", "\t", "=", " = ", " ="])
            lines.append(
                rng.choice(["", "  ", "\t"])
                + written
                + between
                + rng.choice(VALUES[keyword])
                + rng.choice(["", " ", "\r"])
            )
    return "\n".join(lines) + rng.choice(["\n", ""])


def by_openssh(file: str, name: str) -> dict[str, list[str]]:
    done = subprocess.run(
        ["ssh", "-G", "-F", file, name], capture_output=True, text=True, env={**os.environ, **VARIABLES}
    )
    assert done.returncode == 0, done.stderr
    found: dict[str, list[str]] = {}
    for line in done.stdout.splitlines():
        keyword, _, value = line.partition(" ")
        found.setdefault(keyword, []).append(value)
    return found


def expected(name: str, said: dict[str, list[str]], defaults: dict[str, list[str]]) -> dict[str, Any]:
    """What `ssh -G` said, in our words; what it said without any file is a default, and nothing of ours."""
    strict = {"true": "strict", "ask": "strict", "accept-new": "accept-new", "false": "off", "off": "off"}
    seconds = {"none": 0.0}
    files = [] if said["userknownhostsfile"] == ["none"] else said["userknownhostsfile"][0].split(" /")
    shared = [] if said["globalknownhostsfile"] == ["none"] else said["globalknownhostsfile"][0].split(" ")
    known = [path if number == 0 else f"/{path}" for number, path in enumerate(files)] or ["/dev/null"]
    keys = [path.replace("~", str(HOME)) for path in dict.fromkeys(said["identityfile"]) if path != "none"]
    agent = said.get("identityagent", [""])[0]
    return {
        "address": said["hostname"][0],
        "port": int(said["port"][0]),
        "user": said["user"][0],
        "identity": keys if said["identityfile"] != defaults["identityfile"] else None,
        "identities_only": said["identitiesonly"][0] == "yes",
        "known_hosts": known + [path.replace("~", str(HOME)) for path in shared],
        "host_keys": strict[said["stricthostkeychecking"][0]],
        "connect_timeout": seconds.get(said["connecttimeout"][0])
        or float(said["connecttimeout"][0].replace("none", "0")),
        "host_key_alias": said.get("hostkeyalias", [""])[0],
        "agent": "" if agent == "none" else agent,
        "keepalive": float(said["serveraliveinterval"][0]),
    }


@pytest.mark.parametrize("seed", range(10))
def test_the_answer_is_that_of_ssh(tmp_path, seed):
    rng = random.Random(seed)
    for case in range(16):
        name = rng.choice(NAMES)
        text = generated(rng, tmp_path)
        answer = config(tmp_path, text, f"config{case}").lookup(name)
        defaults = by_openssh("/dev/null", name)
        ours = {**expected(name, defaults, defaults), **answer}
        assert ours == expected(name, by_openssh(f"{tmp_path}/config{case}", name), defaults), text


def test_what_hosts_share_is_never_what_a_token_makes_of_one_of_them(tmp_path):
    found = config(tmp_path, "Host *\n  HostName %h.int\n  IdentityFile ~/.ssh/%r\nHost b*\n  Port 2222\n")
    assert [found.lookup(name, user=name)["address"] for name in ("a1", "a2", "b1")] == ["a1.int", "a2.int", "b1.int"]
    assert found.lookup("a1", user="x")["identity"] != found.lookup("a1", user="y")["identity"]


def test_what_hosts_share_is_each_one_s_own_to_change(tmp_path):
    found = config(tmp_path, "Host a*\n  Port 2222\n")
    found.lookup("a1")["port"] = 1
    assert found.lookup("a2")["port"] == 2222
    assert "port" not in found.lookup("b1")
