"""A sudo of our own making, for the folder of a test: it asks, or does not, as its `-u` user's name says.

never     asks nothing                  once      asks once, takes `right`
twice     asks again, whatever it got   lecture   says a few lines first, then asks once
refuses   asks nobody, and runs nothing
"""

from pathlib import Path

_SUDO = r"""#!/bin/sh
# sudo [-n] [-S -p PROMPT] -u USER -- WORDS...
none=; prompt=
while [ "$1" != -- ]; do
    case $1 in
        -n) none=1 ;;
        -S) ;;
        -p) prompt=$2; shift ;;
        -u) user=$2; shift ;;
    esac
    shift
done
shift
ask() {
    if [ "$none" ]; then echo 'sudo: a password is required' >&2; exit 1; fi
    printf %s "$prompt" >&2
    IFS= read -r answer || { echo 'sudo: no password was provided' >&2; exit 1; }
    echo "$answer" >> "$0.log"
}
case $user in
    never) ;;
    once) ask; [ "$answer" = right ] || { echo 'Sorry, try again.' >&2; ask; exit 1; } ;;
    twice) ask; echo 'Sorry, try again.' >&2; ask ;;
    lecture) printf 'We trust you have received\n    the usual lecture.\n\n' >&2; ask ;;
    refuses) echo 'login is not in the sudoers file.' >&2; exit 1 ;;
esac
exec "$@"
"""


def install(folder: Path) -> Path:
    """Put it in a folder, and return its path; beside it a `.log` collects the answers it read."""
    sudo = folder / "sudo"
    sudo.write_text(_SUDO)
    sudo.chmod(0o755)
    return sudo
