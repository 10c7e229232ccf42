"""The entry of the command line: finds the subcommand, and turns everything that can go wrong into one line and a code.

No traceback reaches the person, and nothing but the subcommand asked for is imported, so that help is quick.
"""

import difflib
import gc
import os
import sys
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

import click

from pssh import __version__
from pssh.cli.help import Page
from pssh.errors import PsshError

# name: (what `pssh --help` says of it, its section)
COMMANDS = {
    "run": ("Run a command on every target", "Work"),
    "script": ("Upload a script, run it, remove it", "Work"),
    "put": ("Copy files and folders to every target", "Work"),
    "get": ("Fetch files and folders from every target", "Work"),
    "sync": ("Make a folder the same on every target", "Work"),
    "fs": ("Look at and change files and folders", "Work"),
    "job": ("Maintenance jobs: check, explain, run, install", "Work"),
    "sched": ("Run the jobs of a folder when they are due", "Work"),
    "ping": ("Log in everywhere and time each phase", "Look"),
    "hosts": ("Show which hosts some targets mean", "Look"),
    "log": ("List earlier runs", "History"),
    "show": ("Show what came of an earlier run", "History"),
    "rerun": ("Run the rest of an earlier run", "History"),
    "diff": ("Compare two runs", "History"),
    "report": ("Write an earlier run to files", "History"),
    "trust": ("Collect host keys, show them, write them once", "Set up"),
    "demo": ("Start a fleet on this machine and show it all", "Set up"),
}
EXAMPLES = """
  pssh demo
  pssh hosts '@web!web07'
  pssh run @web uptime
  pssh run -t 30 'web[01-20]' -- systemctl is-active nginx
"""


class Commands(Page, click.Group):
    """The subcommands by name, each imported when it is called for."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"pssh.cli.{name}").command
        gc.enable()  # it was off from the first line to the last import
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        if args[0] not in COMMANDS and not args[0].startswith("-"):
            raise PsshError(f"No command `{args[0]}`", hint=_nearest(args[0]))
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        for section in dict.fromkeys(section for _, section in COMMANDS.values()):
            with formatter.section(section):
                formatter.write_dl([(name, said) for name, (said, where) in COMMANDS.items() if where == section])


def _nearest(word: str) -> str:
    if word == "help":
        return "help is `pssh --help`"
    if near := difflib.get_close_matches(word, COMMANDS, 1):
        return f"did you mean `pssh {near[0]}`?"
    return f"there are: {', '.join(COMMANDS)}; a command for the hosts is `pssh run TARGETS COMMAND`"


def _version(ctx: click.Context, param: click.Parameter, wanted: bool) -> None:
    if wanted and not ctx.resilient_parsing:
        click.echo(f"pssh {__version__}")
        ctx.exit()


@click.group(
    cls=Commands,
    invoke_without_command=True,
    examples=EXAMPLES,
    context_settings={"help_option_names": ["--help"], "max_content_width": 100},
)
@click.option("--version", is_flag=True, expose_value=False, is_eager=True, callback=_version, help="Show the version.")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Run commands and scripts on a whole fleet over SSH, in parallel, and get one clear table back."""
    if not ctx.invoked_subcommand:
        click.echo(ctx.get_help())


def main(args: Sequence[str] | None = None) -> NoReturn:
    """Run the command line and end this process with its exit code."""
    code = 0
    try:
        code = command.main(args, prog_name="pssh", standalone_mode=False) or 0
        sys.stdout.flush()
    except PsshError as error:
        code = _complain(error.message, error.hint, getattr(error, "findings", ()), error.exit_code)
    except click.UsageError as error:
        code = _complain(*_worded(error))
    except click.exceptions.Exit as error:
        code = error.exit_code
    except (KeyboardInterrupt, click.Abort):
        code = 130
    except BrokenPipeError:
        pass  # whoever read has seen enough
    except OSError as error:
        code = _complain(f"{error.strerror or error}" + (f": `{error.filename}`" if error.filename else ""), code=1)
    except Exception as error:  # noqa: BLE001  a bug of ours is one line too, with where it was
        code = _complain(f"This is a bug in pssh: {type(error).__name__}: {error}", _where(error), code=1)
    _leave(code)


def _worded(error: click.UsageError) -> tuple[str, str]:
    """Return click's message as one of ours, and a hint."""
    path = error.ctx.command_path if error.ctx else "pssh"
    text = error.format_message().replace("'", "`").rstrip(".")
    if isinstance(error, click.NoSuchOption):
        text = f"No option `{error.option_name}`"
        if error.option_name == "-h":
            return text, f"help is `{path} --help`"
        if meant := _meant(error):
            return f"No option `{meant[1:]}`", f"did you mean `{meant}`?"
        if error.possibilities:
            return text, f"did you mean `{error.possibilities[0]}`?"
    if isinstance(error, click.MissingParameter) and error.param:
        text = f"{error.param.make_metavar(error.ctx) if error.ctx else error.param.name} is missing"
    return text, f"`{path} --help` shows how"


def _meant(error: click.NoSuchOption) -> str:
    """Return the long option that was written with one dash, as `find` has them: `-name` is read as `-n -a -m -e`."""
    known = {name for param in error.ctx.command.params for name in param.opts} if error.ctx else set()
    written = (f"-{word.partition('=')[0]}" for word in sys.argv[1:] if error.option_name[1:2] in word[2:])
    return next((name for name in written if name in known), "")


def _complain(message: str, hint: str = "", findings: Sequence[str] = (), code: int = 2) -> int:
    from pssh.report.safe import safe

    lines = [f"pssh: {safe(message)}", *(f"  {safe(finding)}" for finding in findings)]
    if hint:
        lines.append(f"  {safe(hint)}")
    try:
        sys.stderr.write("\n".join(lines) + "\n")
    except OSError:
        return code
    return code


def _where(error: BaseException) -> str:
    trace = error.__traceback__
    while trace and trace.tb_next:
        trace = trace.tb_next
    name = Path(trace.tb_frame.f_code.co_filename).name if trace else "?"
    return f"at {name}:{trace.tb_lineno if trace else 0}; please report it"


def _leave(code: int) -> NoReturn:
    """End the process at once: all is written, and taking the interpreter apart takes longer than one host."""
    with suppress(OSError):  # what is left for a reader that went away must not become a message
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
