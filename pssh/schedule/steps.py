"""The `[[step]]` tables of a job file become the operation that a host performs."""

import hashlib
from collections.abc import Callable, Container, MutableMapping
from pathlib import Path
from typing import Any

from msgspec import UNSET, structs

from pssh.errors import JobError, PsshError
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.script import Script
from pssh.ops.steps import Step as Doing
from pssh.ops.steps import Steps
from pssh.schedule import doing
from pssh.schedule.jobfile import JobFile, Step, span
from pssh.schedule.trust import Trust

KINDS = ("run", "script", "put", "get", "sync", "fs", "local", "check", "reboot")
# What is for some kinds only; every other key is for all.
_ONLY = {
    "args": ("script",),
    "undo": ("local",),
    "retry_for": ("check",),
    "sudo": ("run", "script", "put", "get", "sync", "fs", "check", "reboot"),
    "env": ("run", "script", "local", "check"),
    "chdir": ("run", "script", "local", "check"),
    "ok": ("run", "script", "local"),
    "retries": ("run", "script", "put", "get", "sync", "fs", "local"),
    "timeout": ("run", "script", "put", "get", "sync", "fs", "local", "check"),
}
_CHECK_FOR = 60.0  # seconds a check is repeated where it does not say how long

Wrong = Callable[..., None]


class Making:
    """The steps of one file; what is wrong is told to `wrong`, and what is read is added to `files`."""

    def __init__(
        self,
        file: JobFile,
        folder: Path,
        wrong: Wrong,
        files: MutableMapping[str, str],
        trust: Trust,
        *,
        skip: Container[tuple[str, ...]] = (),
    ) -> None:
        """`skip`: the places of tables in which something is known to be wrong."""
        self._file, self._folder, self._wrong, self._files, self._skip = file, folder, wrong, files, skip
        self._trust = trust

    def steps(self) -> Steps | None:
        """Return the steps; None if one of them is wrong."""
        if not self._file.step:
            if ("step",) not in self._skip:
                self._wrong("a job has at least one [[step]]", "step")
            return None
        made = [self._step(step, str(place)) for place, step in enumerate(self._file.step)]
        names: set[str] = set()
        for place, one in enumerate(made):
            if one and one.name in names:
                self._wrong(f"two steps are named `{one.name}`", "step", str(place), "name")
                made[place] = None
            names.add(one.name if one else "")
        if not all(made):
            return None
        return Steps(steps=tuple(filter(None, made)), name=self._file.name)

    def _step(self, step: Step, place: str) -> Doing | None:
        where = ("step", place)
        if where in self._skip:
            return None
        kinds = [kind for kind in KINDS if getattr(step, kind) not in ("", UNSET)]
        if len(kinds) != 1:
            said = " and ".join(f"`{kind}`" for kind in kinds) + " do not go together" if kinds else "none is there"
            self._wrong(f"a step has one of {', '.join(f'`{kind}`' for kind in KINDS)}: {said}", *where, *kinds[1:2])
            return None
        kind = kinds[0]
        usual, wrong = Step(), False
        for key, whose in _ONLY.items():
            if kind not in whose and getattr(step, key) != getattr(usual, key):
                self._wrong(f"`{key}` says nothing of a step with `{kind}`", *where, key)
                wrong = True
        if wrong:
            return None
        try:
            return self._made(step, kind, int(place) + 1)
        except JobError as error:
            self._wrong(error.message, *where, kind)
        except PsshError as error:
            message = error.message + (f"; {error.hint}" if error.hint else "")
            key = next((key for key in ("retries", "ok", "name") if f"`{key}`" in message), kind)
            self._wrong(message, *where, key)
        return None

    def _made(self, step: Step, kind: str, number: int) -> Doing:
        context = self._context(step)
        if kind == "script":
            operation: Any = self._script(step, context)
        elif isinstance(said := getattr(step, kind), str):
            operation = Command(text=said, context=context)
        else:
            operation = doing.operation(said, self._folder, context, self._trust)
        return Doing(
            name=step.name or f"{kind}-{number}",
            operation=operation,
            here=kind == "local",
            timeout=span(step.timeout) if step.timeout else 0.0,
            ok=tuple(step.ok),
            idempotent=step.idempotent,
            retries=step.retries,
            retry_for=(span(step.retry_for) if step.retry_for else _CHECK_FOR) if kind == "check" else 0.0,
            undo=Command(text=step.undo, context=context) if step.undo else None,
        )

    def _context(self, step: Step) -> Context:
        found = Context(env=tuple(step.env.items()), chdir=step.chdir)
        if step.sudo is False or step.sudo == "":
            return found
        return structs.replace(found, become="sudo", become_user="" if step.sudo is True else step.sudo)

    def _script(self, step: Step, context: Context) -> Script:
        path = self._folder / Path(step.script).expanduser()
        content = self._trust.file(path, "script")
        self._files[str(path)] = hashlib.sha256(content).hexdigest()
        return Script(name=path.name, content=content, args=tuple(step.args), context=context)
