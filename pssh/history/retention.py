"""How much history is kept: `[history] keep` and `days` of the configuration files, and of the environment.

`/etc/pssh/config.toml`, below that of the user's configuration folder, below `PSSH_HISTORY_KEEP` and
`PSSH_HISTORY_DAYS`. A file that others may write to is refused, as is what cannot be understood.

Why not a file in the current folder: whoever made it would decide what of the user's history is forgotten.
"""

import os
import stat
from collections.abc import Iterable, Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from msgspec import Struct, ValidationError, convert

from pssh.errors import ConfigError

SYSTEM = Path("/etc/pssh/config.toml")


class Retention(Struct, frozen=True, forbid_unknown_fields=True):
    """How many runs are kept, and for how many days; 0: any number."""

    keep: int = 200
    days: float = 90.0


USUAL = Retention()


def retention(environ: Mapping[str, str], files: Iterable[Path]) -> Retention:
    """Return what is said by the files, each above the one before it, and by the environment; raises ConfigError."""
    said: dict[str, Any] = {}
    for path in files:
        said |= _checked(_read(path), str(path))
    for key in Retention.__struct_fields__:
        if text := environ.get(f"PSSH_HISTORY_{key.upper()}"):
            said |= _checked({key: _number(text)}, f"PSSH_HISTORY_{key.upper()}")
    return Retention(**said)


def _read(path: Path) -> dict[str, Any]:
    try:
        with os.fdopen(os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK), "rb") as file:  # a pipe is no trap
            status = os.fstat(file.fileno())
            if status.st_mode & 0o022 or status.st_uid not in (0, os.geteuid()) or not stat.S_ISREG(status.st_mode):
                hint = f"`chmod go-w {path}` where it is yours"
                raise ConfigError(f"The configuration `{path}` is refused: others may write to it", hint=hint)
            import tomllib  # which no run waits for that has no such file

            found = tomllib.load(file)
    except FileNotFoundError:
        return {}
    except OSError as error:
        raise ConfigError(f"The configuration `{path}` cannot be read: {error.strerror}") from None
    except (ValueError, RecursionError) as error:
        raise ConfigError(f"The configuration `{path}` cannot be read: {error}") from None
    for key in found:
        if key != "history":
            raise ConfigError(f"`{path}` has an unknown table `[{key}]`", hint="there is `[history]`")
    history = found.get("history", {})
    if not isinstance(history, dict):
        raise ConfigError(f"`{path}`: `history` is a table", hint="write `[history]`, and below it `keep = 200`")
    return history


def _checked(said: dict[str, Any], where: str) -> dict[str, Any]:
    known = Retention.__struct_fields__
    for key in said:
        if key not in known:
            near = get_close_matches(key, known, 1)
            hint = f"did you mean `{near[0]}`?" if near else f"there are: {', '.join(known)}"
            raise ConfigError(f"`{where}`: `[history]` has no `{key}`", hint=hint)
    try:
        found = convert(said, Retention)
    except ValidationError as error:
        what, _, key = str(error).partition(" - at `$.")
        raise ConfigError(f"`{where}`: `{key.rstrip('`')}` is wrong: {what}") from None
    for key in said:
        if not 0 <= getattr(found, key) < 1e9:
            raise ConfigError(f"`{where}`: `{key}` is at least 0", hint="0 keeps any number")
    return said


def _number(text: str) -> int | float | str:
    for kind in (int, float):
        try:
            return kind(text)
        except ValueError:
            continue
    return text
