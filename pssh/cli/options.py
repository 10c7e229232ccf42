"""The flags that subcommands share, each declared once and gathered into the values that the rest of the house takes.

A flag that is a run option has the name of the field it fills, so that one option is a field, a flag, a use and a test.
"""

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, get_args

import click

from pssh.cli.help import Option
from pssh.cli.types import (
    BATCH,
    CODES,
    COUNT,
    HANDSHAKES,
    HOPS,
    LAUNCH,
    LOCK,
    NUMBER,
    OUTPUT,
    PAUSE,
    RAMP,
    RATE,
    REGEX,
    SECONDS,
    SHARE,
    TAIL,
    Number,
    not_empty,
)
from pssh.errors import UsageError
from pssh.model.options import Format, RunOptions, options_from
from pssh.report.blocks import Compare
from pssh.report.forms import SUFFIXES

Decorator = Callable[[Any], Any]

USUAL = RunOptions()
FORMATS: tuple[Format, ...] = get_args(Format)


def option(section: str, *names: str, **settings: Any) -> Decorator:
    return click.option(*names, cls=Option, section=section, **settings)


def named(section: str, *names: str, **settings: Any) -> Decorator:
    """Return an option whose value may not be empty."""
    return option(section, *names, callback=not_empty, **settings)


def together(*decorators: Decorator) -> Decorator:
    """Return one decorator for many, shown in help in the order given."""

    def decorate(function: Any) -> Any:
        for decorator in reversed(decorators):
            function = decorator(function)
        return function

    return decorate


inventory = together(
    named("Targets", "-i", "--inventory", metavar="PATH", multiple=True, help="Inventory file or folder; repeatable."),
)
narrowing_but_exclude = together(
    option("Targets", "--first", type=COUNT, metavar="N", help="Take the first N hosts."),
    option("Targets", "--pick", type=COUNT, metavar="N", help="Take N hosts at random."),
    option("Targets", "--seed", type=NUMBER, metavar="N", help="Make chance choose the same again."),
    named("Targets", "--slice", metavar="I:J", default="", help="Take hosts I to J, counted from 1, both included."),
    option("Targets", "--allow-empty", is_flag=True, help="Exit with 0 if no host matches."),
)
narrowing = together(
    named("Targets", "-x", "--exclude", metavar="TARGETS", default="", help="Leave these hosts out."),
    narrowing_but_exclude,
)
config_file = named(
    "Connection", "-F", "--ssh-config", "config_file", metavar="FILE", default="", help="Read this ssh_config only."
)
reach = together(
    named("Connection", "-l", "--user", metavar="USER", default="", help="Log in as USER."),
    option("Connection", "--port", type=Number(1, 65535), metavar="PORT", help="Connect to PORT."),
    named(
        "Connection",
        "-J",
        "--jump",
        type=HOPS,
        metavar="HOST[,HOST]",
        help="Go through these jump hosts, each `[user@]host[:port]`; `none`: directly.",
    ),
    config_file,
    option("Limits", "--connect-timeout", type=SECONDS, default=0.0, help="From the name to the host's key.  [10s]"),
)
login = together(
    named("Connection", "--identity", metavar="FILE", multiple=True, help="Log in with this key; repeatable."),
    option("Connection", "-k", "--ask-pass", is_flag=True, help="Ask once for a password, and log in with it."),
    named(
        "Connection", "--password-file", metavar="FILE", default="", help="The password is its first line; mode 0600."
    ),
    named("Connection", "--password-command", metavar="CMD", default="", help="Run CMD here; it prints the password."),
    option(
        "Connection",
        "--host-keys",
        type=click.Choice(["strict", "accept-new", "off"]),
        help="Unknown host keys: refuse them, or take them. `off` checks nothing.",
    ),
    option("Limits", "--auth-timeout", type=SECONDS, default=0.0, help="For the login.  [15s]"),
    option("Connection", "--keepalive", type=SECONDS, help="Ask a silent host this often; 0: never.  [15s]"),
    option("Connection", "--speculate", is_flag=True, help="Request the command together with the login."),
)
pace = together(
    option("Pace", "-p", "--parallel", type=COUNT, metavar="N", help="Hosts at once.  [64]"),
    option("Pace", "--workers", type=Number(min=0), default=0, metavar="N", help="Processes here.  [as needed]"),
    option(
        "Pace",
        "--connect-limit",
        type=HANDSHAKES,
        metavar="N[/jump:M]",
        help="Handshakes at once, and of these to one address or jump host.  [64/jump:8]",
    ),
    option("Pace", "--jump-limit", type=COUNT, metavar="M", help="The latter alone.  [8]"),
    option(
        "Failures",
        "--retries",
        type=Number(0, 20),
        default=USUAL.retries,
        metavar="N",
        help="Connect again this often; a command is not repeated.  [2]",
    ),
    option("Limits", "--host-timeout", type=SECONDS, default=0.0, help="For one host in all.  [none]"),
)
starting = together(
    option(
        "Failures",
        "--retry-on",
        type=click.Choice(["exit"]),
        multiple=True,
        help="Repeat also a command that fails; it must bear that.",
    ),
    option("Pace", "--rate", type=RATE, metavar="N/s", help="Start so many a second; N/m: a minute."),
    option("Pace", "--ramp", type=RAMP, metavar="T:N,...", help="From second T start N a second."),
    option("Pace", "--launch", type=LAUNCH, metavar="W:N,...", help="Wait W, start N, and so on; then all."),
    option("Pace", "--barrier", is_flag=True, help="Log in everywhere, then begin everywhere at once."),
    option("Waves", "--canary", type=COUNT, metavar="N", help="N hosts first, which must all be ok."),
    option("Waves", "--batch", type=BATCH, metavar="N,N%,...", help="So many at a time; the last repeats."),
    option("Waves", "--pause", type=PAUSE, metavar="SEC|ask", help="Wait between waves, or ask."),
    option(
        "Pace",
        "--order",
        type=click.Choice(["inventory", "random"]),
        default=USUAL.order,
        help="Order of the starts.  [inventory]",
    ),
    named("Pace", "--one-per", metavar="VAR", default="", help="Never two hosts with one value of VAR at once."),
    option(
        "Safety",
        "--lock",
        type=LOCK,
        metavar="NAME[:skip|wait=SEC|fail]",
        help="Hold this lock on each host; where another run has it: skip the host.",
    ),
    option("Safety", "-n", "--dry-run", is_flag=True, help="Show what would be done, and change nothing."),
    option("Safety", "-y", "--yes", is_flag=True, help="Do not ask whether it is meant."),
)
stopping = together(
    option("Limits", "-t", "--timeout", type=SECONDS, default=0.0, help="For the command.  [none]"),
    option("Limits", "--stall", type=SECONDS, default=0.0, help="Without a byte of output.  [none]"),
    option(
        "Limits",
        "--open-timeout",
        type=SECONDS,
        default=USUAL.open_timeout,
        help="From the login to the command.  [10s]",
    ),
    option("Limits", "--deadline", type=SECONDS, default=0.0, help="For the whole run.  [none]"),
    option("Limits", "--window", type=SECONDS, default=0.0, help="After that, start no new host.  [none]"),
    option("Limits", "--tail", type=TAIL, metavar="N%:SEC", help="For the others, once N% have ended."),
    option("Failures", "--max-fail", type=SHARE, metavar="N|N%", help="Stop when more are not ok."),
    option("Failures", "--max-fail-from", type=int, default=0, metavar="N", help="Count them once N have ended."),
    option(
        "Failures",
        "--halt",
        type=click.Choice(["soon", "now"]),
        default=USUAL.halt,
        help="At that stop, let what runs finish, or end it.  [soon]",
    ),
    option("Limits", "--kill-after", type=SECONDS, default=USUAL.kill_after, help="From TERM to KILL.  [2s]"),
    option("Limits", "--drain", type=SECONDS, default=USUAL.drain, help="For output after the exit; 0: any.  [2s]"),
    option("Safety", "--leash", is_flag=True, help="End the command also when its connection is lost."),
    option("Failures", "--expect-disconnect", is_flag=True, help="A host that hangs up in mid-command is ok."),
    option("Failures", "--ok", type=CODES, default=USUAL.ok, metavar="N,...", help="Exit codes that are success.  [0]"),
    option(
        "Failures",
        "--exit",
        type=click.Choice(["all", "any", "max", "0"]),
        help="Our exit code: from all hosts; 0 if any is ok; the largest of theirs; or 0.  [all]",
    ),
    option("Failures", "-S", "largest", is_flag=True, help="The same as --exit max."),
)
context = together(
    option("Input", "-I", "own_input", is_flag=True, help="Give our standard input to every command."),
    named("Input", "--stdin", metavar="FILE", default="", help="Give this file to every command."),
    named("Input", "--env", metavar="NAME=VALUE", multiple=True, help="Set a variable, and PSSH_HOST and others."),
    named("Input", "--chdir", metavar="DIR", default="", help="Run the command in DIR."),
    option("Input", "-T", "--template", is_flag=True, help="Fill in {host} and the like, quoted."),
    option("Input", "--tty", is_flag=True, help="Give the command a terminal, 80x24."),
    option("Input", "--local", is_flag=True, help="Run the command here, once per host; see -T."),
)
privilege = together(
    option(
        "Privilege",
        "-s",
        "--sudo",
        is_flag=True,
        value_for="--become-user",
        help="Become root; with --sudo=USER that user.",
    ),
    option("Privilege", "--become", type=click.Choice(["sudo", "su", "doas"]), help="Become somebody by this program."),
    named("Privilege", "--become-user", metavar="USER", default="", help="Become USER.  [root]"),
    option("Privilege", "-K", "--ask-become-pass", is_flag=True, help="Ask once for the password it wants."),
)
no_shell = option(
    "Privilege",
    "--no-shell",
    "shell",
    is_flag=True,
    flag_value=False,
    default=True,
    help="Run the words without a shell.",
)
color = option(
    "Output", "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour.  [auto]"
)
quiet = option("Output", "-q", "--quiet", is_flag=True, help="Results only: no progress, no last lines.")
report = named(
    "Output",
    "--report",
    "reports",
    metavar="FILE",
    multiple=True,
    help=f"Write a report too, by suffix: {' '.join(SUFFIXES)}; repeatable.",
)
events = option("Output", "--events", type=click.Choice(["output"]), help="With ndjson: what hosts print, as it comes.")
folders = together(
    named("Output", "-o", "--outdir", metavar="DIR", default="", help="Write stdout there, one file per host."),
    named("Output", "-e", "--errdir", metavar="DIR", default="", help="Write stderr there, one file per host."),
    option("Output", "--append", is_flag=True, help="With -o and -e: add to files that are there."),
)
budget = together(
    option(
        "Output",
        "--max-output",
        type=OUTPUT,
        metavar="SIZE[/run:SIZE]",
        help="Of a host's output keep so much in history and files, and of all; 0: any.  [16M/run:1G]",
    ),
    option(
        "Output",
        "--on-overflow",
        type=click.Choice(["drop", "kill"]),
        default=USUAL.on_overflow,
        help="Count what is more and drop it, or end the command.  [drop]",
    ),
)
compare = together(
    option(
        "Output",
        "--diff",
        "differing",
        is_flag=True,
        help="Gather: the largest block, and what differs in others.",
    ),
    option("Output", "--similar", is_flag=True, help="Gather, but for own names, addresses, times and numbers."),
    option("Output", "--mask", type=REGEX, multiple=True, metavar="REGEX", help="Gather but for this; repeatable."),
)
raw = together(
    option(
        "Output",
        "--raw",
        is_flag=True,
        value_for="--raw-to",
        help="The bytes of one host as they are; --raw=always: also to a terminal.",
    ),
    option("Output", "--raw-to", type=click.Choice(["always"]), hidden=True),
)
output = together(
    option("Output", "-f", "--format", type=click.Choice(FORMATS), help="How results are shown.  [auto]"),
    option("Output", "-g", "--gather", is_flag=True, help="The same as --format gather."),
    option("Output", "-L", "--lines", is_flag=True, help="The same as --format lines: as it comes, `host: text`."),
    option("Output", "--no-labels", is_flag=True, help="With --lines: without the host."),
    option("Output", "--rows", type=click.Choice(["result", "host"]), default="result", help="One table row for each."),
    report,
    events,
    quiet,
    color,
)
history = option("Output", "--no-history", is_flag=True, help="Keep nothing of this run.")
work = together(
    inventory, narrowing, reach, login, pace, starting, stopping, context, privilege, output, folders, budget, history
)


def run_options(flags: dict[str, Any]) -> RunOptions:
    """Return the flags that are run options; what is no such flag is left alone. Raises UsageError."""
    fields = RunOptions.__struct_fields__
    said = {name: value for name, value in flags.items() if name in fields and value is not None}
    for wanted, name, value in (("own_input", "stdin", "-"), ("largest", "exit", "max"), ("sudo", "become", "sudo")):
        if flags.get(wanted):
            _say(said, _SHORT[wanted], name, value)
    if handshakes := flags.get("connect_limit"):
        said["connect_limit"], jump = handshakes
        if jump:
            _say(said, "--connect-limit N/jump:M", "jump_limit", jump)
    if budget := flags.get("max_output"):
        said["max_output"], run = budget
        if run >= 0:
            said["max_output_run"] = run
    return options_from(said)


_SHORT = {"own_input": "-I", "largest": "-S", "sudo": "--sudo"}


def _say(said: dict[str, Any], flag: str, name: str, value: Any) -> None:
    """Say an option by another flag than its own. Raises UsageError if its own says something else."""
    if said.get(name) and said[name] != value:
        other = f"--{name.replace('_', '-')}"
        raise UsageError(f"`{flag}` and `{other}` do not go together", hint="give one of them")
    said[name] = value


def narrowed(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the flags that take hosts away from the targets."""
    return {name: flags[name] for name in ("exclude", "first", "pick", "slice", "seed")}


def chosen_format(flags: dict[str, Any]) -> Format:
    """Return the one format asked for; `lines` may be gathered too. Raises UsageError for two."""
    short: dict[Format, bool] = {"lines": flags.get("lines", False), "gather": _gathers(flags)}
    asked: set[Format] = {flags["format"], *(name for name, wanted in short.items() if wanted)} - {None}
    if asked and flags.get("raw"):
        raise UsageError("`--raw` is a format of its own", hint="leave the other out")
    if len(asked) == 1 or asked == {"lines", "gather"}:
        return "lines" if "lines" in asked else asked.pop()
    if asked:
        raise UsageError(
            f"{' and '.join(f'`{name}`' for name in sorted(asked))} are two formats", hint="give one of them"
        )
    return "auto"


def _gathers(flags: dict[str, Any]) -> bool:
    return any(flags.get(name) for name in ("gather", "differing", "similar", "mask"))


def gathering(flags: dict[str, Any]) -> dict[str, Any]:
    """Return how blocks are made of what hosts printed, as fields of a Display."""
    compare = Compare(
        diff=bool(flags.get("differing")), similar=bool(flags.get("similar")), masks=tuple(flags.get("mask", ()))
    )
    return {"gathered": _gathers(flags) or flags["format"] == "gather", "compare": compare}


def written(flags: dict[str, Any]) -> dict[str, Any]:
    """Return what else than the terminal a run is written to, as fields of a Display. Raises UsageError."""
    if flags.get("append") and not (flags.get("outdir") or flags.get("errdir")):
        raise UsageError("`--append` adds to the files of `-o` or `-e`", hint="give one of them")
    files = [Path(text) for text in flags.get("reports", ())]
    if len({os.path.abspath(file) for file in files}) < len(files):  # noqa: PTH100  a link stays a link
        raise UsageError("Two reports are to go to one file", hint="give each `--report` a name of its own")
    return {"saved": tuple(files), **{name: flags[name] for name in ("outdir", "errdir", "append") if flags.get(name)}}
