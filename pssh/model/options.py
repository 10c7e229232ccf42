"""Everything a run can be told, as one value, and what of it cannot be meant together.

Contradictions are refused as one misuse, whoever gave them: the command line or a program.
"""

import re
from collections.abc import Mapping
from typing import Any, Literal, cast

from msgspec import Struct, ValidationError, convert, structs

from pssh.errors import UsageError
from pssh.model.duration import seconds
from pssh.model.host import Become, HostKeys, Settings
from pssh.model.report import ExitRule
from pssh.model.rollout import Halt, Launch, Pace, Rollout, Share, Tail
from pssh.model.work import Limits

LockMode = Literal["skip", "wait", "fail"]
Format = Literal["auto", "table", "gather", "lines", "json", "ndjson", "csv", "md", "junit"]  # how results are shown
_LOCK = re.compile(r"([A-Za-z0-9_-][A-Za-z0-9_.-]{0,63})(?::(.+))?", re.ASCII)
_LOCK_WORD = re.compile(r"(skip)|(fail)|wait=(.+)|lease=(.+)", re.ASCII)


class LockOption(Struct, frozen=True):
    """A lock that each host gives to one run at a time, and what to do where another has it."""

    name: str
    mode: LockMode = "skip"
    wait: float = 0.0  # seconds
    lease: float = 0.0  # seconds after which another may take it over once our connection is gone; 0: the usual

    @classmethod
    def read(cls, text: str) -> "LockOption":
        """Return the lock that `NAME`, `NAME:fail` or `NAME:wait=30s,lease=2h` means; raises ValueError."""
        found = _LOCK.fullmatch(text)
        words = [_LOCK_WORD.fullmatch(word) for word in (found[2] or "skip").split(",")] if found else []
        modes = [word for word in words if word and not word[4]]
        leases = [word for word in words if word and word[4]]
        if not found or not all(words) or len(modes) > 1 or len(leases) > 1:
            raise ValueError(f"`{text}` is no lock such as `patch`, `patch:fail` or `patch:wait=30s,lease=2h`")
        lease = seconds(leases[0][4]) if leases else 0.0
        if modes and modes[0][3]:
            return cls(found[1], "wait", seconds(modes[0][3]), lease)
        return cls(found[1], "fail" if modes and modes[0][2] else "skip", lease=lease)


class RunOptions(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Everything a run can be told, once; times in seconds, 0 is no limit, and an empty value was not said."""

    parallel: int = 64
    workers: int = 0
    connect_limit: int = 64
    user: str = ""
    port: int = 0
    jump: str = ""  # jump hosts, joined by commas; `none`: there are none
    identity: tuple[str, ...] = ()
    config_file: str = ""
    jump_limit: int = 8
    host_keys: HostKeys | None = None
    connect_timeout: float = 0.0
    auth_timeout: float = 0.0
    timeout: float = 0.0
    stall: float = 0.0
    host_timeout: float = 0.0
    open_timeout: float = 10.0
    kill_after: float = 2.0
    drain: float = 2.0
    keepalive: float | None = None
    deadline: float = 0.0
    window: float = 0.0
    tail: str = ""  # "95%:60s"
    retries: int = 2
    retry_on: tuple[str, ...] = ()  # "exit"
    rate: str = ""  # "5/s"
    ramp: str = ""  # "0:5,10:20"
    launch: str = ""  # "0:50,1:20,1:500"
    barrier: bool = False
    batch: str = ""  # "1,10%,50%"
    canary: int = 0
    pause: str = ""  # "30s" or "ask"
    order: Literal["inventory", "random"] = "inventory"
    one_per: str = ""  # the name of a variable
    max_fail: str = ""  # "3" or "2%"
    max_fail_from: int = 0  # counts from so many ended hosts on
    halt: Halt = "soon"
    ok: tuple[int, ...] = (0,)
    expect_disconnect: bool = False
    exit: ExitRule = "all"
    stdin: str = ""  # "-" is ours, else a file
    env: tuple[str, ...] = ()  # "NAME=value"
    chdir: str = ""
    template: bool = False
    tty: bool = False
    leash: bool = False
    shell: bool = True
    lock: str = ""  # "NAME", "NAME:fail", "NAME:wait=30s,lease=2h"
    become: Become = ""
    become_user: str = ""
    ask_become_pass: bool = False
    local: bool = False
    speculate: bool = False
    ask_pass: bool = False
    password_file: str = ""
    password_command: str = ""
    yes: bool = False  # protected hosts are meant
    say: bool = False
    max_output: int = 16 << 20  # bytes of one host that history and files of output keep, 0: all of them
    max_output_run: int = 1 << 30  # of all hosts together
    on_overflow: Literal["drop", "kill"] = "drop"  # what is over, or the command that prints it

    @property
    def settings(self) -> Settings:
        """The connection settings among the options, as far as they were said."""
        said = cast(Settings, {name: value for name in _SETTINGS if (value := getattr(self, name))})
        if self.jump:
            hops = self.jump.split(",") if self.jump != "none" else []
            said |= {"jump": [hop.strip() for hop in hops], "proxy_command": ""}
        if self.keepalive is not None:
            said["keepalive"] = self.keepalive
        if self.ask_pass or self.password_file or self.password_command:
            said["password"] = PASSWORD
        return said

    @property
    def limits(self) -> Limits:
        return Limits(
            open=self.open_timeout,
            total=self.timeout,
            stall=self.stall,
            host=self.host_timeout,
            kill_after=self.kill_after,
            drain=self.drain,
            retries=self.retries,
            retry_exit="exit" in self.retry_on,
            ok=self.ok,
            expect_disconnect=self.expect_disconnect,
            say=self.say,
            output=self.max_output if self.on_overflow == "kill" else 0,
        )

    @property
    def rollout(self) -> Rollout:
        """How the run starts and stops; raises ValueError for what cannot be read."""
        pace: Pace | Launch | None = Launch.read(self.launch) if self.launch else None
        if self.rate or self.ramp:
            pace = Pace.rate(self.rate) if self.rate else Pace.ramp(self.ramp)
        return Rollout(
            pace=pace,
            barrier=self.barrier,
            waves=tuple(Share.read(text) for text in self.batch.split(",")) if self.batch else (),
            canary=self.canary,
            pause=seconds(self.pause) if self.pause and self.pause != "ask" else 0.0,
            ask=self.pause == "ask",
            max_fail=Share.read(self.max_fail) if self.max_fail else None,
            halt=self.halt,
            max_fail_from=self.max_fail_from,
            deadline=self.deadline,
            window=self.window,
            tail=Tail.read(self.tail) if self.tail else None,
        )

    @property
    def locks(self) -> LockOption | None:
        """The lock to be held on each host; raises ValueError for what cannot be read."""
        return LockOption.read(self.lock) if self.lock else None

    @property
    def told(self) -> dict[str, Any]:
        """The options as a report keeps them: how many at once, and what differs from the defaults."""
        return {"parallel": self.parallel, **{k: v for k, v in structs.asdict(self).items() if v != _DEFAULT[k]}}


_SETTINGS = (
    *("user", "port", "identity", "host_keys", "connect_timeout", "auth_timeout", "speculate"),
    *("become", "become_user"),
)
PASSWORD = "password"  # the name of the one password to log in with
_DEFAULT = structs.asdict(RunOptions())

# Options that contradict each other, and why. The first that are found are named.
_APART = (
    (("rate", "ramp", "launch"), "each of them says how fast hosts are started"),
    (("barrier", "batch"), "behind a barrier all hosts begin at once"),
    (("barrier", "canary"), "behind a barrier all hosts begin at once"),
    (("barrier", "one_per"), "behind a barrier all hosts begin at once"),
    (("tail", "batch"), "the tail is that of the whole run; `--timeout` is for each command"),
    (("tail", "canary"), "the tail is that of the whole run; `--timeout` is for each command"),
    (("leash", "stdin"), "the leash needs the command's standard input for itself"),
    (("shell", "env"), "variables are set by a shell on the host"),
    (("shell", "chdir"), "the folder is changed by a shell on the host"),
    (("shell", "leash"), "the leash is a shell beside the command"),
    (("ask_pass", "password_file", "password_command"), "each of them gives the password"),
)
_FLAGS = {"stdin": "-I or --stdin", "shell": "--no-shell", "template": "--template"}
_VARIABLE = re.compile(r"[A-Za-z_][A-Za-z0-9_]*", re.ASCII)


def options_from(said: Mapping[str, Any]) -> RunOptions:
    """Return a run's options by the names of their fields; raises UsageError for what cannot be meant."""
    if unknown := said.keys() - set(RunOptions.__struct_fields__):
        raise UsageError(f"No option `{min(unknown)}`", hint=f"there are: {', '.join(RunOptions.__struct_fields__)}")
    try:
        options = convert(dict(said), RunOptions)
        rollout, _ = options.rollout, options.locks
    except ValidationError as error:
        what, _, where = str(error).partition(" - at `$.")
        raise UsageError(f"The option `{where.rstrip('`')}` is wrong: {what}") from None
    except ValueError as error:
        raise UsageError(str(error)) from None
    _refuse(options)
    if isinstance(rollout.pace, Launch) and "parallel" not in said:
        return structs.replace(options, parallel=max(options.parallel, rollout.pace.hosts))
    return options


def _refuse(options: RunOptions) -> None:
    """Raise UsageError for numbers that are none, and for options that contradict each other."""
    for name, usual in _DEFAULT.items():
        least = 1 if name in ("parallel", "connect_limit", "jump_limit") else 0
        if isinstance(usual, int | float) and getattr(options, name) < least:
            raise UsageError(f"{_flag(name)} is at least {least}")
    for names, why in _APART:
        if len(given := [_flag(name) for name in names if getattr(options, name) != _DEFAULT[name]]) > 1:
            raise UsageError(f"{' and '.join(given)} do not go together", hint=why)
    if not options.shell and options.stdin and options.ask_become_pass:
        raise UsageError(
            f"{_flag('shell')}, {_flag('stdin')} and {_flag('ask_become_pass')} do not go together",
            hint="without a shell nothing tells when the password was taken and the input may follow",
        )
    if options.on_overflow == "kill" and not options.max_output:
        raise UsageError("`--on-overflow kill` needs a limit", hint="`--max-output 16M` sets one")
    if options.pause and not (options.batch or options.canary):
        hint = "`--batch 10%` or `--canary 1` makes more"
        raise UsageError("`--pause` is between waves, and there is one", hint=hint)
    for text in options.env:
        name, equals, _ = text.partition("=")
        if not (equals and _VARIABLE.fullmatch(name)):
            raise UsageError(f"`--env {text}` sets no variable", hint="write `--env NAME=value`")


def _flag(name: str) -> str:
    return f"`{_FLAGS.get(name, '--' + name.replace('_', '-'))}`".replace(" or ", "` or `")
