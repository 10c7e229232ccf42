"""Another user of a host who swaps what was just put there for a link: its mode goes to nothing outside."""

import os
import shutil
from pathlib import Path

import pytest

from pssh.ops.files.put import Put
from tests.support.shells import SHELLS, Shell

SWAPPING = """#!/bin/sh
{mv} "$@" || exit
for f in "$THERE"/tree/sub; do [ -L "$f" ] || {{ {mv} "$f" "$THERE/away"; ln -s "$OUTSIDE" "$f"; }}; done
"""


@pytest.mark.parametrize("words", SHELLS, ids=" ".join)
async def test_a_folder_that_is_swapped_gives_its_mode_to_nothing_outside(tmp_path: Path, words: list[str]) -> None:
    ours, there, outside, tools = (tmp_path / name for name in ("tree", "there", "outside", "tools"))
    (ours / "sub").mkdir(parents=True)
    (ours / "sub/file").write_text("x")
    (ours / "sub").chmod(0o755)
    for folder in (there, outside, tools):
        folder.mkdir()
    outside.chmod(0o700)
    (tools / "mv").write_text(SWAPPING.format(mv=shutil.which("mv")))
    (tools / "mv").chmod(0o755)
    env = {"PATH": f"{tools}:{os.environ['PATH']}", "THERE": str(there), "OUTSIDE": str(outside)}
    await Put((str(ours),), str(there)).perform(Shell(tmp_path, [*words], env=env))
    assert (there / "tree/sub").is_symlink()
    assert outside.stat().st_mode & 0o777 == 0o700
