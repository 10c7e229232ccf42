"""What is asked before a run, and what is not."""

import base64
import os
import subprocess
from collections.abc import Sequence
from pathlib import Path

import pytest
from msgspec.structs import replace

from pssh.credentials import settle
from pssh.errors import CredentialError
from pssh.model.host import Connection, Hop
from pssh.model.options import RunOptions
from pssh.model.secret import Secret
from pssh.model.work import Job
from pssh.ops.command import Command


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name, secret in (("open", ""), ("locked", "right"), ("locked2", "right")):
        command = ["ssh-keygen", "-q", "-t", "ed25519", "-N", secret, "-C", "it", "-f", str(folder / name)]
        subprocess.run(command, check=True)
    return folder


class Person:
    """Answers in turn, and remembers what it was asked."""

    def __init__(self, *answers: str | None) -> None:
        self.answers = list(answers)
        self.asked: list[str] = []

    def __call__(self, prompt: str) -> Secret | None:
        self.asked.append(prompt)
        answer = self.answers.pop(0)
        return None if answer is None else Secret(answer)


def jobs(*identities: Sequence[Path], **how: str) -> list[Job]:
    return [
        Job(n, f"h{n}", Connection(address="a", user="me", identity=tuple(map(str, one)), **how), Command("true"))
        for n, one in enumerate(identities)
    ]


def test_an_open_key_asks_for_nothing(keys: Path) -> None:
    person = Person()
    given = jobs([keys / "open"])
    assert settle(given, [], person) == (given, {})
    assert person.asked == []


def test_a_locked_key_is_asked_for_once_however_many_hosts_use_it(keys: Path) -> None:
    person = Person("right")
    given = jobs(*[[keys / "locked"]] * 5)
    settled, secrets = settle(given, [], person)
    assert settled == given
    assert secrets == {f"passphrase:{keys / 'locked'}": Secret("right")}
    assert person.asked == [f"Passphrase for {keys / 'locked'}: "]


def test_a_wrong_passphrase_is_asked_for_three_times(keys: Path) -> None:
    person = Person("wrong", "right")
    assert settle(jobs([keys / "locked"]), [], person)[1]
    person = Person("wrong", "", "wrong", "right")
    with pytest.raises(CredentialError, match="3 times"):
        settle(jobs([keys / "locked"]), [], person)
    assert len(person.asked) == 3


def test_a_named_locked_key_without_a_terminal_is_an_error_with_a_hint(keys: Path) -> None:
    with pytest.raises(CredentialError, match="no terminal") as raised:
        settle(jobs([keys / "locked", keys / "open"]), [], Person(None))
    assert "ssh-add" in raised.value.hint


def test_a_usual_locked_key_is_left_aside_where_another_can_log_in(keys: Path) -> None:
    usual = [str(keys / "locked"), str(keys / "open")]
    settled, secrets = settle(jobs([keys / "locked", keys / "open"]), usual, Person())
    assert settled[0].connection.identity == (str(keys / "open"),)
    assert secrets == {}


def test_a_usual_locked_key_is_asked_for_where_nothing_else_can_log_in(keys: Path) -> None:
    _, secrets = settle(jobs([keys / "locked"]), [str(keys / "locked")], Person("right"))
    assert list(secrets) == [f"passphrase:{keys / 'locked'}"]


def test_a_key_that_the_agent_holds_is_not_asked_for(keys: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    blob = base64.b64decode((keys / "locked.pub").read_text().split()[1])
    monkeypatch.setattr("pssh.transport.ssh.agent.list_keys", lambda path: [blob])
    given = jobs([keys / "locked"], agent="/agent")
    assert settle(given, [], Person()) == (given, {})


def test_an_agent_that_does_not_answer_holds_nothing(keys: Path, tmp_path: Path) -> None:
    given = jobs([keys / "open"], agent=str(tmp_path / "none"))
    assert settle(given, [], Person()) == (given, {})


def test_a_missing_key_is_an_error_if_no_host_can_log_in(keys: Path) -> None:
    with pytest.raises(CredentialError, match="does not exist"):
        settle(jobs([keys / "gone"]), [], Person())
    given = jobs([keys / "gone"], [keys / "open"])
    assert settle(given, [], Person()) == (given, {})


def test_a_password_is_asked_for_once_and_named(keys: Path) -> None:
    person = Person("sesame")
    _, secrets = settle(jobs([], [], password="password"), [], person)
    assert secrets == {"password": Secret("sesame")}
    assert person.asked == ["Password of me: "]


def test_a_jump_host_needs_keys_as_any_host_and_is_given_no_password(keys: Path) -> None:
    (job,) = jobs([], password="password")
    gate = Connection(address="gate", user="ops", identity=(str(keys / "locked"), str(keys / "open")))
    job = replace(job, connection=replace(job.connection, via=Hop("gate", gate)))
    person = Person("sesame", "right")
    (settled,), secrets = settle([job], [], person)
    assert person.asked == ["Password of me: ", f"Passphrase for {keys / 'locked'}: "]
    assert set(secrets) == {"password", f"passphrase:{keys / 'locked'}"}
    assert settled == job
    (settled,), _ = settle([job], [str(keys / "locked")], Person("sesame"))  # a usual key is left aside
    assert settled.connection.via == Hop("gate", replace(gate, identity=(str(keys / "open"),)))


def test_a_password_without_a_terminal_is_an_error(keys: Path) -> None:
    with pytest.raises(CredentialError, match="needs a terminal"):
        settle(jobs([], password="password"), [], Person(None))


def test_hosts_without_ssh_need_nothing(keys: Path) -> None:
    given = jobs([keys / "gone"], transport="local")
    assert settle(given, [], Person()) == (given, {})


def becoming(*whose: tuple[str, str]) -> list[Job]:
    """Return jobs that become root: how, and by whose password."""
    return [
        Job(n, f"h{n}", Connection(address="a", user="me", become=how, become_password=name), Command("true"))
        for n, (how, name) in enumerate(whose)
    ]


def test_a_password_to_become_somebody_is_asked_for_once_per_user_whose_it_is() -> None:
    person = Person("one", "two")
    given = becoming(("sudo", "become:deploy"), ("sudo", ""), ("su", "become:root"), ("sudo", "become:deploy"))
    settled, secrets = settle(given, [], person)
    assert settled == given
    assert secrets == {"become:deploy": Secret("one"), "become:root": Secret("two")}
    assert person.asked == ["sudo password of deploy: ", "su password of root: "]


def test_a_password_to_become_somebody_needs_a_terminal() -> None:
    with pytest.raises(CredentialError, match="`-K` needs a terminal"):
        settle(becoming(("sudo", "become:deploy")), [], Person(None))


def test_a_secret_of_the_command_is_asked_for_by_its_name() -> None:
    person = Person("t0ken")
    _, secrets = settle(jobs([], transport="local"), [], person, asks=["api"])
    assert secrets == {"secret:api": Secret("t0ken")}
    assert person.asked == ["Secret api: "]


def test_a_password_file_gives_its_first_line(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_bytes(b"se\xe4same \nmore\n")
    file.chmod(0o600)
    options = RunOptions(password_file=str(file))
    _, secrets = settle(jobs([], password="password"), [], Person(), options)
    assert secrets == {"password": Secret(b"se\xe4same ".decode("utf-8", "surrogateescape"))}


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o660])
def test_a_password_file_that_others_may_touch_is_refused(tmp_path: Path, mode: int) -> None:
    file = tmp_path / "password"
    file.write_text("sesame\n")
    file.chmod(mode)
    with pytest.raises(CredentialError, match="is not for its owner alone") as raised:
        settle(jobs([], password="password"), [], Person(), RunOptions(password_file=str(file)))
    assert raised.value.hint == f"`chmod 600 {file}`"


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives a file away")
def test_a_password_file_of_somebody_else_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    file.write_text("sesame\n")
    file.chmod(0o600)
    os.chown(file, 65534, -1)
    with pytest.raises(CredentialError, match="or not ours"):
        settle(jobs([], password="password"), [], Person(), RunOptions(password_file=str(file)))


def test_a_password_file_that_is_empty_or_gone_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "password"
    with pytest.raises(CredentialError, match="cannot be read: No such file"):
        settle(jobs([], password="password"), [], Person(), RunOptions(password_file=str(file)))
    file.touch(0o600)
    with pytest.raises(CredentialError, match="gives no password"):
        settle(jobs([], password="password"), [], Person(), RunOptions(password_file=str(file)))


def test_a_password_command_gives_its_first_line_and_its_failure_is_an_error() -> None:
    options = RunOptions(password_command="printf 'ses%s\\nmore' ame")
    assert settle(jobs([], password="password"), [], Person(), options)[1] == {"password": Secret("sesame")}
    with pytest.raises(CredentialError, match="ended with exit 3"):
        settle(jobs([], password="password"), [], Person(), RunOptions(password_command="echo x; exit 3"))
    with pytest.raises(CredentialError, match="gives no password"):
        settle(jobs([], password="password"), [], Person(), RunOptions(password_command="true"))
