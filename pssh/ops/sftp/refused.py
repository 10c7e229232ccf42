"""What a file server says instead of doing what it was asked: the one place where its codes become our words."""

from pssh.model.outcome import Failure
from pssh.model.work import TransportError
from pssh.ops.sftp.packets import Reader

EOF, FAILURE = 1, 4

# Of version 3 the first eight; the others are of later versions, and servers that know those let them slip through.
_CODES: dict[int, tuple[str, str]] = {
    1: ("protocol", "there is no more"),
    2: ("remote-missing", "there is no such file or folder"),
    3: ("remote-denied", "permission denied"),
    4: ("remote-failed", "the host could not"),
    5: ("protocol", "the host did not understand"),
    6: ("connection-closed", "the connection is gone"),
    7: ("connection-closed", "the connection was lost"),
    8: ("unsupported", "the host knows no such request"),
    10: ("remote-missing", "there is no such path"),
    11: ("remote-exists", "it exists already"),
    12: ("remote-denied", "it is write-protected"),
    14: ("remote-disk-full", "no space is left"),
    15: ("remote-disk-full", "the quota is used up"),
    18: ("remote-exists", "the folder is not empty"),
    19: ("remote-missing", "it is no folder"),
    24: ("is-directory", "it is a folder"),
}
# For 4, which stands for every errno: words that servers put beside it, in small letters.
_WORDS = (
    (b"no space", "remote-disk-full"),
    (b"quota", "remote-disk-full"),
    (b"is a directory", "is-directory"),
    (b"permission", "remote-denied"),
    (b"not permitted", "remote-denied"),
    (b"read-only", "remote-denied"),
    (b"exists", "remote-exists"),
    (b"no such file", "remote-missing"),
)
_LONGEST = 200  # of the host's own words


class Refused(TransportError):
    """The host did not do it. Code 4 (FAILURE) names no reason: whoever has a session may ask `df -P` or `test -w`."""

    def __init__(self, failure: Failure, code: int, path: bytes) -> None:
        super().__init__(failure)
        self.code, self.path = code, path

    @property
    def unexplained(self) -> bool:
        """Whether it is worth asking the host in another way."""
        return self.failure.kind == "remote-failed"


def refused(code: int, words: bytes, what: str, path: bytes) -> Refused:
    """Return the error for a status; `what` was to be done with the path."""
    kind, ours = _CODES.get(code, ("remote-failed", f"the host answered with code {code}"))
    if kind == "remote-failed":
        kind = next((known for sign, known in _WORDS if sign in words.lower()), kind)
    said = words[:_LONGEST].decode("utf-8", "replace").strip()
    reason = f"{ours} ({said})" if said and said.lower() not in ("failure", ours) else ours
    return Refused(Failure(stage="transfer", kind=kind, message=f"{what} `{shown(path)}`: {reason}"), code, path)


def status(reader: Reader) -> tuple[int, bytes]:
    """Read a code and the words beside it, which old servers leave out."""
    code = reader.u32()
    words = reader.string() if reader.more else b""
    if reader.more:
        reader.string()  # in which language they are
    reader.end()
    return code, words


def failed(kind: str, message: str, hint: str = "") -> TransportError:
    """Return the error of a transfer that went wrong on our side of the protocol."""
    return TransportError(Failure(stage="transfer", kind=kind, message=message, hint=hint))


def broken(why: str) -> TransportError:
    """Return the error for a file server that does not keep to the protocol."""
    return failed("protocol", f"the file server broke the protocol: {why}")


def shown(path: bytes) -> str:
    """Return a path for a message; what is not UTF-8 is replaced."""
    return path.decode("utf-8", "replace")
