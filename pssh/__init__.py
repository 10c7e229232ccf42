"""Run commands, scripts and file operations on a whole fleet over SSH, in parallel.

The public API by name. Each name is imported when it is first used, so that `pssh --help` and the workers, which
import this package too, do not pay for it; the types are in `__init__.pyi`.
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "Fleet": "pssh.fleet",
    "Results": "pssh.fleet",
    "Command": "pssh.ops.command",
    "Reboot": "pssh.ops.reboot",
    "Script": "pssh.ops.script",
    "Put": "pssh.ops.files.put",
    "Get": "pssh.ops.files.get",
    "Step": "pssh.ops.steps",
    "Steps": "pssh.ops.steps",
    "Failure": "pssh.model.outcome",
    "Reply": "pssh.model.outcome",
    "Result": "pssh.model.outcome",
    "Report": "pssh.model.report",
    "NoHosts": "pssh.errors",
    "PsshError": "pssh.errors",
    "RunFailed": "pssh.errors",
}
__all__ = list(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return __all__
