"""What a push would do, as lines: per file what is done with it, and for texts a unified diff."""

from collections.abc import Awaitable, Iterator, Sequence

from pssh.ops.files import tree
from pssh.ops.files.decide import Plan, Step
from pssh.ops.files.listing import Found
from pssh.ops.files.names import readable, size
from pssh.ops.files.tree import Entry

MOST_DIFFED = 256 << 10  # bytes of each file
_MOST_IN_ALL = 4 << 20  # bytes of all files of one host
_MOST_LINES = 2000


def lines(plan: Plan) -> Iterator[str]:
    """Yield what is done with each file, and how many are the same."""
    same = sum(step.act == "same" and step.entry.kind != "folder" for step in plan.steps)
    told = plan.moved[:_MOST_LINES]
    for step in told:
        of = f"  {size(step.entry.size)}" if step.entry.kind == "file" and step.act != "chmod" else ""
        end = "/" if step.entry.kind == "folder" else ""
        yield f"{step.act:8}{readable(step.path)}{end}{of}"
    if len(plan.moved) > len(told):
        yield f"… {len(plan.moved) - len(told):,} more"
    if same and not plan.moved:
        yield "same"
    elif same:
        yield f"same    {same:,} files" if same > 1 else "same    1 file"


def diffable(plan: Plan) -> list[Step]:
    """Return the files whose old content is worth fetching for a diff."""
    found: list[Step] = []
    left = _MOST_IN_ALL
    for step in plan.moved:
        old = step.there
        if step.act == "replace" and step.entry.kind == "file" and old is not None and old.kind == "file":
            most = max(old.size, step.entry.size)
            if most <= MOST_DIFFED and (left := left - most) >= 0:
                found.append(step)
    return found


class Kept:
    """Takes files into memory, none larger than what is compared."""

    def __init__(self) -> None:
        self.contents: dict[bytes, bytes] = {}
        self._path, self._data = b"", bytearray()

    def many(self, files: Sequence[tuple[Found, memoryview]]) -> None:
        for found, data in files:
            self.begin(found, len(data))
            self.piece(data)
            self.end()

    def begin(self, found: Found, size: int) -> None:
        self._path, self._data = found.path, bytearray()

    def piece(self, data: memoryview) -> Awaitable[None] | None:
        if len(self._data) <= MOST_DIFFED:
            self._data += data
        return None

    def end(self) -> None:
        self.contents[self._path] = bytes(self._data)

    def hashed(self, found: Sequence[Found], digests: Sequence[bytes]) -> None: ...


def diff(step: Step, old: bytes) -> Iterator[str]:
    """Yield how the new content differs from the old, line by line; one line where either is no text."""
    import difflib  # which nothing else here needs

    name = readable(step.path)
    try:
        before, after = (_lines(data) for data in (old, content(step.entry)))
    except UnicodeDecodeError:
        yield f"{name}: not text, or too large to compare"
        return
    yield from difflib.unified_diff(before, after, f"{name} (there)", f"{name} (new)", lineterm="")


def content(entry: Entry) -> bytes:
    """Return the content of a file that is to be sent; raises OSError."""
    if entry.content or not entry.size:
        return entry.content
    with tree.opened(entry.source) as file:
        return file.read(entry.size) or b""


def _lines(data: bytes) -> list[str]:
    text = data.decode("utf-8")
    if "\0" in text or len(data) > MOST_DIFFED:
        raise UnicodeDecodeError("utf-8", data, 0, 1, "not text")
    return text.splitlines()
