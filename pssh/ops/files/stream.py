"""Files over a host's own shell: one command that looks, one that sends, and nothing else left behind.

A single file is read by `cat`, several come as one archive for the host's tar, in which a small list says what goes
where. What the shell prints first is passed over; what its tools say becomes the row's cause.
"""

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from secrets import token_hex

from msgspec.structs import replace

from pssh.model.outcome import Failure, Reply
from pssh.model.work import Session, TransportError
from pssh.ops.context import Context
from pssh.ops.files import facts, programs, remains, tree
from pssh.ops.files.archive import archived
from pssh.ops.files.decide import Attributes, Plan, Step, path_of
from pssh.ops.files.facts import Facts, There
from pssh.ops.files.listing import Found, Listing, Reader, Root, settled
from pssh.ops.files.names import Where, readable, tag
from pssh.ops.files.streams import Answer, Marked, Part, Progress, Sending, aside, changed
from pssh.ops.files.tree import Tree
from pssh.ops.files.unpack import AtOnce, Fetched, Listed, Piecewise, Taker
from pssh.ops.said import NOT_BEGUN, first_line, transfer_kind

MADE_UP = (b"/proc/", b"/sys/")  # where the kernel says how large a file is without knowing
_MOST_HASHED = 64 << 20  # bytes; a larger file is hashed on the host only where its size is the right one
_MOST_PATHS, _AROUND = 32 << 10, 8  # bytes of paths on a command line; what each takes besides
_MOST_WORDS = 300  # letters of what a host's tools say


class NoShell(TransportError):
    """No POSIX shell answered: another way may do."""


class Stream:
    """The stream way to one host."""

    def __init__(self, session: Session, context: Context, *, mkdir: bool = False, rate: float = 0.0) -> None:
        self._session, self._context = session, context
        self._mkdir, self._rate = mkdir, rate

    async def look(self, where: Where, ours: Tree, *, follow: bool) -> Facts:
        """Return what is there of what is to come; raises TransportError, NoShell if no shell answers."""
        tops = ours.tops
        only = tops[0] if len(tops) == 1 else b""
        mark = _mark()
        items = [_asked(entry, only) for entry in ours.entries]
        paths = map(_text, (where.path, where.folder, where.name, only))
        command = programs.line(programs.LOOK, mark, *paths, _flag(follow), _flag(where.home))
        answer, reply = await self.ask(command, mark, b"".join(items))
        if answer.startswith(b"no tools"):
            raise no_tools()
        if reply.exit_code != 0 and not answer.startswith(b"no "):
            raise failed(reply)
        return await self._hashed(await aside(len(items), facts.read, answer, len(items), mark.encode()), ours, where)

    async def _hashed(self, found: Facts, ours: tree.Tree, where: Where) -> Facts:
        """Return the facts with the hashes of large files too: of those that have the right size."""
        large = [
            number
            for number, (entry, there) in enumerate(zip(ours.entries, found.found, strict=True))
            if entry.size > _MOST_HASHED and there is not None and there.size == entry.size
        ]
        if not large or not found.hashes:
            return found
        paths = [path_in(found.folder, ours.entries[number], found.name) for number in large]
        digests = await self.digests([Found(path, (), There(0, size=_MOST_HASHED)) for path in paths], home=where.home)
        known = list(found.found)
        for number, digest in zip(large, digests, strict=True):
            if (there := known[number]) is not None:
                known[number] = replace(there, digest=digest)
        return replace(found, found=tuple(known))

    async def ask(self, command: str, mark: str, stdin: bytes = b"") -> tuple[bytes, Reply]:
        """Return what a program prints after its mark, and its reply; raises NoShell if it never came so far."""
        sink = Answer(mark.encode())
        with Sending([stdin]) as given:
            reply = await self._exec(command, given, sink)
        return bytes(sink.data), reply

    async def _exec(self, command: str, given: Sending, sink: Marked, *, quiet: bool = False) -> Reply:
        reply = await self._context.exec(self._session, command, given=given, sink=sink, quiet=quiet)
        if not sink.found:
            raise no_shell(reply, bytes(sink.noise))
        return reply

    async def send(self, plan: Plan, where: Where, wanted: Attributes, *, backup: bool, inplace: bool) -> None:
        """Do what was planned; raises TransportError. What could not be finished is removed again."""
        progress = Progress(self._session, plan.size)
        mark, hexes, name = _mark(), token_hex(16), plan.facts.name
        program, args, parts = await aside(len(plan.steps), _order, plan, wanted, backup=backup, inplace=inplace)
        command = programs.line(
            program,
            mark,
            _text(plan.facts.folder),
            _text(name),
            tag(name),
            hexes,
            _flag(self._mkdir),
            _flag(where.home),
            *args,
        )
        sink = Answer(mark.encode())
        try:
            with Sending(parts, progress, self._rate) as given:
                reply = await self._exec(command, given, sink)
        except TransportError as error:
            if error.failure.kind not in NOT_BEGUN:
                await self._remove(plan, where, tag(name), hexes)
            raise
        said = bytes(sink.data)
        if reply.exit_code == 0 and said.endswith(b"done %s\n" % mark.encode()):
            progress.end()
            return
        if reply.signal:
            await self._remove(plan, where, tag(name), hexes)
        await self._blame(plan, said, reply)

    async def listing(
        self, paths: Sequence[bytes], *, home: bool, follow: bool, links: bool, at_once: AtOnce | None = None
    ) -> Listing:
        """Return what lies at these paths, patterns expanded; raises TransportError, NoShell if no shell answers."""
        mark = _mark()
        end = b"end %s" % mark.encode()
        parts = list(_grouped(paths))
        if len(parts) > 1:
            at_once = None

        def read(answer: bytes) -> tuple[list[Root], bool]:
            return Reader(answer).roots(end)

        if at_once is not None:
            return await self._listed(parts[0], mark, read, at_once, home=home, follow=follow, links=links)
        roots: list[Root] = []
        hashes = True
        for part in parts:
            command = programs.line(programs.LIST, mark, _flag(follow), _flag(home), "", *map(_text, part))
            answer, reply = await self.ask(command, mark)
            if reply.exit_code != 0 or not answer.endswith(end + b"\n"):
                raise failed(reply)
            found, hashes = await aside(len(answer) >> 6, read, answer)
            roots += found
        return await aside(len(roots), settled, roots, hashes=hashes, links=links)

    async def _listed(
        self,
        paths: Sequence[bytes],
        mark: str,
        read: Callable[[bytes], tuple[list[Root], bool]],
        at_once: AtOnce,
        *,
        home: bool,
        follow: bool,
        links: bool,
    ) -> Listing:
        """Return a listing behind which small files came, as far as that says that they are wanted."""
        listings: list[Listing] = []
        wrong: list[TransportError] = []  # behind which nothing comes: the program ends by itself

        def wanted(answer: bytes) -> tuple[Sequence[Found], Taker] | None:
            try:
                roots, hashes = read(answer)
            except TransportError as error:
                wrong.append(error)
                return None
            listings.append(settled(roots, hashes=hashes, links=links))
            return at_once(listings[0])

        sink = Listed(mark.encode(), wanted)
        command = programs.line(programs.LIST, mark, _flag(follow), _flag(home), "1", *map(_text, paths))
        with Sending([]) as given:
            reply = await self._exec(command, given, sink)
        if wrong:
            raise wrong[0]
        if not sink.over:
            raise failed(reply)
        return listings[0]

    async def digests(self, found: Sequence[Found], *, home: bool) -> list[bytes]:
        """Return the SHA-256 of files, empty where it cannot be had."""
        mark = _mark()
        command = programs.line(programs.HASH, mark, _flag(home), _much(found))
        answer, reply = await self.ask(command, mark, b"".join(b"h" + one.path + b"\0" for one in found))
        end = b"end %s\n" % mark.encode()
        if reply.exit_code != 0 or not answer.endswith(end):
            raise failed(reply)
        there = await aside(len(found), facts.groups, answer.removesuffix(end))
        if len(there) != len(found):
            raise facts.garbled()
        return [one.digest if one is not None else b"" for one in there]

    async def fetch(self, found: Sequence[Found], taker: Taker, *, home: bool, follow: bool) -> None:
        """Hand the content of files to who takes it, and then their hashes; raises TransportError."""
        made_up = [one for one in found if one.path.startswith(MADE_UP)]
        for one in made_up:
            await self._cat(one, taker)
        found = [one for one in found if not one.path.startswith(MADE_UP)]
        if not found:
            return
        mark = _mark()
        command = programs.line(programs.FETCH, mark, _flag(home), _flag(follow), _much(found))
        sink = Fetched(mark.encode(), found, taker)
        with Sending([b"".join(one.path + b"\0" for one in found)]) as given:
            reply = await self._exec(command, given, sink)
        if not sink.over:
            raise failed(reply)

    async def _cat(self, one: Found, taker: Taker) -> None:
        """Hand on a file whose size is no size, and which is another each time that it is read."""
        mark = _mark()
        taker.begin(one, 0)
        sink = Piecewise(mark.encode(), taker)
        with Sending([]) as given:
            reply = await self._exec(programs.line(programs.CAT, mark, _text(one.path)), given, sink)
        if reply.exit_code != 0:
            raise failed(reply, one.path)
        taker.end()
        taker.hashed([one], [b""])

    async def explained(self, failure: Failure, folder: bytes, size: int) -> Failure:
        """Return a failure for which no reason was given with what the host's own tools say; raises TransportError."""
        mark = _mark()
        answer, _ = await self.ask(programs.line(programs.WHY, mark, _text(folder), str(size >> 10)), mark)
        kind = {b"full": "remote-disk-full", b"denied": "remote-denied"}.get(answer.strip())
        if kind is None:
            return failure
        words = "no space is left" if kind == "remote-disk-full" else "it may not be written to"
        return replace(failure, kind=kind, message=f"`{readable(folder)}`: {words}")

    async def sweep(self, folder: bytes, begins: str, where: Where) -> None:
        """Remove what an earlier run left for a target; what cannot be removed, the next run removes."""
        command = programs.line(remains.SWEEP, _text(folder), begins, _flag(where.home))
        with suppress(TransportError):
            await self._context.bare.exec(self._session, command, quiet=True)

    async def _remove(self, plan: Plan, where: Where, tagged: str, hexes: str) -> None:
        """Remove what a program that was cut off may have left; what cannot be removed, the next run removes."""
        command = programs.line(remains.REMOVE, _text(plan.facts.folder), tagged, hexes, "", _flag(where.home))
        try:
            await self._context.bare.exec(self._session, command, quiet=True)
        except TransportError:
            return

    async def _blame(self, plan: Plan, said: bytes, reply: Reply) -> None:
        """Raise the reason why a program of ours did not do it."""
        word = said.removeprefix(b"no ").strip().decode("ascii", "replace") if said.startswith(b"no ") else ""
        if word in ("verify", "short"):
            for step in plan.moved:
                if step.entry.kind == "file" and not step.entry.content and not tree.still(step.entry):
                    raise changed(step.entry)
        if word == "tools":
            raise no_tools()
        if word:
            raise TransportError(facts.refusal(word))
        raise failed(reply, plan.facts.folder)


def failed(reply: Reply, path: bytes = b"") -> TransportError:
    """Return the error for a program that a tool of the host ended; of what it said the line that tells why.

    Where the reason is known it stands alone behind the path: what is in front of it differs from host to host.
    """
    lines = [line for line in reply.stderr.decode("utf-8", "backslashreplace").splitlines() if line.strip()]
    telling = [line for line in lines if transfer_kind(line) != "remote-failed"]
    words = next(iter(telling or lines), "")[:_MOST_WORDS]
    if "tar: not found" in words or "tar: command not found" in words:
        return NoShell(Failure(stage="transfer", kind="remote-missing", message="the host has no `tar`"))
    cause = f"signal {reply.signal}" if reply.signal else f"exit {reply.exit_code}"
    message = words or f"the host's shell ended with {cause}"
    if telling and path:
        message = f"`{readable(path)}`: {words.rpartition(': ')[2]}"
    return TransportError(Failure(stage="transfer", kind=transfer_kind(words), message=message))


def no_tools() -> NoShell:
    """Return the error for a host whose shell has not what our programs need."""
    return NoShell(Failure(stage="transfer", kind="remote-missing", message="the host has no `xargs`"))


def no_shell(reply: Reply, noise: bytes) -> NoShell:
    """Return the error for a login that does not run our program."""
    said = first_line(Reply(0, stdout=noise, stderr=reply.stderr))
    message = f"the host runs no command of ours: {said or 'a forced command, or no shell'}"
    return NoShell(Failure(stage="exec", kind="denied", message=message))


def path_in(folder: bytes, entry: tree.Entry, name: bytes) -> bytes:
    """Return where an entry lies on a host."""
    return folder.rstrip(b"/") + path_of(entry, name)[1:]


def _asked(entry: tree.Entry, only: bytes) -> bytes:
    kind = {"file": b"h" if entry.size <= _MOST_HASHED else b"n", "folder": b"n", "link": b"l"}[entry.kind]
    path = entry.path[len(only) :] if only else entry.path
    return kind + path + b"\0"


def _grouped(paths: Sequence[bytes]) -> Iterator[list[bytes]]:
    """Yield as many paths at once as a command line has room for."""
    group: list[bytes] = []
    size = 0
    for path in paths:
        size += len(path) + _AROUND
        if group and size > _MOST_PATHS:
            yield group
            group, size = [], len(path) + _AROUND
        group.append(path)
    yield group


def _mark() -> str:
    return f"pssh-{token_hex(16)}"


def _order(
    plan: Plan, wanted: Attributes, *, backup: bool, inplace: bool
) -> tuple[str, tuple[str, ...], Sequence[Part]]:
    """Return the program that does what was planned, what else it is told, and what it reads."""
    step = plan.steps[0]
    if len(plan.steps) > 1 or step.entry.kind != "file":
        much = _flag(plan.size >= programs.MUCH)
        return programs.TREE, (_flag(wanted.wants_times), much), archived(plan, wanted, backup=backup, inplace=inplace)
    args = (
        str(step.entry.size),
        step.entry.digest.hex(),
        f"{step.mode:o}",
        step.owner,
        _touched(step) if wanted.wants_times else "",
        _flag(backup),
        _flag(inplace),
    )
    return programs.ONE, args, [step.entry]


def _flag(value: bool) -> str:
    return "1" if value else ""


def _much(found: Sequence[Found]) -> str:
    return _flag(sum(one.there.size for one in found) >= programs.MUCH)


def _text(value: bytes) -> str:
    return value.decode("utf-8", "surrogateescape")


def _touched(step: Step) -> str:
    return time.strftime("%Y%m%d%H%M.%S", time.gmtime(step.entry.mtime))
