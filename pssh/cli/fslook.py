"""The verbs of `pssh fs` that look."""

from typing import Any

import click

from pssh.cli import fsoptions, options
from pssh.cli.help import Page
from pssh.cli.types import COUNT, SECONDS, Number
from pssh.ops.fs import look


@click.command(cls=Page, examples="pssh fs ls @web /etc/nginx\npssh fs ls @web '/var/log/*.log' --sort size")
@fsoptions.targets
@fsoptions.paths
@options.option("Show", "-a", "--all", is_flag=True, help="Names that begin with a dot, too.")
@fsoptions.shared
def ls(targets: str, paths: tuple[str, ...], all: bool, **flags: Any) -> int:
    """List what is in each PATH that is a folder, and each that is a file."""
    return fsoptions.launch(look.Ls(paths=paths, all=all), targets, flags)


@click.command(cls=Page, examples="pssh fs stat @web /etc/passwd /etc/shadow\npssh fs stat @web --exact /etc/hosts")
@fsoptions.targets
@fsoptions.paths
@fsoptions.shared
def stat(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Show kind, mode, owner, size and age of each PATH itself; a link is not followed."""
    return fsoptions.launch(look.Stat(paths=paths), targets, flags)


FIND = """
pssh fs find @all /var/log --name '*.gz' --older 30d
pssh fs find @web /srv --type f --size +100M --sort size
pssh fs find @local /srv /home --empty
"""


@click.command(cls=Page, examples=FIND)
@fsoptions.targets
@fsoptions.paths
@options.named("Show", "--name", metavar="GLOB", default="", help="The name matches.")
@options.option("Show", "--type", type=click.Choice(list(look.TYPES)), help="A file, dir, link, pipe, socket ...")
@options.named("Show", "--size", metavar="[+-]SIZE", default="", help="+1M: larger; -64K: smaller; files only.")
@options.option("Show", "--older", type=SECONDS, default=0.0, help="Changed longer ago than that: 7d.")
@options.option("Show", "--newer", type=SECONDS, default=0.0, help="Changed since.")
@options.option("Show", "--empty", is_flag=True, help="Files without content, folders with nothing in them.")
@options.option("Show", "--max-depth", type=Number(min=0), metavar="N", help="At most so deep below PATH.")
@fsoptions.shared
def find(targets: str, paths: tuple[str, ...], type: str | None, **flags: Any) -> int:
    """Find what lies at or below each PATH and passes all tests, on one file system."""
    tests = {name: flags.pop(name) for name in ("name", "size", "older", "newer", "empty", "max_depth")}
    return fsoptions.launch(look.Find(paths=paths, type=type or "", **tests), targets, flags)


@click.command(cls=Page, examples="pssh fs size @web '/srv/*' --sort size\npssh fs size @local /home/*")
@fsoptions.targets
@fsoptions.paths
@fsoptions.shared
def size(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Sum up what each PATH takes: bytes in files, bytes on disk, and how many files."""
    return fsoptions.launch(look.Size(paths=paths), targets, flags)


@click.command(cls=Page, examples="pssh fs checksum @web /srv/app\npssh fs checksum @local '/srv/data/*'")
@fsoptions.targets
@fsoptions.paths
@fsoptions.shared
def checksum(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Compare each PATH by SHA-256: a file by its content, a tree by its names, links and contents.

    Hosts with equal trees share a row; of the others it is said what differs from what most hosts have: `+` it is only
    there, `-` it is missing there.
    """
    return fsoptions.launch(look.Checksum(paths=paths), targets, flags)


@click.command(cls=Page, examples="pssh fs df @all\npssh fs df @db /var/lib/postgresql --sort size")
@fsoptions.targets
@click.argument("paths", nargs=-1, metavar="[PATH]...")
@fsoptions.shared
def df(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Show how full the file systems are that hold PATH, or all that lie on a device."""
    return fsoptions.launch(look.Df(paths=paths), targets, flags)


@click.command(cls=Page, examples="pssh fs cat @web /etc/resolv.conf")
@fsoptions.targets
@fsoptions.paths
@fsoptions.text
def cat(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Print the files; hosts whose files are equal share a block."""
    return fsoptions.launch(look.Cat(paths=paths), targets, flags)


@click.command(
    cls=Page, examples="pssh fs tail @web --count 3 /var/log/syslog\npssh fs tail -L --follow @web /var/log/app.log"
)
@fsoptions.targets
@fsoptions.paths
@options.option("Show", "--count", type=COUNT, default=10, metavar="N", help="So many lines.  [10]")
@options.option("Show", "--follow", is_flag=True, help="Go on with what comes, until Ctrl-C; best with -L.")
@fsoptions.text
def tail(targets: str, paths: tuple[str, ...], count: int, follow: bool, **flags: Any) -> int:
    """Print the last lines of the files."""
    return fsoptions.launch(look.Tail(paths=paths, lines=count, follow=follow), targets, flags)
