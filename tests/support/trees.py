"""Trees of files to be sent, and what of one differs in another; names hold all that a name may hold."""

import os
import subprocess
from pathlib import Path


def odd_tree(root: Path, *, odd: bytes = b"\xff\xfe*") -> Path:
    """Make a tree with names and kinds that are easily got wrong, one of them `odd`, and return it: eight files."""
    (root / "sub/deep").mkdir(parents=True)
    (root / "empty").mkdir()
    (root / "empty").chmod(0o555)
    (root / "none").write_bytes(b"")
    (root / "sub/line\nbreak").write_bytes(b"1")
    (root / "sub/back\\slash").write_bytes(b"2")
    (root / "sub/--help").write_bytes(b"3")
    (root / "sub/deep/é").write_bytes(b"4" * 3000)
    Path(os.fsdecode(os.fsencode(root) + b"/sub/" + odd)).write_bytes(b"5")
    (root / ("long" * 40)).write_bytes(b"6" * 513)
    (root / "link").symlink_to("sub/deep")
    os.mkfifo(root / "fifo")
    return root


def differences(one: Path, other: Path) -> str:
    """Return what `diff` finds between two trees, links compared as links; empty if nothing."""
    done = subprocess.run(
        ["diff", "-r", "--no-dereference", one, other], capture_output=True, text=True, errors="replace"
    )
    return done.stdout + done.stderr


def leftovers(root: Path) -> list[str]:
    """Return every temporary name of ours below a folder."""
    found = subprocess.run(["find", root, "-name", ".pssh-*"], capture_output=True, text=True, errors="replace").stdout
    return found.splitlines()
