"""The flags of `put` and `get`: all that they share with other subcommands, and what is said of files."""

import click

from pssh.cli import options
from pssh.cli.options import named, option, together
from pssh.cli.types import BYTES

via = option(
    "Files",
    "--via",
    type=click.Choice(["auto", "stream", "sftp"]),
    default="auto",
    help="Over the host's shell, or SFTP.  [what works]",
)
files = together(
    options.inventory,
    options.narrowing,
    options.reach,
    options.login,
    options.pace,
    options.starting,
    options.stopping,
    options.privilege,
    options.output,
    via,
    option("Files", "--force", is_flag=True, help="Also what is the same already."),
    option("Files", "--follow", is_flag=True, help="Take symbolic links for what they point to."),
    option("Files", "--times", is_flag=True, help="Keep the times of the source."),
    option("Files", "--limit-rate", type=BYTES, default=0.0, metavar="SIZE", help="So much a second and host."),
)
sending = together(
    option("Files", "--skip-links", is_flag=True, help="Leave symbolic links out."),
    option("Files", "--mkdir", is_flag=True, help="Make the folders above DEST."),
    named("Files", "--mode", metavar="MODE", default="", help="Of files, such as 0644.  [the old file's, or SRC's]"),
    named("Files", "--owner", metavar="USER", default="", help="Of files.  [the old file's, or ours]"),
    named("Files", "--group", metavar="GROUP", default="", help="Of files.  [the old file's, or ours]"),
    option("Files", "--preserve", is_flag=True, help="Keep mode and times of SRC; as root owner and group too."),
    option("Files", "--backup", is_flag=True, help="Keep what is replaced as `NAME~`."),
    option("Files", "--in-place", "inplace", is_flag=True, help="Write into the old file: for what keeps its inode."),
    option("Files", "--diff", is_flag=True, help="With --dry-run: how texts would change."),
    option("Files", "--render", is_flag=True, help="Fill in {host} and the like in each file."),
)
fetching = together(
    option("Files", "--flat", is_flag=True, help="DEST/NAME.HOST instead of DEST/HOST/NAME."),
    named("Files", "--dest", metavar="PATH", default="", help="The whole path here, with {host} in it, and no DEST."),
    option("Files", "--links", is_flag=True, help="Make symbolic links that stay within SRC."),
)
