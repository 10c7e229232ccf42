"""ssh_config files as lines: read with OpenSSH's quoting, `Host` blocks and `Include`, every value checked.

What comes out is a flat list of blocks in the order of the files; whether a block applies is a matter of its patterns
alone. A line with a bad value, or a file that others may write to, is refused as ssh refuses it, with `file:line`.
"""

import os
import re
import socket
import stat
from collections.abc import Callable
from glob import glob
from pathlib import Path
from pwd import getpwnam
from typing import Any, NamedTuple

from msgspec import Struct

from pssh.errors import ConfigError
from pssh.transport.ssh.patterns import matches

_DEPTH = 16  # of Include, as in ssh
_MOST_BYTES = 16 << 20
# `Keyword arguments`, `Keyword=arguments`, `"Keyword" = arguments`
_LINE = re.compile(r'[ \t]*(?:"([^"]*)"|([^ \t"=]+))[ \t]*=?[ \t]*(.*)', re.DOTALL)
_SECONDS = {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_FLAGS = {"yes": True, "true": True, "no": False, "false": False}
_HOST_KEYS = {
    "yes": "strict",
    "true": "strict",
    "ask": "strict",  # no run ever asks per host
    "accept-new": "accept-new",
    "no": "off",
    "off": "off",
    "false": "off",
}

Patterns = tuple[str, ...]


class Entry(NamedTuple):
    """One value that a line gives to a slot."""

    slot: str
    value: Any
    keyword: str  # as written
    where: str  # file:line


class Block(NamedTuple):
    """Lines that apply to a name when it matches every list of patterns: those of its `Host` and of all around it."""

    scope: tuple[Patterns, ...]
    entries: list[Entry]


class Files(Struct):
    """Everything read from a set of files."""

    home: Path
    blocks: list[Block] = []
    notices: list[str] = []
    ignored: list[str] = []  # patterns of IgnoreUnknown

    def read(self, path: Path, base: Path, *, own: bool, checked: bool, scope: tuple[Patterns, ...] = ()) -> None:
        """Add a file. `base` anchors a relative Include; `own`: a user's file, not the system's.

        `checked`: the file must be safe from other users. Raises ConfigError, and OSError if it cannot be opened.
        """
        if len(scope) > _DEPTH:
            raise ConfigError(f"`{path}`: includes are nested more than {_DEPTH} deep")
        here: tuple[Patterns, ...] | None
        here, entries = self._open(*scope, ("*",))
        for number, line in enumerate(_text(path, checked=checked).split("\n"), 1):
            where = f"{path}:{number}"
            line = line.rstrip(" \t\r\f")
            found = _LINE.match(line)
            if found is None or (found[2] or "").startswith("#"):
                if line.strip() and not line.lstrip().startswith("#"):
                    raise ConfigError(f"{where}: there is no keyword")
                continue
            keyword, rest = found[1] or found[2], found[3]
            arguments = [rest] if keyword.lower() == "proxycommand" else _arguments(rest, where)
            if not arguments or not all(arguments):
                raise ConfigError(f"{where}: `{keyword}` has no value")
            match keyword.lower():
                case "host":
                    here, entries = self._open(*scope, tuple(arguments))
                case "match":
                    here, entries = None, []  # an unknown condition is never taken as true
                    self.notices.append(f"{where}: `Match` is not supported, its lines are left out")
                case "include":
                    if here is not None:
                        self._include(arguments, base, own=own, scope=here, where=where)
                        here, entries = self._open(*here)
                case "ignoreunknown":
                    self.ignored += re.split(r"[, ]+", rest.lower())
                case _:
                    entries += self._entry(keyword, arguments, rest, where)

    def _open(self, *scope: Patterns) -> Block:
        block = Block(scope, [])
        self.blocks.append(block)
        return block

    def _include(self, arguments: list[str], base: Path, *, own: bool, scope: tuple[Patterns, ...], where: str) -> None:
        for argument in arguments:
            if argument.startswith("~") and not own:
                raise ConfigError(f"{where}: `Include {argument}` stands in a system's file, which has no home")
            pattern = tilde(argument, self.home, where)
            for path in sorted(glob(pattern, root_dir=base)):  # noqa: PTH207  Path.glob takes no absolute pattern
                try:
                    self.read(base / path, base, own=own, checked=True, scope=scope)
                except IsADirectoryError:
                    continue
                except OSError as error:
                    raise ConfigError(f"{where}: `{path}` cannot be read: {error.strerror}") from error

    def _entry(self, keyword: str, arguments: list[str], rest: str, where: str) -> list[Entry]:
        name = keyword.lower()
        if name in SILENT or name.startswith("gssapi"):
            return []
        if harmless := UNSUPPORTED.get(name):
            changes = rest.strip("\"'").lower() not in harmless
            return [Entry(name, changes, keyword, where)]
        if name not in _READ:
            if not matches(name, self.ignored):
                self.notices.append(f"{where}: `{keyword}` is not known, it is left out")
            return []
        slot, read = _READ[name]
        if len(arguments) > 1 and read is not _files:
            raise ConfigError(f"{where}: `{keyword}` takes one value")
        try:
            value = read(arguments)
        except (ValueError, KeyError, OSError):
            raise ConfigError(f"{where}: `{' '.join(arguments)}` is no value for `{keyword}`") from None
        return [] if value is None else [Entry(slot, value, keyword, where)]


def tilde(path: str, home: Path, where: str) -> str:
    """Return the path with a leading `~` or `~user` replaced."""
    if not path.startswith("~"):
        return path
    user, _, rest = path[1:].partition("/")
    try:
        folder = Path(getpwnam(user).pw_dir) if user else home
    except KeyError:
        raise ConfigError(f"{where}: there is no user `{user}`") from None
    return str(folder / rest.lstrip("/"))


def _text(path: Path, *, checked: bool) -> str:
    with path.open("rb") as file:
        status = os.fstat(file.fileno())
        if checked and (status.st_uid not in (0, os.getuid()) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH)):
            raise ConfigError(
                f"`{path}` may be changed by other users", hint=f"`chmod go-w {path}`, and it must be yours or root's"
            )
        data = file.read(_MOST_BYTES + 1)
    if len(data) > _MOST_BYTES:
        raise ConfigError(f"`{path}` is longer than {_MOST_BYTES >> 20} MiB")
    return data.decode("utf-8", "surrogateescape")


def _arguments(text: str, where: str) -> list[str]:
    """Split a line's values at blanks, with quotes, escapes and a comment as OpenSSH's argv_split has them."""
    found: list[str] = []
    at, word, quote = 0, None, ""
    while at < len(text):
        char = text[at]
        at += 1
        if word is None:
            if char in " \t":
                continue
            if char == "#":
                break
            word = ""
        if char == "\\" and text[at : at + 1] and (text[at] in "'\"\\" or (not quote and text[at] == " ")):
            word += text[at]
            at += 1
        elif not quote and char in " \t":
            found.append(word)
            word = None
        elif not quote and char in "'\"":
            quote = char
        elif char == quote:
            quote = ""
        else:
            word += char
    if quote:
        raise ConfigError(f"{where}: a quote is not closed")
    return found if word is None else [*found, word]


def _one(arguments: list[str]) -> str:
    return arguments[0]


def _flag(arguments: list[str]) -> bool:
    return _FLAGS[arguments[0].lower()]


def _host_keys(arguments: list[str]) -> str:
    return _HOST_KEYS[arguments[0].lower()]


def _port(arguments: list[str]) -> int:
    text = arguments[0]
    port = int(text) if text.isascii() and text.isdigit() else socket.getservbyname(text, "tcp")
    if not 0 < port < 65536:
        raise ValueError
    return port


def _seconds(arguments: list[str]) -> float | None:
    """Read a time as ssh does, `90` or `1m30s`; after `none` the next line may still say it."""
    if arguments[0] == "none":
        return None
    text = arguments[0].lower()
    if not re.fullmatch(r"(?:[0-9]+[smhdw]?)+", text):
        raise ValueError
    seconds = sum(int(number) * _SECONDS[unit] for number, unit in re.findall(r"([0-9]+)([smhdw]?)", text))
    if seconds >= 1 << 31:
        raise ValueError
    return float(seconds)


def _files(arguments: list[str]) -> list[str]:
    none = [path for path in arguments if path.lower() == "none"]
    if none and len(arguments) > 1:
        raise ValueError
    return [] if none else arguments


def _command(arguments: list[str]) -> tuple[str, str]:
    """Read a line for a shell, as it stands."""
    return "proxy_command", "" if arguments[0].lower() == "none" else arguments[0]


def _jump(arguments: list[str]) -> tuple[str, str]:
    return "jump", "" if arguments[0].lower() == "none" else arguments[0]


_READ: dict[str, tuple[str, Callable[[list[str]], Any]]] = {
    "connecttimeout": ("connect_timeout", _seconds),
    "globalknownhostsfile": ("global_files", _files),
    "hostkeyalias": ("host_key_alias", _one),
    "hostname": ("address", _one),
    "identitiesonly": ("identities_only", _flag),
    "identityagent": ("agent", _one),
    "identityfile": ("identity", _one),
    "identityfile2": ("identity", _one),
    "port": ("port", _port),
    "proxycommand": ("way", _command),
    "proxyjump": ("way", _jump),
    "serveraliveinterval": ("keepalive", _seconds),
    "stricthostkeychecking": ("host_keys", _host_keys),
    "user": ("user", _one),
    "userknownhostsfile": ("user_files", _files),
}

_NO = frozenset({"no", "false"})
_YES = frozenset({"yes", "true"})
_NONE = frozenset({"none"})
_NEVER = frozenset({"\0"})

# What would change how a host is reached or what a command does there, with the values that change nothing.
UNSUPPORTED: dict[str, frozenset[str]] = {
    "addressfamily": frozenset({"any"}),
    "bindaddress": _NEVER,
    "bindinterface": _NEVER,
    "canonicalizehostname": _NO | _NONE,
    "certificatefile": _NONE,
    "challengeresponseauthentication": _YES,
    "checkhostip": _NO,
    "ciphers": _NEVER,
    "forwardagent": _NO,
    "hostbasedauthentication": _NO,
    "hostkeyalgorithms": _NEVER,
    "kbdinteractiveauthentication": _YES,
    "kexalgorithms": _NEVER,
    "knownhostscommand": _NONE,
    "macs": _NEVER,
    "nohostauthenticationforlocalhost": _NO,
    "passwordauthentication": _YES,
    "permitlocalcommand": _NO,
    "pkcs11provider": _NONE,
    "preferredauthentications": _NEVER,
    "pubkeyacceptedalgorithms": _NEVER,
    "pubkeyacceptedkeytypes": _NEVER,
    "pubkeyauthentication": _YES,
    "refuseconnection": _NEVER,
    "remotecommand": _NONE,
    "requesttty": _NO | {"auto"},
    "requiredrsasize": _NEVER,
    "revokedhostkeys": _NONE,
    "sessiontype": frozenset({"default"}),
    "setenv": _NEVER,
    "verifyhostkeydns": _NO,
}

# What cannot change the outcome of a command that runs without a terminal and without forwarding.
SILENT = frozenset(
    """addkeystoagent batchmode canonicaldomains canonicalizefallbacklocal canonicalizemaxdots
    canonicalizepermittedcnames casignaturealgorithms channeltimeout cipher clearallforwardings compression
    compressionlevel connectionattempts controlmaster controlpath controlpersist dynamicforward
    enableescapecommandline enablesshkeysign escapechar exitonforwardfailure fingerprinthash
    forkafterauthentication forwardx11 forwardx11timeout forwardx11trusted gatewayports hashknownhosts
    hostbasedacceptedalgorithms hostbasedkeytypes ipqos kbdinteractivedevices keepalive localcommand
    localforward loglevel logverbose numberofpasswordprompts obscurekeystroketiming permitremoteopen protocol
    proxyusefdpass rekeylimit remoteforward securitykeyprovider sendenv serveralivecountmax stdinnull
    streamlocalbindmask streamlocalbindunlink syslogfacility tag tcpkeepalive tunnel tunneldevice updatehostkeys
    usekeychain useprivilegedport useroaming versionaddendum visualhostkey warnweakcrypto xauthlocation""".split()
)
