"""The steps of a maintenance job on one host, in their order, on one connection.

Promises: the first step that is not ok is the last, and is what the host ends by; what is to be taken back is taken
back in reverse order whatever happened, also after a stop; nothing that may have run is run again, unless its step says
that it may be; a connection that is found gone before a step had begun is made anew.

A step says what is done: an operation, on the host or `here`, on the machine that the job runs on. With `retry_for` it
is a check, repeated until it is ok or its time is over.
"""

import asyncio
import json
from collections.abc import Sequence
from random import uniform

from msgspec import Struct, convert, msgpack, to_builtins
from msgspec.structs import force_setattr, replace

from pssh import plugins
from pssh.errors import UsageError
from pssh.model.outcome import Failure, Reply, Status, StepResult, status_of
from pssh.model.work import JobSession, Operation, TransportError
from pssh.ops.command import Command
from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.ops.part import NOT_BEGUN_STAGES, Part
from pssh.ops.reboot import Reboot
from pssh.ops.said import first_line
from pssh.ops.script import Script
from pssh.ops.shellwords import shown

_SPELT = b"json:"  # what no msgpack of a Struct begins with


class Packed(Struct, frozen=True, tag=True):
    """Any operation, by its import path and its bytes: as the workers get it."""

    path: str  # "module:Class"
    raw: bytes

    @classmethod
    def of(cls, operation: Operation) -> "Packed":
        kind = type(operation)
        try:
            raw = msgpack.encode(operation)
        except UnicodeEncodeError:  # a path of bytes that are no UTF-8, which JSON can spell
            raw = _SPELT + json.dumps(to_builtins(operation)).encode()
        return cls(f"{kind.__module__}:{kind.__qualname__}", raw)

    @property
    def label(self) -> str:
        return self.opened().label

    def opened(self) -> Operation:
        """Return the operation."""
        kind = plugins.resolve(self.path)
        if self.raw.startswith(_SPELT):
            spelt: Operation = convert(json.loads(self.raw.removeprefix(_SPELT)), kind)
            return spelt
        operation: Operation = msgpack.decode(self.raw, type=kind)
        return operation


# What a step does; whatever else is an operation is packed.
Doing = Command | Script | Put | Get | Reboot | Packed

SKIPPED = "rule/condition"  # how a step ends whose own condition does not hold
_RECONNECTS = 2  # per step, of a connection that was found gone before it
_GONE = frozenset({"refused", "reset", "closed", "throttled"})
_PAUSES = 0.5, 30.0  # seconds before the first new try and the longest; each is twice the one before
_ENDED = 1.0  # seconds beside `kill_after` for a command that is too slow to be seen ending
_UNDO, _MOST_UNDO = 60.0, 300.0  # seconds for taking one step back: where the step has no `timeout`, and at most


class Step(Struct, frozen=True, kw_only=True, omit_defaults=True):
    """One step of a job; times in seconds. Raises UsageError for what cannot be meant."""

    name: str
    operation: Doing
    here: bool = False  # on this machine, once for each host
    timeout: float = 0.0  # of one try, and of taking it back; 0: no limit
    ok: tuple[int, ...] = (0,)  # exit codes that count as success
    idempotent: bool = False  # it may be run again although it may have run
    retries: int = 0  # of a step that is idempotent
    retry_for: float = 0.0  # a check: repeated until it is ok, for so long
    every: float = 5.0  # from one look of a check to the next
    undo: Doing | None = None  # takes it back once the host is through, where the step was begun

    def __post_init__(self) -> None:
        for field in ("operation", "undo"):
            operation = getattr(self, field)
            if operation is not None and not isinstance(operation, Doing):
                force_setattr(self, field, Packed.of(operation))
        if not self.name.strip() or not self.name.isprintable():
            raise UsageError(f"`{shown(self.name)}` is no name for a step")
        if min(self.timeout, self.retries, self.retry_for, self.every) < 0:
            raise UsageError(f"The step `{self.name}` has a number below 0")
        if self.retries and not self.idempotent:
            raise UsageError(
                f"The step `{self.name}` has `retries`, and is not said to be idempotent",
                hint="`idempotent = true` says that it does no harm to run it twice",
            )
        if 0 not in self.ok:
            raise UsageError(
                f"The step `{self.name}` takes exit code 0 for a failure", hint="`ok` has 0 among its codes"
            )

    @property
    def undoing(self) -> float:
        """How many seconds taking it back may take."""
        return min(self.timeout or _UNDO, _MOST_UNDO) if self.undo is not None else 0.0

    @property
    def all(self) -> list[Operation]:
        """What it does, and what takes it back if anything does, unpacked."""
        done: list[Doing] = [self.operation, *([self.undo] if self.undo is not None else [])]
        return [one.opened() if isinstance(one, Packed) else one for one in done]


class Steps(Struct, frozen=True, kw_only=True, omit_defaults=True, tag=True):
    """Steps done one after the other; raises UsageError if two have one name, or there are none."""

    steps: tuple[Step, ...]
    name: str = ""  # of the job

    def __post_init__(self) -> None:
        names = [step.name for step in self.steps]
        if not names:
            raise UsageError("A job has at least one step")
        if twice := next((name for name in names if names.count(name) > 1), ""):
            raise UsageError(f"Two steps are named `{twice}`")

    @property
    def label(self) -> str:
        return self.name or ", ".join(step.name for step in self.steps)

    @property
    def dangers(self) -> bool:
        """Whether it is asked for the number of hosts first."""
        doings = [one for step in self.steps for one in (step.operation, step.undo) if one is not None]
        return any(getattr(one.opened() if isinstance(one, Packed) else one, "dangers", False) for one in doings)

    def undoing(self, kill_after: float) -> float:
        """Return the seconds that taking everything back may take: each its own, and what its end may take."""
        return sum(step.undoing + kill_after + _ENDED for step in self.steps if step.undo is not None)

    def owed(self, told: Sequence[StepResult], *, cut: bool, cause: str) -> list[StepResult]:
        """Return what may be left to be taken back, the latest first, after these steps were told.

        `cut`: whoever did the steps was ended, so that the one after those may have begun. `cause`: why it is left.
        """
        ends = {one.name: one for one in told if not one.undo}
        begun = [step for step in self.steps if step.name in ends and _began(ends[step.name])]
        if cut and all(one.status in ("ok", "skipped") for one in ends.values()):
            begun += [step for step in self.steps if step.name not in ends][:1]
        back = {one.name for one in told if one.undo}
        return [
            StepResult(name=step.name, status="not-run", cause=cause, note="nobody saw it being taken back", undo=True)
            for step in reversed(begun)
            if step.undo is not None and step.name not in back
        ]

    async def perform(self, session: JobSession) -> Reply:
        way = _Way(session)
        try:
            reply = await way.forward(self.steps)
        except TransportError as error:
            end, trouble = error.failure, await way.back()
            raise TransportError(replace(end, note=_joined(end.note, *map(_words, trouble)))) from error
        except asyncio.CancelledError:
            trouble = await way.back()
            if (why := session.ending) is None:
                raise
            raise TransportError(replace(way.named(why), note=_joined(*map(_words, trouble)))) from None
        except Exception:
            await way.back()
            raise
        trouble = await way.back()
        if trouble and not way.failed:  # a host that was not put back is not well
            return _ended_by(*trouble[0], reply.note, *map(_words, trouble[1:]))
        return replace(reply, note=_joined(reply.note, *map(_words, trouble)))


class _Way:
    """One host's way through the steps, and back."""

    def __init__(self, session: JobSession) -> None:
        self._session = session
        self._loop = asyncio.get_running_loop()
        self._at = ""  # the step under way
        self._begun = False  # something of the job may have run
        self._undos: list[Step] = []
        self.failed = False

    async def forward(self, steps: Sequence[Step]) -> Reply:
        """Do the steps until one is not ok; raises TransportError."""
        done: list[str] = []
        skipped: list[str] = []
        notes: list[str] = []
        changed: bool | None = None  # whether anything was, of the steps that say so
        for step in steps:
            if (why := self._session.ending) is not None:
                raise TransportError(self.named(why))
            self._at = step.name
            end = await self._do(step)
            if isinstance(end, Failure) and end.cause == SKIPPED:
                skipped.append(step.name)
                continue
            if not _fine(step, end):
                self.failed = True
                if not self._begun and isinstance(end, Failure):
                    raise TransportError(end)  # nothing has run, and the host may be tried again
                return _ended_by(step.name, end, *notes)
            done.append(step.name)
            if isinstance(end, Reply) and end.changed is not None:
                changed = changed or end.changed
            notes += [f"{step.name}: {end.note}"] if end.note else []
        said = _joined(*(f"{', '.join(names)} {how}" for names, how in ((done, "ok"), (skipped, "skipped")) if names))
        return Reply(exit_code=0, stdout=f"{said}\n".encode(), note=_joined(*notes), changed=changed)

    async def back(self) -> list[tuple[str, Reply | Failure]]:
        """Take back what is to be, the latest first, each in a time of its own; return what did not work."""
        trouble: list[tuple[str, Reply | Failure]] = []
        self._session.sparing = bool(self._undos)
        while self._undos:
            step = self._undos.pop()
            assert step.undo is not None
            back = Step(name=step.name, operation=step.undo, here=step.here, timeout=step.undoing)
            end = await self._do(back, undo=True)
            if not _fine(back, end):
                trouble.append((f"undo of {step.name}", end))
        return trouble

    def named(self, failure: Failure) -> Failure:
        """Return a failure that says at which step the host was."""
        return replace(failure, message=f"{self._at}: {failure.message}") if self._at else failure

    async def _do(self, step: Step, *, undo: bool = False) -> Reply | Failure:
        """Do one step, as often as it may be, and tell how it ended."""
        since, before = self._loop.time(), self._begun
        tries, reconnects = 1, 0
        end: Reply | Failure | None = None
        try:
            while True:
                end = None
                end = await self._once(step, quiet=undo)
                if _fine(step, end) or (self._session.ending is not None and not undo):
                    return end
                if isinstance(end, Failure) and end.cause == SKIPPED:
                    return end
                if isinstance(end, Failure) and end.stage in NOT_BEGUN_STAGES:
                    if not before or end.kind not in _GONE or reconnects == _RECONNECTS:
                        return end
                    pause, reconnects = _pause(reconnects), reconnects + 1
                elif step.retry_for:
                    if self._loop.time() + step.every > since + step.retry_for:
                        return end
                    pause, tries = step.every, tries + 1
                elif tries <= step.retries:
                    pause, tries = _pause(tries - 1), tries + 1
                else:
                    return end
                if isinstance(end, Failure) and not step.here:
                    await self._session.again()
                await asyncio.sleep(pause)
        finally:
            if self._begun or before:
                self._tell(step, end, self._loop.time() - since, tries, undo=undo)

    async def _once(self, step: Step, *, quiet: bool) -> Reply | Failure:
        there = await self._session.beside() if step.here else self._session
        begun = undo = True
        try:
            with Part(self._session, there, seconds=step.timeout, quiet=quiet) as part:
                return await step.all[0].perform(part)
        except TransportError as error:
            begun = error.failure.stage not in NOT_BEGUN_STAGES
            undo = begun and error.failure.cause != SKIPPED
            return error.failure
        finally:
            self._begun = self._begun or begun
            if undo and step.undo is not None and step not in self._undos:
                self._undos.append(step)

    def _tell(self, step: Step, end: Reply | Failure | None, seconds: float, tries: int, *, undo: bool) -> None:
        end = end or self._session.ending or Failure(stage="worker", kind="bug", message="it did not end")
        status: Status = "ok"
        if isinstance(end, Failure):
            status = status_of(end, started=True)[0]
        elif end.exit_code not in step.ok:
            status = "failed"
        self._session.step(
            StepResult(
                name=step.name,
                status=status,
                cause="" if status == "ok" else end.cause,
                seconds=seconds,
                changed=end.changed if isinstance(end, Reply) else None,
                attempts=tries,
                note=end.words if isinstance(end, Failure) else first_line(end),
                undo=undo,
            )
        )


def _began(told: StepResult) -> bool:
    """Whether anything of a step may have run, by what was told of its end."""
    return told.cause != SKIPPED and told.cause.partition("/")[0] not in NOT_BEGUN_STAGES


def _fine(step: Step, end: Reply | Failure) -> bool:
    return isinstance(end, Reply) and end.exit_code in step.ok


def _pause(tries: int) -> float:
    """Return how long to wait before the next try, by chance, so that hosts do not come back together."""
    first, longest = _PAUSES
    longest_now: float = min(first * 2**tries, longest)
    return uniform(longest_now / 2, longest_now)


def _ended_by(name: str, end: Reply | Failure, *notes: str) -> Reply:
    """Return the end of a host by that of a step; raises TransportError for a failure."""
    note = _joined(*notes, end.note)
    if isinstance(end, Failure):
        raise TransportError(replace(end, message=f"{name}: {end.message}", note=note))
    head = f"{name}: {end.cause}"
    if end.truncated or (end.stdout + end.stderr).strip(b"\r\n").count(b"\n"):
        return replace(end, stderr=f"{head}\n".encode() + end.stderr, note=note)
    line = first_line(end)  # beside the code of the step: all that was printed, so that a table can show it
    said = f"{head}: {line}\n" if line else f"{head}\n"
    return replace(end, stdout=b"", stderr=said.encode("utf-8", "surrogateescape"), note=note)


def _words(trouble: tuple[str, Reply | Failure]) -> str:
    """Return one line on what did not work."""
    what, end = trouble
    said = end.words if isinstance(end, Failure) else _joined(end.cause, first_line(end), by=": ")
    return f"{what}: {said}"


def _joined(*words: str, by: str = "; ") -> str:
    return by.join(filter(None, words))
