from pssh.model.outcome import Reply
from pssh.transport.printed import Printed
from tests.support.peer import Silent


def test_streams_are_kept_and_said_apart_and_on_a_terminal_as_one():
    for tty, out, err in ((False, b"a", b"b"), (True, b"ab", b"")):
        listener = Silent()
        printed = Printed(9, listener, None, tty=tty)
        printed.take("stdout", b"a")
        printed.take("stderr", b"b")
        assert (printed.fields()["stdout"], printed.fields()["stderr"]) == (out, err)
        assert listener.heard == [("stdout", b"a"), ("stdout" if tty else "stderr", b"b")]


def test_once_hushed_it_keeps_and_says_nothing():
    listener = Silent()
    printed = Printed(9, listener, None, tty=False)
    printed.hush()
    assert printed.take("stdout", b"a") is None
    assert (printed.fields()["stdout"], listener.heard) == (b"a", [])


def test_without_a_prompt_a_reply_is_a_reply():
    assert Printed(9, None, None, tty=False).judge(Reply(1)) == Reply(1)
