r"""Paths as a person types them: made exact, kept away from what must not be touched, and turned into words for `sh`.

A path is bytes; what is not UTF-8 stands as surrogate escapes. `*`, `?` and `[...]` match as in a shell, and never the
dot in front of a hidden name; a backslash before any of them makes it plain. A shell on the host never reads a byte of
a path as anything but text: all of it is quoted, except the patterns themselves, of which there are three shapes.

What must not be removed, moved away or changed as a whole: `/`, what lies directly in it, homes, and what a system
cannot be without. The host looks again, at the path without its links (`REFUSED_IN_SH`).
"""

import posixpath
from collections.abc import Iterable

from pssh.errors import UsageError
from pssh.ops.fs.here.globs import read
from pssh.ops.shellwords import exact, quote, shown

_SYSTEM = frozenset(
    "bin boot dev etc home lib lib32 lib64 libx32 lost+found media mnt opt proc root run sbin srv sys tmp usr var "
    "Applications Library System Users Volumes private".split()
)
_KEPT = frozenset(
    "/usr/bin /usr/lib /usr/lib64 /usr/local /usr/sbin /usr/share /usr/include /usr/libexec /var/lib /var/log "
    "/var/cache /var/spool /var/tmp /var/mail /var/run /var/lock /var/backups /boot/efi /boot/grub /dev/shm".split()
)
_OPEN = ("/tmp", "/srv", "/opt", "/mnt", "/media", "/var/tmp", "/var/cache")  # all that is inside may be meant
_HOMES = ("home", "Users")

# The same for a shell: is the folder in $w one of them? `$HOME` is the login's there, and without its links.
REFUSED_IN_SH = (
    "kept() { case $1 in /*/*/*) ;; /*/*) case $1 in /home/*|/Users/*|"
    + "|".join(sorted(_KEPT))
    + ") return 0;; esac;; "
    + "|".join(f"/{name}" for name in sorted(_SYSTEM))
    + "|/|//) return 0;; esac; "
    'case $1 in "${HOME:-/}"|"$(CDPATH= cd -P -- "${HOME:-/}" 2>/dev/null && pwd -P)") return 0;; esac; return 1; }; '
)


def normal(path: str) -> str:
    """Return the path with a `/` in it, so that no tool takes it for an option; raises UsageError for an empty one."""
    exact(path)
    if not path.strip():
        raise UsageError("A path is empty", hint="quote a variable that may be empty, and look at what it holds")
    if path == "~" or path.startswith("~/"):
        return path
    if path.startswith("~"):
        raise UsageError(
            f"`{shown(path)}` is another user's home", hint="write the path from `/` on; `~/` is the login's"
        )
    return path if path.startswith("/") else f"./{path}"


def changeable(path: str) -> str:
    """Return the path if it may be removed, moved or changed as a whole; raises UsageError."""
    exact = normal(path)
    parts = [part for part in exact.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise UsageError(f"`{shown(path)}` goes up by `..`", hint="write where it leads to")
    if not parts or parts == ["~"]:
        raise UsageError(f"`{shown(path)}` is refused: it is all there is", hint="name what is inside")
    if is_kept(exact):
        raise UsageError(f"`{shown(path)}` is refused: a system or a person lives there", hint="name what is inside")
    above = posixpath.dirname(exact)
    everything = parts[-1] in ("*", ".*", "?*") and is_kept(above) and above not in _OPEN
    if path.startswith("/") and is_pattern(path) and (everything or len(parts) < 2):
        raise UsageError(f"`{shown(path)}` is refused: a system or a person lives there", hint="name them one by one")
    if parts in (["*"], [".*"], ["~", "*"], ["~", ".*"]) and not path.startswith("/"):
        raise UsageError(f"`{shown(path)}` is refused: it is all of a home", hint="name what is inside")
    return exact


def is_kept(path: str) -> bool:
    """Whether an absolute path is one that is never touched as a whole."""
    if not path.startswith("/"):
        return False
    path = "/" + posixpath.normpath(path).strip("/")
    parts = path.split("/")[1:]
    return (
        parts == [""]
        or (len(parts) == 1 and parts[0] in _SYSTEM)
        or path in _KEPT
        or (len(parts) == 2 and parts[0] in _HOMES)
    )


def is_pattern(path: str) -> bool:
    """Whether any of it is matched, and not taken as it stands."""
    return any(live for _, live in read(path))


def word(path: str) -> str:
    """Return the path as one word of `sh`, in which nothing but its patterns is left to match."""
    start = ""
    if path == "~" or path.startswith("~/"):
        start, path = '"${HOME:-/}"', path[1:]
    return start + "".join(text if live else quote(text) for text, live in read(path)) or "''"


def calls(paths: Iterable[str]) -> str:
    """Return a line of `sh` for each path, which calls `v` with it, or `g` with what the pattern matches."""
    return "".join(
        f"g {quote(path)} {word(path)}\n" if is_pattern(path) else f"v {word(path)}\n" for path in map(normal, paths)
    )
