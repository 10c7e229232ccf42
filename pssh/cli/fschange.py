"""The verbs of `pssh fs` that change something."""

from typing import Any

import click

from pssh.cli import fsoptions, options
from pssh.cli.help import Page
from pssh.errors import UsageError
from pssh.ops.fs import change, pack


def _dry(flags: dict[str, Any]) -> bool:
    return bool(flags["dry_run"])


@click.command(cls=Page, examples="pssh fs mkdir @web --parents --mode 750 /srv/app/releases")
@fsoptions.targets
@fsoptions.paths
@options.option("Safety", "--parents", is_flag=True, help="Also the folders above, where they are missing.")
@options.named("Safety", "--mode", metavar="MODE", default="", help="Of the new folder: 750.")
@fsoptions.shared
def mkdir(targets: str, paths: tuple[str, ...], parents: bool, mode: str, **flags: Any) -> int:
    """Make folders; one that is there already is as good."""
    return fsoptions.launch(change.Mkdir(paths=paths, parents=parents, mode=mode), targets, flags)


@click.command(cls=Page, examples="pssh fs touch @web /srv/app/restart.txt")
@fsoptions.targets
@fsoptions.paths
@fsoptions.shared
def touch(targets: str, paths: tuple[str, ...], **flags: Any) -> int:
    """Make empty files, or set the time of those that are there to now."""
    return fsoptions.launch(change.Touch(paths=paths), targets, flags)


def _placed(words: tuple[str, ...]) -> dict[str, Any]:
    if len(words) < 2:
        raise UsageError("There is no destination", hint="the last path is where to; it stands after the others")
    return {"paths": words[:-1], "dest": words[-1]}


_from_to = click.argument("paths", nargs=-1, required=True, metavar="PATH... DEST")


@click.command(
    cls=Page, examples="pssh fs cp @web /etc/app.conf /etc/app.conf.bak\npssh fs cp @local '/srv/*' /backup/"
)
@fsoptions.targets
@_from_to
@fsoptions.overwrite
@fsoptions.shared
def cp(targets: str, paths: tuple[str, ...], overwrite: bool, **flags: Any) -> int:
    """Copy files and folders on each host, links as links; the copy appears when it is whole.

    DEST is the new name, or where it is a folder or ends in `/`, the folder for it.
    """
    operation = change.Cp(**_placed(paths), overwrite=overwrite, dry=_dry(flags))
    return fsoptions.launch(operation, targets, flags)


@click.command(cls=Page, examples="pssh fs mv @web /srv/app.new /srv/app\npssh fs mv @web '/var/log/*.old' /srv/attic/")
@fsoptions.targets
@_from_to
@fsoptions.overwrite
@fsoptions.shared
def mv(targets: str, paths: tuple[str, ...], overwrite: bool, **flags: Any) -> int:
    """Move or rename on each host; nothing that is there is replaced without --overwrite."""
    operation = change.Mv(**_placed(paths), overwrite=overwrite, dry=_dry(flags))
    return fsoptions.launch(operation, targets, flags)


@click.command(cls=Page, examples="pssh fs link @web --overwrite releases/42 /srv/app/current")
@fsoptions.targets
@click.argument("where")
@click.argument("path", metavar="LINK")
@options.option("Safety", "--hard", is_flag=True, help="Another name for the file WHERE.")
@fsoptions.overwrite
@fsoptions.shared
def link(targets: str, where: str, path: str, hard: bool, overwrite: bool, **flags: Any) -> int:
    """Make LINK a symbolic link that says WHERE, as it is typed."""
    operation = change.Link(paths=(path,), target=where, hard=hard, overwrite=overwrite, dry=_dry(flags))
    return fsoptions.launch(operation, targets, flags)


@click.command(cls=Page, examples="pssh fs chmod @web 640 /etc/app.conf\npssh fs chmod @web -r u=rwX,go=rX /srv/www")
@fsoptions.targets
@click.argument("mode")
@fsoptions.paths
@fsoptions.recursive
@fsoptions.shared
def chmod(targets: str, mode: str, paths: tuple[str, ...], recursive: bool, **flags: Any) -> int:
    """Set the MODE of each PATH: octal, or `u+x,go-w`; no link is followed."""
    operation = change.Chmod(paths=paths, mode=mode, recursive=recursive, dry=_dry(flags))
    return fsoptions.launch(operation, targets, flags)


@click.command(
    cls=Page, examples="pssh fs chown @web --sudo deploy:www /srv/app\npssh fs chown @web -s -r :www /srv/www"
)
@fsoptions.targets
@click.argument("owner", metavar="[USER][:GROUP]")
@fsoptions.paths
@fsoptions.recursive
@fsoptions.shared
def chown(targets: str, owner: str, paths: tuple[str, ...], recursive: bool, **flags: Any) -> int:
    """Set owner and group of each PATH, of a link itself."""
    operation = change.Chown(paths=paths, owner=owner, recursive=recursive, dry=_dry(flags))
    return fsoptions.launch(operation, targets, flags)


@click.command(
    cls=Page, examples="pssh fs rm @web /tmp/app.lock --dry-run\npssh fs rm @web -r '/srv/app/releases/old-*'"
)
@fsoptions.targets
@fsoptions.paths
@fsoptions.recursive
@fsoptions.shared
def rm(targets: str, paths: tuple[str, ...], recursive: bool, **flags: Any) -> int:
    """Remove each PATH, after asking for the number of hosts; what is not there is as good.

    No link is followed, other file systems are left alone, and what a system or a person lives in is refused.
    --dry-run asks the hosts what would go.
    """
    return fsoptions.launch(change.Rm(paths=paths, recursive=recursive, dry=_dry(flags)), targets, flags)


_to = options.named("Safety", "--to", metavar="PATH", default="", help="Where to; a folder, if it ends in `/`.")


@click.command(
    cls=Page,
    examples="pssh fs archive @web /srv/app --to /backup/app.tar.gz\npssh fs archive @local '/srv/*' --to /backup/",
)
@fsoptions.targets
@fsoptions.paths
@_to
@fsoptions.overwrite
@fsoptions.shared
def archive(targets: str, paths: tuple[str, ...], to: str, overwrite: bool, **flags: Any) -> int:
    """Pack each PATH into an archive beside it, or where --to says: .tar, .tar.gz, .tar.xz or .tar.bz2."""
    return fsoptions.launch(pack.Archive(paths=paths, to=to, overwrite=overwrite, dry=_dry(flags)), targets, flags)


@click.command(
    cls=Page, examples="pssh fs extract @web /srv/app.tar.gz\npssh fs extract @web /tmp/app.tgz --to /srv/app"
)
@fsoptions.targets
@fsoptions.paths
@_to
@fsoptions.shared
def extract(targets: str, paths: tuple[str, ...], to: str, **flags: Any) -> int:
    """Unpack each archive into a new folder of its name, or where --to says; it appears when all is there."""
    return fsoptions.launch(pack.Extract(paths=paths, to=to, dry=_dry(flags)), targets, flags)
