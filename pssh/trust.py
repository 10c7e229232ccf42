"""First contact: what the hosts' keys are, compared with what is known and with fingerprints from elsewhere.

A new key is written only once somebody agreed to it; a key that differs from a known one is never written.
"""

from base64 import b64decode
from collections.abc import Iterable, Sequence
from typing import Literal

from msgspec import Struct

from pssh.errors import ConfigError
from pssh.model.outcome import Result
from pssh.model.work import Job
from pssh.transport.ssh.hostkeys import HostKeys, append, fingerprint, known_hosts_line, named, removal, written

Word = Literal["CHANGED", "REVOKED", "UNREADABLE", "NOT LISTED", "failed", "new", "known"]
ALARMS = ("CHANGED", "REVOKED", "UNREADABLE", "NOT LISTED")
_WORDS: dict[str, Word] = {"ok": "known", "unknown": "new", "changed": "CHANGED", "revoked": "REVOKED"}


class Found(Struct, frozen=True, kw_only=True):
    """What one host showed, and what we know of it."""

    host: str
    word: Word
    name: str = ""  # as known_hosts names the host
    key_type: str = ""
    fingerprint: str = ""
    why: str = ""  # where the known key stands, or why the host showed none
    file: str = ""  # where a new key goes
    line: str = ""

    @property
    def remedy(self) -> str:
        """What to type if a changed key is known to be right."""
        return removal(self.name, self.why) if self.word == "CHANGED" else ""


def judge(results: Iterable[Result], jobs: Sequence[Job], listed: "Fingerprints | None" = None) -> list[Found]:
    """Return what each host of a scan showed, in the order of the results; `listed` must hold every new key."""
    indexes: dict[tuple[str, ...], HostKeys] = {}
    found = []
    for result in results:
        files = jobs[result.job_id].connection.known_hosts
        if files not in indexes:
            indexes[files] = HostKeys.load(files)
        found.append(_judged(result, jobs[result.job_id], indexes[files], listed))
    return found


def _judged(result: Result, job: Job, keys: HostKeys, listed: "Fingerprints | None") -> Found:
    if result.failure:
        return Found(host=result.host, word="failed", why=f"{result.cause}: {result.failure.words}")
    how = job.connection
    key_type, _, text = result.end.stdout.decode().partition(" ")
    blob = b64decode(text)
    name, port = named(how)
    verdict = keys.check(name, port, key_type, blob)
    word: Word = _WORDS.get(verdict.kind, "UNREADABLE")
    print_ = fingerprint(blob)
    if word == "new" and listed is not None and not listed.holds(print_, {result.host, name, written(name, port)}):
        word = "NOT LISTED"
    return Found(
        host=result.host,
        word=word,
        name=written(name, port),
        key_type=key_type,
        fingerprint=print_,
        why=verdict.where,
        file=how.known_hosts[0] if how.known_hosts else "",
        line=known_hosts_line(name, port, key_type, blob),
    )


class Fingerprints:
    """Fingerprints from a trusted source, each on a line with the host's name, as `ssh-keygen -l` writes them."""

    def __init__(self, text: str) -> None:
        self._names: dict[str, set[str]] = {}
        for line in text.splitlines():
            words = line.split()
            for word in words:
                if word.startswith("SHA256:"):
                    self._names.setdefault(word, set()).update(part.rpartition("@")[2] for part in words)

    def __len__(self) -> int:
        return len(self._names)

    def holds(self, fingerprint: str, names: set[str]) -> bool:
        """Whether a line has this fingerprint and one of these names of the host."""
        return not names.isdisjoint(self._names.get(fingerprint, ()))


def write(found: Iterable[Found]) -> dict[str, int]:
    """Append every new key to its file, one write under a lock for each file; return how many went where.

    Raises ConfigError for a host without any known_hosts file, and OSError.
    """
    lines: dict[str, list[str]] = {}
    for one in found:
        if one.word == "new":
            if not one.file:
                raise ConfigError(f"No known_hosts file is set for `{one.host}`, so its key has no place")
            lines.setdefault(one.file, []).append(one.line)
    for file, new in lines.items():
        append(file, new)
    return {file: len(new) for file, new in lines.items()}
