"""Each kind of key file is seen for what it is, before anybody is asked for anything."""

import base64
import os
import subprocess
import sys
from pathlib import Path

import pytest

from pssh.errors import CredentialError
from pssh.model.secret import Secret
from pssh.transport.ssh.keyfiles import KeyFile, inspect, load, unlocks
from tests.support.keys import make_key


@pytest.fixture(scope="module")
def zoo(tmp_path_factory) -> Path:
    """Keys of all formats ssh-keygen writes, open and locked by `a secret`."""
    folder = tmp_path_factory.mktemp("zoo")
    for name in KINDS:
        kind, _, form = name.partition("-")
        bits = 384 if name == "ecdsa" else 256
        for suffix, secret in (("", ""), ("-locked", "a secret")):
            make_key(folder / (name + suffix), kind, bits=bits, passphrase=secret, comment="it", form=form.upper())
    return folder


KINDS = ["ed25519", "ecdsa", "ecdsa-pem", "ecdsa-pkcs8", "rsa", "rsa-pem"]


def public(path: Path) -> bytes:
    return base64.b64decode(Path(f"{path}.pub").read_text().split()[1])


@pytest.mark.parametrize("kind", KINDS)
def test_an_open_key_is_ready_and_tells_its_public_half(zoo, kind):
    assert inspect(str(zoo / kind)) == KeyFile(str(zoo / kind), public=public(zoo / kind))
    assert load(str(zoo / kind)).public_key() is not None


@pytest.mark.parametrize("kind", KINDS)
def test_a_locked_key_says_so_and_opens_with_its_passphrase_alone(zoo, kind):
    path = str(zoo / f"{kind}-locked")
    assert inspect(path) == KeyFile(path, locked=True, public=public(zoo / f"{kind}-locked"))
    assert unlocks(path, Secret("a secret"))
    assert not unlocks(path, Secret("another"))
    assert not unlocks(path, Secret(""))


def test_a_locked_pem_key_without_its_public_file_has_no_public_half(zoo, tmp_path):
    (tmp_path / "key").write_bytes((zoo / "rsa-pem-locked").read_bytes())
    (tmp_path / "key").chmod(0o600)
    assert inspect(str(tmp_path / "key")) == KeyFile(str(tmp_path / "key"), locked=True)


def test_what_is_no_private_key_is_named_for_what_it_is(zoo, tmp_path):
    whole = (zoo / "ed25519").read_text()
    files = {
        "public.pub": (
            (zoo / "ed25519.pub").read_text(),
            f"is a public key; the private one may be `{tmp_path}/public`",
        ),
        "public": ((zoo / "rsa.pub").read_text(), "is a public key"),
        "pem-public": ("-----BEGIN PUBLIC KEY-----\nMCow\n-----END PUBLIC KEY-----\n", "is a public key"),
        "junk": ("junk", "is not a private key"),
        "empty": ("", "is not a private key"),
        "dsa": ("-----BEGIN DSA PRIVATE KEY-----\nMCow\n", "holds a DSA key, which is not supported"),
        "torn": (whole[:200], "is damaged"),
        "torn-pem": ((zoo / "rsa-pem").read_text()[:200], "is damaged"),
        "bare": ("-----BEGIN OPENSSH PRIVATE KEY-----", "is damaged"),
        "scrambled": (whole.replace("b3BlbnNzaC", "b3BlbnNzaD"), "is damaged"),
    }
    for name, (text, problem) in files.items():
        (tmp_path / name).write_text(text)
        (tmp_path / name).chmod(0o600)
        assert inspect(str(tmp_path / name)) == KeyFile(str(tmp_path / name), problem=problem)


def test_a_file_that_cannot_be_opened_says_why(tmp_path):
    os.mkfifo(tmp_path / "fifo")
    assert inspect(str(tmp_path / "missing")).problem == "does not exist"
    assert inspect(str(tmp_path)).problem == inspect(str(tmp_path / "fifo")).problem == "is not a file"
    assert inspect("a\0b").problem.startswith("cannot be read")


def test_a_key_that_others_can_read_is_refused_as_ssh_refuses_it(zoo, tmp_path):
    key = tmp_path / "key"
    key.write_bytes((zoo / "ed25519").read_bytes())
    for mode in (0o600, 0o400, 0o644, 0o640, 0o601):
        key.chmod(mode)
        done = subprocess.run(["ssh-keygen", "-y", "-P", "", "-f", key], capture_output=True, text=True)
        assert ("UNPROTECTED" in done.stderr) == bool(inspect(str(key)).problem), oct(mode)
    assert inspect(str(key)).problem == "can be read by others (mode 0601), ssh wants 0600"


def test_a_key_that_we_cannot_open_is_known_before_anybody_is_asked(tmp_path):
    path = str(tmp_path / "key")
    cipher = "chacha20-poly1305@openssh.com"
    subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "a secret", "-Z", cipher, "-f", path], check=True)
    found = inspect(path)
    assert (found.locked, found.public) == (True, public(tmp_path / "key"))
    assert found.problem == f"is encrypted with `{cipher}`, which is not supported"
    with pytest.raises(CredentialError, match="not supported"):
        unlocks(path, Secret("a secret"))


def test_a_hardware_key_is_left_to_the_agent(zoo, tmp_path):
    def string(data: bytes) -> bytes:
        return len(data).to_bytes(4, "big") + data

    kind = b"sk-ssh-ed25519@openssh.com"
    blob = string(kind) + string(bytes(32)) + string(b"ssh:")
    body = b"openssh-key-v1\0" + string(b"none") * 2 + string(b"") + b"\0\0\0\1" + string(blob) + string(bytes(64))
    text = (
        f"-----BEGIN OPENSSH PRIVATE KEY-----\n{base64.b64encode(body).decode()}\n-----END OPENSSH PRIVATE KEY-----\n"
    )
    (tmp_path / "key").write_text(text)
    (tmp_path / "key").chmod(0o600)
    found = inspect(str(tmp_path / "key"))
    assert (found.public, found.problem) == (blob, f"holds a key of type `{kind.decode()}`, which is not supported")


def test_no_cut_of_a_key_file_is_more_than_a_problem(zoo, tmp_path):
    key = tmp_path / "key"
    for name in ("ed25519", "ed25519-locked"):
        whole = (zoo / name).read_bytes()
        for cut in range(len(whole) - len(b"-----END OPENSSH PRIVATE KEY-----\n") - 1):
            key.write_bytes(whole[:cut])
            key.chmod(0o600)
            assert inspect(str(key)).problem in ("is damaged", "is not a private key")


def test_looking_at_an_openssh_key_imports_no_crypto_library(zoo):
    code = (
        "import sys; from pssh.transport.ssh.keyfiles import inspect; inspect(sys.argv[1]);"
        "sys.exit(any(name in sys.modules for name in ('cryptography', 'paramiko')))"
    )
    assert subprocess.run([sys.executable, "-c", code, zoo / "ed25519-locked"]).returncode == 0
