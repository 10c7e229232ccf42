"""What a host's own tools said when they could not do something, as a line and as a kind of failure."""

from pssh.model.outcome import Output

_MOST = 200

# What the tools of a host say, in the C locale, to what it is called. The first match wins.
_WORDS = (
    ("No space left", "remote-disk-full"),
    ("uota exceeded", "remote-disk-full"),
    ("File size limit exceeded", "remote-disk-full"),
    ("File too large", "remote-disk-full"),
    ("Permission denied", "remote-denied"),
    ("not permitted", "remote-denied"),
    ("Read-only", "remote-denied"),
    ("not found", "remote-missing"),
    ("No such file", "remote-missing"),
)

# Kinds of a failure after which nothing of a command can be running or left on its host.
NOT_BEGUN = ("denied", "password-expired", "sudo-denied", "sudo-needs-password")


def first_line(output: Output) -> str:
    """Return the first line on stderr, else on stdout, clipped; empty if nothing was printed."""
    said = output.stderr.strip() or output.stdout.strip()
    return said.decode("utf-8", "backslashreplace").partition("\n")[0][:_MOST]


def transfer_kind(words: str) -> str:
    """Return the kind of a `transfer` failure that was put into these words."""
    return next((kind for said, kind in _WORDS if said in words), "remote-failed")
