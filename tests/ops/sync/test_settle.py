"""The script that removes and sets modes on a host, while another user there swaps folders and files for links."""

import subprocess
from pathlib import Path

import pytest

from pssh.ops.sync.plan import Plan
from pssh.ops.sync.settle import script
from tests.support.shells import SHELLS

# Whenever the script is about to enter, or to look for a link for the last time, somebody is faster.
SWAP = b"""cd() { if [ "$3" = ./victim ]; then mv victim aside; ln -s "$OUTSIDE" victim; fi; command cd "$@"; }
"""


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_a_folder_that_becomes_a_link_while_it_is_removed_takes_nothing_outside_along(
    tmp_path: Path, shell: list[str]
) -> None:
    outside, dest = tmp_path / "outside", tmp_path / "dest"
    (outside / "kept").mkdir(parents=True)
    (outside / "kept/file").write_text("x")
    (dest / "victim/inner").mkdir(parents=True)
    made = SWAP + script(str(dest), Plan(remove=(b"victim",)), first=False)
    done = subprocess.run(
        shell, input=made, capture_output=True, env={"OUTSIDE": str(outside), "PATH": "/usr/bin:/bin"}, check=False
    )
    assert (outside / "kept/file").read_text() == "x"
    assert done.returncode == 1
    assert b"replaced by a link" in done.stderr


@pytest.mark.parametrize("shell", SHELLS, ids=" ".join)
def test_what_has_become_a_link_gives_its_mode_to_nothing_outside(tmp_path: Path, shell: list[str]) -> None:
    outside, dest = tmp_path / "outside", tmp_path / "dest"
    outside.write_text("x")
    outside.chmod(0o600)
    dest.mkdir()
    (dest / "file").symlink_to(outside)
    (dest / "other").write_text("y")
    made = script(str(dest), Plan(chmod=((b"file", 0o666), (b"other", 0o640))), first=False)
    subprocess.run(shell, input=made, capture_output=True, check=True)
    assert outside.stat().st_mode & 0o777 == 0o600
    assert (dest / "other").stat().st_mode & 0o777 == 0o640
