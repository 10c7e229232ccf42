"""Runs the command line as a user would: a process of its own, with a home of its own and nothing else around it."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]


@dataclass(frozen=True)
class Done:
    """How a command ended."""

    code: int
    out: str
    err: str


def environment(home: Path, **more: str) -> dict[str, str]:
    """Return an environment in which nothing of whoever runs the tests takes part."""
    kept = {name: os.environ[name] for name in ("PATH", "LANG", "TMPDIR") if name in os.environ}
    return {**kept, "HOME": str(home), "PYTHONPATH": str(ROOT), "PYTHONSAFEPATH": "1", "COLUMNS": "100", **more}


def pssh(*args: str, cwd: Path, stdin: str = "", timeout: float = 60, **environ: str) -> Done:
    """Run `pssh` in a folder that is its home too, without a terminal."""
    done = subprocess.run(
        [sys.executable, "-m", "pssh", *args],
        cwd=cwd,
        env=environment(cwd, **environ),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=timeout,
        start_new_session=True,  # so that there is no /dev/tty to ask on
    )
    return Done(done.returncode, done.stdout, done.stderr)
