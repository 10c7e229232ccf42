"""Reads a source tree and lists what breaks the rules of the house: floors, rooms of third parties, borders, sizes.

Only the syntax tree is read, nothing is imported. A finding is `path:line: what is wrong`. The tables are the rules;
a module or a library that is in none of them is a finding too, so that each new one is put in its place on purpose.
"""

import ast
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property
from pathlib import Path

MOST_LINES = 400

# room: floor. A module belongs to the longest room that its name begins with.
FLOORS = {
    "pssh.errors": 0,
    "pssh.lean": 0,
    "pssh.plugins": 0,
    "pssh.model": 0,
    "pssh.inventory": 1,
    "pssh.plan": 1,
    "pssh.transport": 1,
    "pssh.ops": 1,
    "pssh.report": 1,
    "pssh.history": 1,
    "pssh.settings": 1,
    "pssh.engine": 2,
    "pssh.audience": 2,
    "pssh.credentials": 2,
    "pssh.fit": 2,
    "pssh.loaded": 2,
    "pssh.route": 2,
    "pssh.prepare": 3,
    "pssh.keeping": 3,
    "pssh.runner": 3,
    "pssh.trust": 3,
    "pssh.schedule": 4,
    "pssh.shell": 4,
    "pssh.demo": 4,
    "pssh.fleet": 4,
    "pssh": 5,  # the public API by name: pssh/__init__.py
    "pssh.testing": 5,
    "pssh.cli": 6,
    "pssh.__main__": 7,
}

# library: the rooms it may be imported in.
LIBRARIES = {
    "paramiko": ("pssh.transport.ssh", "pssh.demo"),
    "cryptography": ("pssh.transport.ssh", "pssh.demo"),
    "tabulate": ("pssh.report",),
    "wcwidth": ("pssh.report",),
    "cronsim": ("pssh.schedule",),
    "pathspec": ("pssh.ops",),
    "click": ("pssh.cli",),
    "yaml": ("pssh.inventory",),
    "msgspec": ("pssh",),
    "platformdirs": ("pssh",),
}

# Nothing of these, anywhere: workers are started afresh, and hold hostile bytes.
NEVER_IMPORTED = {"pickle", "shelve", "marshal", "multiprocessing", "concurrent.futures.process"}
NEVER_CALLED = {"os.fork", "os.forkpty", "pty.fork", "concurrent.futures.ProcessPoolExecutor"}
FORKS = "pssh.engine.spawn"  # one, before there are threads or connections

# paramiko's own ways, each known to hang, to forget or to lose data; only the embedded fleet may be built with them.
PARAMIKO_MODULES = {"client", "hostkeys", "config", "proxy", "agent", "sftp_client", "sftp_file"}
PARAMIKO_NAMES = {
    "SSHClient",
    "HostKeys",
    "SSHConfig",
    "ProxyCommand",
    "AutoAddPolicy",
    "Agent",
    "AgentKey",
    "SFTPClient",
    "SFTPFile",
}

WALL_CLOCK = {"time.time", "time.time_ns", "datetime.datetime.now", "datetime.datetime.utcnow"}
WALL_CLOCK_FREE = ("pssh.transport", "pssh.engine")  # limits hang on the monotonic clock
WALL_CLOCK_DOOR = "pssh.engine.clock"  # says when a job began, for showing only

SECRETS_OPENED_IN = ("pssh.transport", "pssh.engine.wire")


@dataclass(frozen=True)
class Module:
    """One source file: its dotted name, its text as a tree, and what its names stand for."""

    name: str
    path: str
    lines: int
    tree: ast.Module

    @cached_property
    def nodes(self) -> list[ast.AST]:
        return list(ast.walk(self.tree))

    @cached_property
    def importing(self) -> list[ast.Import | ast.ImportFrom | ast.Call]:
        return [node for node in self.nodes if isinstance(node, ast.Import | ast.ImportFrom | ast.Call)]

    @cached_property
    def uses(self) -> list[tuple[int, str]]:
        return list(_uses(self))

    @property
    def room(self) -> str:
        return longest(self.name, FLOORS)


def inside(name: str, rooms: Iterable[str]) -> bool:
    """True if `name` is one of the dotted names or lies below one."""
    return any(name == room or name.startswith(room + ".") for room in rooms)


def longest(name: str, rooms: Iterable[str]) -> str:
    """Return the room that `name` lies in, empty if in none; what lies directly in `pssh` must be named itself."""
    return max(
        (room for room in rooms if name == room or (room != "pssh" and inside(name, [room]))), key=len, default=""
    )


@cache
def read(root: Path, package: str = "pssh") -> list[Module]:
    """Return every module of the package folder below `root`, in the order of their paths."""
    found = []
    for path in sorted((root / package).rglob("*.py")):
        parts = path.relative_to(root).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        text = path.read_text("utf-8")
        tree = ast.parse(text, str(path))
        found.append(Module(name, str(path.relative_to(root)), len(text.splitlines()), tree))
    return found


def imports(module: Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """Yield line and full dotted name of all that is imported, wherever it stands and by whatever call."""
    for node in module.importing:
        if isinstance(node, ast.Import):
            yield from ((node.lineno, alias.name) for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and not node.level:
            base = node.module or ""
            for alias in node.names:
                full = f"{base}.{alias.name}"
                yield node.lineno, full if full in names or not base.startswith("pssh") else base
        elif isinstance(node, ast.Call) and dotted(node.func).split(".")[-1] in ("import_module", "__import__"):
            match node.args:
                case [ast.Constant(value=str(name)), *_]:
                    yield node.lineno, name


def dotted(node: ast.expr) -> str:
    """Return `a.b.c` for an attribute chain on a plain name; anything else in front leaves its place empty."""
    match node:
        case ast.Name(id=name):
            return name
        case ast.Attribute(value=value, attr=attr):
            return f"{dotted(value)}.{attr}"
    return ""


def meanings(module: Module) -> dict[str, str]:
    """Return what each imported name stands for: `{"now": "time.time"}` after `from time import time as now`."""
    found = {}
    for node in module.importing:
        if isinstance(node, ast.Import):
            found.update({alias.asname or alias.name.split(".")[0]: alias.name for alias in node.names if alias.asname})
        elif isinstance(node, ast.ImportFrom):
            found.update({alias.asname or alias.name: f"{node.module}.{alias.name}" for alias in node.names})
    return found


def _uses(module: Module) -> Iterator[tuple[int, str]]:
    """Yield line and meaning of every name and attribute chain, imports followed."""
    known = meanings(module)
    for node in module.nodes:
        if isinstance(node, ast.Attribute | ast.Name):
            head, dot, rest = dotted(node).partition(".")
            yield node.lineno, known.get(head, head) + dot + rest


def floors(module: Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """A module imports its own room and lower floors, nothing else."""
    if not module.room:
        yield 1, f"`{module.name}` has no floor"
        return
    for line, name in imports(module, names):
        if not inside(name, ["pssh"]):
            continue
        other = longest(name, FLOORS) or "pssh"
        if other != module.room and FLOORS[other] >= max(FLOORS[module.room], 1):  # floor 0 is one room
            yield line, f"`{module.room}` (floor {FLOORS[module.room]}) imports `{other}` (floor {FLOORS[other]})"


def libraries(module: Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """A third party is imported only in its rooms, and only if it has some."""
    for line, name in imports(module, names):
        top = name.split(".")[0]
        if top in sys.stdlib_module_names or top == "pssh":
            continue
        if top not in LIBRARIES:
            yield line, f"`{top}` is no dependency that we have decided on"
        elif not inside(module.name, LIBRARIES[top]):
            yield line, f"`{top}` outside {', '.join(LIBRARIES[top])}"


def shape(module: Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """No relative import, no block for type checkers only, no module of more than one sitting."""
    if module.lines > MOST_LINES:
        yield module.lines, f"{module.lines} lines, {MOST_LINES} at most"
    for node in module.nodes:
        if isinstance(node, ast.ImportFrom) and node.level:
            yield node.lineno, "a relative import"
    yield from ((line, "a TYPE_CHECKING block") for line, name in module.uses if name.endswith("TYPE_CHECKING"))


def borders(module: Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """No pickle, no fork but one, no wall clock behind a limit, no secret opened outside its rooms."""
    for line, name in imports(module, names):
        if inside(name, NEVER_IMPORTED):
            yield line, f"`{name}` is not used here"
    timeless = inside(module.name, WALL_CLOCK_FREE) and module.name != WALL_CLOCK_DOOR
    for line, name in module.uses:
        if name in NEVER_CALLED and (name, module.name) != ("os.fork", FORKS):
            yield line, f"`{name}` is not used here"
        if timeless and name in WALL_CLOCK | {"datetime.now", "datetime.utcnow"}:
            yield line, f"`{name}`: limits hang on the monotonic clock"
        if name.endswith(".reveal") and not inside(module.name, SECRETS_OPENED_IN):
            yield line, "a secret is opened outside the transports and the wire"


def paramiko(module: Module, names: set[str]) -> Iterator[tuple[int, str]]:
    """Of paramiko only protocol and cryptography: none of its threads, files, policies or clients."""
    if inside(module.name, ["pssh.demo"]):
        return
    for line, name in [*imports(module, names), *module.uses]:
        match name.split("."):
            case ["paramiko", word, *_] if word in PARAMIKO_MODULES | PARAMIKO_NAMES:
                yield line, f"`{name}` is not used here"
            case ["paramiko", _, word, *_] if word in PARAMIKO_NAMES:
                yield line, f"`{name}` is not used here"
            case [*_, "start_client"] | ["threading", "Timer"]:
                yield line, f"`{name}` starts a thread"


RULES = (floors, libraries, shape, borders, paramiko)


def findings(root: Path) -> list[str]:
    """Return all that is wrong in the `pssh` folder below `root`, one `path:line: what` each, none twice."""
    modules = read(root)
    names = {module.name for module in modules}
    return sorted(
        {f"{module.path}:{line}: {what}" for module in modules for rule in RULES for line, what in rule(module, names)}
    )
