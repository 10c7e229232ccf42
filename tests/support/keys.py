"""Makes key files as `ssh-keygen` writes them; the RSA key is one and the same, since to find one takes a second."""

import subprocess
import tempfile
from functools import cache
from pathlib import Path


def make_key(
    file: Path, kind: str = "ed25519", *, bits: int = 256, passphrase: str = "", comment: str = "", form: str = ""
) -> None:
    """Write a private key, in a form of `ssh-keygen -m` if one is named, and its public half beside it."""
    how = ["-N", passphrase, "-f", str(file), *(["-m", form] if form else [])]
    if kind != "rsa":
        subprocess.run(["ssh-keygen", "-q", "-t", kind, "-b", str(bits), "-C", comment, *how], check=True)
        return
    private, public = _rsa()
    file.touch(0o600)
    file.write_bytes(private)
    Path(f"{file}.pub").write_bytes(public)
    if comment:
        subprocess.run(["ssh-keygen", "-q", "-c", "-C", comment, "-f", file], check=True, stdout=subprocess.DEVNULL)
    if passphrase or form:
        subprocess.run(["ssh-keygen", "-q", "-p", "-P", "", *how], check=True, stdout=subprocess.DEVNULL)


@cache
def _rsa() -> tuple[bytes, bytes]:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "key"
        subprocess.run(["ssh-keygen", "-q", "-t", "rsa", "-b", "2048", "-N", "", "-C", "", "-f", file], check=True)
        return file.read_bytes(), Path(f"{file}.pub").read_bytes()
