"""Match names against OpenSSH's patterns: `*`, `?`, and `!` for "but not".

ssh_config and known_hosts share these rules (PATTERNS in ssh_config(5)). Why not `fnmatch`: there a `[` begins a set,
here it begins `[host]:port`.
"""

import re
from collections.abc import Iterable
from functools import lru_cache


def matches(name: str, patterns: Iterable[str]) -> bool:
    """Say whether one pattern matches and no negated one does. Nothing is folded: case is the caller's matter."""
    found = False
    for pattern in patterns:
        if pattern.startswith("!"):
            if _regex(pattern[1:]).fullmatch(name):
                return False
        elif not found and _regex(pattern).fullmatch(name):
            found = True
    return found


def plain(pattern: str) -> bool:
    """Say whether a pattern can only match itself."""
    return not ("*" in pattern or "?" in pattern or pattern.startswith("!"))


@lru_cache(maxsize=1 << 14)
def _regex(pattern: str) -> re.Pattern[str]:
    # `**` means `*`, and would make a regular expression slow.
    parts = re.sub(r"\*+", "*", pattern).split("*")
    return re.compile(".*".join(re.escape(part).replace(r"\?", ".") for part in parts), re.DOTALL)
