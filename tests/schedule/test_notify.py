"""Who is told of a run, on which occasions, and what happens where nobody listens."""

import json
import socket
import threading
from collections.abc import Iterator
from datetime import UTC, datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from pssh.model.outcome import Reply
from pssh.schedule.deliver import Deliveries
from pssh.schedule.jobfile import Notify
from pssh.schedule.notify import Message, filled, long_after, occasions, text_of
from pssh.schedule.state import Answer
from tests.support.runs import failed, report, result

NOW = datetime(2026, 1, 5, tzinfo=UTC)


def run(status: str, seconds: float = 10.0) -> Answer:
    return Answer(id=1, due=NOW, first=NOW, decided=NOW, what="run", reason="due", status=status, seconds=seconds)


SKIP = Answer(id=2, due=NOW, first=NOW, decided=NOW, what="skipped", reason="overlap")


@pytest.mark.parametrize(
    ("status", "before", "expected"),
    [
        ("ok", [], []),
        ("ok", [run("ok")], []),
        ("ok", [SKIP, run("failed")], ["recovery"]),
        ("ok", [run("interrupted")], ["recovery"]),
        ("failed", [run("ok")], ["failure"]),
        ("failed", [run("failed")], ["failure"]),
        ("error", [], ["failure"]),
        ("window", [run("ok")], ["window"]),
    ],
)
def test_nobody_is_told_of_a_success_that_was_expected(status: str, before: list[Answer], expected: list[str]) -> None:
    assert occasions(status, before) == expected


def test_a_run_is_long_as_said_or_when_it_takes_twice_as_long_as_usual() -> None:
    usual = [run("ok", 100.0), run("ok", 120.0), run("failed", 1.0), run("ok", 110.0)]
    assert long_after(Notify(), usual) == 220.0
    assert long_after(Notify(), [run("ok", 1.0)] * 3) == 61.0
    assert long_after(Notify(), usual[:2]) is None
    assert long_after(Notify(long="5m"), []) == 300.0
    assert long_after(Notify(on=["failure"], long="5m"), usual) is None


def test_a_report_is_told_by_its_causes_and_not_by_what_hosts_printed() -> None:
    results = [result("web1", Reply(exit_code=3, stderr=b"password: hunter2\n")), failed("db1", "connect/refused")]
    results += [result(f"web{n}", Reply(exit_code=0, stdout=b"secret\n")) for n in (2, 3)]
    assert text_of(report(results), "failed") == (
        "4 hosts: 2 ok, 1 unreachable, 1 failed; 10 s\nunreachable connect/refused: db1\nfailed exit 3: web1\n"
    )
    assert text_of(None, "error") == "error: it did not begin\n"


def test_placeholders_of_a_command_are_filled_as_they_are() -> None:
    message = Message(job="patch", occasion="failure", status="failed", machine="here", exit=5, text="a 'b'\n")
    assert filled(["{job} {status}", "{exit}", "{run}", "{text}"], message.names) == [
        "patch failed",
        "5",
        "",
        "a 'b'\n",
    ]


class Listener:
    """An HTTP server that notes what it is sent."""

    def __init__(self) -> None:
        self.heard: list[tuple[str, str, str]] = []
        self.status = 200
        heard = self.heard
        listener = self

        class Handler(BaseHTTPRequestHandler):
            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers["Content-Length"])).decode()
                heard.append((self.path, self.headers["Content-Type"], body))
                self.send_response(listener.status)
                self.end_headers()

            def log_message(self, format: str, *args: Any) -> None: ...

        self.server = ThreadingHTTPServer(("127.17.0.1", 0), Handler)
        self.url = f"http://127.17.0.1:{self.server.server_port}"
        self._thread = threading.Thread(target=self.server.serve_forever, args=(0.02,))
        self._thread.start()

    def close(self) -> None:
        self.server.shutdown()
        self.server.server_close()
        self._thread.join()


@pytest.fixture
def listener() -> Iterator[Listener]:
    found = Listener()
    yield found
    found.close()


def message(occasion: str = "failure", **said: Any) -> Message:
    return Message(**{"job": "patch", "occasion": occasion, "status": "failed", "machine": "here", "exit": 5, **said})


def test_a_webhook_gets_json_and_a_watchdog_every_start_and_end(listener: Listener) -> None:
    notices: list[str] = []
    said = Notify(webhook=f"{listener.url}/hook", ping=f"{listener.url}/uuid/")
    deliveries = Deliveries(said, notices.append)
    deliveries.begun(message("start", status="running", exit=None))
    deliveries.finish()
    deliveries.ended(message("end", text="1 host: 1 failed\n"))
    deliveries.occasion(message(counts={"failed": 1}, hosts=1))
    deliveries.finish()
    assert notices == []
    assert listener.heard[0][:2] == ("/uuid/start", "text/plain")
    assert ("/uuid/5", "text/plain", "1 host: 1 failed\n") in listener.heard
    (body,) = (json.loads(body) for path, _, body in listener.heard if path == "/hook")
    assert body["v"] == 1
    assert (body["job"], body["status"], body["exit"], body["counts"]) == ("patch", "failed", 5, {"failed": 1})


def test_an_occasion_that_nobody_asked_for_is_not_told(listener: Listener) -> None:
    deliveries = Deliveries(Notify(on=["recovery"], webhook=listener.url), lambda said: None)
    deliveries.occasion(message("failure"))
    deliveries.finish()
    assert listener.heard == []


def test_a_program_gets_its_words_without_a_shell_and_the_report_on_its_input(tmp_path: Path) -> None:
    program = tmp_path / "tell"
    program.write_text(f'#!/bin/sh\nprintf "%s|" "$@" > {tmp_path}/words; cat > {tmp_path}/input\n')
    program.chmod(0o700)
    said = Notify(
        command=[str(program), "{job} {status}", "$(id)", "ops@example.net"], input="Subject: {job}\n\n{text}"
    )
    deliveries = Deliveries(said, lambda said: None)
    deliveries.occasion(message(text="two lines\nof it\n"))
    deliveries.finish()
    assert (tmp_path / "words").read_text() == "patch failed|$(id)|ops@example.net|"
    assert (tmp_path / "input").read_text() == "Subject: patch\n\ntwo lines\nof it\n"


def test_what_cannot_be_sent_is_a_notice_and_nothing_more(listener: Listener, closed_port: int) -> None:
    notices: list[str] = []
    listener.status = 500
    said = Notify(webhook=f"http://127.0.0.1:{closed_port}/", ping=listener.url, command=["/nonexistent/mail"])
    deliveries = Deliveries(said, notices.append)
    deliveries.ended(message("end"))
    deliveries.occasion(message())
    deliveries.finish()
    assert sorted(notice.split(":")[0] for notice in notices) == [
        "could not notify by command",
        "could not notify by ping",
        "could not notify by webhook",
    ]


def test_a_program_that_fails_or_hangs_is_told_with_what_it_said(tmp_path: Path) -> None:
    notices: list[str] = []
    for argv in (["sh", "-c", "echo no route >&2; exit 3"], ["sleep", "30"]):
        deliveries = Deliveries(Notify(command=argv, timeout=0.2), notices.append)
        deliveries.occasion(message())
        deliveries.finish()
    assert notices[0] == "could not notify by command: `sh` exit 3: no route"
    assert notices[1] == "could not notify by command: `sleep` timed out after 0.2 seconds"


def test_a_notice_has_no_token_whoever_repeats_it(listener: Listener) -> None:
    notices: list[str] = []
    listener.status = 404
    hook = "/services/T00AA11/xoxb-5551?key=deadbeef99"
    url = f"{listener.url}{hook}"
    user = f"http://canary-user:canary-pass@127.0.0.1:1{hook}"
    words = ["curl", "-H", "Authorization: Bearer eyJhbGciOiJIUzI1NiJ9.x", url, "to@example.net"]
    loud = ["sh", "-c", 'echo "$*" >&2; exit 3', *words]
    for said in (
        Notify(webhook=url, ping=url),
        Notify(webhook=user, ping=user),
        Notify(command=loud),
        Notify(command=["sh", "-c", "sleep 30", *words], timeout=0.2),
    ):
        deliveries = Deliveries(said, notices.append)
        deliveries.ended(message("end"))
        deliveries.occasion(message())
        deliveries.finish()
    assert len(notices) == 6
    told = "\n".join(notices)
    assert not any(word in told for word in ("T00AA11", "xoxb", "deadbeef", "eyJ", "canary")), told
    assert "`sh` exit 3: -H Authorization: Bearer *** *** to@example.net" in told


def test_a_server_that_speaks_no_http_is_one_notice() -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:

        def junk() -> None:
            with server.accept()[0] as one:
                one.recv(65536)
                one.sendall(b"220 smtp.example.net ESMTP\r\n")

        thread = threading.Thread(target=junk)
        thread.start()
        told: list[str] = []
        sent = Deliveries(Notify(webhook=f"http://127.0.0.1:{server.getsockname()[1]}/x"), told.append)
        sent.occasion(Message(job="patch", occasion="failure", status="failed", machine="here"))
        sent.finish()
        thread.join()
    assert told == ["could not notify by webhook: 220 smtp.example.net ESMTP"]
