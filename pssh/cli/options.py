"""The flags that subcommands share, each declared once and gathered into the values that the rest of the house takes.

A flag that is a run option has the name of the field it fills, so that one option is a field, a flag, a use and a test.
"""

from collections.abc import Callable
from typing import Any

import click

from pssh.cli.help import Option
from pssh.cli.types import COUNT, SECONDS, Number, not_empty
from pssh.errors import UsageError
from pssh.plan import RunOptions

Decorator = Callable[[Any], Any]

USUAL = RunOptions()
FORMATS = ("auto", "table", "gather", "lines", "json", "ndjson")


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
narrowing = together(
    option("Targets", "-x", "--exclude", metavar="TARGETS", default="", help="Leave these hosts out."),
    option("Targets", "--first", type=COUNT, metavar="N", help="Take the first N hosts."),
    option("Targets", "--pick", type=COUNT, metavar="N", help="Take N hosts at random."),
    option("Targets", "--seed", type=int, metavar="N", help="Make --pick take the same hosts again."),
    option("Targets", "--slice", metavar="I:J", default="", help="Take hosts I to J, counted from 1, both included."),
    option("Targets", "--allow-empty", is_flag=True, help="Exit with 0 if no host matches."),
)
config_file = named(
    "Connection", "-F", "--ssh-config", "config_file", metavar="FILE", default="", help="Read this ssh_config only."
)
reach = together(
    named("Connection", "-l", "--user", metavar="USER", default="", help="Log in as USER."),
    option("Connection", "--port", type=Number(1, 65535), metavar="PORT", help="Connect to PORT."),
    config_file,
    option("Connection", "--connect-timeout", type=SECONDS, default=0.0, help="From name to handshake.  [10s]"),
)
login = together(
    named("Connection", "--identity", metavar="FILE", multiple=True, help="Log in with this key; repeatable."),
    option("Connection", "-k", "--ask-pass", is_flag=True, help="Ask once for a password, and log in with it."),
    option(
        "Connection",
        "--host-keys",
        type=click.Choice(["strict", "accept-new", "off"]),
        help="Unknown host keys: refuse them, or take them. `off` checks nothing.",
    ),
    option("Connection", "--auth-timeout", type=SECONDS, default=0.0, help="For the login.  [15s]"),
    option("Connection", "--speculate", is_flag=True, help="Request the command together with the login."),
)
pace = together(
    option("Control", "-p", "--parallel", type=COUNT, default=USUAL.parallel, metavar="N", help="Hosts at once.  [64]"),
    option("Control", "--workers", type=Number(min=0), default=0, metavar="N", help="Processes.  [as needed]"),
    option(
        "Control",
        "--connect-limit",
        type=COUNT,
        default=USUAL.connect_limit,
        metavar="N",
        help="Handshakes at once.  [64]",
    ),
    option(
        "Control",
        "--retries",
        type=Number(0, 20),
        default=USUAL.retries,
        metavar="N",
        help="Connect again this often; a command is never repeated.  [2]",
    ),
    option("Control", "--host-timeout", type=SECONDS, default=0.0, help="For all of one host.  [none]"),
)
command_limits = together(
    option("Control", "-t", "--timeout", type=SECONDS, default=0.0, help="For the command.  [none]"),
    option("Control", "--stall", type=SECONDS, default=0.0, help="Without a byte of output.  [none]"),
    option("Control", "-n", "--dry-run", is_flag=True, help="Show what would be done, and connect nowhere."),
)
color = option(
    "Output", "--color", type=click.Choice(["auto", "always", "never"]), default="auto", help="Colour.  [auto]"
)
quiet = option("Output", "-q", "--quiet", is_flag=True, help="Results only: no progress, no last lines.")
output = together(
    option("Output", "-f", "--format", type=click.Choice(FORMATS), help="How results are shown.  [auto]"),
    option("Output", "-g", "--gather", is_flag=True, help="The same as --format gather."),
    option("Output", "-L", "--lines", is_flag=True, help="The same as --format lines: as it comes, `host: text`."),
    option("Output", "--no-labels", is_flag=True, help="With --lines: without the host."),
    option("Output", "--rows", type=click.Choice(["result", "host"]), default="result", help="One table row for each."),
    quiet,
    color,
)
work = together(inventory, narrowing, reach, login, pace, command_limits, output)


def run_options(flags: dict[str, Any]) -> RunOptions:
    """Return the flags that are run options; what is no such flag is left alone."""
    fields = RunOptions.__struct_fields__
    said = {name: value for name, value in flags.items() if name in fields and value is not None}
    said["identity"] = tuple(said.get("identity", ()))
    return RunOptions(**said)


def narrowed(flags: dict[str, Any]) -> dict[str, Any]:
    """Return the flags that take hosts away from the targets."""
    return {name: flags[name] for name in ("exclude", "first", "pick", "slice", "seed")}


def chosen_format(flags: dict[str, Any]) -> str:
    """Return the one format asked for. Raises UsageError for two."""
    short = ("gather", "lines")
    asked = {flags["format"], *(name for name in short if flags.get(name))} - {None}
    if len(asked) > 1:
        raise UsageError(
            f"{' and '.join(f'`{name}`' for name in sorted(asked))} are two formats", hint="give one of them"
        )
    return asked.pop() if asked else "auto"
