"""Which keys are new, known or an alarm, and which are written."""

import base64
from pathlib import Path

import pytest

from pssh.model.host import Connection
from pssh.model.outcome import Failure, Reply
from pssh.model.work import Job
from pssh.ops.scan import Scan
from pssh.trust import Fingerprints, Found, judge, write
from tests.support.runs import result


def blob(letter: str) -> bytes:
    return b"\0\0\0\x0bssh-ed25519\0\0\0\x20" + letter.encode() * 32


def text(letter: str) -> str:
    return f"ssh-ed25519 {base64.b64encode(blob(letter)).decode()}"


def scanned(file: Path, letter: str, port: int = 22, **how: str) -> Found:
    job = Job(0, "web1", Connection(address="10.0.0.1", user="me", port=port, known_hosts=(str(file),), **how), Scan())
    return judge([result("web1", Reply(exit_code=0, stdout=text(letter).encode()))], [job])[0]


@pytest.fixture
def known(tmp_path: Path) -> Path:
    file = tmp_path / "known_hosts"
    file.write_text(f"10.0.0.1 {text('a')}\n@revoked * {text('r')}\n")
    return file


@pytest.mark.parametrize(("letter", "word"), [("a", "known"), ("b", "CHANGED"), ("r", "REVOKED")])
def test_a_key_is_judged_by_known_hosts(known: Path, letter: str, word: str) -> None:
    assert scanned(known, letter).word == word


def test_a_changed_key_comes_with_the_line_to_type_and_is_never_written(known: Path) -> None:
    before = known.read_text()
    changed = scanned(known, "b")
    assert changed.remedy == f"ssh-keygen -R '10.0.0.1' -f '{known}'"
    assert write([changed, scanned(known, "r"), scanned(known, "a")]) == {}
    assert known.read_text() == before


def test_new_keys_are_appended_and_then_known(known: Path) -> None:
    before = known.read_text()
    new = scanned(known, "b", port=2222)
    assert (new.word, new.name) == ("new", "[10.0.0.1]:2222")
    assert write([new]) == {str(known): 1}
    assert known.read_text() == f"{before}[10.0.0.1]:2222 {text('b')}\n"
    assert scanned(known, "b", port=2222).word == "known"


def test_an_alias_stands_for_address_and_port(known: Path) -> None:
    assert scanned(known, "b", port=2222, host_key_alias="bastion").name == "bastion"


def test_a_host_that_showed_no_key_is_a_row_with_its_cause(known: Path) -> None:
    job = Job(0, "web1", Connection(address="10.0.0.1", user="me"), Scan())
    failure = Failure(stage="connect", kind="refused", message="no")
    (found,) = judge([result("web1", failure, started=False)], [job])
    assert (found.word, found.why) == ("failed", "connect/refused: no")


def test_only_keys_that_are_listed_with_the_host_are_new(known: Path) -> None:
    job = Job(0, "web1", Connection(address="10.0.0.9", user="me", known_hosts=(str(known),)), Scan())
    results = [result("web1", Reply(exit_code=0, stdout=text("b").encode()))]
    print_ = judge(results, [job])[0].fingerprint
    for line, word in (
        (f"256 {print_} root@web1 (ED25519)", "new"),
        (f"{print_} 10.0.0.9", "new"),
        (f"{print_} web2", "NOT LISTED"),
        ("SHA256:other web1", "NOT LISTED"),
    ):
        assert judge(results, [job], Fingerprints(line))[0].word == word
