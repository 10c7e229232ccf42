"""What runs under the real sudo is ended like any other command, over a real sshd: with a password and without.

Two users that are nowhere but in a mount namespace of this sshd's own: one is asked for a password, one is not.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from pssh.model.host import Connection
from pssh.model.outcome import Failure
from pssh.model.secret import Secret
from pssh.model.work import Limits, TransportError
from pssh.ops.command import Command
from pssh.ops.context import Context
from pssh.transport.ssh.connect import SSHTransport
from tests.support import processes
from tests.support.listeners import Quiet
from tests.support.sshd import Sshd, sshd_fleet

_RIGHT = "$6$psshpssh$rQtnctKEb9ML7z0tQhHoK6mqPuvbr/v1xmy9PP.zHIU3owG/H/6k9QWoNgVA1ArNnrMIPf8.18lQXoujoVs8./"
_PLACE = """set -e
for name in passwd shadow sudoers; do mount --bind "$0/$name" "/etc/$name"; done
exec "$@"
"""
_PRIVATE = ("unshare", "--mount", "--propagation", "private")

pytestmark = pytest.mark.skipif(
    os.geteuid() != 0
    or not shutil.which("sudo")
    or not shutil.which("unshare")
    or subprocess.run([*_PRIVATE, "mount", "--bind", "/etc/passwd", "/etc/passwd"], capture_output=True).returncode
    != 0,
    reason="needs sudo, and root who may make a mount namespace for users of the test's own",
)


@pytest.fixture(scope="module", params=["use_pty", "!use_pty"])
def daemon(request: pytest.FixtureRequest) -> Iterator[Sshd]:
    """Run an sshd for the users `pssh-free` and `pssh-asked`."""
    with tempfile.TemporaryDirectory() as name:  # not pytest's: sshd looks for the keys as the user
        folder = Path(name)
        folder.chmod(0o755)
        for file, lines in {
            "passwd": "pssh-free:x:64101:65534::/:/bin/sh\npssh-asked:x:64102:65534::/:/bin/sh\n",
            "shadow": f"pssh-free:*:20000::::::\npssh-asked:{_RIGHT}:20000::::::\n",
        }.items():
            shutil.copy(f"/etc/{file}", folder / file)
            with (folder / file).open("a") as out:
                out.write(lines)
        (folder / "sudoers").write_text(
            f"Defaults {request.param}\nDefaults !lecture\n"
            "pssh-free ALL=(ALL) NOPASSWD: ALL\npssh-asked ALL=(ALL) ALL\n"
        )
        (folder / "sudoers").chmod(0o440)
        with sshd_fleet(folder, within=[*_PRIVATE, "sh", "-c", _PLACE, name]) as started:
            yield started


COMMANDS = {
    "one": "sleep 600; true",
    "deaf": 'trap "" TERM; sleep 600; sleep 600',
    "in the background of its group": "( ( sleep 600 & ) & ); sleep 600",
    "pipeline": "sleep 600 | cat | cat",
    "a group of its own": "timeout 600 sleep 600; sleep 600",
}


@pytest.mark.parametrize("user", ["pssh-free", "pssh-asked"])
@pytest.mark.parametrize("text", COMMANDS.values(), ids=COMMANDS)
async def test_what_runs_as_root_is_ended_and_seen_to_end(daemon: Sshd, user: str, text: str) -> None:
    asked = user == "pssh-asked"
    failure = await ended(daemon, user, Command(text, context=Context(become="sudo", become_password="p" * asked)))
    assert (failure.cause, failure.remote_end) == ("exec/total", "killed")
    assert processes.gone(_named("600"), 10)


@pytest.mark.parametrize("text", COMMANDS.values(), ids=COMMANDS)
async def test_what_su_began_in_a_session_of_its_own_is_ended_too(daemon: Sshd, text: str) -> None:
    """The login may not signal it, and its terminal is not there to hang up on it."""
    context = Context(become="su", become_user="pssh-asked", become_password="p")
    failure = await ended(daemon, "pssh-free", Command(text, context=context), total=3.0)
    assert failure.cause == "exec/total"
    assert processes.gone(_named("600"), 10)


async def test_what_was_told_to_end_before_it_began_does_not_stay(daemon: Sshd) -> None:
    """The password is on its way, and sudo takes a while to like it."""
    command = Command("timeout 600 sleep 600; sleep 600", context=Context(become="sudo", become_password="p"))
    await ended(daemon, "pssh-asked", command, total=0.001)
    assert processes.gone(_named("600"), 10)


async def ended(daemon: Sshd, user: str, command: Command, total: float = 1.0) -> Failure:
    """Return how a command ended that took too long."""
    connection = Connection(
        address="127.0.0.1",
        port=daemon.port,
        user=user,
        identity=(str(daemon.identity),),
        known_hosts=(str(daemon.known_hosts()),),
    )
    transport = SSHTransport({"p": Secret("right")}, 8)
    async with transport.open("here", connection, Limits(total=total, kill_after=1.0), Quiet()) as session:
        with pytest.raises(TransportError) as caught:
            await command.perform(session)
    return caught.value.failure


def _named(word: str) -> list[int]:
    """Return the processes that have this word on their command line, of those that sleep."""
    found = []
    for file in Path("/proc").glob("[0-9]*/cmdline"):
        try:
            words = file.read_bytes().split(b"\0")
        except OSError:
            continue
        if word.encode() in words and words[0] in (b"sleep", b"timeout"):
            found.append(int(file.parent.name))
    return found
