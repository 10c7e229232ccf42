"""What holds for a connection when nothing was said: the built-in defaults of this user on this machine.

They are the lowest of all sources; ssh_config, the inventory, options and the targets say more. Why the home folder
comes from `HOME` and not from the user database as in OpenSSH: a service or a test with a `HOME` of its own means it.
"""

import os
import pwd
from collections.abc import Mapping
from pathlib import Path

from pssh.model.host import Settings

_KEYS = ("id_ed25519", "id_ecdsa", "id_rsa")  # the order in which OpenSSH's own defaults are offered here
_KNOWN_HOSTS = ("/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2")


def login_name(environ: Mapping[str, str]) -> str:
    """Return who we are to the user database, or what the environment says where it knows nobody of our number."""
    try:
        return pwd.getpwuid(os.getuid()).pw_name
    except KeyError:
        return environ.get("LOGNAME") or environ.get("USER") or str(os.getuid())


def defaults(environ: Mapping[str, str], home: Path) -> Settings:
    """Return the built-in settings: login name, key files that exist, the agent, the usual known_hosts files."""
    ssh = home / ".ssh"
    return {
        "user": login_name(environ),
        "identity": [str(path) for path in (ssh / name for name in _KEYS) if path.is_file()],
        "agent": environ.get("SSH_AUTH_SOCK", ""),
        "known_hosts": [str(ssh / "known_hosts"), str(ssh / "known_hosts2"), *_KNOWN_HOSTS],
    }
