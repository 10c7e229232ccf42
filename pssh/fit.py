"""One operation becomes each host's own: placeholders filled in, whose it is, its variables, its lock.

Purely, and before anything connects, so that what is shown is what will run. Hosts for which the same comes out share
one operation, and where no option asks for anything the jobs stay what they were: workers are sent each distinct
operation once.
"""

import shlex
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

from msgspec import structs

from pssh.errors import UsageError
from pssh.inventory.model import Conflict, text_of
from pssh.model.host import Host
from pssh.model.options import LockOption, RunOptions
from pssh.model.placeholders import fill, part, secrets
from pssh.model.work import Job, Operation
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.ops.detached import Detach
from pssh.ops.ping import Ping
from pssh.ops.scan import Scan
from pssh.ops.script import Script
from pssh.ops.shellwords import join, quote
from pssh.plan import password_of

LOOKING = (Ping, Scan)  # change nothing on a host, as whoever they run
# A larger script is sent to a worker once for all hosts, and so is told nothing of the host it runs on unless asked to.
MOST_OWN_BYTES = 1 << 20
# By what they have the operations are known that few runs have, and whose modules each run would else wait for.
_OTHERS = ("placed", "steps", "here")
_LEASE, _JOB_LEASE = 3600.0, 6 * 3600.0  # seconds; a job's, since after a reboot nothing but it says who has the lock


def fitted(
    jobs: Sequence[Job],
    hosts: Sequence[Host],
    options: RunOptions,
    *,
    run: str = "",
    owner: str = "",
    conflicts: Sequence[Conflict] = (),
) -> list[Job]:
    """Return the jobs of these hosts, in their order, with the operation that each host gets.

    `run` is the run's name, `owner` who holds a lock. Raises UsageError for a placeholder or variable that is unknown,
    and for options that the operation cannot heed.
    """
    fit = _Fit(options, jobs, run, owner, conflicts)
    if not jobs or not fit.wanted(jobs):
        return list(jobs)
    _refuse(jobs, options, fit)
    found = [fit.job(job, host) for job, host in zip(jobs, hosts, strict=True)]
    if options.one_per and not any(job.only_one for job in found):
        raise UsageError(f"No host has a variable `{options.one_per}`", hint="`pssh hosts --vars` lists what each has")
    return found


def looks(operation: Operation) -> bool:
    """Whether an operation changes nothing on a host."""
    return isinstance(operation, LOOKING) or any(getattr(operation, word, False) for word in ("looks", "dry"))


def parted(jobs: list[Job], hosts: Sequence[Host]) -> tuple[list[Job], Sequence[Host]]:
    """Return the jobs and their hosts; of a file operation on this machine alone one for each path, as `local:PATH`.

    Where the hosts are such already, because they are those of an earlier run, each gets its own path.
    """
    if not jobs or any(job.connection.transport != "local" or job.connection.become for job in jobs):
        return jobs, hosts
    if not getattr(jobs[0].operation, "apart", False):
        return jobs, hosts
    from pssh.ops.fs.apart import apart, of_path

    names = [job.host.partition(":") for job in jobs]
    if all(colon for _, colon, _ in names):
        own = [of_path(job.operation, path) for job, (_, _, path) in zip(jobs, names, strict=True)]
        found = zip(jobs, own, strict=True)
        return [structs.replace(job, operation=one) if one is not None else job for job, one in found], hosts
    parts = apart(jobs[0].operation) if len(jobs) == 1 else ()
    if not parts:
        return jobs, hosts
    (job,), (host,) = jobs, hosts
    split = [
        structs.replace(job, id=number, host=f"{job.host}:{path}", operation=operation)
        for number, (path, operation) in enumerate(parts)
    ]
    return split, [structs.replace(host, name=one.host) for one in split]


def secrets_in(operation: Operation, options: RunOptions) -> list[str]:
    """Return the names of the secrets that placeholders ask for, each once."""
    if not (_filled(options) or hasattr(operation, "steps")):
        return []
    texts = [*_texts(operation), *options.env, options.chdir]
    return list(dict.fromkeys(name for text in texts for name in secrets(text)))


def _filled(options: RunOptions) -> bool:
    return options.template or options.local


def _texts(operation: Operation) -> Sequence[str]:
    if isinstance(operation, Command):
        return [operation.text]
    if steps := getattr(operation, "steps", ()):
        return [text for step in steps for text in _texts_of(step)]
    return operation.args if isinstance(operation, Script) else []


def _texts_of(step: Any) -> list[str]:
    """Return all of a step that placeholders are filled in: also its own variables."""
    contexts = [getattr(one, "context", None) for one in step.all]
    values = [value for context in contexts if isinstance(context, Context) for _, value in context.env]
    return [*(text for one in step.all for text in _texts(one)), *values]


def _become(step: Any) -> Context | None:
    """Return how a step becomes somebody on the host; None if it does not."""
    context = getattr(step.operation, "context", None)
    return context if isinstance(context, Context) and context.become and not step.here else None


class _Fit:
    """What the options ask of every host's operation."""

    def __init__(
        self, options: RunOptions, jobs: Sequence[Job], run: str, owner: str, conflicts: Sequence[Conflict]
    ) -> None:
        self.options, self.total, self.run, self.owner = options, len(jobs), run, owner
        first = jobs[0].operation if jobs else None
        self.steps: Any = first if hasattr(first, "steps") else None
        self.fills = _filled(options) or self.steps is not None
        self.lock: LockOption | None = options.locks
        self.conflicts = {(conflict.host, conflict.key): conflict for conflict in conflicts}
        self.said = dict(_said(options))
        self.seen: dict[Operation, Operation] = {}

    def wanted(self, jobs: Sequence[Job]) -> bool:
        """Whether any host's operation or job differs from what was given."""
        options = self.options
        if any(hasattr(job.operation, "here") and job.connection.transport == "local" for job in jobs):
            return True
        asked = self.lock or self.said or options.env or options.one_per or options.ask_become_pass or self.fills
        first = jobs[0].operation
        own = self.told(first) or hasattr(first, "placed") or isinstance(first, Detach)
        return bool(asked or own or any(job.connection.become for job in jobs))

    def told(self, operation: Operation) -> bool:
        """Whether an operation is told where and in which run it runs."""
        if isinstance(operation, Script):
            return len(operation.content) <= MOST_OWN_BYTES
        return self.steps is not None and isinstance(operation, Command)

    def job(self, job: Job, host: Host) -> Job:
        names = self.names(job, host)
        operation = self.operation(job, host, names)
        only_one = self.value(self.options.one_per, host, names) if self.options.one_per else ""
        job = structs.replace(job, operation=operation, only_one=only_one)
        return job if self.steps is None else self.stepping(job, self.steps)

    def stepping(self, job: Job, steps: Any) -> Job:
        """Return a job of steps: what the run says of success is each step's own, and taking back has its time."""
        undo = steps.undoing(job.limits.kill_after)
        job = structs.replace(job, limits=structs.replace(job.limits, undo=undo, ok=(0,)))
        become = next(filter(None, map(_become, steps.steps)), None)
        how = job.connection
        if become and self.options.ask_become_pass and not how.become:  # so that it is asked for
            password = password_of(become.become, become.become_user, how.user)
            how = structs.replace(how, become=become.become, become_password=password)
        return structs.replace(job, connection=how)

    def names(self, job: Job, host: Host) -> dict[str, str]:
        """Return what placeholders may name."""
        how = job.connection
        return {
            **{f"var.{name}": text_of(value) for name, value in host.vars.items()},
            **{"host": host.name, "address": how.address, "port": str(how.port), "user": how.user},
            **{"n": str(job.id), "N": str(self.total), "groups": ",".join(host.groups), "run": self.run},
        }

    def value(self, name: str, host: Host, names: Mapping[str, str]) -> str:
        """Return the value of a variable, empty if the host has none."""
        if conflict := self.conflicts.get((host.name, name)):
            raise UsageError(str(conflict), hint=_HIGHER)
        return names.get(name, names.get(f"var.{name}", ""))

    def operation(self, job: Job, host: Host, names: Mapping[str, str]) -> Operation:
        found: Any = job.operation
        if self.steps is not None:
            found = structs.replace(found, steps=tuple(self.step(step, job, host, names) for step in found.steps))
        else:
            found = self.one(found, job, host, names)
        if self.lock:  # a wait that is over leaves the host aside too
            from pssh.ops.lock import Locked

            mode: Literal["skip", "fail"] = "fail" if self.lock.mode == "fail" else "skip"
            lease = self.lock.lease or (_LEASE if self.steps is None else _JOB_LEASE)
            found = Locked(
                name=self.lock.name, operation=found, owner=self.owner, mode=mode, wait=self.lock.wait, lease=lease
            )
        return self.seen.setdefault(found, found) if found is not job.operation else job.operation

    def step(self, step: Any, job: Job, host: Host, names: Mapping[str, str]) -> Any:
        operation, *undo = (self.one(one, job, host, names, here=step.here) for one in step.all)
        ok = tuple(sorted({*step.ok, *self.options.ok}))
        return structs.replace(step, operation=operation, undo=undo[0] if undo else None, ok=ok)

    def one(self, operation: Any, job: Job, host: Host, names: Mapping[str, str], *, here: bool = False) -> Any:
        """Return one operation as this host gets it."""
        if hasattr(operation, "placed"):
            operation = operation.placed(_Places(self, host, names))
        elif self.fills:
            operation = self.filled(operation, lambda text, how: self.text(text, host, names, how))
        if hasattr(operation, "here") and (here or job.connection.transport == "local"):
            operation = structs.replace(operation, here=True)
        if isinstance(operation, Detach):
            operation = structs.replace(operation, run=self.run)
        if isinstance(getattr(operation, "context", None), Context):
            context = self.context(operation, job, host, names, here=here)
            operation = structs.replace(operation, context=context)
        return operation

    def filled(self, operation: Any, text: Callable[[str, Callable[[str], str]], str]) -> Any:
        """Return a command or script with its placeholders filled."""
        if isinstance(operation, Command):
            line = operation.raw.decode("utf-8", "surrogateescape") or operation.text
            if self.options.shell:
                return structs.replace(operation, text=text(line, quote), raw=b"")
            words = join(text(word, str) for word in shlex.split(line))
            return structs.replace(operation, text=words, raw=b"")
        if isinstance(operation, Script):
            line = operation.raw.decode("utf-8", "surrogateescape")
            args = shlex.split(line) if line else operation.args
            return structs.replace(operation, args=tuple(text(arg, str) for arg in args), raw=b"")
        return operation

    def text(self, text: str, host: Host, names: Mapping[str, str], how: Callable[[str], str]) -> str:
        try:
            return fill(text, names, how, shell=how is quote)
        except UsageError as error:
            for (where, name), conflict in self.conflicts.items():
                if where == host.name and (f"{{{name}}}" in error.message or f"{{var.{name}}}" in error.message):
                    raise UsageError(str(conflict), hint=_HIGHER) from None
            raise UsageError(f"{error.message} for the host `{host.name}`", hint=error.hint) from None

    def context(self, operation: Any, job: Job, host: Host, names: Mapping[str, str], *, here: bool = False) -> Context:
        """Return what surrounds the operation on this host; what the operation itself says is kept where nothing is.

        Of what is done `here` nothing but the variables is said by options and inventory.
        """
        own: Context = operation.context
        said = {} if here else dict(self.said)
        how = job.connection
        if how.become and not here:
            said |= {"become": how.become, "become_user": how.become_user, "become_password": how.become_password}
        elif own.become and not here and self.options.ask_become_pass:
            said["become_password"] = password_of(own.become, own.become_user, how.user)
        kept = own.env
        if self.steps is not None:
            kept = tuple((name, self.text(value, host, names, str)) for name, value in kept)
        if own.shell and (env := (*kept, *self.env(operation, host, names))):
            said["env"] = env
        if self.fills and "chdir" in said:
            said["chdir"] = self.text(said["chdir"], host, names, str)
        return structs.replace(own, **said) if said else own

    def env(self, operation: Operation, host: Host, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
        if not self.options.env and not self.told(operation):
            return ()
        ours = {
            "PSSH_HOST": host.name,
            "PSSH_NODENUM": names["n"],
            "PSSH_NUMNODES": names["N"],
            "PSSH_GROUPS": names["groups"],
            "PSSH_RUN": names["run"],
        }
        for said in self.options.env:
            name, _, value = said.partition("=")
            ours[name] = self.text(value, host, names, str) if self.fills else value
        return tuple(ours.items())


class _Places:
    """What the paths of an operation become for one host: on this machine a value is always one part of a path."""

    def __init__(self, fit: _Fit, host: Host, names: Mapping[str, str]) -> None:
        self._fit, self._host, self.names = fit, host, names
        self.host = part(host.name)

    def here(self, path: str) -> str:
        return self._fit.text(path, self._host, self.names, part)

    def there(self, path: str) -> str:
        return self._fit.text(path, self._host, self.names, str)


_HIGHER = "give one of them a higher `priority`, or say it on the host"


def _said(options: RunOptions) -> Iterator[tuple[str, Any]]:
    """Yield the fields of a context that are the same for every host."""
    for name in ("tty", "leash", "chdir"):
        if value := getattr(options, name):
            yield name, value
    if options.stdin:
        yield "input", True
    if not options.shell:
        yield "shell", False


def _refuse(jobs: Sequence[Job], options: RunOptions, fit: _Fit) -> None:
    """Raise UsageError for options that the operation would not heed, or that no host does."""
    operation = jobs[0].operation
    heeds = isinstance(getattr(operation, "context", None), Context) or fit.steps is not None
    known = isinstance(operation, Command | Script) or any(hasattr(operation, word) for word in _OTHERS)
    asked = fit.said or options.env or ((_filled(options) or fit.lock) and not known)
    become = any(job.connection.become for job in jobs)
    if fit.steps is not None:
        become = become or any(map(_become, fit.steps.steps))
        _refuse_for_steps(fit.steps, options)
    if isinstance(operation, Detach):
        _refuse_for_detached(operation, options)
    if hasattr(operation, "placed") and (fit.said or options.env):
        raise UsageError("Files have no input, terminal, folder or variables", hint="these options are for commands")
    if (asked or (become and not isinstance(operation, LOOKING))) and not heeds:
        word = type(operation).__name__.lower()
        raise UsageError(f"`{word}` is neither a command nor a script, and some of the options are for these alone")
    _refuse_secrets(jobs, secrets_in(operation, options))
    if options.ask_become_pass and not become:
        raise UsageError("`-K` asks for a password to become somebody, and no host does", hint="`--sudo` becomes root")


def _refuse_for_detached(operation: Detach, options: RunOptions) -> None:
    """Raise UsageError for what needs the connection, and for secrets, which would stay in a file on the host."""
    for name in ("tty", "stdin", "leash", "lock"):
        if getattr(options, name):
            flag = "-I` or `--stdin" if name == "stdin" else f"--{name}"
            raise UsageError(f"`{flag}` and `--detach` do not go together", hint="a detached command is on its own")
    if not options.shell:
        raise UsageError("`--no-shell` and `--detach` do not go together", hint="a shell stays beside the command")
    if names := secrets_in(operation, options):
        raise UsageError(f"`{{secret:{names[0]}}}` would stay in a file on the host, beside a detached command")


def _refuse_for_steps(steps: Any, options: RunOptions) -> None:
    """Raise UsageError for what is each step's own to say, and for secrets that all of this machine would see."""
    if options.retry_on:
        raise UsageError("`--retry-on` is for one command", hint="a step that is idempotent says its own `retries`")
    for step in steps.steps:
        if step.here and (names := [name for text in _texts_of(step) for name in secrets(text)]):
            raise UsageError(
                f"`{{secret:{names[0]}}}` of the step `{step.name}` would stand in this machine's process list",
                hint="a command that runs here can read it from a file",
            )


def _refuse_secrets(jobs: Sequence[Job], names: Sequence[str]) -> None:
    """Raise UsageError where a secret would be given away: to all of this machine, or to who is not known."""
    for job in jobs:
        how = job.connection
        if names and how.transport == "local":
            raise UsageError(
                f"`{{secret:{names[0]}}}` would stand in this machine's process list, where everybody can read it",
                hint="a command that runs here can read it from a file, or from `--stdin`",
            )
        if (names or how.become_password) and how.transport == "ssh" and how.host_keys == "off":
            raise UsageError(
                f"No password is sent to `{job.host}`, because its host key is not checked",
                hint="`pssh trust TARGETS` collects host keys once",
            )
