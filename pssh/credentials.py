"""What a login needs from the person is asked here, once per credential, before any worker is given a job.

A key file that is locked and that no agent holds is asked for once, however many hosts use it. Keys that were named
must be had; the usual keys of `~/.ssh` are left aside where something else can log in. A password that makes a login
another user is asked for once per user whose it is. Who asks is given by the door: without a terminal there is nobody
to ask, and that is one clear error instead of a run that hangs.
"""

import os
import stat
import subprocess
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from itertools import chain
from pathlib import Path

from msgspec import structs

from pssh.errors import CredentialError
from pssh.model.host import Connection
from pssh.model.options import PASSWORD, RunOptions
from pssh.model.secret import Secret
from pssh.model.work import Job
from pssh.plan import BECOME
from pssh.transport.ssh import agent, keyfiles

TRIES = 3

# Returns what was typed after a prompt, or None where there is no terminal.
Ask = Callable[[str], Secret | None]


def settle(
    jobs: Sequence[Job],
    usual: Collection[str],
    ask: Ask,
    options: RunOptions | None = None,
    asks: Sequence[str] = (),
) -> tuple[list[Job], dict[str, Secret]]:
    """Return the jobs with the key files that can be used, and every secret that the workers need, by name.

    `usual` are the key files nobody named, `asks` the secrets that the command itself asks for. Raises CredentialError
    if a named key cannot be unlocked, if no host could log in at all, or if a password cannot be had.
    """
    settled, secrets = _logins(jobs, usual, ask, options or RunOptions())
    for job in jobs:
        name = job.connection.become_password
        if name and name not in secrets:
            secrets[name] = _asked(f"{job.connection.become} password of {name.removeprefix(BECOME)}: ", ask, "-K")
    for name in asks:
        secrets[f"secret:{name}"] = _asked(f"Secret {name}: ", ask, f"{{secret:{name}}}")
    return settled, secrets


def _logins(
    jobs: Sequence[Job], usual: Collection[str], ask: Ask, options: RunOptions
) -> tuple[list[Job], dict[str, Secret]]:
    over_ssh = [stage for job in jobs if job.connection.transport == "ssh" for stage in job.connection.stages]
    if not over_ssh:
        return list(jobs), {}
    secrets: dict[str, Secret] = {}
    if any(connection.password for connection in over_ssh):
        asked = [connection for connection in over_ssh if connection.password]  # no jump host is among them
        secrets[PASSWORD] = _password(asked, ask, options)
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


def _password(connections: Sequence[Connection], ask: Ask, options: RunOptions) -> Secret:
    if options.password_file:
        return _from_file(options.password_file)
    if options.password_command:
        return _from_command(options.password_command)
    users = sorted({connection.user for connection in connections})
    whose = users[0] if len(users) == 1 else f"{len(users)} users"
    return _asked(f"Password of {whose}: ", ask, "--ask-pass")


def _asked(prompt: str, ask: Ask, option: str) -> Secret:
    typed = ask(prompt)
    if typed is None:
        hint = "keys and the agent need none: `--identity FILE`, `ssh-add`" if option == "--ask-pass" else ""
        raise CredentialError(f"`{option}` needs a terminal to ask on", hint=hint)
    return typed


def _from_file(path: str) -> Secret:
    """Return the first line of a file that is ours alone; a pipe of ours, as of `<(...)`, is one too."""
    try:
        with Path(path).open("rb") as file:
            about = os.fstat(file.fileno())
            if about.st_uid != os.geteuid() or stat.S_IMODE(about.st_mode) & 0o077:
                hint = f"`chmod 600 {path}`"
                raise CredentialError(f"The password file `{path}` is not for its owner alone, or not ours", hint=hint)
            return _first_line(file.readline(), f"The password file `{path}`")
    except OSError as error:
        raise CredentialError(f"The password file `{path}` cannot be read: {error.strerror}") from error


def _from_command(command: str) -> Secret:
    """Return the first line that a command of ours prints. What it says on stderr, or asks on the terminal, is seen."""
    done = subprocess.run(["/bin/sh", "-c", command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=False)
    if done.returncode:
        raise CredentialError(f"The password command `{command}` ended with exit {done.returncode}")
    return _first_line(done.stdout, f"The password command `{command}`")


def _first_line(data: bytes, what: str) -> Secret:
    line = data.partition(b"\n")[0].removesuffix(b"\r")
    if not line:
        raise CredentialError(f"{what} gives no password")
    return Secret(line.decode("utf-8", "surrogateescape"))


def _without(job: Job, unused: set[str]) -> Job:
    if all(unused.isdisjoint(stage.identity) for stage in job.connection.stages):
        return job
    return structs.replace(job, connection=_kept(job.connection, unused))


def _kept(connection: Connection, unused: set[str]) -> Connection:
    via = connection.via
    return structs.replace(
        connection,
        identity=tuple(path for path in connection.identity if path not in unused),
        via=structs.replace(via, connection=_kept(via.connection, unused)) if via else None,
    )
