"""The folder in which one demo host lives: a home, a few commands of its own, and the environment they run in.

`uname`, `uptime`, `df`, `systemctl` and `hostname` answer as the host's seed says, so that a tour looks the same each
time; every other command is this machine's. A sandbox is a home, not a jail: commands run as the user who started it.
"""

import os
import signal
from contextlib import suppress
from pathlib import Path
from random import Random

_SCRIPTS = {
    "hostname": """\
echo {name}
""",
    "uname": """\
case "${{1-}}" in
    "" | -s) echo Linux ;;
    -n) echo {name} ;;
    -r) echo {kernel} ;;
    -m) echo x86_64 ;;
    -sr) echo Linux {kernel} ;;
    -a) echo Linux {name} {kernel} '#1 SMP x86_64 GNU/Linux' ;;
    -*) echo "uname: invalid option $1" >&2; exit 1 ;;
    *) echo "uname: extra operand '$1'" >&2; exit 1 ;;
esac
""",
    "uptime": """\
case "${{1-}}" in
    -p) echo up {days} days ;;
    -s) echo 2026-0{month}-1{digit} 04:1{digit}:07 ;;
    *) echo ' 10:00:00 up {days} days,  3:1{digit},  1 user,  load average: 0.{digit}4, 0.21, 0.18' ;;
esac
""",
    "df": """\
case "${{1-}}" in
    -Pk) echo 'Filesystem     1024-blocks     Used Available Capacity Mounted on'
         echo '/dev/vda1         41943040 {blocks} /' ;;
    *) echo 'Filesystem      Size  Used Avail Use% Mounted on'
       echo '/dev/vda1        40G  {disk} /' ;;
esac
""",
    "systemctl": """\
case "$1 ${{2-}}" in
    "is-active nginx" | "status nginx") echo {nginx}; [ {nginx} = active ] || exit 3 ;;
    "is-active "*) echo active ;;
    *) echo "$2: done" ;;
esac
""",
}


def make(home: Path, name: str, seed: int, *, differs: bool = False) -> None:
    """Create the home of one host, with its own commands in `bin/`; `differs`: older, fuller, its nginx down."""
    chance = Random(f"{seed}/{name}")
    words = {
        "name": name,
        "kernel": "6.1.0-25-amd64" if differs else "6.1.0-28-amd64",
        "days": chance.randint(30, 60),
        "month": chance.randint(7, 9),
        "digit": chance.randint(0, 9),
        "disk": " 37G  1.0G  98%" if differs else " 31G  7.0G  82%",
        "blocks": "38797312   1048576      98%" if differs else "32505856   7340032      82%",
        "nginx": "failed" if differs else "active",
    }
    (home / "bin").mkdir(parents=True)
    (home / "tmp").mkdir()
    for command, text in _SCRIPTS.items():
        file = home / "bin" / command
        file.write_text("#!/bin/sh\n" + text.format(**words))
        file.chmod(0o700)


def environment(home: Path, user: str) -> dict[str, str]:
    """Return all that a command sees of this machine's environment: nothing of the user's own."""
    return {
        "HOME": str(home),
        "TMPDIR": str(home / "tmp"),
        "USER": user,
        "LOGNAME": user,
        "SHELL": "/bin/sh",
        "LANG": "C.UTF-8",
        "PATH": f"{home / 'bin'}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    }


def sweep(folder: Path) -> None:
    """Kill whatever still runs with its home in `folder`, also what left its process group.

    Needs /proc; without it nothing is found.
    """
    mark = b"HOME=" + os.fsencode(folder) + b"/"
    for entry in Path("/proc").glob("[0-9]*"):
        # Gone meanwhile, or another user's: not ours in either case.
        with suppress(OSError):
            words = (entry / "environ").read_bytes().split(b"\0")
            if any(word.startswith(mark) for word in words):
                os.kill(int(entry.name), signal.SIGKILL)
