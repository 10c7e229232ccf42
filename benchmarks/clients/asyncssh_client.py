"""What a careful asyncssh script would be: one loop, keys and known hosts read once, a limit on what is in flight.

usage: asyncssh_client.py HOST_LIST PORT USER KEY KNOWN_HOSTS PARALLEL COMMAND
"""

import asyncio
import sys
from pathlib import Path

import asyncssh


async def main(hosts: list[str], port: str, user: str, key: str, known_hosts: str, parallel: str, command: str) -> int:
    known = asyncssh.read_known_hosts(known_hosts)
    keys = [asyncssh.read_private_key(key)]
    free = asyncio.Semaphore(int(parallel))

    async def run(host: str) -> bool:
        async with (
            free,
            asyncssh.connect(
                host,
                int(port),
                username=user,
                client_keys=keys,
                known_hosts=known,
                agent_path=None,
                config=None,
                kex_algs=["curve25519-sha256"],
            ) as connection,
        ):
            done = await connection.run(command)
            print(host, done.exit_status, done.stdout, end="")
            return done.exit_status == 0

    ended = await asyncio.gather(*map(run, hosts), return_exceptions=True)
    return 0 if all(end is True for end in ended) else 1


sys.exit(asyncio.run(main(Path(sys.argv[1]).read_text().split(), *sys.argv[2:])))
