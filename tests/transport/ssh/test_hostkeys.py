"""known_hosts means to us what it means to OpenSSH, and damage only ever refuses."""

import fcntl
import hmac
import os
import random
import re
import subprocess
from base64 import b64encode
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pssh.transport.ssh import hostkeys
from pssh.transport.ssh.hostkeys import HostKeys, append, fingerprint, known_hosts_line

SSHD = Path("/usr/sbin/sshd")
needs_sshd = pytest.mark.skipif(
    not SSHD.exists() and os.environ.get("CI") != "true", reason="needs a real sshd (Debian: openssh-server)"
)


def string(data: bytes) -> bytes:
    return len(data).to_bytes(4, "big") + data


def key(number: int) -> bytes:
    return string(b"ssh-ed25519") + string(number.to_bytes(32, "big"))


def rsa(number: int) -> bytes:
    return string(b"ssh-rsa") + string(b"\1\0\1") + string(b"\1" + number.to_bytes(256, "big"))


def line(names: str, blob: bytes) -> str:
    """A line with `names` written as they are."""
    key_type = blob[4 : 4 + int.from_bytes(blob[:4], "big")].decode()
    return names + known_hosts_line("x", 22, key_type, blob)[1:] + "\n"


def hashed(name: str, port: int) -> str:
    """A host's name as `HashKnownHosts` has it written."""
    salt = os.urandom(20)
    digest = hmac.digest(salt, hostkeys.written(name, port).encode(), "sha1")
    return f"|1|{b64encode(salt).decode()}|{b64encode(digest).decode()}"


def loaded(tmp_path: Path, text: str | bytes) -> HostKeys:
    file = tmp_path / "known_hosts"
    file.write_bytes(text if isinstance(text, bytes) else text.encode())
    return HostKeys.load((str(file),))


def kind(keys: HostKeys, name: str, blob: bytes, port: int = 22) -> str:
    return keys.check(name, port, "ssh-ed25519", blob).kind


def test_a_known_key_is_ok_and_says_where(tmp_path):
    keys = loaded(tmp_path, "# comment\n\n" + line("web1,10.0.0.1", key(1)))
    assert keys.check("WEB1", 22, "ssh-ed25519", key(1)) == hostkeys.Verdict(
        "ok", f"{tmp_path}/known_hosts:3", (fingerprint(key(1)),)
    )
    assert kind(keys, "10.0.0.1", key(1)) == "ok"
    assert keys.check("web2", 22, "ssh-ed25519", key(1)) == hostkeys.Verdict("unknown")


def test_any_other_key_of_a_known_host_is_changed_and_the_line_of_its_type_is_named(tmp_path):
    keys = loaded(tmp_path, line("web1", rsa(1)) + line("web1", key(1)) + line("web1", key(2)))
    verdict = keys.check("web1", 22, "ssh-ed25519", key(3))
    assert (verdict.kind, verdict.where) == ("changed", f"{tmp_path}/known_hosts:2")
    assert verdict.known == tuple(map(fingerprint, (rsa(1), key(1), key(2))))
    assert kind(keys, "web1", key(2)) == "ok"
    assert keys.types("web1", 22) == ("ssh-rsa", "ssh-ed25519")


def test_a_revoked_key_is_refused_wherever_else_it_stands(tmp_path):
    keys = loaded(tmp_path, line("web1", key(1)) + line("@revoked *", key(1)))
    assert kind(keys, "web1", key(1)) == "revoked"
    assert kind(keys, "new", key(1)) == "revoked"
    assert kind(keys, "new", key(2)) == "unknown"
    assert keys.types("new", 22) == ()


def test_a_certificate_authority_makes_no_plain_key_good(tmp_path):
    keys = loaded(tmp_path, line("@cert-authority *.example.net", key(1)))
    assert kind(keys, "web1.example.net", key(1)) == "unknown"
    assert keys.types("web1.example.net", 22) == ()


def test_the_bare_name_vouches_for_another_port_but_does_not_accuse(tmp_path):
    keys = loaded(tmp_path, line("web1", key(1)) + line("[web2]:2222", key(2)) + line("web2", key(1)))
    assert kind(keys, "web1", key(1), 2222) == "ok"
    assert kind(keys, "web1", key(2), 2222) == "unknown"
    assert kind(keys, "web2", key(1), 2222) == "changed"
    assert keys.types("web1", 2222) == ("ssh-ed25519",)


def test_a_key_revoked_under_the_bare_name_is_refused_on_every_port(tmp_path):
    keys = loaded(tmp_path, line("@revoked web1", key(1)))
    assert kind(keys, "web1", key(1), 2222) == "revoked"


def test_a_torn_line_refuses_the_hosts_it_names_and_no_others(tmp_path):
    whole = line("web1,web2", key(1))
    for cut in range(len("web1,web2 s"), len(whole) - 1):
        keys = loaded(tmp_path, line("web1", key(2)) + line("web3", key(3)) + whole[:cut])
        verdict = keys.check("web1", 22, "ssh-ed25519", key(2))
        assert (verdict.kind, verdict.where) == ("unreadable-line", f"{tmp_path}/known_hosts:3"), whole[:cut]
        assert kind(keys, "web2", key(1), 2222) == "unreadable-line"
        assert kind(keys, "web3", key(3)) == "ok"
        assert kind(keys, "web4", key(3)) == "unknown"


@pytest.mark.parametrize(
    "torn",
    [
        b"web0",
        b"web1,we",
        b"@revo",
        b"@revoked web",
        b"|1|abc",
        b"|1|AAAA|AAAA ssh-ed25519 AAAA",
        b"\0\0\0\0",
        b"web\0 ssh-rsa A",
    ],
)
def test_while_a_line_might_name_anyone_nobody_is_new(tmp_path, torn):
    keys = loaded(tmp_path, line("web3", key(3)).encode() + torn)
    verdict = keys.check("web07", 22, "ssh-ed25519", key(1))
    assert (verdict.kind, verdict.where) == ("unreadable-line", f"{tmp_path}/known_hosts:2")
    assert kind(keys, "web3", key(3)) == "ok"
    assert kind(keys, "web3", key(4)) == "changed"


def test_an_unknown_marker_refuses_the_hosts_of_its_line(tmp_path):
    keys = loaded(tmp_path, line("@trusted web1", key(1)) + line("@revoked @cert-authority web2", key(1)))
    assert [kind(keys, name, key(1)) for name in ("web1", "web2", "web3")] == ["unreadable-line"] * 2 + ["unknown"]


def test_a_key_of_protocol_1_is_passed_over(tmp_path):
    keys = loaded(tmp_path, "web1 1024 35 1234567\n" + line("web1", key(1)))
    assert kind(keys, "web1", key(1)) == "ok"


def test_line_ends_bytes_and_blanks_of_all_kinds_are_read(tmp_path):
    text = line("web1", key(1)).rstrip() + " J\xf6rg\r\n" + "\t web2  \t" + line("x", key(2))[2:]
    keys = loaded(tmp_path, text.encode("latin-1"))
    assert kind(keys, "web1", key(1)) == kind(keys, "web2", key(2)) == "ok"


def test_what_is_missing_is_empty_and_what_cannot_be_read_makes_nobody_new(tmp_path):
    (tmp_path / "good").write_text(line("web1", key(1)))
    os.mkfifo(tmp_path / "fifo")
    for name, word in (
        ("none", "unknown"),
        ("/dev/null", "unknown"),
        ("fifo", "unreadable-line"),
        (".", "unreadable-line"),
    ):
        keys = HostKeys.load((str(tmp_path / name), str(tmp_path / "good")))
        assert (kind(keys, "web1", key(1)), kind(keys, "web2", key(1))) == ("ok", word)


def test_what_is_learned_counts_at_once(tmp_path):
    keys = loaded(tmp_path, "")
    assert kind(keys, "web1", key(1), 2222) == "unknown"
    keys.add(line(hashed("Web1", 2222), key(1)))
    assert kind(keys, "web1", key(1), 2222) == "ok"
    assert kind(keys, "web1", key(2), 2222) == "changed"


WORDS = st.sampled_from(
    ["web1", "@revoked", "@", "|1|", "ssh-ed25519", "AAAA", ",", "!", "*", "#", "\t", "\r", line("", key(1))]
)


@given(text=st.lists(WORDS | st.text(max_size=4), max_size=8).map(" ".join))
@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_stands_in_the_file_a_good_line_counts_and_a_bad_one_only_refuses(tmp_path, text):
    data = text.encode("utf-8", "surrogatepass") + b"\n" + line("web2", key(2)).encode()
    keys = loaded(tmp_path, data)
    assert kind(keys, "web2", key(2)) in ("ok", "unreadable-line", "revoked")
    assert kind(keys, "web2", key(3)) != "unknown"
    assert kind(keys, "web3", key(3)) in ("unknown", "changed", "unreadable-line")


def test_each_of_ten_thousand_lines_is_known(tmp_path):
    text = "".join(line(f"web{number},10.0.{number >> 8}.{number & 255}", key(number)) for number in range(10_000))
    (tmp_path / "known_hosts").write_text(text)
    keys = HostKeys.load((str(tmp_path / "known_hosts"),))
    assert {kind(keys, f"web{number}", key(number)) for number in range(0, 10_000, 7)} == {"ok"}


def test_a_line_is_written_as_ssh_writes_it():
    assert known_hosts_line("Web1", 22, "ssh-ed25519", key(0)).startswith("web1 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5")
    assert known_hosts_line("::1", 2222, "ssh-ed25519", key(0)).startswith("[::1]:2222 ssh-ed25519 ")


NAMES = ["a", "b", "web1", "web2", "web10", "web1.lab", "10.0.0.1", "::1"]
PATTERNS = [
    "*",
    "web*",
    "web?",
    "*.lab",
    "!web1",
    "!*.lab",
    "WEB1",
    "W*1",
    "[web1]:*",
    "[*]:2222",
    "![web1]:2222",
    "?",
    "web[12]",
    "**1*",
]


def generated(rng: random.Random) -> list[tuple[str, str, bytes]]:
    """Lines as marker, names, key."""
    lines = []
    for _ in range(rng.randint(1, 8)):
        marker = rng.choice(["", "", "", "@revoked ", "@cert-authority "])
        name, port = rng.choice(NAMES), rng.choice([22, 22, 2222])
        if rng.random() < 0.3:
            names = hashed(name, port)
        else:
            names = ",".join(
                rng.choice([hostkeys.written(rng.choice(NAMES), rng.choice([22, 2222])), rng.choice(PATTERNS)])
                for _ in range(rng.randint(1, 3))
            )
        lines.append((marker, names, key(rng.randint(1, 3))))
    return lines


def by_openssh(file: Path, lines: list[tuple[str, str, bytes]], name: str, blob: bytes) -> str:
    """What ssh would decide, its matching asked of ssh-keygen."""
    done = subprocess.run(["ssh-keygen", "-F", name, "-f", str(file)], capture_output=True, text=True)
    found = [
        lines[int(number) - 1] for number in re.findall(r"^# Host \S+ found: line (\d+)", done.stdout, re.MULTILINE)
    ]
    if any(marker == "@revoked " and each == blob for marker, _, each in found):
        return "revoked"
    good = [each for marker, _, each in found if not marker]
    return "ok" if blob in good else "changed" if good else "unknown"


@pytest.mark.parametrize("seed", range(12))
def test_names_are_matched_as_ssh_keygen_matches_them(tmp_path, seed):
    rng = random.Random(seed)
    for case in range(24):
        lines = generated(rng)
        file = tmp_path / f"known_hosts{case}"
        file.write_text("".join(marker + line(names, blob) for marker, names, blob in lines))
        name, port, blob = rng.choice(NAMES), rng.choice([22, 2222]), key(rng.randint(1, 3))
        expected = by_openssh(file, lines, hostkeys.written(name, port), blob)
        if expected == "unknown" and port != 22 and by_openssh(file, lines, name, blob) in ("ok", "revoked"):
            expected = by_openssh(file, lines, name, blob)
        assert kind(HostKeys.load((str(file),)), name.upper(), blob, port) == expected, file.read_text()


def openssh_takes(folder: Path, name: str, port: int) -> bool:
    """Whether a real ssh, told to be strict, goes past the host key of a real sshd; both talk over a pipe."""
    (folder / "sshd_config").write_text(f"HostKey {folder}/host\nPidFile none\nUsePAM no\n")
    command = ["ssh", "-F", "/dev/null", "-p", str(port), "-o", f"ProxyCommand={SSHD} -i -f {folder}/sshd_config"]
    for option in (
        f"UserKnownHostsFile={folder}/known_hosts",
        "GlobalKnownHostsFile=/dev/null",
        "StrictHostKeyChecking=yes",
        "BatchMode=yes",
        "PreferredAuthentications=none",
    ):
        command += ["-o", option]
    done = subprocess.run([*command, name, "true"], capture_output=True, text=True, timeout=20)
    assert "Permission denied" in done.stderr or "Host key verification failed" in done.stderr, done.stderr
    return "Permission denied" in done.stderr


@needs_sshd
@pytest.mark.parametrize(
    ("text", "port"),
    [
        ("web1 {key}", 22),
        ("WEB1 {key}", 22),
        ("web1 {other}", 22),
        ("web1 {other}\nweb1 {key}", 22),
        ("web1 {rsa}", 22),
        ("web1 {rsa}\nweb1 {key}", 22),
        ("web1 {key}\n@revoked * {key}", 22),
        ("@cert-authority * {key}", 22),
        ("web1 {key}", 2222),
        ("[web1]:2222 {other}\nweb1 {key}", 2222),
        ("[web1]:2222 {key}\nweb1 {other}", 2222),
        ("[*]:2222 {key}", 2222),
        ("*,!web1 {key}", 22),
        ("web2\tssh-rsa\nweb1  {key} a comment", 22),
    ],
)
def test_a_real_ssh_decides_the_same(tmp_path, text, port):
    if os.geteuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)  # where sshd wants it, as its service would have made it
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-C", "", "-f", tmp_path / "host"], check=True)
    key_type, base64 = (tmp_path / "host.pub").read_text().split()
    words = {"key": f"{key_type} {base64}", "other": line("", key(1)).strip(), "rsa": line("", rsa(1)).strip()}
    keys = loaded(tmp_path, text.format(**words) + "\n")
    verdict = keys.check("web1", port, key_type, hostkeys.b64decode(base64))
    assert (verdict.kind == "ok") == openssh_takes(tmp_path, "web1", port), verdict


def test_ssh_keygen_agrees_on_fingerprints(tmp_path):
    (tmp_path / "key.pub").write_text(line("", key(7)).strip())
    shown = subprocess.run(
        ["ssh-keygen", "-lf", tmp_path / "key.pub"], capture_output=True, text=True, check=True
    ).stdout
    assert shown.split()[1] == fingerprint(key(7))


def test_appending_keeps_every_old_byte_and_mends_the_last_line_end(tmp_path):
    file = tmp_path / "known_hosts"
    file.write_bytes(b"# by hand\xff\nweb0 torn")
    append(str(file), ["web1 a b", "web2 a b", "web1 a b"])
    append(str(file), ["web2 a b", "web3 a b"])
    assert file.read_bytes() == b"# by hand\xff\nweb0 torn\nweb1 a b\nweb2 a b\nweb3 a b\n"


def test_what_is_made_is_private_under_any_umask(tmp_path):
    before = os.umask(0)
    try:
        append(str(tmp_path / ".ssh" / "known_hosts"), ["web1 a b"])
    finally:
        os.umask(before)
    assert (tmp_path / ".ssh").stat().st_mode & 0o777 == 0o700
    assert (tmp_path / ".ssh" / "known_hosts").stat().st_mode & 0o777 == 0o600


def test_many_first_contacts_at_once_leave_one_line_each(tmp_path):
    file = tmp_path / "known_hosts"
    file.write_text("old a b")
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda number: append(str(file), [f"web{number // 2} a b"]), range(64)))
    lines = file.read_text().splitlines()
    assert lines[0] == "old a b"
    assert sorted(lines[1:]) == sorted(f"web{number} a b" for number in range(32))


def test_a_lock_that_is_never_given_back_is_an_error(tmp_path, monkeypatch):
    monkeypatch.setattr(hostkeys, "_LOCK_SECONDS", 0.05)
    file = tmp_path / "known_hosts"
    with file.open("w") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        with pytest.raises(OSError):
            append(str(file), ["web1 a b"])
    assert file.read_text() == ""
