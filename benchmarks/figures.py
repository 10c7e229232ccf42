"""The file figures: which data is moved, by which tools, and what must be there afterwards.

ssh, scp and rsync know one host and run under xargs, all hosts at once, with the cipher that is the fastest for them.
`cat` over ssh shows what is left where nothing is compared, renamed or waited for: of the tools only ours hashes what
it moves, on both sides, and where hosts and client share their processors that is a good part of the whole.
"""

import hashlib
import os
import shutil
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.peers import Ask, Peer

FIGURES = ("put", "get", "sync", "checksum")
MIB = 1 << 20

_CIPHER = "aes128-gcm@openssh.com"
_SCP = ("scp", "-q", "-F", "{config}", "-c", _CIPHER)
_CAT = f"ssh -F {{config}} -c {_CIPHER} {{host}}"
_RSYNC = ("rsync", "-a", "-e", f"ssh -F {{config}} -c {_CIPHER}")


def sums(folder: Path) -> dict[str, str]:
    """Return the SHA-256 of each file below a folder."""
    found = {}
    for path in folder.rglob("*"):
        if path.is_file():
            with path.open("rb") as file:
                found[f"{path.relative_to(folder)}"] = hashlib.file_digest(file, "sha256").hexdigest()
    return found


def nodes(folder: Path) -> dict[str, str]:
    """Return inode, size and time of what is below a folder: others if it was written anew."""
    found = {}
    for path in folder.rglob("*"):
        it = path.lstat()
        found[f"{path.relative_to(folder)}"] = f"{it.st_ino} {it.st_size} {it.st_mtime_ns}"
    return found


@dataclass(frozen=True)
class Figure:
    """One comparison; the first tool is ours."""

    name: str
    target: str
    hosts: int  # 0: none, on this machine
    work: int  # for each host
    unit: str  # "MB" or "files"
    tools: Sequence[Peer]
    source: Path
    expected: dict[str, str]  # what `look` finds in the folder of each host afterwards
    look: Callable[[Path], dict[str, str]] = sums
    dest: Path | None = None  # what is there already; else each run gets a folder of its own


def figures(folder: Path, hosts: Sequence[str], wanted: Sequence[str], scale: float = 1.0) -> Iterator[Figure]:
    """Make data below `folder`, `scale` times as much as usual, and yield what is to be measured with it."""
    if {"put", "get"} & set(wanted):
        large, small = folder / "large", folder / "small"
        filled(large, 1, int(64 * MIB * scale))
        filled(small, max(1, int(200 * scale)), 4 << 10, each=50)
        for kind in ("put", "get"):
            if kind in wanted:
                yield from _moved(kind, large / "d000/f000", small, len(hosts))
    if "sync" in wanted:
        yield from _synced(folder, hosts, scale)
    if "checksum" in wanted:
        yield _checksum(folder, scale)


def filled(folder: Path, files: int, size: int, *, each: int = 100) -> None:
    """Fill a folder with so many files of random bytes, `each` to a folder below it."""
    for number in range(files):
        path = folder / f"d{number // each:03}" / f"f{number % each:03}"
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("wb") as file:
            for at in range(0, size, MIB):
                file.write(os.urandom(min(MIB, size - at)))


def _moved(kind: str, large: Path, small: Path, hosts: int) -> Iterator[Figure]:
    """Yield the push, or the pull, of one large file and of a folder of small ones."""
    if kind == "put":
        word, target, ends = "push", "1.8x", ("{source}", "{host}:{dest}/{host}/")
        ours = pssh("put", "@all", "{source}", "{dest}/{host}/")
        bare = f"exec {_CAT} 'cat > {{dest}}/{{host}}/{large.name}' < {{source}}"
    else:
        word, target, ends = "pull", "2x", ("{host}:{source}", "{dest}/{host}/")
        ours = pssh("get", "@all", "{source}", "{dest}")
        bare = f"exec {_CAT} 'cat {{source}}' > {{dest}}/{{host}}/{large.name}"
    rsync, scp = _many("rsync -a", *_RSYNC, *ends), _many("scp", *_SCP, *ends)
    yield Figure(
        name=f"{word} one large file",
        target=f"{target} of scp",
        hosts=hosts,
        work=large.stat().st_size,
        unit="MB",
        tools=(ours, scp, rsync, _many("ssh cat", "sh", "-c", bare, note="compares nothing")),
        source=large,
        expected={large.name: sums(large.parent)[large.name]},
    )
    expected = {f"{small.name}/{path}": digest for path, digest in sums(small).items()}
    yield Figure(
        name=f"{word} a folder of small files",
        target="1.3x of rsync",
        hosts=hosts,
        work=len(expected),
        unit="files",
        tools=(ours, rsync, _many("scp -r", *_SCP, "-r", *ends)),
        source=small,
        expected=expected,
    )


def _synced(folder: Path, hosts: Sequence[str], scale: float) -> Iterator[Figure]:
    """Yield the comparison of a tree with what is the same on one host, and on all."""
    tree, copies = folder / "tree", folder / "copies"
    filled(tree, max(1, int(10_000 * scale)), 1 << 10)
    for host in hosts:
        shutil.copytree(tree, copies / host)
    before = {host: nodes(copies / host) for host in hosts}

    def touched(there: Path) -> dict[str, str]:
        return dict(nodes(there).items() ^ before[there.name].items())

    for count in sorted({1, len(hosts)}):
        yield Figure(
            name="sync a tree that is the same",
            target="at most 1.5 times as long as rsync",
            hosts=count,
            work=len(sums(tree)),
            unit="files",
            tools=(
                pssh("sync", "@all", "{source}", "{dest}/{host}"),
                _many("rsync -a", *_RSYNC, "{source}/", "{host}:{dest}/{host}/"),
            ),
            source=tree,
            expected={},
            look=touched,
            dest=copies,
        )


def _checksum(folder: Path, scale: float) -> Figure:
    """Return the hashing of 8 folders here, beside and one after the other."""
    whole = folder / "whole"
    filled(whole, 128, int(16 * MIB * scale), each=16)
    names = sorted(f"{path}" for path in whole.iterdir())
    ours = pssh("fs", "checksum", "@local", *names), pssh("fs", "checksum", "-p", "1", "@local", *names)
    # openssl and we use the processor's instructions for SHA-256, GNU's sha256sum often does not.
    alone = _alone("openssl", ("openssl", "dgst", "-sha256", "-r"), names), _alone("sha256sum", ("sha256sum",), names)
    return Figure(
        name="checksum of 8 folders",
        target="1.7x of -p 1 and of openssl",
        hosts=0,
        work=sum(path.stat().st_size for path in whole.rglob("*") if path.is_file()),
        unit="MB",
        tools=(*ours, *alone),
        source=whole,
        expected={},
    )


def pssh(*words: str) -> Peer:
    """Return a command line of ours; what stands in `{}` is filled in, `{host}` by pssh itself."""

    def argv(python: str, ask: Ask) -> list[str]:
        options = ["-F", f"{ask.fleet.ssh_config}", "-i", f"{ask.fleet.host_list}"] if "@all" in words else []
        return [python, "-m", "pssh", *_filled(words, ask), *options]

    name = " ".join(["pssh", *(word for word in words if "/" not in word and word[0] not in "@{")])
    return Peer(name, sys.executable, argv, lambda python: [python, "-m", "pssh", "--version"])


def _many(name: str, *words: str, note: str = "") -> Peer:
    """Return a tool that knows one host, under xargs, which fills in `{host}`."""

    def argv(xargs: str, ask: Ask) -> list[str]:
        return [xargs, "-a", f"{ask.fleet.host_list}", "-P", f"{ask.parallel}", "-I{host}", *_filled(words, ask)]

    version = ["rsync", "--version"] if words[0] == "rsync" else ["ssh", "-V"]
    return Peer(name, shutil.which("xargs") if shutil.which(words[0]) else None, argv, lambda xargs: version, note=note)


def _alone(name: str, hashes: Sequence[str], folders: Sequence[str]) -> Peer:
    """Return one process that hashes all files below some folders."""

    def argv(find: str, ask: Ask) -> list[str]:
        return [find, *folders, "-type", "f", "-exec", *hashes, "{}", "+"]

    version = [name, "version" if name == "openssl" else "--version"]
    found = shutil.which("find") if shutil.which(name) else None
    return Peer(name, found, argv, lambda find: version, note="one process")


def _filled(words: Sequence[str], ask: Ask) -> list[str]:
    names = {"{source}": ask.source, "{dest}": ask.dest, "{config}": ask.fleet.ssh_config}
    found = list(words)
    for name, value in names.items():
        found = [word.replace(name, f"{value}") for word in found]
    return found
