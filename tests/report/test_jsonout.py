"""JSON for programs: exact, stable, and inert on a terminal."""

import json
from base64 import b64decode
from pathlib import Path

from hypothesis import example as instance
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from pssh.model.event import (
    Event,
    HostKeyLearned,
    JobConnected,
    JobEnded,
    JobReady,
    JobSaid,
    JobStarted,
    Notice,
    Released,
    RunEnded,
    RunStarted,
    Stopping,
    Tick,
    WaveEnded,
    WaveStarted,
)
from pssh.model.outcome import Failure, Reply
from pssh.model.secret import Secret
from pssh.report.base import Display
from tests.support.runs import example, failed, ok, report, result, shown

NDJSON = Display(format="ndjson", quiet=True, output=True)
JSON = Display(format="json", quiet=True)

LINES = """\
{"v":1,"seq":0,"t":"2026-11-22T10:00:00.000Z","event":"run.start","run":"r42","started":"2026-11-22T10:00:00.000Z",\
"operation":"command","text":"uname -r","targets":"@web,@db","inventory":["inventory/fleet.toml"],"hosts":23,\
"user":null,"options":{"parallel":64}}
{"v":1,"seq":1,"t":"2026-11-22T10:00:00.000Z","event":"host.start","run":"r42","host":"web07","attempt":1,"wave":1,"worker":0}
{"v":1,"seq":2,"t":"2026-11-22T10:00:00.000Z","event":"host.output","run":"r42","host":"web07","stream":"stderr",\
"text":"uname: extra operand\\n"}
{"v":1,"seq":3,"t":"2026-11-22T10:00:00.000Z","event":"host.end","run":"r42","host":"web07","status":"failed",\
"state":"finished","cause":"exit 3","code":3,"signal":null,"failure":null,"changed":null,"remote_end":null,"stdout":"",\
"stderr":"uname: extra operand\\n","stdout_bytes":0,"stderr_bytes":21,"truncated":false,"note":null,"banner":null,\
"attempts":1,"started":null,"seconds":{"total":0.4}}
{"v":1,"seq":4,"t":"2026-11-22T10:00:00.000Z","event":"run.end","run":"r42","counts":{"ok":21,"unreachable":1,"failed":1},\
"exit":4,"stopped":null,"spread":null,"seconds":10.3}
"""


def test_ndjson_is_one_event_per_line_to_the_character() -> None:
    run = example()
    events = [
        RunStarted(run.run),
        JobStarted(9, "web07"),
        JobSaid(9, "web07", "stderr", b"uname: extra operand\n"),
        JobEnded(run.results[9]),
        Tick(),
        RunEnded(run),
    ]
    assert shown(events, NDJSON) == (LINES, "")


def test_what_hosts_print_is_an_event_only_where_it_is_wanted() -> None:
    assert shown([JobSaid(0, "a", "stdout", b"x")], Display(format="ndjson"))[0] == ""


def test_every_kind_of_event_has_a_name_of_its_own() -> None:
    events = [
        JobStarted(0, "a"),
        JobStarted(0, "a", attempt=2),
        JobConnected(0, "a"),
        HostKeyLearned(0, "a", "/k", "a ssh-ed25519 AAAA"),
        Notice("parallel is lowered to 20", "raise `ulimit -n`"),
        WaveStarted(1, 2, 5),
        WaveEnded(1, 2),
        JobReady(0, "a"),
        Released(4, 1),
        Stopping("interrupt"),
    ]
    named = [json.loads(line)["event"] for line in shown(events, NDJSON)[0].splitlines()]
    assert named == [
        *("host.start", "host.retry", "host.connected", "host.key", "notice"),
        *("wave.start", "wave.end", "host.ready", "barrier", "stop"),
    ]


def told(*events: Event) -> list[dict[str, object]]:
    """Return what ndjson says of events, without what every line has."""
    lines = [json.loads(line) for line in shown(events, NDJSON)[0].splitlines()]
    return [{name: value for name, value in line.items() if name not in ("v", "seq", "t", "run")} for line in lines]


def test_a_wave_is_told_with_its_size_and_with_what_came_of_it() -> None:
    so_far = report([ok("a"), failed("b", "connect/refused")])
    assert told(WaveStarted(1, 3, 2), WaveEnded(1, 3, asks=True, report=so_far), WaveEnded(2, 3)) == [
        {"event": "wave.start", "wave": 1, "of": 3, "hosts": 2},
        {"event": "wave.end", "wave": 1, "of": 3, "asks": True, "counts": {"ok": 1, "unreachable": 1}},
        {"event": "wave.end", "wave": 2, "of": 3, "asks": False, "counts": None},
    ]


def test_a_start_names_the_wave_that_it_belongs_to() -> None:
    lines = told(JobStarted(0, "a"), JobStarted(1, "b", wave=2), JobStarted(1, "b", attempt=2, wave=2))
    waves = [(line["host"], line["wave"]) for line in lines if "host" in line]
    assert waves == [("a", 1), ("b", 2), ("b", 2)]


def test_an_end_names_its_wave_where_there_are_several() -> None:
    lines = told(JobEnded(ok("a", wave=2)), JobEnded(ok("b")))
    assert [line.get("wave") for line in lines] == [2, None]


def test_the_release_and_a_stop_are_told() -> None:
    assert told(Released(4, 1), Stopping("terminate", 2)) == [
        {"event": "barrier", "ready": 4, "missing": 1},
        {"event": "stop", "cause": "terminate", "times": 2},
    ]


def test_what_became_of_a_command_that_was_ended_is_told_before_its_row() -> None:
    end = Failure(stage="exec", kind="total", message="too long", remote_end="left running")
    first, second = told(JobEnded(result("a", end)))
    assert first == {"event": "host.kill", "host": "a", "cause": "exec/total", "remote_end": "left running"}
    assert (second["event"], second["remote_end"]) == ("host.end", "left running")


def test_the_spread_of_a_release_is_in_seconds() -> None:
    assert json.loads(shown(replace(report([ok("a")]), spread=0.0123456789), JSON)[0])["spread"] == 0.012346


def test_json_is_one_document_with_every_result() -> None:
    document = json.loads(shown(example(), JSON)[0])
    assert list(document) == ["v", "run", "results", "counts", "exit", "stopped", "spread", "groups"]
    assert document["run"]["hosts"] == len(document["results"]) == 23
    assert document["results"][2]["failure"] == {
        "stage": "connect",
        "kind": "timeout",
        "message": "no answer from 10.0.2.3:22",
        "hint": None,
    }
    assert [(group["status"], group["cause"], group["count"]) for group in document["groups"]] == [
        ("unreachable", "connect/timeout", 1),
        ("failed", "exit 3", 1),
        ("ok", None, 21),
    ]
    assert document["groups"][1]["hosts"] == ["web07"]
    assert (document["counts"], document["exit"]) == ({"ok": 21, "unreachable": 1, "failed": 1}, 4)


def test_a_run_without_results_is_a_document_too() -> None:
    assert json.loads(shown(report([]), JSON)[0])["results"] == []


def test_a_result_in_a_document_has_the_fields_of_host_end() -> None:
    run = report([ok("a", b"x")])
    event = json.loads(shown([JobEnded(run.results[0])], NDJSON)[0])
    row = json.loads(shown(run, JSON)[0])["results"][0]
    assert {**row, **{name: event[name] for name in ("v", "seq", "t", "event", "run")}} == event


def test_bytes_that_are_not_utf8_are_in_base64_and_marked() -> None:
    row = json.loads(shown(report([result("a", Reply(exit_code=0, stdout=b"\xff\0", stderr=b"fine"))]), JSON)[0])[
        "results"
    ][0]
    assert b64decode(row["stdout"]) == b"\xff\0"
    assert row["stderr"] == "fine"
    assert row["encoding"] == {"stdout": "base64"}


def test_a_character_cut_between_two_pieces_of_output_stays_text() -> None:
    data = "né".encode()
    events = [
        JobSaid(0, "a", "stdout", data[:2]),
        JobSaid(0, "a", "stdout", data[2:]),
        JobSaid(0, "a", "stdout", b"\xc3"),
    ]
    texts = [json.loads(line) for line in shown([*events, JobEnded(ok("a"))], NDJSON)[0].splitlines()]
    assert [event.get("text") for event in texts] == ["n", "é", "ww==", None]
    assert texts[2]["encoding"] == {"text": "base64"}


def test_sizes_are_those_of_what_was_printed_not_of_what_was_kept() -> None:
    row = json.loads(shown(report([result("a", Reply(exit_code=0, stdout=b"ab", stdout_cut=100))]), JSON)[0])[
        "results"
    ][0]
    assert (row["stdout_bytes"], row["truncated"]) == (102, True)


@given(st.binary(), st.text(st.characters()))
@instance(b"\x7f\x9b", "\x7f\x9b\u202e\U000e0041")
def test_whatever_is_said_comes_back_exactly_and_could_be_typed_on_a_terminal(data: bytes, message: str) -> None:
    end = Failure(stage="exec", kind="total", message=message, stdout=data)
    text, _ = shown(report([result("a", end)]), JSON)
    assert all(char == "\n" or char.isprintable() or ord(char) > 0x9F for char in text)
    assert "\u202e" not in text and "\x7f" not in text
    row = json.loads(text)["results"][0]
    got = b64decode(row["stdout"]) if "encoding" in row else row["stdout"].encode()
    assert got == data
    if not any(0xD800 <= ord(char) < 0xE000 for char in message):
        assert row["failure"]["message"] == message


def test_options_of_any_kind_are_written_and_secrets_are_not() -> None:
    options = {"identity": [Path("/k")], "word": "\udcff", "password": Secret("hunter2")}
    text, _ = shown([RunStarted(report([], options=options, text="echo \udcff").run)], NDJSON)
    event = json.loads(text)
    assert event["options"] == {"identity": ["/k"], "word": "\\xff", "password": "***"}
    assert event["text"] == "echo \\xff"


def test_every_host_has_its_end_also_one_that_never_began() -> None:
    events = [JobEnded(failed("a", "stop/interrupt"))]
    assert json.loads(shown(events, NDJSON)[0])["status"] == "not-run"
