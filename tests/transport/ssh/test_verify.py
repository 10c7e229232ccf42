import asyncio
from pathlib import Path
from typing import Any

import pytest

from pssh.model.host import Connection
from pssh.model.work import TransportError
from pssh.transport.ssh.hostkeys import HostKeys, known_hosts_line
from pssh.transport.ssh.verify import Enough, Scan, Verifier
from tests.support.peer import HOST_KEY, USER_KEY, Pair

KIND, BLOB = HOST_KEY.get_name(), HOST_KEY.asbytes()


def verifier(folder: Path, *lines: str, learned: list[str] | None = None, **settings: Any) -> Verifier:
    file = folder / "known_hosts"
    file.write_text("".join(f"{line}\n" for line in lines))
    connection = Connection(address="web1", user="root", port=2200, **settings)
    heard = learned if learned is not None else []
    return Verifier("web1", connection, HostKeys.load((str(file),)), heard.append)


def cause(verifier: Verifier, blob: bytes = BLOB) -> str:
    try:
        verifier.check(KIND, blob)
    except TransportError as error:
        return error.failure.cause
    return "accepted"


LINE = known_hosts_line("web1", 2200, KIND, BLOB)
OTHER = known_hosts_line("web1", 2200, KIND, USER_KEY.asbytes())


@pytest.mark.parametrize(
    ("mode", "lines", "expected"),
    [
        ("strict", [LINE], "accepted"),
        ("strict", [], "host-key/unknown"),
        ("strict", [OTHER], "host-key/changed"),
        ("strict", ["@revoked " + LINE], "host-key/revoked"),
        ("accept-new", [], "accepted"),
        ("accept-new", [OTHER], "host-key/changed"),
        ("off", [], "accepted"),
        ("off", [OTHER], "accepted"),
        ("off", ["@revoked " + LINE], "host-key/revoked"),
    ],
)
def test_the_decision_is_the_modes(tmp_path: Path, mode: str, lines: list[str], expected: str) -> None:
    assert cause(verifier(tmp_path, *lines, host_keys=mode)) == expected


def test_a_key_accepted_on_first_sight_is_told_once_and_binds_from_then_on(tmp_path: Path) -> None:
    learned: list[str] = []
    first = verifier(tmp_path, learned=learned, host_keys="accept-new")
    assert [cause(first), cause(first), cause(first, USER_KEY.asbytes())] == [
        "accepted",
        "accepted",
        "host-key/changed",
    ]
    assert learned == [LINE]


def test_an_alias_stands_for_the_address_and_the_port(tmp_path: Path) -> None:
    line = known_hosts_line("shared", 22, KIND, BLOB)
    assert cause(verifier(tmp_path, line, host_key_alias="shared")) == "accepted"


def test_a_changed_key_names_the_line_both_fingerprints_and_the_command(tmp_path: Path) -> None:
    with pytest.raises(TransportError) as caught:
        verifier(tmp_path, "# a comment", OTHER).check(KIND, BLOB)
    failure = caught.value.failure
    assert f"{tmp_path}/known_hosts:2" in failure.detail
    assert failure.detail.count("SHA256:") == 2
    assert f"ssh-keygen -R '[web1]:2200' -f '{tmp_path}/known_hosts'" in failure.hint


async def test_a_scan_ends_at_the_host_key_and_sends_no_login() -> None:
    scan = Scan()
    pair = Pair()
    pair.client._check = scan.check
    with pytest.raises(Enough):
        pair.move()
    pair.server.feed(bytes(pair.client.packetizer.out))
    assert await scan.done == f"{KIND} {HOST_KEY.get_base64()}"
    assert pair.server.types == [20, 30]


async def test_a_scan_that_fails_says_in_which_phase() -> None:
    scan = Scan()
    scan.attach(Pair().client)
    scan.fail(ConnectionResetError(104, "Connection reset by peer"))
    with pytest.raises(TransportError) as caught:
        await asyncio.wait_for(scan.done, 1)
    assert caught.value.failure.cause == "kex/closed"
