"""`pssh run`: a command on every target."""

from secrets import token_hex
from typing import Any

import click

from pssh.cli import early, options
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.ops.command import Command
from pssh.ops.detached import Detach
from pssh.ops.shellwords import join

EXAMPLES = """
  pssh run @web uptime
  pssh run '@web!web07' -- systemctl is-active nginx
  pssh run -p 200 -t 30 @all 'df -h / | tail -1'
  pssh run -L '^hosts.txt' tail -n 3 /var/log/syslog
  pssh run --detach @web ./reindex.sh
  pssh run -f json web01,db1 uname -r | jq .counts
"""


@click.command(cls=Page, examples=EXAMPLES, context_settings={"allow_interspersed_args": False})
@click.argument("targets")
@click.argument("words", nargs=-1, required=True, type=click.UNPROCESSED, metavar="COMMAND...")
@options.option("Safety", "--detach", is_flag=True, help="Begin it and leave it to itself: `pssh job collect`.")
@options.together(options.work, options.compare, options.raw, options.no_shell)
def command(targets: str, words: tuple[str, ...], detach: bool, **flags: Any) -> int:
    """Run COMMAND on every host that TARGETS name, and show one table.

    Options stand before TARGETS. One word is sent as it is, several are joined with blanks; the host's own shell reads
    the result, as with ssh.
    """
    line = command_line(words, shell=flags["shell"])
    return early.launch(Detach(line, token=token_hex(4)) if detach else Command(line), targets, flags)


def command_line(words: tuple[str, ...], *, shell: bool = True) -> str:
    """Return the line to send; one `--` between targets and command is dropped. Without `shell` each word is quoted."""
    if words[:1] == ("--",):
        words = words[1:]
    elif words and words[0].startswith("-"):
        raise UsageError(
            f"`{words[0]}` stands after the targets",
            hint="options stand before TARGETS; a command that begins so, after `--`",
        )
    if not words:
        raise UsageError("There is no command after the targets", hint="`pssh run TARGETS COMMAND`")
    return " ".join(words) if shell else join(words)
