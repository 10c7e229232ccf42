"""What hosts print, in one file per host, written while it comes.

A file is there once its host's command was requested, and holds what that host printed in this run: one left by an
earlier run is gone as soon as its host's turn has come, unless it is to be added to. What a command said before it was
tried again is taken out. What is more than there is room for is left out, and its hosts are named at the end. Memory is
a few numbers for each host at work; few files are open at once.
"""

import errno
import os
import stat
from collections import OrderedDict
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from hashlib import sha256
from pathlib import Path

from pssh.errors import UsageError
from pssh.model.event import Event, JobConnected, JobEnded, JobSaid, JobStarted, RunEnded
from pssh.model.placeholders import part
from pssh.model.size import sized
from pssh.model.work import StreamName
from pssh.report import words
from pssh.report.grid import clip

_MOST_OPEN = 128
_KEPT = "of a run that is over there are the first and the last part of each stream"
_NAMES_WIDTH = 60
_LONGEST = 255  # bytes of a file name that every file system takes


def file_name(host: str) -> str:
    """Return the name of a host's file: one part of a path, another for each host."""
    name = part(host)
    data = os.fsencode(name.encode("utf-8", "surrogatepass").decode("utf-8", "backslashreplace"))
    if len(data) <= _LONGEST:
        return os.fsdecode(data)
    return f"{os.fsdecode(data[:180])}-{sha256(data).hexdigest()[:32]}"


class Folder:
    """A folder of files, each named by its host."""

    def __init__(self, path: Path, *, append: bool = False) -> None:
        """Make the folder if there is none; raises UsageError if files cannot be written there."""
        self.path = path
        self._append = append
        self._open: OrderedDict[str, int] = OrderedDict()  # the one written to last is at the end
        self._begins: dict[str, int] = {}  # where this run's output begins, of hosts at work
        try:
            _make(path)
            self._folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
            if not os.access(path, os.W_OK | os.X_OK):
                raise PermissionError(errno.EACCES, os.strerror(errno.EACCES))
        except OSError as error:
            why = "it is no folder" if isinstance(error, FileExistsError | NotADirectoryError) else error.strerror
            raise UsageError(f"No files can be written to `{path}`: {why}") from error

    def drop(self, host: str) -> None:
        """Take away the file of an earlier run, unless it is to be added to."""
        if not self._append:
            with self._named(host), suppress(FileNotFoundError):
                os.unlink(file_name(host), dir_fd=self._folder)

    def begin(self, host: str) -> None:
        """Make the file."""
        with self._named(host):
            self._begins[host] = os.fstat(self._descriptor(host)).st_size

    def again(self, host: str) -> None:
        """Take out what a command has said that now begins once more."""
        if host in self._begins:
            with self._named(host):
                os.ftruncate(self._descriptor(host), self._begins[host])

    def write(self, host: str, data: bytes) -> None:
        with self._named(host):
            rest = memoryview(data)
            while rest:
                rest = rest[os.write(self._descriptor(host), rest) :]

    def end(self, host: str) -> None:
        self._begins.pop(host, None)
        if host in self._open:
            with self._named(host):
                os.close(self._open.pop(host))

    def close(self) -> None:
        for host in list(self._open):
            self.end(host)
        os.close(self._folder)

    def _descriptor(self, host: str) -> int:
        if host in self._open:
            self._open.move_to_end(host)
            return self._open[host]
        if len(self._open) >= _MOST_OPEN:
            os.close(self._open.popitem(last=False)[1])
        # Not blocking, so that a pipe that somebody has put there is no trap.
        flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
        fd = os.open(file_name(host), flags, 0o600, dir_fd=self._folder)
        if not stat.S_ISREG(os.fstat(fd).st_mode):
            os.close(fd)
            raise OSError(errno.EINVAL, "it is no regular file")
        self._open[host] = fd
        return fd

    @contextmanager
    def _named(self, host: str) -> Iterator[None]:
        """Let an OSError name the file."""
        try:
            yield
        except OSError as error:
            name = str(self.path / file_name(host))
            raise OSError(error.errno or 0, error.strerror or str(error), name) from error


def _make(path: Path) -> None:
    """Make a folder and those it lies in, each for its owner alone."""
    if not path.is_dir():
        _make(path.parent)
        path.mkdir(0o700, exist_ok=True)


class Room:
    """How many bytes may still be written, of one host and of all; 0: any number."""

    def __init__(self, most: int = 0, most_run: int = 0) -> None:
        self.most = most
        self.most_run = most_run
        self.cut: dict[str, None] = {}  # the hosts of which something was left out
        self._all = 0
        self._of: dict[str, int] = {}

    def take(self, host: str, size: int) -> int:
        """Return how many of the next bytes of a host may be written."""
        taken = self._of.get(host, 0)
        room = min([size, *(most - used for most, used in ((self.most, taken), (self.most_run, self._all)) if most)])
        if room < size:
            self.cut[host] = None
        self._of[host] = taken + max(room, 0)
        self._all += max(room, 0)
        return max(room, 0)

    def again(self, host: str) -> None:
        """Give back what a host has taken, that begins once more."""
        self._all -= self._of.pop(host, 0)
        self.cut.pop(host, None)

    def compare(self, host: str, printed: int) -> None:
        """Note a host that printed more than was taken: of a run that is shown again its middle is not there."""
        if self._of.get(host, 0) < printed:
            self.cut[host] = None

    def end(self, host: str) -> None:
        self._of.pop(host, None)

    def told(self) -> str:
        """Return what was left out; empty if nothing was."""
        if not self.cut:
            return ""
        names = clip(words.hosts(self.cut), _NAMES_WIDTH)
        limits = ((self.most, "a host"), (self.most_run, "the run"))
        kept = " and ".join(f"{sized(most)} of {whose}" for most, whose in limits if most)
        return (
            f"pssh: The output files do not hold all that {words.count(len(self.cut))} printed: {names}\n"
            f"  {f'they take {kept}: `--max-output SIZE` for more' if kept else _KEPT}\n"
        )


class Folders:
    """Writes what hosts print to one or two folders; one folder for both streams holds them as they came."""

    def __init__(
        self,
        out: str,
        err: str,
        *,
        append: bool = False,
        room: Room | None = None,
        say: Callable[[str], object] = str,
    ) -> None:
        """An empty path: that stream goes nowhere. `say` is told what was left out. Raises UsageError."""
        self._room = room or Room()
        self._say = say
        self._by_stream: dict[StreamName, Folder] = {}
        if out:
            self._by_stream["stdout"] = Folder(Path(out), append=append)
        if err:
            same = out and os.path.realpath(out) == os.path.realpath(err)
            self._by_stream["stderr"] = self._by_stream["stdout"] if same else Folder(Path(err), append=append)
        self._folders = tuple(dict.fromkeys(self._by_stream.values()))
        self._at_work: set[str] = set()

    def on(self, event: Event, /) -> None:
        match event:
            case JobStarted(host=host):
                if not self._takes_up(host):
                    self._room.again(host)
                    for folder in self._folders:
                        folder.again(host)
            case JobConnected(host=host):
                for folder in self._folders:
                    folder.begin(host)
            case JobSaid(host=host, stream=stream, data=data):
                self._takes_up(host)  # a run that is shown again has no starts
                if stream in self._by_stream and (room := self._room.take(host, len(data))):
                    self._by_stream[stream].write(host, data[:room])
            case JobEnded(result=result):
                sizes = {"stdout": result.end.stdout_bytes, "stderr": result.end.stderr_bytes}
                self._room.compare(result.host, sum(sizes[stream] for stream in self._by_stream))
                self._end(result.host)
            case RunEnded():
                for folder in self._folders:
                    folder.close()
                if told := self._room.told():
                    self._say(told)
            case _:
                pass

    def _takes_up(self, host: str) -> bool:
        """Whether this host's turn has come only now; then what an earlier run left of it goes."""
        if host in self._at_work:
            return False
        self._at_work.add(host)
        for folder in self._folders:
            folder.drop(host)
        return True

    def _end(self, host: str) -> None:
        self._takes_up(host)
        self._at_work.discard(host)
        self._room.end(host)
        for folder in self._folders:
            folder.end(host)
