"""What ssh_config says of a host, as settings of ours.

For the keywords it knows, the answers are those of `ssh -G` (ssh_config(5)): the first value wins, `IdentityFile` adds
up, tokens and `~` are expanded. What it does not know and what would change the outcome is named in `notices`, once
per line; a `Match` block is left out, never taken as true. Why not paramiko's SSHConfig: it takes an unknown Match for
true, leaves Include out and reads comments as values.
"""

import os
import re
import socket
from collections.abc import Mapping
from pathlib import Path
from pwd import getpwuid
from typing import Any, Self

from pssh.errors import ConfigError
from pssh.model import names
from pssh.model.host import Settings
from pssh.transport.ssh.configfile import UNSUPPORTED, Block, Entry, Files, tilde
from pssh.transport.ssh.patterns import matches, plain

_TOKEN = re.compile(r"%(.?)|\$\{([^}]*)(\}?)", re.DOTALL)
_GLOBAL_FILES = ["/etc/ssh/ssh_known_hosts", "/etc/ssh/ssh_known_hosts2"]
_AS_WRITTEN = ("port", "user", "identities_only", "host_keys", "keepalive")  # slots whose value is the setting
_SHOWN = 3  # names in a notice; a fleet would not fit


class UserConfig:
    """The ssh_config files of one user, asked by host name."""

    def __init__(self, files: Files, environ: Mapping[str, str]) -> None:
        self._home = files.home
        self._environ = environ
        self._notices = files.notices
        self._blocks = files.blocks
        self._named: dict[str, list[int]] = {}  # blocks that can only apply to that name
        self._others: list[int] = []  # blocks that any name may match
        self._left_out: dict[str, tuple[str, dict[str, None]]] = {}  # by file:line: keyword, hosts it would apply to
        self._shared: dict[tuple[int, ...], tuple[dict[str, Entry], Settings]] = {}  # by blocks, what all hosts get
        for number, block in enumerate(files.blocks):
            if block.entries:
                names = _names(block)
                for name in names or ():
                    self._named.setdefault(name, []).append(number)
                if names is None:
                    self._others.append(number)

    @classmethod
    def load(
        cls,
        path: str | None,
        *,
        home: Path,
        system: Path = Path("/etc/ssh/ssh_config"),
        environ: Mapping[str, str] = os.environ,
    ) -> Self:
        """Read the file named, and only that, or the user's and the system's; `none` is no file.

        Raises ConfigError for a bad line, for a file that cannot be read, and for a missing one that was named.
        """
        files = Files(home)
        base = home / ".ssh"
        if path is None:
            _read(files, base / "config", base, own=True, checked=True)
            _read(files, system, system.parent, own=False, checked=False)
        elif path.lower() != "none":
            _read(files, Path(tilde(path, home, path)), base, own=True, checked=False, named=True)
        return cls(files, environ)

    @property
    def notices(self) -> list[str]:
        """One line for each thing left out: of the files, then of the hosts that were looked up so far."""
        return self._notices + [
            f"{where}: `{keyword}` is not supported, it is left out for {_some(list(hosts))}"
            for where, (keyword, hosts) in self._left_out.items()
        ]

    def names(self) -> frozenset[str]:
        """Return the names that `Host` lines spell out."""
        hosts = {pattern for block in self._blocks for pattern in block.scope[-1]}
        return frozenset(filter(plain, hosts))

    def lookup(self, name: str, *, user: str = "", port: int = 0) -> Settings:
        """Return what is said of a host; a key that is absent was not said. Paths are absolute.

        `user` and `port` stand for `%r` and `%p` when something stronger than ssh_config has set them. Raises
        ConfigError for a token or variable that cannot be expanded.
        """
        blocks = self._applying(name)
        if blocks not in self._shared:
            said: dict[str, Entry] = {}
            identity: list[Entry] = []
            for entry in (entry for number in blocks for entry in self._blocks[number].entries):
                if entry.slot == "identity":
                    identity.append(entry)
                else:
                    said.setdefault(entry.slot, entry)
            found = _Answer(self._home, self._environ, name, said, user, port).settings(identity)
            if any(map(_varies, (*said.values(), *identity))):
                self._note(name, said)
                return found
            self._shared[blocks] = said, found
        said, found = self._shared[blocks]
        self._note(name, said)
        return found.copy()

    def _applying(self, name: str) -> tuple[int, ...]:
        """Return the numbers of the blocks that apply to a name, in their order."""
        mine = self._named.get(name)
        return tuple(
            number
            for number in (sorted(mine + self._others) if mine else self._others)
            if all(matches(name, patterns) for patterns in self._blocks[number].scope)
        )

    def _note(self, name: str, said: dict[str, Entry]) -> None:
        for slot, entry in said.items():
            if slot in UNSUPPORTED and entry.value:
                self._left_out.setdefault(entry.where, (entry.keyword, {}))[1][name] = None


class _Answer:
    """One look-up: the values said, made settings."""

    def __init__(
        self, home: Path, environ: Mapping[str, str], name: str, said: dict[str, Entry], user: str, port: int
    ) -> None:
        self.home, self.environ, self.name, self.said = home, environ, name, said
        self.user, self.port = user, port
        self.address = self._address()

    def settings(self, identity: list[Entry]) -> Settings:
        found: Any = {slot: self.said[slot].value for slot in _AS_WRITTEN if slot in self.said}
        if "address" in self.said:
            found["address"] = self.address
        if identity:
            paths = (self._path(entry, entry.value) for entry in identity if entry.value.lower() != "none")
            found["identity"] = list(dict.fromkeys(paths))
        if "agent" in self.said:
            found["agent"] = self._agent(self.said["agent"])
        if "way" in self.said:
            found |= self._way(self.said["way"])
        if "host_key_alias" in self.said:
            found["host_key_alias"] = self.said["host_key_alias"].value.lower()
        if "user_files" in self.said or "global_files" in self.said:
            found["known_hosts"] = self._known_hosts()
        if "connect_timeout" in self.said and self.said["connect_timeout"].value:
            found["connect_timeout"] = self.said["connect_timeout"].value  # without a limit: the default's
        return found  # type: ignore[no-any-return]  # the slots are keys of Settings

    def _address(self) -> str:
        entry = self.said.get("address")
        address = self._expand(entry, entry.value, {"h": self.name}) if entry else self.name
        literal = ":" in address or "%" in address or not address.strip("0123456789.")
        return address if literal else address.lower()

    def _way(self, entry: Entry) -> dict[str, Any]:
        """Return by what the host is reached: the jump hosts, or a command; not both (ssh_config(5))."""
        slot, text = entry.value
        if "%" in text:
            tokens = self._tokens()
            for name in (self.address, tokens["r"]):
                if not names.plain(name):  # a shell might read it, or a program take it for an option
                    raise ConfigError(f"{entry.where}: `{name}` is not fit for `{entry.keyword}`", hint=names.NAME_RULE)
            text = self._expand(entry, text, tokens)
        if slot == "proxy_command":
            return {"proxy_command": text, "jump": []}
        return {"jump": [hop.strip() for hop in text.split(",")] if text else [], "proxy_command": ""}

    def _agent(self, entry: Entry) -> str:
        text: str = entry.value
        if text.lower() == "none":
            return ""
        if text == "SSH_AUTH_SOCK" or re.fullmatch(r"\$\w+", text):
            return self.environ.get(text.lstrip("$"), "")
        return self._path(entry, text)

    def _known_hosts(self) -> list[str]:
        users, everyones = self.said.get("user_files"), self.said.get("global_files")
        if users:
            # The first file is the one written to: without one of the user's, keys are learned nowhere.
            own = [self._path(users, path) for path in users.value] or ["/dev/null"]
        else:
            own = [str(self.home / ".ssh" / name) for name in ("known_hosts", "known_hosts2")]
        if everyones is None:
            return own + _GLOBAL_FILES
        return own + [_absolute(tilde(path, self.home, everyones.where)) for path in everyones.value]

    def _path(self, entry: Entry, text: str) -> str:
        text = tilde(text, self.home, entry.where)
        if "%" in text or "${" in text:
            text = self._expand(entry, text, self._tokens(), variables=True)
        return _absolute(text)

    def _tokens(self) -> dict[str, str]:
        login = getpwuid(os.getuid()).pw_name
        user, port, alias = (self.said.get(slot) for slot in ("user", "port", "host_key_alias"))
        here = socket.gethostname()
        return {
            "d": str(self.home),
            "h": self.address,
            "i": str(os.getuid()),
            "k": alias.value.lower() if alias else self.name,
            "L": here.partition(".")[0],
            "l": here,
            "n": self.name,
            "p": str(self.port or (port.value if port else 22)),
            "r": self.user or (user.value if user else login),
            "u": login,
        }

    def _expand(self, entry: Entry, text: str, tokens: Mapping[str, str], *, variables: bool = False) -> str:
        def one(found: re.Match[str]) -> str:
            token, name, end = found.groups()
            if token == "%":
                return "%"
            if token is not None and token in tokens:
                return tokens[token]
            if token is None and not variables:
                return found[0]
            if token is None and end and name in self.environ:
                return self.environ[name]
            raise ConfigError(f"{entry.where}: `{found[0]}` in `{entry.keyword}` stands for nothing")

        return _TOKEN.sub(one, text)


def _names(block: Block) -> list[str] | None:
    """Return the only names a block can apply to, or None if that cannot be told."""
    for patterns in reversed(block.scope):
        positive = [pattern for pattern in patterns if not pattern.startswith("!")]
        if all(map(plain, positive)):
            return positive
    return None


def _varies(entry: Entry) -> bool:
    """Whether a value may be another one for another host: it has a token or a variable."""
    values = entry.value if isinstance(entry.value, list | tuple) else (entry.value,)
    return any(isinstance(value, str) and ("%" in value or "$" in value) for value in values)


def _read(files: Files, path: Path, base: Path, *, own: bool, checked: bool, named: bool = False) -> None:
    try:
        files.read(path, base, own=own, checked=checked)
    except FileNotFoundError:
        if named:
            raise ConfigError(f"There is no file `{path}`", hint="`-F none` reads no ssh_config") from None
    except OSError as error:
        raise ConfigError(f"`{path}` cannot be read: {error.strerror}") from error


def _absolute(path: str) -> str:
    return path if path.startswith("/") else str(Path(path).absolute())


def _some(hosts: list[str]) -> str:
    more = f" and {len(hosts) - _SHOWN} more" if len(hosts) > _SHOWN else ""
    return ", ".join(f"`{host}`" for host in hosts[:_SHOWN]) + more
