import pytest
from paramiko import common

from pssh.model.outcome import Failure
from pssh.model.work import Limits, TransportError
from pssh.transport.ssh import driver as module
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.exec import Exec
from pssh.transport.ssh.failures import Closed
from pssh.transport.ssh.wire import ProtocolError, text, u32
from tests.support.peer import HOST_KEY, Pair, Silent

REFUSAL = TransportError(Failure(stage="host-key", kind="unknown", message="no"))


async def test_the_host_key_is_decided_before_any_byte_of_the_login() -> None:
    seen: list[tuple[str, bytes]] = []

    def check(kind: str, blob: bytes) -> None:
        seen.append((kind, blob))
        raise REFUSAL

    pair = Pair(check=check)
    with pytest.raises(TransportError):
        pair.move()
    pair.server.feed(bytes(pair.client.packetizer.out))
    assert seen == [(HOST_KEY.get_name(), HOST_KEY.asbytes())]
    assert pair.server.types == [common.MSG_KEXINIT, 30]


async def test_we_name_ourselves_and_not_the_library() -> None:
    pair = Pair()
    pair.client.begin()
    assert pair.client.packetizer.out.startswith(b"SSH-2.0-pssh\r\n")


async def test_a_signature_that_does_not_fit_the_host_key_is_never_shown_to_the_check(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    pair = Pair(check=lambda kind, blob: pytest.fail("an unproven key was shown"))
    monkeypatch.setattr(type(HOST_KEY), "sign_ssh_data", lambda key, data, algorithm=None: _other_signature(data))
    with pytest.raises(Exception, match="Signature verification"):
        pair.move()


def _other_signature(data: bytes) -> object:
    from cryptography.hazmat.primitives import hashes
    from cryptography.hazmat.primitives.asymmetric import ec
    from cryptography.hazmat.primitives.asymmetric.utils import decode_dss_signature
    from paramiko import Message

    key = ec.generate_private_key(ec.SECP256R1())
    r, s = decode_dss_signature(key.sign(data, ec.ECDSA(hashes.SHA256())))
    inner = Message()
    inner.add_mpint(r)
    inner.add_mpint(s)
    message = Message()
    message.add_string(HOST_KEY.get_name())
    message.add_string(inner.asbytes())
    return message


async def test_a_login_message_in_the_clear_is_refused() -> None:
    pair = Pair()
    pair.server.send(b"\x34")
    with pytest.raises(Exception, match=r"packet 52 where \(31,\) was due"):
        pair.move()


@pytest.mark.parametrize(
    "payload",
    [b"\x34", b"\x33" + text("publickey") + b"\0"],
    ids=["a second success", "a failure after success"],
)
async def test_login_messages_after_the_login_end_the_connection(payload: bytes) -> None:
    pair = Pair().up()
    pair.server.send(payload)
    with pytest.raises(ProtocolError, match="outside the login"):
        pair.move()


async def test_a_channel_message_before_the_login_ends_the_connection() -> None:
    pair = Pair()
    pair.move()
    pair.server.data(0, b"hello")
    with pytest.raises(ProtocolError, match="before the login"):
        pair.move()


async def test_a_message_for_a_channel_that_is_not_open_ends_the_connection() -> None:
    pair = Pair().up()
    pair.server.data(7, b"hello")
    with pytest.raises(ProtocolError, match="not open"):
        pair.move()


async def test_the_reason_of_a_disconnect_is_kept() -> None:
    pair = Pair().up()
    pair.server.send(b"\1" + u32(2) + text("Too many sessions\x1b[2J") + text(""))
    with pytest.raises(Closed, match="Too many sessions"):
        pair.move()


@pytest.mark.parametrize(
    ("data", "words"),
    [
        (b"x" * (17 << 10), "too long"),
        (b"a line\r\n" * 70, "too long"),
        (b"SSH-2.0-" + b"x" * 300 + b"\r\n", "too long"),
        (b"SSH-1.5-old\r\n", "nobody should use"),
    ],
    ids=["endless line", "many lines", "long version", "SSH-1"],
)
async def test_what_comes_before_the_banner_is_bounded(data: bytes, words: str) -> None:
    pair = Pair()
    with pytest.raises(ProtocolError, match=words):
        pair.client.feed(data)


async def test_lines_before_the_banner_are_kept() -> None:
    pair = Pair()
    pair.client.feed(b"Exceeded MaxStartups\r\n")
    assert pair.client.before_banner == ["Exceeded MaxStartups"]


async def test_a_flood_before_the_login_is_bounded() -> None:
    pair = Pair()
    pair.move()
    with pytest.raises(ProtocolError, match="1 MiB"):
        for _ in range(100):
            pair.server.send(b"\x35" + text("y" * 30000) + text(""))
            pair.move()


async def test_known_key_types_are_offered_first() -> None:
    client = Pair(known=("ssh-rsa", "ecdsa-sha2-nistp256")).client
    assert client.preferred_keys[:3] == ("rsa-sha2-512", "rsa-sha2-256", "ecdsa-sha2-nistp256")
    assert set(client.preferred_keys) == set(module.HOST_KEYS)


async def test_certificate_types_are_not_offered() -> None:
    client = Pair().client
    assert b"-cert-" not in client.local_kex_init


async def test_while_keys_change_only_key_exchange_messages_leave() -> None:
    pair = Pair().up()
    pair.client._send_kex_init()
    assert not pair.client.ping()
    pair.client.send(b"\x50" + text("later@test") + b"\0")
    before = len(pair.server.got)
    pair.move()
    assert pair.server.types[before:] == [20, 30, 21, 80]


async def test_either_side_may_change_keys_and_the_login_is_not_repeated() -> None:
    pair = Pair().up()
    for side in (pair.server, pair.client, pair.server):
        side._send_kex_init()
        pair.move()
        pair.client.ping()
        pair.move()
    assert pair.server.types.count(50) == 1
    assert pair.server.types.count(80) == 3


async def test_we_change_keys_after_a_gibibyte(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "REKEY_BYTES", 64 << 10)
    pair = Pair().up()
    for _ in range(6):
        pair.server.send(b"\2" + text("x" * 20000))
        pair.move()
    assert pair.server.types.count(20) == 2


async def test_an_agreement_that_is_remembered_is_the_one_that_was_made(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_agreements", {})
    first, second = Pair().up(), Pair().up()
    assert len(module._agreements) == 1
    for name in module._AGREED:
        assert getattr(first.client, name) == getattr(second.client, name)
    assert second.client.agreed_on_strict_kex


def test_calls_that_wait_for_paramikos_thread_are_refused() -> None:
    with pytest.raises(RuntimeError, match="never started"):
        Driver.start_client(None)  # type: ignore[arg-type]


@pytest.mark.parametrize("rekeying", [False, True])
async def test_a_host_that_asks_and_never_reads_is_cut_off(rekeying: bool) -> None:
    pair = Pair().up()
    Exec(pair.client, "uname", b"", Limits(), Silent(), quiet=True).request_open(speculate=False)
    pair.move()
    pair.server.open(0)
    pair.move()
    if rekeying:
        pair.client._send_kex_init()  # then nothing is sent, and all is held back
    with pytest.raises(ProtocolError, match="reads no answer"):
        while True:
            for _ in range(500):
                pair.server.request(0, "keepalive@openssh.com", b"", reply=True)
            pair.client.feed(bytes(pair.server.packetizer.out))
            del pair.server.packetizer.out[:]
    assert len(pair.client.packetizer.out) < 2 * module.MAX_UNSENT
