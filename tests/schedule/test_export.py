"""What is installed asks at least as often as a job is due: as calendar events of systemd, and as a line of cron."""

import os
import re
import shutil
import stat
import subprocess
from datetime import UTC, datetime, timedelta
from itertools import islice
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from cronsim import CronSim

from pssh.errors import JobError
from pssh.schedule import crontab, systemd
from pssh.schedule.job import MaintenanceJob, load
from pssh.schedule.oncalendar import between, calendar, changes
from pssh.schedule.when import Rule, due
from tests.schedule.test_job import written

NOW = datetime(2026, 1, 1, tzinfo=UTC)
PSSH = ["/usr/bin/pssh"]

# Each rule with its calendar events, as `systemd-analyze calendar` 252 takes them.
EVENTS: list[tuple[dict[str, Any], list[str]]] = [
    ({"cron": "30 2 * * SUN#2"}, ["Sun *-*-08..14 02:30:00 UTC"]),
    ({"cron": "0 0 L * *"}, ["*-*-28..31 00:00:00 UTC"]),
    ({"cron": "0 0 LW * *"}, ["*-*-26..31 00:00:00 UTC"]),
    ({"cron": "5 4 * 1-3 5L"}, ["Fri *-01,02,03-22..31 04:05:00 UTC"]),
    ({"cron": "0 4 1,15 * MON"}, ["*-*-01,15 04:00:00 UTC", "Mon *-*-* 04:00:00 UTC"]),
    ({"cron": "0 5 */16 * MON"}, ["Mon *-*-01,17 05:00:00 UTC"]),
    ({"cron": "* * * * *"}, ["*-*-* *:*:00 UTC"]),
    (
        {"cron": "30 2 * * *", "zone": "Europe/Paris"},
        ["*-*-* 02:30:00 Europe/Paris", "Sun *-03,10-* *:00,30:00 UTC"],
    ),
    (
        {"cron": "*/15 2 * * *", "zone": "Australia/Lord_Howe"},
        ["*-*-* 02:00,15,30,45:00 Australia/Lord_Howe", "Sat *-03,04,09,10-* *:00,15,30,45:00 UTC"],
    ),
    ({"every": 6 * 3600}, ["*-*-* 00/6:00:00 UTC"]),
    ({"every": 7 * 3600}, ["*-*-* 00/1:00:00 UTC"]),
    ({"every": 90 * 60}, ["*-*-* *:00/30:00 UTC"]),
    ({"every": 86400 * 7}, ["*-*-* 00:00:00 UTC"]),
    ({"every": 61 * 60}, ["*-*-* *:00/1:00 UTC"]),
    ({"at": datetime(2026, 3, 29, 2, 30), "zone": "Europe/Paris"}, ["2026-03-29 01:00:00 UTC"]),
]


@pytest.mark.parametrize(("rule", "events"), EVENTS)
def test_a_rule_becomes_these_calendar_events(rule: dict[str, Any], events: list[str]) -> None:
    assert calendar(Rule(**rule), NOW) == events


@pytest.mark.skipif(not shutil.which("systemd-analyze"), reason="this machine has no systemd-analyze to ask")
@pytest.mark.parametrize(
    "rule",
    [
        Rule(cron="30 2 * * *", zone="Europe/Paris"),
        Rule(cron="30 1,2 * * SUN", zone="America/New_York"),
        Rule(cron="*/15 1-3 * * *", zone="Australia/Lord_Howe"),
        Rule(cron="*/20 * * * *", zone="Europe/Paris"),
    ],
)
def test_around_every_change_of_the_clock_systemd_asks_whenever_a_job_is_due(rule: Rule) -> None:
    for change in islice(changes(rule, NOW, NOW + timedelta(days=800)), 4):
        since, until = change - timedelta(hours=5), change + timedelta(hours=5)
        asked: set[str] = set()
        for event in calendar(rule, NOW):
            argv = [
                "systemd-analyze",
                "calendar",
                "--iterations=60",
                f"--base-time={since:%Y-%m-%d %H:%M:%S} UTC",
                event,
            ]
            said = subprocess.run(argv, capture_output=True, text=True, env={**os.environ, "TZ": "UTC", "LC_ALL": "C"})
            asked |= set(re.findall(r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d) UTC", said.stdout))
        wanted = {f"{at:%Y-%m-%d %H:%M:%S}" for at in between(rule, since, until)}
        assert wanted and wanted <= asked


@pytest.fixture
def job(tmp_path: Path) -> MaintenanceJob:
    text = 'version = 1\nname = "patch"\ntargets = "@local"\n[schedule]\ncron = "30 2 * * SUN#2"\n'
    text += 'timezone = "Europe/Paris"\n[[step]]\nrun = "true"\n'
    (tmp_path / "my %jobs").mkdir()
    return load(written(tmp_path / "my %jobs", text))


def test_units_are_written_once_and_verified_by_systemd(tmp_path: Path, job: MaintenanceJob) -> None:
    texts = systemd.units(job, ["/bin/true"], NOW, user=False, state="/var/lib/pssh $x")
    folder = tmp_path / "units"
    assert len(systemd.install(folder, texts, job.path)) == 2
    assert systemd.install(folder, texts, job.path) == []
    service = (folder / "pssh-job-patch.service").read_text()
    assert '"' + str(job.path).replace("%", "%%") + '"' in service
    assert 'Environment="PSSH_STATE=/var/lib/pssh $x"' in service
    assert "Persistent=true" in (folder / "pssh-job-patch.timer").read_text()
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o644}
    if shutil.which("systemd-analyze"):
        argv = ["systemd-analyze", "verify", str(folder / "pssh-job-patch.timer")]
        done = subprocess.run(argv, capture_output=True, text=True)
        assert "pssh-job" not in done.stderr, done.stderr


def test_units_of_another_job_are_not_written_over(tmp_path: Path, job: MaintenanceJob) -> None:
    texts = systemd.units(job, PSSH, NOW, user=True)
    systemd.install(tmp_path / "units", texts, Path("/another.toml"))
    (tmp_path / "units" / "pssh-job-patch.timer").write_text("[Unit]\nX-PsshJob=/another.toml\n")
    with pytest.raises(JobError, match="runs another file"):
        systemd.install(tmp_path / "units", texts, job.path)
    assert systemd.remove(tmp_path / "units", Path("/another.toml")) == [tmp_path / "units" / "pssh-job-patch.timer"]


def test_what_cannot_be_written_leaves_the_old_unit_and_is_one_line(tmp_path: Path, job: MaintenanceJob) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(JobError, match="cannot be written"):
        systemd.install(tmp_path / "file", systemd.units(job, PSSH, NOW, user=True), job.path)


def test_a_cron_line_is_put_in_its_old_place_and_nothing_else_is_changed(tmp_path: Path, job: MaintenanceJob) -> None:
    table = tmp_path / "crontab"
    table.write_text("# mine\nMAILTO=ops\n0 * * * * true\n")
    line = crontab.line(job, PSSH, NOW, UTC)
    assert line.startswith("30 * * * * /usr/bin/pssh job run --scheduled '")
    assert "my \\%jobs" in line
    assert [crontab.change(job.path, line, table) for _ in range(2)] == [True, False]
    table.write_text(table.read_text() + "5 5 * * * last\n")
    again = crontab.line(job, ["/opt/pssh"], NOW, UTC)
    assert crontab.change(job.path, again, table)
    assert table.read_text().splitlines() == ["# mine", "MAILTO=ops", "0 * * * * true", again, "5 5 * * * last"]
    assert crontab.change(job.path, "", table)
    assert "pssh" not in table.read_text()


def test_the_crontab_program_is_read_and_written_whole(job: MaintenanceJob) -> None:
    table = ["0 * * * * true\n"]

    def program(what: str, given: str = "") -> str:
        if what == "-":
            table.append(given)
        return table[-1]

    line = crontab.line(job, PSSH, NOW, UTC)
    assert crontab.change(job.path, line, run=program)
    assert not crontab.change(job.path, line, run=program)
    assert table[-1] == f"0 * * * * true\n{line}\n"


@pytest.mark.parametrize("clock", ["UTC", "Europe/Paris", "Asia/Kolkata"])
@pytest.mark.parametrize(
    "rule",
    [
        Rule(cron="30 2 * * *", zone="Europe/Paris"),
        Rule(cron="20 2 * * *", zone="Australia/Lord_Howe"),
        Rule(every=7 * 3600),
        Rule(at=datetime(2026, 5, 1, 2, 30), zone="America/New_York"),
    ],
)
def test_cron_asks_in_every_minute_in_which_a_job_is_due(rule: Rule, clock: str) -> None:
    zone = ZoneInfo(clock)
    minutes = crontab._minutes(rule, NOW, zone)
    wanted = {at.astimezone(zone).minute for at in islice(due(rule, NOW), 800)}
    assert wanted <= minutes
    assert CronSim(f"{','.join(map(str, sorted(minutes)))} * * * *", datetime(2026, 1, 1))
