"""Files and folders of this machine to a host; what is there already and equal is left alone."""

from asyncio import to_thread
from collections.abc import Sequence

from msgspec import Struct
from msgspec.structs import replace

from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply
from pssh.model.placeholders import Places
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.files.decide import Attributes, Plan
from pssh.ops.files.names import readable, size, where
from pssh.ops.files.push import Sent, push
from pssh.ops.files.render import rendered
from pssh.ops.files.tree import Tree, gathered
from pssh.ops.files.ways import Via
from pssh.ops.shellwords import join, shown

_MOST_SAID = 3  # paths of what was skipped
_MOST_TOLD = 256 << 10  # letters of a dry run


class Put(Struct, frozen=True, omit_defaults=True, tag=True):
    """What is sent, and where to; `tree` is what the sources hold, read once for all hosts.

    Where the tree is not given, each job reads the sources itself.
    """

    sources: tuple[str, ...]
    dest: str
    attributes: Attributes = Attributes()
    via: Via = "auto"
    force: bool = False  # also what is the same
    follow: bool = False  # through symbolic links, here and there
    skip_links: bool = False
    mkdir: bool = False
    backup: bool = False  # what is replaced stays as `name~`
    inplace: bool = False  # keep the inode of what is there
    rate: float = 0.0  # bytes a second to one host; 0: no limit
    render: bool = False  # fill placeholders in the files
    names: tuple[tuple[str, str], ...] = ()  # with what
    dry: bool = False  # look, and say what would be done
    diff: bool = False  # and how texts would change
    tree: Tree | None = None
    context: Context = Context()

    def __post_init__(self) -> None:
        if not self.sources:
            raise UsageError("There is nothing to send", hint="`pssh put TARGETS SRC... DEST`")
        where(self.dest)
        binary(self.context)
        if self.diff and not self.dry:
            raise UsageError("`--diff` shows what a dry run would do", hint="give `--dry-run` as well")

    @property
    def label(self) -> str:
        return shown(join((*self.sources, self.dest)))

    def placed(self, places: Places) -> "Put":
        """Return the same with its paths filled in for a host."""
        found = replace(self, sources=tuple(map(places.here, self.sources)), dest=places.there(self.dest))
        return replace(found, names=tuple(places.names.items())) if self.render else found

    def gathered(self) -> Tree:
        """Return what the sources hold; raises UsageError for what cannot be read."""
        return gathered(self.sources, follow=self.follow, skip_links=self.skip_links)

    async def perform(self, session: Session) -> Reply:
        tree = self.tree if self.tree is not None else await to_thread(self._gathered)
        if self.render:
            tree = await to_thread(rendered, tree, dict(self.names))
        sent = await push(
            session,
            tree,
            self.dest,
            via=self.via,
            context=self.context,
            wanted=self.attributes,
            force=self.force,
            follow=self.follow,
            mkdir=self.mkdir,
            backup=self.backup,
            inplace=self.inplace,
            rate=self.rate,
            dry=self.dry,
            diff=self.diff,
        )
        return said(sent, tree)

    def _gathered(self) -> Tree:
        try:
            return self.gathered()
        except UsageError as error:
            failure = Failure(stage="local", kind="missing", message=error.message, hint=error.hint)
            raise TransportError(failure) from None


def binary(context: Context) -> None:
    """Raise UsageError for a way to become somebody that no content of files comes through."""
    if context.terminal or not context.shell:
        how = f"`--become {context.become}` with a password" if context.terminal else "`--no-shell`"
        raise UsageError(f"{how} carries no files", hint="`--sudo` does")


def said(sent: Sent, tree: Tree) -> Reply:
    """Return the row of a push: one line that is equal where the same was done."""
    said = "\n".join(sent.shown) or _line(sent.plan)
    stdout = f"{said[:_MOST_TOLD]}\n".encode("utf-8", "surrogateescape")
    changed = sent.plan.changes and not sent.shown
    return Reply(exit_code=0, stdout=stdout, changed=changed, note=_note(sent, tree))


def _line(plan: Plan) -> str:
    moved = plan.moved
    if not moved:
        return "same"
    files = sum(step.entry.kind == "file" for step in moved)
    others = len(moved) - files
    parts = [count(files, "file")] if files or not others else []
    if files:
        parts.append(size(plan.size))
    if links := sum(step.entry.kind == "link" for step in moved):
        parts.append(count(links, "link"))
    if folders := others - links:
        parts.append(count(folders, "folder"))
    return ", ".join(parts)


def count(number: int, what: str) -> str:
    return f"{number:,} {what}{'' if number == 1 else 's'}"


def listed(names: Sequence[str]) -> str:
    """Return the first of some names, and how many more there are."""
    more = f" and {len(names) - _MOST_SAID} more" if len(names) > _MOST_SAID else ""
    return ", ".join(f"`{name}`" for name in names[:_MOST_SAID]) + more


def _note(sent: Sent, tree: Tree) -> str:
    skipped = f"skipped: {listed([readable(path) for path in tree.skipped])}" if tree.skipped else ""
    return "; ".join(filter(None, (sent.note, skipped)))
