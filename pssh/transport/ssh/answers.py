"""Answers that are no end of a command; also of what answers in its place, which to us is a command that ended with 1.

sshd answers so for whom it only lets transfer files, and for whose password has expired; a login shell that lets nobody
in does. Each is known by the whole of what was printed, so that a command that quotes it among other words is its own.
"""

import re

from pssh.model.outcome import Failure, Reply

REFUSED = Failure(
    stage="exec", kind="denied", message="the host refuses to run commands (a forced command, or no login)"
)
NO_END = Failure(stage="exec", kind="connection-closed", message="the session was closed without an exit status")
_DENIED = (b"This service allows sftp connections only.", b"This account is currently not available.")
_EXPIRED = re.compile(rb"(?:WARNING: Your password has expired\.\r?\n)?Password change required but no TTY available\.")
_LONGEST = 200  # bytes of any of them


def judged(reply: Reply) -> Reply | Failure:
    """Return the reply, or why the host ran nothing, with all that was printed as its words."""
    if reply.exit_code != 1 or reply.stdout_bytes + reply.stderr_bytes > _LONGEST or (reply.stdout and reply.stderr):
        return reply
    said = (reply.stdout or reply.stderr).strip()
    if said in _DENIED:
        return Failure(stage="exec", kind="denied", message=f"the host refuses to run commands: {said.decode()}")
    if not reply.stdout and _EXPIRED.fullmatch(said):
        message = f"the password has expired: {said.decode().splitlines()[-1]}"
        return Failure(stage="auth", kind="password-expired", message=message)
    return reply
