"""The same with ParallelSSH (libssh2). It checks no host key: it has no code for that.

usage: parallel_ssh_client.py HOST_LIST PORT USER KEY KNOWN_HOSTS PARALLEL COMMAND
"""

import sys
from pathlib import Path

from pssh.clients import ParallelSSHClient  # ParallelSSH's package, in an environment of its own

host_list, port, user, key, _, parallel, command = sys.argv[1:]
client = ParallelSSHClient(
    Path(host_list).read_text().split(),
    port=int(port),
    user=user,
    pkey=key,
    pool_size=int(parallel),
    allow_agent=False,
    identity_auth=False,
)
ended = client.run_command(command, stop_on_errors=False)
client.join(ended)
for end in ended:
    print(end.host, end.exit_code, *(end.stdout or ()))
sys.exit(0 if all(end.exit_code == 0 for end in ended) else 1)
