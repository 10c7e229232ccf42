"""A host that runs nothing is told from a command that ends with 1: by words of sshd and of login shells alone."""

import shutil
from collections.abc import Callable

import pytest

from pssh.model.outcome import Failure, Reply
from pssh.transport.ssh.answers import judged
from tests.support.sshd import Sshd
from tests.transport.ssh.test_connect import ask, reach

HERE = shutil.which("nologin", path="/usr/sbin:/sbin")
EXPIRED = b"WARNING: Your password has expired.\nPassword change required but no TTY available.\n"
SFTP = b"This service allows sftp connections only.\n"
NOLOGIN = b"This account is currently not available.\n"


@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(exit_code=1, stdout=SFTP), "exec/denied"),
        (Reply(exit_code=1, stdout=NOLOGIN), "exec/denied"),
        (Reply(exit_code=1, stdout=NOLOGIN.replace(b"\n", b"\r\n")), "exec/denied"),
        (Reply(exit_code=1, stderr=EXPIRED), "auth/password-expired"),
        (Reply(exit_code=1, stderr=EXPIRED.partition(b"\n")[2]), "auth/password-expired"),
    ],
)
def test_what_answers_in_the_place_of_a_command_is_a_failure_with_its_words(reply: Reply, cause: str) -> None:
    end = judged(reply)
    assert isinstance(end, Failure)
    assert end.cause == cause
    assert end.message.endswith(f": {(reply.stdout or reply.stderr).decode().splitlines()[-1]}")


@pytest.mark.parametrize(
    "reply",
    [
        Reply(exit_code=1),
        Reply(exit_code=1, stdout=NOLOGIN + b"more\n"),
        Reply(exit_code=1, stdout=NOLOGIN, stderr=b"more\n"),
        Reply(exit_code=1, stdout=SFTP * 2),
        Reply(exit_code=1, stdout=EXPIRED),
        Reply(exit_code=1, stdout=b"x", stderr=EXPIRED),
        Reply(exit_code=1, stderr=b"done\n" + EXPIRED),
        Reply(exit_code=1, stderr=EXPIRED, stdout_cut=9000),
        Reply(exit_code=0, stdout=NOLOGIN),
        Reply(exit_code=3, stdout=SFTP),
        Reply(signal="TERM", stdout=SFTP),
    ],
)
def test_a_command_that_says_the_same_and_more_is_its_own(reply: Reply) -> None:
    assert judged(reply) is reply


@pytest.mark.parametrize(
    ("command", "words"),
    [
        ("internal-sftp", SFTP),
        pytest.param(f"exec {HERE}", NOLOGIN, marks=pytest.mark.skipif(not HERE, reason="there is no nologin")),
    ],
)
async def test_where_sshd_or_the_login_shell_runs_no_command_the_row_is_denied(
    start_sshd: Callable[..., Sshd], command: str, words: bytes
) -> None:
    end = await ask(reach(start_sshd(config=f"ForceCommand {command}\n")))
    assert isinstance(end, Failure)
    assert (end.cause, end.message) == (
        "exec/denied",
        f"the host refuses to run commands: {words.decode().strip()}",
    )
