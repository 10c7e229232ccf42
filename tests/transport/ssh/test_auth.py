import asyncio
import base64
from pathlib import Path
from typing import Any

import pytest
from paramiko import ECDSAKey, RSAKey

from pssh.model.secret import Secret
from pssh.model.work import TransportError
from pssh.transport.ssh.agent import AgentError
from pssh.transport.ssh.auth import AgentKey, Credentials, FileKey, Login, Password, load_key
from pssh.transport.ssh.driver import Driver
from pssh.transport.ssh.wire import Fields, ProtocolError, text, u32
from tests.support.keys import make_key
from tests.support.peer import ACCEPT, SUCCESS, USER_KEY, Pair

FAILURE = b"\x33" + text("publickey,password") + b"\0"
RSA = RSAKey.generate(2048)


class Trying(Pair):
    """A pair whose client logs in with the credentials given."""

    def __init__(self, *credentials: Any, problems: tuple[str, ...] = (), banner: str = "SSH-2.0-x") -> None:
        super().__init__(banner=banner)
        login = Login("root", Credentials(list(credentials), list(problems)), asyncio.ensure_future)
        self.client._login = login

    def says(self, *payloads: bytes) -> "Trying":
        self.move()
        for payload in payloads:
            self.server.send(payload)
        self.move()
        return self

    @property
    def asked(self) -> list[tuple[str, ...]]:
        """The login requests as (method, signed, algorithm); for other methods (method,)."""
        self.server.feed(bytes(self.client.packetizer.out))
        del self.client.packetizer.out[:]
        found = []
        for kind, body in self.server.got:
            if kind != 50:
                continue
            fields = Fields(body)
            assert (fields.words(), fields.words()) == ("root", "ssh-connection")
            method = fields.words()
            signed = str(fields.bool()) if method == "publickey" else ""
            found.append((method, signed, fields.words()) if signed else (method,))
        return found


def file_key(key: Any = USER_KEY) -> FileKey:
    return FileKey(key.asbytes(), key)


async def test_a_key_is_used_with_its_signature_at_once() -> None:
    pair = Trying(file_key())
    pair.move()
    assert pair.asked == [("publickey", "True", USER_KEY.get_name())]
    assert not pair.client.authenticated
    assert pair.says(ACCEPT, SUCCESS).client.authenticated


async def test_credentials_are_tried_in_order_until_one_is_taken() -> None:
    second = ECDSAKey.generate()
    pair = Trying(file_key(), file_key(second), Password(Secret("hush"))).says(ACCEPT, FAILURE, FAILURE, SUCCESS)
    assert [method for method, *_ in pair.asked] == ["publickey", "publickey", "password"]
    assert pair.client.authenticated


async def test_at_most_five_keys_are_offered() -> None:
    pair = Trying(*(file_key(ECDSAKey.generate()) for _ in range(8)))
    with pytest.raises(TransportError) as caught:
        pair.says(ACCEPT, *[FAILURE] * 5)
    assert len(pair.asked) == 5
    assert caught.value.failure.cause == "auth/denied"


async def test_a_refusal_names_what_was_tried_and_what_the_host_would_take() -> None:
    pair = Trying(file_key())
    with pytest.raises(TransportError) as caught:
        pair.says(ACCEPT, b"\x35" + text("go away\n") + text(""), b"\x33" + text("gssapi") + b"\0")
    message = caught.value.failure.message
    assert "SHA256:" in message and "it would take gssapi" in message and "it says: go away" in message


async def test_a_second_factor_goes_on_where_the_first_was_taken() -> None:
    partial = b"\x33" + text("password") + b"\1"
    pair = Trying(file_key(), Password(Secret("hush"))).says(ACCEPT, partial, SUCCESS)
    assert [method for method, *_ in pair.asked] == ["publickey", "password"]


async def test_nothing_to_try_is_said_without_a_request() -> None:
    for problems, cause in (((), "auth/no-credentials"), (("`k` is locked",), "local/key-file")):
        pair = Trying(problems=problems)
        with pytest.raises(TransportError) as caught:
            pair.move()
        assert caught.value.failure.cause == cause


async def test_an_old_server_gets_rsa_with_sha256_and_never_with_sha1() -> None:
    pair = Trying(file_key(RSA))
    pair.server.server_sig_algs = False
    with pytest.raises(TransportError):
        pair.says(ACCEPT, FAILURE, FAILURE)
    assert [algorithm for _, _, algorithm in pair.asked] == ["rsa-sha2-512", "rsa-sha2-256"]


async def test_a_server_that_knows_sha512_is_not_asked_twice_with_one_key() -> None:
    pair = Trying(file_key(RSA))
    with pytest.raises(TransportError):
        pair.says(ACCEPT, FAILURE)
    assert [algorithm for _, _, algorithm in pair.asked] == ["rsa-sha2-512"]


async def test_success_before_anything_was_asked_is_no_success() -> None:
    pair = Trying(AgentKey(USER_KEY.asbytes(), Signer()))  # type: ignore[arg-type]
    pair.says(ACCEPT, b"\x3c" + text(USER_KEY.get_name()) + text(USER_KEY.asbytes()))
    with pytest.raises(ProtocolError, match="nothing was asked"):
        pair.says(SUCCESS)


class Signer:
    """An agent that holds one key."""

    def __init__(self, *, works: bool = True) -> None:
        self.works = works

    async def sign(self, blob: bytes, data: bytes, flags: int) -> bytes:
        if not self.works:
            raise AgentError("no")
        return bytes(USER_KEY.sign_ssh_data(data, USER_KEY.get_name()).asbytes())


async def test_an_agents_key_is_asked_about_before_the_agent_signs() -> None:
    pair = Trying(AgentKey(USER_KEY.asbytes(), Signer()))  # type: ignore[arg-type]
    pair.says(ACCEPT, b"\x3c" + text(USER_KEY.get_name()) + text(USER_KEY.asbytes()))
    await asyncio.sleep(0)
    pair.move()
    assert [signed for _, signed, _ in pair.asked] == ["False", "True"]


async def test_an_agent_that_will_not_sign_leads_to_the_next_credential() -> None:
    agent = Signer(works=False)
    pair = Trying(AgentKey(USER_KEY.asbytes(), agent), Password(Secret("x")))  # type: ignore[arg-type]
    pair.says(ACCEPT, b"\x3c" + text(USER_KEY.get_name()) + text(USER_KEY.asbytes()))
    await asyncio.sleep(0)
    pair.move()
    assert [method for method, *_ in pair.asked] == ["publickey", "password"]


KEYBOARD = b"\x33" + text("keyboard-interactive") + b"\0"


def prompts(*texts: str) -> bytes:
    head = b"\x3c" + text("") + text("") + text("") + u32(len(texts))
    return head + b"".join(text(prompt) + b"\0" for prompt in texts)


async def test_a_password_prompt_is_answered_once() -> None:
    pair = Trying(file_key(), Password(Secret("hush"))).says(ACCEPT, KEYBOARD, prompts("Password: "))
    assert pair.server.got[-1] == (61, u32(1) + text("hush"))
    with pytest.raises(TransportError) as caught:
        pair.says(prompts("Password: "))
    assert caught.value.failure.cause == "auth/denied"


@pytest.mark.parametrize("asked", [("One-time code: ",), ("Password: ", "Token: "), ("Are you sure?",)])
async def test_a_prompt_that_only_a_person_can_answer_gets_nothing(asked: tuple[str, ...]) -> None:
    pair = Trying(file_key(), Password(Secret("hush")))
    with pytest.raises(TransportError, match="only a person"):
        pair.says(ACCEPT, KEYBOARD, prompts(*asked))
    assert b"hush" not in b"".join(body for _, body in pair.server.got)


async def test_a_password_that_has_expired_is_named_so() -> None:
    pair = Trying(Password(Secret("hush")))
    with pytest.raises(TransportError) as caught:
        pair.says(ACCEPT, b"\x3c" + text("change it") + text(""))
    assert caught.value.failure.cause == "auth/password-expired"


def test_a_file_that_is_no_key_is_one_sentence(tmp_path: Path) -> None:
    junk = tmp_path / "junk"
    junk.write_text("not a key")
    for path in (junk, tmp_path / "missing", tmp_path):
        with pytest.raises(ValueError, match=f"`{path}`"):
            load_key(str(path), {})


async def test_a_password_is_not_sent_before_the_host_key_is_accepted() -> None:
    pair = Trying(Password(Secret("hush")))

    def check(kind: str, blob: bytes) -> None:
        raise ProtocolError("no")

    pair.client._check = check
    with pytest.raises(ProtocolError):
        pair.move()
    assert isinstance(pair.client, Driver)
    assert b"hush" not in bytes(pair.client.packetizer.out) and 50 not in pair.server.types


@pytest.mark.parametrize("kind", ["ed25519", "ecdsa", "rsa"])
@pytest.mark.parametrize("form", ["RFC4716", "PKCS8", "PEM"])
@pytest.mark.parametrize("passphrase", ["", "hush hush"])
def test_key_files_of_every_form_are_read(tmp_path: Path, kind: str, form: str, passphrase: str) -> None:
    if kind == "ed25519" and form != "RFC4716":
        form = "RFC4716"  # ssh-keygen writes it in no other form
    file = tmp_path / "key"
    make_key(file, kind, passphrase=passphrase, form=form)
    public = base64.b64decode((tmp_path / "key.pub").read_text().split()[1])
    secrets = {f"passphrase:{file}": Secret(passphrase)} if passphrase else {}
    assert load_key(str(file), secrets).blob == public
    if passphrase:
        for wrong in ({}, {f"passphrase:{file}": Secret("wrong")}):
            with pytest.raises(ValueError, match=f"`{file}`"):
                load_key(str(file), wrong)


async def test_a_connection_that_is_gone_before_the_agent_has_signed_is_left_alone() -> None:
    pair = Trying(AgentKey(USER_KEY.asbytes(), Signer()))  # type: ignore[arg-type]
    pair.says(ACCEPT, b"\x3c" + text(USER_KEY.get_name()) + text(USER_KEY.asbytes()))
    pair.client.dissolve()
    signing = asyncio.all_tasks() - {asyncio.current_task()}
    assert await asyncio.gather(*signing, return_exceptions=True) == [None]
