"""A maintenance job as its file means it: its times, its steps, and the options of its runs.

Everything wrong in the file is listed at once, with lines: what is no TOML, what the types refuse, and what cannot be
meant together. Nothing connects, and no inventory is read here.
"""

import hashlib
import re
import socket
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from pssh.errors import JobError, PsshError
from pssh.inventory.expr import parse
from pssh.inventory.nearest import also
from pssh.inventory.sources import tomllines
from pssh.model.options import RunOptions
from pssh.ops.steps import Steps
from pssh.schedule import ics
from pssh.schedule.blackout import Blackouts, Event, read_days
from pssh.schedule.decide import Entry
from pssh.schedule.jobfile import JobFile, Notify, Schedule, span
from pssh.schedule.notify import refused
from pssh.schedule.rollout import options_of
from pssh.schedule.steps import Making
from pssh.schedule.strict import Places, Strict
from pssh.schedule.trust import Trust
from pssh.schedule.when import EPOCH, Rule, due, offset, zone_of

_AT = re.compile(r" \(at (?:line (\d+), column \d+|end of document)\)$")
_MINUTE = 60


@dataclass(frozen=True, slots=True)
class MaintenanceJob:
    """One job, ready to be asked when it is due and to be run."""

    path: Path  # absolute, links resolved
    file: JobFile
    steps: Steps
    options: RunOptions
    entry: Entry | None  # None: it has no schedule, and is run by hand
    files: Mapping[str, str] = field(default_factory=dict)  # SHA-256 of everything it was read from, by path

    @property
    def name(self) -> str:
        return self.file.name

    @property
    def notify(self) -> Notify | None:
        return self.file.notify if isinstance(self.file.notify, Notify) else None

    @property
    def schedule(self) -> Schedule | None:
        return self.file.schedule if isinstance(self.file.schedule, Schedule) else None

    @property
    def ending(self) -> float:
        """How many seconds a run that is told to end may need to take its steps back."""
        return self.steps.undoing(self.options.kill_after)

    @property
    def inventory(self) -> list[Path]:
        """The inventories it names; with none, no inventory is in use."""
        said = self.file.inventory
        return [self.path.parent / Path(one).expanduser() for one in ([said] if isinstance(said, str) else said)]


def load(path: Path, *, ours: bool = True, machine: str = "") -> MaintenanceJob:
    """Return the job of a file; raises JobError with everything that is wrong with it.

    `ours`: refuse the file of another user. `machine`: what the jitter is told apart by, this machine if empty.
    """
    trust = Trust(None if ours else _owner_of(path))
    data = trust.job(path)
    path = path.resolve()
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise _refused(path, [(data.count(b"\n", 0, error.start) + 1, "it is no UTF-8 from here on")]) from None
    said = _parsed(path, text)
    reader = Strict(Places(text))
    file: JobFile | None = reader.table(JobFile, said)
    files = {str(path): hashlib.sha256(data).hexdigest()}
    file = file if file is not None and not reader.findings else _what_is_right(said, reader)
    try:
        parse(file.targets)
    except PsshError as error:
        reader.wrong(also(error.message, error.hint), "targets")
    making = Making(file, path.parent, reader.wrong, files, trust, skip=reader.paths)
    steps = making.steps()
    entry = None
    if isinstance(file.schedule, Schedule):
        entry = _entry(file.name, file.schedule, path, reader, files, trust, machine or socket.gethostname())
    if isinstance(file.notify, Notify) and (why := refused(file.notify)):
        reader.wrong(why, "notify", "command")
    options = RunOptions()
    try:
        options = options_of(file)
    except PsshError as error:
        reader.wrong(also(error.message, error.hint), "rollout")
    if reader.findings or steps is None:
        raise _refused(path, [(finding.line, finding.text) for finding in reader.findings])
    return MaintenanceJob(path, file, steps, options, entry, files)


def _what_is_right(said: dict[str, Any], reader: Strict) -> JobFile:
    """Return the file without the tables in which something is wrong, so that the others are looked at as well."""
    quiet = Strict(Places(""))
    kept = {key: value for key, value in said.items() if (key,) not in reader.paths or key == "step"}
    steps = kept.get("step")
    if isinstance(steps, list):
        kept["step"] = [
            {"run": "true"} if ("step", str(place)) in reader.paths else step for place, step in enumerate(steps)
        ]
    usual = {"version": 1, "name": "job", "targets": "@all", "step": [{"run": "true"}]}
    known = {key: value for key, value in kept.items() if key in JobFile.__struct_fields__}
    file = quiet.table(JobFile, {**usual, **known})
    return file if isinstance(file, JobFile) else JobFile(version=1, name="job", targets="@all", step=[])


def _owner_of(path: Path) -> int:
    try:
        return path.stat().st_uid
    except OSError as error:
        raise JobError(f"The job file `{path}` cannot be read: {error.strerror}") from None


def _refused(path: Path, wrong: list[tuple[int, str]]) -> JobError:
    findings = tuple(f"{path}:{line}: {text}" for line, text in sorted(set(wrong)))
    number = "one thing is" if len(findings) == 1 else f"{len(findings)} things are"
    return JobError(f"The job file `{path}` is refused: {number} wrong", findings=findings)


def _parsed(path: Path, text: str) -> dict[str, Any]:
    if line := tomllines.too_deep(text):
        raise _refused(path, [(line, f"a key has more than {tomllines.MOST_PARTS} parts")])
    try:
        return tomllib.loads(text)
    except RecursionError:
        raise _refused(path, [(1, "values are nested too deeply")]) from None
    except ValueError as error:
        place = _AT.search(str(error))
        line = int(place[1]) if place and place[1] else text.count("\n") + 1
        reason = _AT.sub("", str(error))
        raise _refused(path, [(line, f"this is no TOML: {reason[:1].lower()}{reason[1:]}")]) from None


def _entry(
    name: str, said: Schedule, path: Path, reader: Strict, files: dict[str, str], trust: Trust, machine: str
) -> Entry | None:
    rule = _rule(said, reader)
    zone = rule.zone if rule else "UTC"
    window, jitter = _seconds(said.window), _seconds(said.jitter)
    if said.must_stop and not window:
        reader.wrong(
            "`must_stop` ends what runs when the window closes, and there is no `window`", "schedule", "must_stop"
        )
    if window and jitter >= window:
        reader.wrong("`jitter` is as long as the `window`: on some machine it would never begin", "schedule", "jitter")
    if rule and rule.every and jitter >= rule.every:
        reader.wrong("`jitter` is as long as `every`", "schedule", "jitter")
    if said.grace and said.catch_up == "none":
        reader.wrong('`grace` is for times that are made up, and `catch_up` is "none"', "schedule", "grace")
    events = [event for text in said.blackout for event in _blackout(text, zone, path, reader, files, trust)]
    if rule is None:
        return None
    return Entry(
        rule=rule,
        jitter=timedelta(seconds=offset(name, machine, int(jitter))),
        window=timedelta(seconds=window) if window else None,
        blackouts=Blackouts(tuple(events)),
        catch_up=said.catch_up,
        grace=timedelta(seconds=_seconds(said.grace) if said.grace else 0 if said.catch_up == "none" else 86400),
        overlap=said.overlap,
    )


def _seconds(value: str | float) -> float:
    return span(value) if value != "" else 0.0


def _rule(said: Schedule, reader: Strict) -> Rule | None:
    given = [key for key in ("cron", "every", "at") if getattr(said, key) != ""]
    if len(given) != 1:
        what = " and ".join(f"`{key}`" for key in given) + " do not go together" if given else "none is there"
        reader.wrong(f"a schedule has one of `cron`, `every` and `at`: {what}", "schedule", *given[1:2])
        return None
    zone = said.timezone or local_zone()
    try:
        zone_of(zone)
    except ValueError as error:
        reader.wrong(f"`timezone`: {error}", "schedule", "timezone")
        return None
    if said.cron:
        return Rule(cron=" ".join(said.cron.split()).upper(), zone=zone)
    if said.every != "":
        every = span(said.every)
        if not every or every % _MINUTE:
            reader.wrong("`every` is whole minutes, one at least", "schedule", "every")
            return None
        return Rule(every=int(every), zone=zone)
    try:
        at = datetime.fromisoformat(said.at)
    except ValueError:
        reader.wrong(f"`at`: `{said.at}` is no time such as `2026-12-01T02:30`", "schedule", "at")
        return None
    if at.tzinfo:
        reader.wrong("`at` is a local time; its zone is said by `timezone`", "schedule", "at")
        return None
    rule = Rule(at=at, zone=zone)
    if next(due(rule, EPOCH), None) is None:
        reader.wrong(f"`at`: `{said.at}` is before 1970", "schedule", "at")
    return rule


def _blackout(text: str, zone: str, path: Path, reader: Strict, files: dict[str, str], trust: Trust) -> list[Event]:
    where = ("schedule", "blackout")
    if not text.startswith("file:"):
        try:
            return [read_days(text, zone)]
        except ValueError as error:
            reader.wrong(f"`blackout`: {error}", *where)
            return []
    file = path.parent / Path(text.removeprefix("file:")).expanduser()
    try:
        data = trust.file(file, "calendar")
    except JobError as error:
        reader.wrong(error.message, *where)
        return []
    files[str(file)] = hashlib.sha256(data).hexdigest()
    events, wrong = ics.read(data.decode("utf-8-sig", "replace"), zone)
    for line, what in wrong:
        reader.wrong(f"`blackout`: {file}:{line}: {what}", *where)
    return events


def local_zone() -> str:
    """Return the name of this machine's time zone, UTC if it has none that is known."""
    link = Path("/etc/localtime")
    name = str(link.resolve()).partition("zoneinfo/")[2] if link.is_symlink() else ""
    try:
        return zone_of(name).key if name else "UTC"
    except ValueError:
        return "UTC"
