"""The script that removes, and gives modes and times, on a host: read from its input, so that no list is too long.

Every name is a quoted word. What is done in a folder is done from within it, once it was seen to be the one below the
destination and not what a link leads to; a name that is removed is not followed.
"""

import time
from collections.abc import Iterable, Iterator
from itertools import groupby

from pssh.ops.shellwords import quote
from pssh.ops.sync.plan import Plan

_MOST = 64 << 10  # bytes of one line: an argument list has a limit
_BEGIN = (
    "LC_ALL=C; export LC_ALL; unset CDPATH; bad=0; "
    "empty() { if find . -maxdepth 0 -name .. -delete 2>/dev/null; then find . -depth ! -name . -delete; "
    "else find . ! -type d -exec rm -f -- {} + && find . -depth -type d ! -name . -exec rmdir -- {} +; fi; }\n"
    # Where we are must be what was meant: a folder that was replaced by a link leads elsewhere.
    'in_() { cd -P -- "${T:-/}" && { [ "$1" = . ] || cd -P -- "$1"; } && p=$(pwd -P; echo x) && '
    '{ [ "${p%??}" = "$T${1#.}" ] || [ "${p%??}/" = "$T/${1#.}" ]; } || '
    '{ printf "%s: it was replaced by a link\\n" "$1" >&2; exit 1; }; }\n'
    'gone() { if [ -d "$1" ] && [ ! -L "$1" ]; then ( f=$(pwd -P; echo x); cd -P -- "$1" || exit 1; '
    'p=$(pwd -P; echo x); f=${f%??}; [ "${p%??}" = "${f%/}${1#.}" ] || '
    '{ printf "%s: it was replaced by a link\\n" "$1" >&2; exit 1; }; '
    'empty ) && rmdir -- "$1"; else rm -f -- "$1"; fi; }\n'
    # A mode is of what a link leads to: what has become one is passed over.
    'mode() { m=$1; shift; for x do shift; [ -L "$x" ] || set -- "$@" "$x"; done; '
    '[ $# = 0 ] || chmod "$m" -- "$@"; }\n'
    "h=; touch -h -c -- ./.pssh-none 2>/dev/null && h=-h\n"
)


def script(dest: str, plan: Plan, *, first: bool) -> bytes:
    """Return the script that clears the way, or else the one that comes after the files; `dest` is a word of sh."""
    lines = [_BEGIN, f'cd -P -- {dest} && T=$(pwd -P; echo x) || exit 1; T=${{T%??}}; [ "$T" != / ] || T=\n']
    if first:
        lines += _removed(plan.clear)
    else:
        lines += _removed(plan.remove)
        # What is deepest first: a folder may close itself to us.
        lines += _set((path, f"TZ=UTC0 touch $h -c -m -t {_stamp(when)} --") for path, when in reversed(plan.times))
        lines += _set((path, f"mode {mode:o}") for path, mode in reversed(plan.chmod))
    lines.append("printf 'pssh-done\\0'; exit $bad\n")
    return "".join(lines).encode("utf-8", "surrogateescape")


def _stamp(when: int) -> str:
    return time.strftime("%Y%m%d%H%M.%S", time.gmtime(when))


def _parts(path: bytes) -> tuple[bytes, bytes]:
    above, _, name = path.rpartition(b"/")
    return above, name


def _removed(paths: Iterable[bytes]) -> Iterator[str]:
    for above, group in groupby(sorted(map(_parts, paths)), key=lambda part: part[0]):
        names = " ".join(_word(name) for _, name in group)
        yield f'( in_ {_word(above)} || exit 1; for x in {names}; do gone "$x" || exit 1; done ) || bad=1\n'


def _set(done: Iterable[tuple[bytes, str]]) -> Iterator[str]:
    """Yield a line for what is done in the same way in the same folder."""
    parted = ((*_parts(path), command) for path, command in done)
    for (above, command), group in groupby(parted, key=lambda part: (part[0], part[2])):
        names: list[str] = []
        for _, name, _ in group:
            names.append(_word(name))
            if sum(map(len, names)) > _MOST:
                yield _line(above, command, names)
                names = []
        if names:
            yield _line(above, command, names)


def _line(above: bytes, command: str, names: list[str]) -> str:
    return f"( in_ {_word(above)} || exit 1; {command} {' '.join(names)} ) || bad=1\n"


def _word(path: bytes) -> str:
    return quote("./" + path.decode("utf-8", "surrogateescape")) if path else "."
