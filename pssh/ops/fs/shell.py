r"""The words of `sh` that file operations are made of: one program, one exec, one answer per host.

An answer is strings that end in NUL: what comes before the first is what a noisy login printed and is passed over, then

    r PATH DIALECT ...     what there is at and below a path (`ops/fs/answer` reads it)
    h BLOB                 lines of `sha256sum`
    d WORD PATH            what was done
    c SIZE DISK FILES PATH sums
    .                      all was said

What cannot be done is said by the tools themselves on stderr, and the exit code is then 1. GNU's find prints what we
want itself; elsewhere `stat` prints a line for each name below `ROOT//.`: no name holds a `/`, so that `//` begins no
line but ours, whatever a name holds. The tools of GNU, busybox and the BSDs are enough.
"""

from pssh.ops.fs.paths import REFUSED_IN_SH, calls

BEGIN = b"pssh-fs\0"

_PRELUDE = (
    "LC_ALL=C; export LC_ALL; unset CDPATH; bad=0; o() { printf '%s\\0' \"$@\"; }; "
    'no() { printf "%s: %s\\n" "$1" "$2" >&2; bad=1; }; '
    # What a pattern matches; a name that does not exist is the pattern itself, which matched nothing.
    'g() { p=$1; shift; if [ $# = 1 ] && [ ! -e "$1" ] && [ ! -L "$1" ]; then no "$p" "nothing matches"; return; fi; '
    'for f do v "$f"; done; }; '
)

_FIELDS = r"%y %m %s %T@ %D %i %n %b %U %G\0%u\0%g\0%P\0%l\0"
_STAT = "%f %s %Y %d %i %h %b %u %g/%U/%G/%n"
_BSD = "%Xp %z %m %d %i %l %b %u %g/%Su/%Sg/%N"

# `walk ROOT TESTS...` is everything below a folder, and itself; `self PATH` one name, which is not followed.
LISTING = (
    'G=$(find . -prune -printf x 2>/dev/null); if [ "$G" != x ]; then '
    f"if stat -c %i . >/dev/null 2>&1; then S=-c; F='{_STAT}'; else S=-f; F='{_BSD}'; fi; fi; "
    'links() { find "$@" -type l -exec sh -c \'for f do '
    't=$(readlink "$f" && echo x) || continue; printf "l\\0%s\\0%s\\0" "$f" "${t%??}"; done\' sh {} +; }; '
    'walk() { r=$1; shift; if [ "$G" = x ]; then o r "$r" g; '
    f'find -H "$r" "$@" -printf \'{_FIELDS}\' || bad=1; else '
    'o r "$r" s; find -H "$r//." "$@" -exec stat "$S" "$F" {} + || bad=1; '
    'printf \'\\0\'; links "$r//." "$@"; fi; }; '
    'self() { if [ ! -e "$1" ] && [ ! -L "$1" ]; then no "$1" "No such file or directory"; return; fi; '
    f'if [ "$G" = x ]; then o r "$1" g; find "$1" -prune -printf \'{_FIELDS}\' || bad=1; else '
    'o r "$1" s; stat "$S" "$F" -- "$1" || bad=1; printf "\\0"; if [ -L "$1" ]; then links "$1" -prune; fi; fi; }; '
)

HASHES = (
    'for H in sha256sum "shasum -a 256" "sha256 -r" "openssl dgst -sha256 -r" ""; do '
    "command -v ${H%% *} >/dev/null 2>&1 && break; done; "
    '[ "$H" ] || { echo "no sha256sum, shasum, sha256 or openssl" >&2; exit 1; }; '
)

# The same device and inode as before; a folder that was put in the place of another has others.
_ID = (
    'id_of() { stat -c %d:%i "$1" 2>/dev/null || stat -f %d:%i "$1" 2>/dev/null || '
    'ls -di "$1" | sed "s/^ *//;s/ .*//;q"; }; '
)

# `at PATH` goes to where a name lies, with all links on the way resolved once, and leaves it in $n; what is done then
# is done to `./$n` from there, wherever else the path leads by that time. In a subshell.
PLACE = (
    _ID
    + REFUSED_IN_SH
    + "at() { q=$1; while :; do case $q in ?*/) q=${q%/};; *) break;; esac; done; d=${q%/*}; n=${q##*/}; "
    'cd -P -- "${d:-/}" || exit 1; '
    "case $n in ''|.|..) no \"$1\" refused; exit 1;; esac; "
    'w=$(pwd -P; echo x); w=${w%??}; if kept "${w%/}/$n"; then no "$1" "refused: a system or a person lives there"; '
    "exit 1; fi; }; "
    # `aside FOLDER` makes the folder $x in it, where something is made before it gets its name: nobody foresees $x.
    'aside() { x=$(umask 077; mktemp -d "$1/.pssh-XXXXXXXXXX") || exit 1; '
    "trap 'rm -rf -- \"$x\"' EXIT; trap 'exit 143' HUP INT TERM; }; "
    'there() { [ -e "$1" ] || [ -L "$1" ]; }; folder() { [ -d "$1" ] && [ ! -L "$1" ]; }; '
)


# For very many names: what they are compared by, and no more. Sizes are those of files alone.
_BRIEF = (
    r"\( -type f -printf 'f %m %s %T@\0%P\0\0' -o -type d -printf 'd %m 0 %T@\0%P\0\0' "
    r"-o -printf '%y %m 0 %T@\0%P\0%l\0' \)"
)
BRIEF = LISTING.replace('o r "$r" g;', 'o r "$r" b;').replace(f"-printf '{_FIELDS}'", _BRIEF, 1)


def program(verb: str, paths: tuple[str, ...], *, needs: str = LISTING, first: str = ":") -> str:
    """Return a program that does `first`, then `verb`, the body of a function of one path, for each path."""
    return f"{_PRELUDE}{needs}v() {{ {verb}; }}; printf 'pssh-fs\\0'\n{first}\n{calls(paths)}o .; exit $bad"
