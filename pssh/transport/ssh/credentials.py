"""What a worker can log in with: key files, the keys of an agent, a password; each loaded once per worker.

Order: the configured key files, each by the agent where the file is locked and the agent holds it; then the agent's
other keys unless `identities_only`; a password last, and never where host keys are not checked.
"""

import asyncio
from collections.abc import Mapping

from pssh.model.host import Connection
from pssh.model.secret import Secret
from pssh.transport.ssh.agent import Agent, AgentError
from pssh.transport.ssh.auth import AgentKey, Credential, Credentials, FileKey, Password, load_key
from pssh.transport.ssh.keyfiles import inspect

_Key = tuple[tuple[str, ...], bool, str, str]


class Keyring:
    """The credentials of one worker, by the settings that ask for them."""

    def __init__(self, secrets: Mapping[str, Secret]) -> None:
        self._secrets = secrets
        self._agents: dict[str, Agent] = {}
        self._loaded: dict[_Key, asyncio.Task[Credentials]] = {}

    async def credentials(self, connection: Connection) -> Credentials:
        """Return what may be tried, in order."""
        password = connection.password if connection.host_keys != "off" else ""
        key = (connection.identity, connection.identities_only, connection.agent, password)
        if key not in self._loaded:
            self._loaded[key] = asyncio.create_task(self._load(*key))
        return await asyncio.shield(self._loaded[key])

    async def _load(self, identity: tuple[str, ...], only: bool, agent_path: str, password: str) -> Credentials:
        usable: list[Credential] = []
        problems: list[str] = []
        held = await self._held(agent_path, problems)
        named: set[bytes] = set()
        for path in identity:
            # In a thread: a passphrase is made expensive to try on purpose.
            loaded = await asyncio.to_thread(_load, path, self._secrets)
            public = loaded.blob if isinstance(loaded, FileKey) else (await asyncio.to_thread(inspect, path)).public
            named.add(public)
            if isinstance(loaded, FileKey):
                usable.append(loaded)
            elif public and public in held:
                usable.append(AgentKey(public, self._agents[agent_path]))
            else:
                problems.append(loaded)
        if not only:
            usable += [AgentKey(blob, self._agents[agent_path]) for blob in held if blob not in named]
        if password in self._secrets:
            usable.append(Password(self._secrets[password]))
        return Credentials(usable, problems)

    async def _held(self, path: str, problems: list[str]) -> list[bytes]:
        if not path:
            return []
        agent = self._agents.setdefault(path, Agent(path))
        try:
            return await agent.identities()
        except AgentError as error:
            problems.append(str(error))
            return []


def _load(path: str, secrets: Mapping[str, Secret]) -> FileKey | str:
    try:
        return load_key(path, secrets)
    except ValueError as error:
        return str(error)
