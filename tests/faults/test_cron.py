"""The line that `job install --cron` writes, run by a real cron. It takes two minutes: `PSSH_CRON=1` tries it."""

import os
import shutil
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

from pssh.history.queries import Queries
from pssh.history.store import History
from tests.support.command import environment

_PRIVATE = ("unshare", "--mount", "--propagation", "private")
# Nothing of this machine's own tables takes part, and nothing is left there.
_LAB = """set -e
mount -t tmpfs none /var/spool/cron
mkdir -p /var/spool/cron/crontabs && chgrp crontab /var/spool/cron/crontabs && chmod 1730 /var/spool/cron/crontabs
mount -t tmpfs none /etc/cron.d
: > empty && mount --bind empty /etc/crontab
mount -t tmpfs none /run
"$0" -m pssh job install --cron tick.toml
cron -f & cron=$!
for second in $(seq 1 150); do sleep 1; [ ! -e ran ] || [ "$(wc -l < ran)" -lt 3 ] || break; done
sleep 3
kill $cron
"$0" -m pssh job remove tick.toml
crontab -l
"""
JOB = """\
version = 1
name = "tick"
targets = "@all"
inventory = "fleet.toml"
[schedule]
cron = "* * * * *"
[rollout]
batches = ["1"]
[[step]]
run = "echo {host} >> {folder}/ran"
"""

pytestmark = pytest.mark.skipif(
    os.environ.get("PSSH_CRON") != "1" or os.geteuid() != 0 or not (shutil.which("cron") and shutil.which("unshare")),
    reason="takes two minutes, and needs cron and root who may give it tables of its own: PSSH_CRON=1 tries it",
)


@pytest.mark.timeout(200)
def test_cron_runs_what_is_due_by_the_line_that_was_installed(tmp_path: Path) -> None:
    tmp_path.chmod(0o700)
    (tmp_path / "fleet.toml").write_text('version = 1\nconnection = { transport = "local" }\n[hosts."web[1-3]"]\n')
    (tmp_path / "tick.toml").write_text(JOB.replace("{folder}", str(tmp_path)))
    lab = [*_PRIVATE, "sh", "-c", _LAB, sys.executable]
    env = environment(tmp_path, PSSH_STATE=str(tmp_path / "state"))
    done = subprocess.run(lab, cwd=tmp_path, env=env, capture_output=True, text=True)
    assert "removed: a line of the crontab" in done.stdout, done
    assert "job run" not in done.stdout.partition("removed:")[2]
    with closing(History(tmp_path / "state")) as history:
        (run, *_) = Queries(history).runs()
        assert run.counts == {"ok": 3}
        assert run.run.job is not None and run.run.job.reason == "due"
