"""What a login needs from the person is asked here, once per credential, before any worker is given a job.

A key file that is locked and that no agent holds is asked for once, however many hosts use it. Keys that were named
must be had; the usual keys of `~/.ssh` are left aside where something else can log in. Who asks is given by the door:
without a terminal there is nobody to ask, and that is one clear error instead of a run that hangs.
"""

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain

from msgspec import structs

from pssh.errors import CredentialError
from pssh.model.host import Connection
from pssh.model.secret import Secret
from pssh.model.work import Job
from pssh.plan import PASSWORD
from pssh.transport.ssh import agent, keyfiles

TRIES = 3

# Returns what was typed after a prompt, or None where there is no terminal.
Ask = Callable[[str], Secret | None]


def settle(jobs: Sequence[Job], usual: Collection[str], ask: Ask) -> tuple[list[Job], dict[str, Secret]]:
    """Return the jobs with the key files that can be used, and every secret that the workers need, by name.

    `usual` are the key files nobody named. Raises CredentialError if a named key cannot be unlocked, or if no host
    could log in at all.
    """
    over_ssh = [job.connection for job in jobs if job.connection.transport == "ssh"]
    if not over_ssh:
        return list(jobs), {}
    secrets: dict[str, Secret] = {}
    if any(connection.password for connection in over_ssh):
        secrets[PASSWORD] = _password(over_ssh, ask)
    held = set(chain.from_iterable(map(_held, {connection.agent for connection in over_ssh} - {""})))
    files = _inspected(over_ssh)
    locked = [path for path, file in files.items() if file.locked and not file.problem and file.public not in held]
    other = bool(secrets or held or any(map(_ready, files.values())))
    unused = {path for path in locked if other and path in usual}
    for path in locked:
        if path not in unused:
            secrets[f"passphrase:{path}"] = _passphrase(path, ask)
    if not held and not secrets and files and not any(map(_ready, files.values())):
        file = next(iter(files.values()))
        raise CredentialError(
            f"The key `{file.path}` {file.problem}",
            hint="`--identity FILE` names another; without one no host lets us in",
        )
    return [_without(job, unused) for job in jobs], secrets


def _inspected(connections: Iterable[Connection]) -> Mapping[str, keyfiles.KeyFile]:
    paths = dict.fromkeys(chain.from_iterable(connection.identity for connection in connections))
    return {path: keyfiles.inspect(path) for path in paths}


def _ready(file: keyfiles.KeyFile) -> bool:
    return not file.locked and not file.problem


def _held(socket: str) -> list[bytes]:
    """Return the agent's keys; an agent that does not answer holds none."""
    try:
        return agent.list_keys(socket)
    except (agent.AgentError, OSError):
        return []


def _passphrase(path: str, ask: Ask) -> Secret:
    for _ in range(TRIES):
        typed = ask(f"Passphrase for {path}: ")
        if typed is None:
            raise CredentialError(
                f"The key `{path}` is locked and there is no terminal to ask for its passphrase",
                hint=f"`ssh-add {path}` gives it to the agent",
            )
        if keyfiles.unlocks(path, typed):
            return typed
    raise CredentialError(f"The key `{path}` is not unlocked by what was typed, {TRIES} times")


def _password(connections: Sequence[Connection], ask: Ask) -> Secret:
    users = sorted({connection.user for connection in connections})
    whose = users[0] if len(users) == 1 else f"{len(users)} users"
    typed = ask(f"Password of {whose}: ")
    if typed is None:
        raise CredentialError(
            "`--ask-pass` needs a terminal to ask on",
            hint="keys and the agent need none: `--identity FILE`, `ssh-add`",
        )
    return typed


def _without(job: Job, unused: set[str]) -> Job:
    if unused.isdisjoint(job.connection.identity):
        return job
    kept = tuple(path for path in job.connection.identity if path not in unused)
    return structs.replace(job, connection=structs.replace(job.connection, identity=kept))
