"""What a job file may say: its tables and keys as types, from which it is checked and its JSON Schema is published.

`read` in a key's metadata takes its text apart and raises ValueError with what is wrong; it says nothing of two keys
together, which `meaning` does.
"""

from collections.abc import Callable
from typing import Annotated, Any, Literal, get_args
from urllib.parse import urlsplit

import msgspec
from msgspec import UNSET, Meta, Struct, UnsetType

from pssh.model import duration
from pssh.model.options import LockOption
from pssh.model.rollout import Pace, Share, Tail
from pssh.schedule.decide import CatchUp, Overlap
from pssh.schedule.when import read_cron

_MOST_SECONDS = 366 * 86400.0


def span(value: str | float) -> float:
    """Return a duration of at most a year in seconds; raises ValueError."""
    found = duration.seconds(value) if isinstance(value, str) else float(value)
    if not 0 <= found <= _MOST_SECONDS:
        raise ValueError(f"`{value}` is not between 0 and a year")
    return found


def _some(value: str | float) -> float:
    if not (found := span(value)):
        raise ValueError(f"`{value}` is no time at all")
    return found


def _text(value: str) -> str:
    if not value.strip():
        raise ValueError("it is empty")
    if "\0" in value:
        raise ValueError("it holds a NUL byte")
    return value


def _texts(value: str | list[str]) -> None:
    for one in [value] if isinstance(value, str) else value:
        _text(one)


def _words(value: list[str]) -> None:
    if not value or not value[0].strip():
        raise ValueError("it names no program")


def _url(value: str) -> str:
    try:
        parts = urlsplit(value)
    except ValueError:
        raise ValueError("it is no address") from None
    if parts.scheme not in ("http", "https") or not parts.hostname or any(c <= " " or c == "\x7f" for c in value):
        raise ValueError("it is no address that begins with https:// or http://")  # it may hold a token: not shown
    return value


def _share(value: str | int) -> None:
    Share.read(str(value))


def _wave(value: str | int) -> None:
    if not Share.read(str(value)).thousandths:
        raise ValueError(f"`{value}` is a wave without hosts")


def _said(description: str, read: Callable[[Any], Any] | None = None, **more: Any) -> Meta:
    return Meta(description=description, extra={"read": read} if read else None, **more)


Duration = Annotated[str | int | float, _said("A duration: `10` seconds, `500ms`, `2m30s`, `6h`, `2d`.", span)]
Some = Annotated[str | int | float, _said("A duration above 0: `10` seconds, `2m30s`, `6h`, `2d`.", _some)]
Text = Annotated[str, _said("A text that is not empty.", _text)]
Count = Annotated[int, Meta(ge=1)]


class Schedule(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """When the job is due: one of `cron`, `every` and `at`."""

    cron: Annotated[str, _said("Minute, hour, day, month, weekday; also `SUN#2`, `5L`, `L`, `LW`.", read_cron)] = ""
    every: Annotated[str | int | float, _said("A distance, counted from 1970-01-01 00:00 UTC.", _some)] = ""
    at: Annotated[str, _said("One local time: `2026-12-01T02:30`.")] = ""
    timezone: Annotated[str, _said("A name of the time zone database; this machine's if left out.")] = ""
    window: Annotated[str | int | float, _said("So long after the time it is due, hosts may begin.", _some)] = ""
    must_stop: bool = False  # at the end of the window, also what runs
    jitter: Annotated[str | int | float, _said("At most so long later: on one machine always the same.", span)] = ""
    catch_up: CatchUp = "none"
    grace: Annotated[str | int | float, _said("How late a missed time is made up.", _some)] = ""
    blackout: list[Text] = []
    overlap: Overlap = "skip"


class Rollout(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """How a run of it starts and when it stops: the options of `pssh run`."""

    canary: Annotated[int, Meta(ge=0, description="So many hosts go first, and each of them must be ok.")] = 0
    batches: list[Annotated[str | int, _said("A number of hosts, or a part such as `10%`.", _wave)]] = []
    soak: Annotated[str | int | float, _said("Wait so long after each wave.", span)] = ""
    parallel: Count = 64
    rate: Annotated[str, _said("Start so many a second: `5/s`, `30/m`.", Pace.rate)] = ""
    ramp: Annotated[str, _said("From second T start N a second: `0:5,10:20`.", Pace.ramp)] = ""
    one_per: Annotated[str, _said("Never two hosts with one value of this variable at once.", _text)] = ""
    tail: Annotated[str, _said("`95%:60s`: once 95 % have ended, the others get 60 s.", Tail.read)] = ""
    deadline: Annotated[str | int | float, _said("For the whole run.", _some)] = ""
    order: Literal["inventory", "random"] = "inventory"
    max_fail: Annotated[str | int, _said("So many hosts may be not ok: `3` or `5%`.", _share)] = ""
    max_fail_from: Annotated[int, Meta(ge=0, description="It counts once so many hosts have ended.")] = 0
    max_fail_least: Annotated[int, Meta(ge=0, description="So many may, however small the part is.")] = 0
    halt: Literal["soon", "now"] = "soon"
    approval: bool = False  # only after another user has run `pssh job approve`


class Reboot(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A reboot, if `when` exits with 0; done once the boot id has changed and a login works."""

    when: Text = ""
    timeout: Some = "10m"


class Transfer(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """What goes where; relative paths on this machine are below the folder of the job file."""

    src: Annotated[str | list[str], _said("A path, or several.", _texts)]
    dest: Text


class Get(Transfer, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Files from the host, into `dest/HOST/`."""

    flat: bool = False
    times: bool = False


class Put(Transfer, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Files to the host."""

    mode: Annotated[str, _said("`0644`.")] = ""
    owner: str = ""
    group: str = ""
    mkdir: bool = False
    backup: bool = False  # what is replaced stays as `name~`
    render: bool = False  # fill placeholders in the files


class Sync(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """The content of `dest` on the host becomes that of `src`."""

    src: Text
    dest: Text
    delete: bool = False
    checksum: bool = False
    exclude: list[Text] = []  # as in a .gitignore
    max_delete: Annotated[int, Meta(ge=0, le=100, description="Stop where more percent would go.")] = 50


class Fs(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One verb of `pssh fs` that changes something."""

    verb: Literal["mkdir", "touch", "cp", "mv", "link", "chmod", "chown", "rm"]
    paths: Annotated[str | list[str], _said("Paths on the host, also with `*`; of a link, where it is.", _texts)]
    dest: Annotated[str, _said("Of cp and mv: where to.")] = ""
    target: Annotated[str, _said("Of link: what it points to.")] = ""
    mode: Annotated[str, _said("Of mkdir and chmod: `750`.")] = ""
    owner: Annotated[str, _said("Of chown: `user:group`.")] = ""
    recursive: bool = False
    parents: bool = False
    overwrite: bool = False


class Step(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """One step: one of `run`, `script`, `put`, `get`, `sync`, `fs`, `local`, `check`, `reboot`."""

    name: Text = ""
    run: Annotated[
        str, _said("A command on the host, read by its shell; `{host}` and the like are filled in.", _text)
    ] = ""
    script: Annotated[str, _said("A file here, run on the host and removed again.", _text)] = ""
    args: list[str] = []  # of a script
    put: Put | UnsetType = UNSET
    get: Get | UnsetType = UNSET
    sync: Sync | UnsetType = UNSET
    fs: Fs | UnsetType = UNSET
    local: Annotated[str, _said("A command on this machine, once per host.", _text)] = ""
    check: Annotated[str, _said("A command on the host, repeated until it exits with 0.", _text)] = ""
    reboot: Reboot | UnsetType = UNSET
    undo: Annotated[str, _said("A command here, once the host is through, whatever happened.", _text)] = ""
    sudo: Annotated[bool | str, _said("true: as root by sudo; a text: as that user.")] = False
    timeout: Annotated[str | int | float, _said("For this step.", _some)] = ""
    retry_for: Annotated[str | int | float, _said("How long a check is repeated.", _some)] = ""
    retries: Annotated[int, Meta(ge=0, le=20, description="How often it is repeated; needs `idempotent`.")] = 0
    idempotent: bool = False
    env: dict[str, str] = {}
    chdir: str = ""
    ok: list[Annotated[int, Meta(ge=0, le=255)]] = msgspec.field(default_factory=lambda: [0])


Occasion = Literal["failure", "recovery", "window", "long"]


class Notify(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """Who is told of a run that did not go as usual."""

    on: list[Occasion] = msgspec.field(default_factory=lambda: list(get_args(Occasion)))
    webhook: Annotated[str, _said("JSON is posted there.", _url)] = ""
    ping: Annotated[str, _said("Asked for at every start and end: URL/start, URL/EXIT.", _url)] = ""
    command: Annotated[list[str], _said("A program and its arguments, with `{job}` `{status}` ...", _words)] = []
    input: Annotated[str, _said("What the program reads: `{text}` is the report in a few lines.")] = "{text}"
    long: Annotated[
        str | int | float, _said("A run that takes longer is long; else twice as long as usual.", _some)
    ] = ""
    timeout: Some = "10s"


class JobFile(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True, omit_defaults=True):
    """A maintenance job of pssh."""

    version: Literal[1]
    name: Annotated[str, Meta(pattern=r"^[A-Za-z0-9_][A-Za-z0-9_.-]{0,63}$")]
    targets: Text
    description: str = ""
    inventory: Annotated[
        str | list[str], _said("Files or folders, relative to this file; none: no inventory.", _texts)
    ] = []
    ssh_config: Annotated[str, _said("Read this ssh_config only; `none` reads none.", _text)] = ""
    user: Annotated[str, _said("Log in as this user.", _text)] = ""
    lock: Annotated[str, _said("A lock on each host: NAME, NAME:fail, NAME:wait=30s,lease=2h.", LockOption.read)] = ""
    schedule: Schedule | UnsetType = UNSET
    rollout: Rollout = Rollout()
    step: list[Step]
    notify: Notify | UnsetType = UNSET


def schema() -> dict[str, Any]:
    """Return the JSON Schema of a job file."""
    found = msgspec.json.schema(JobFile)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A maintenance job of pssh", **found}
