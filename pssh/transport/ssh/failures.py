"""What went wrong, in our words: the one place between exceptions, errno and phases here and rows there."""

import errno
import socket

from paramiko.ssh_exception import IncompatiblePeer, SSHException

from pssh.model.outcome import Failure
from pssh.transport.ssh.wire import ProtocolError


class Closed(Exception):
    """The host closed the connection; the text is what it said last."""


_THROTTLED = ("MaxStartups", "Not allowed at this time")
_CONNECT: dict[int, tuple[str, str]] = {
    errno.ECONNREFUSED: ("refused", "refused the connection"),
    errno.ECONNRESET: ("refused", "reset the connection"),
    errno.ENETUNREACH: ("no-route", "network is unreachable"),
    errno.EHOSTUNREACH: ("no-route", "no route to the host"),
    errno.ETIMEDOUT: ("timeout", "no answer"),
}


def unconnected(error: OSError, where: str) -> Failure:
    """Return why no TCP connection came about; `where` is `address:port`."""
    if error.errno in (errno.EMFILE, errno.ENFILE):
        return Failure(stage="local", kind="descriptors", message="this machine is out of file descriptors")
    kind, words = _CONNECT.get(error.errno or 0, ("no-route", error.strerror or str(error)))
    return Failure(stage="connect", kind=kind, message=words, detail=where)


def unresolved(error: Exception, name: str) -> Failure:
    """Return why a name has no address."""
    if isinstance(error, TimeoutError):
        return Failure(stage="dns", kind="timeout", message="no answer from the resolver", detail=name)
    text = error.strerror if isinstance(error, socket.gaierror) and error.strerror else str(error)
    return Failure(stage="dns", kind="unknown-name", message=f"it does not resolve: {text}", detail=name)


def ended(error: Exception, phase: str, said: list[str], *, sent: bool) -> Failure:
    """Return what an end of the connection means in a phase; `said` are lines that came before the banner.

    `sent`: a command was requested, so that it may have run.
    """
    text = _words(error)
    if sent:
        kind = "connection-closed" if isinstance(error, (Closed, OSError)) else "protocol"
        return Failure(stage="exec", kind=kind, message=f"{text} before the command's end was seen")
    if any(word in line for line in [*said, text] for word in _THROTTLED):
        return Failure(stage="connect", kind="throttled", message="; ".join([*said, text]))
    if phase == "banner":
        return _before_banner(error, text, said)
    if phase == "kex":
        if isinstance(error, IncompatiblePeer):
            return Failure(stage="kex", kind="no-common-algorithm", message=text)
        return Failure(stage="kex", kind="closed" if isinstance(error, (Closed, OSError)) else "protocol", message=text)
    kind = "too-many-failures" if "Too many authentication failures" in text else "closed"
    return Failure(stage="auth", kind=kind, message=f"{text} during the login")


def timed_out(phase: str, seconds: float, where: str, said: list[str]) -> Failure:
    """Return the row of a phase whose time was up."""
    last = f"; its last line was `{said[-1][:200]}`" if said else ""
    messages = {
        "dns": ("dns", f"no answer from the resolver within {seconds:g} s"),
        "connect": ("connect", f"no answer within {seconds:g} s"),
        "banner": ("banner", f"connected, but no SSH banner within {seconds:g} s{last}"),
        "kex": ("kex", f"the key exchange did not end within {seconds:g} s"),
        "auth": ("auth", f"the login did not end within {seconds:g} s"),
        "open": ("auth", f"logged in, but no session was opened within {seconds:g} s"),
    }
    stage, message = messages[phase]
    detail = where if phase == "connect" else ""
    return Failure(stage=stage, kind="timeout", message=message, detail=detail)  # type: ignore[arg-type]  # stages all


def _before_banner(error: Exception, text: str, said: list[str]) -> Failure:
    if isinstance(error, ProtocolError):
        kind = "too-long" if "long" in text else "not-ssh"
        return Failure(stage="banner", kind=kind, message=f"{text}{_first(said)}")
    if said:
        return Failure(stage="banner", kind="not-ssh", message=f"{text} without an SSH banner{_first(said)}")
    return Failure(stage="kex", kind="closed", message=f"{text} before its banner")


def _first(said: list[str]) -> str:
    return f"; its first line was `{said[0][:200]}`" if said else ""


def _words(error: Exception) -> str:
    if isinstance(error, Closed):
        return f"the host closed the connection: {error}" if str(error) else "the host closed the connection"
    if isinstance(error, OSError):
        return f"the connection broke ({error.strerror or error})"
    if isinstance(error, (SSHException, ProtocolError)):
        return f"the host broke the protocol: {error}" if not isinstance(error, IncompatiblePeer) else str(error)
    return f"the host sent what cannot be read ({type(error).__name__})"
