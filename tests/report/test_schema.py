"""The published schema holds what is written, and refuses what is not."""

import json

import pytest
from jsonschema import Draft202012Validator, ValidationError

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
    StepEnded,
    Stopping,
    WaveEnded,
    WaveStarted,
)
from pssh.model.outcome import Failure, Reply, StepResult
from pssh.report.base import Display
from pssh.report.records import EVENTS
from pssh.report.schema import schema
from tests.support.runs import example, ok, report, result, shown

VALID = Draft202012Validator(schema())
RUN = report([ok("a"), result("b", Failure(stage="exec", kind="total", message="\udcff", remote_end="killed"))])
HEARD: list[Event] = [
    RunStarted(RUN.run),
    WaveStarted(1, 2, 5),
    JobStarted(0, "a"),
    JobStarted(0, "a", attempt=2),
    StepEnded(0, "a", StepResult(name="drain", status="ok")),
    HostKeyLearned(0, "a", "/k", "a ssh-ed25519 AAAA"),
    JobReady(0, "a"),
    Released(4, 1),
    JobConnected(0, "a"),
    JobSaid(0, "a", "stdout", b"\xff\n"),
    Notice("parallel is lowered to 20"),
    JobEnded(result("a", Reply(signal="KILL", stdout=b"\xff", stdout_cut=7, note="stream-left-open"))),
    JobEnded(RUN.results[1]),
    WaveEnded(1, 2, report=RUN),
    WaveEnded(2, 2),
    Stopping("interrupt"),
    RunEnded(RUN),
]


def test_the_schema_is_one() -> None:
    Draft202012Validator.check_schema(schema())


def test_every_event_is_written_as_it_says() -> None:
    lines = [json.loads(line) for line in shown(HEARD, Display(format="ndjson", output=True))[0].splitlines()]
    assert {line["event"] for line in lines} == set(EVENTS)
    for line in lines:
        VALID.validate(line)


def test_a_document_is_written_as_it_says() -> None:
    for run in (example(), RUN, report([])):
        VALID.validate(json.loads(shown(run, Display(format="json"))[0]))


@pytest.mark.parametrize("name", ["host", "status", "failure", "seconds", "v", "event"])
def test_a_line_that_lacks_a_field_is_refused(name: str) -> None:
    line = json.loads(shown([JobEnded(RUN.results[1])], Display(format="ndjson"))[0].splitlines()[-1])
    VALID.validate(line)
    del line[name]
    with pytest.raises(ValidationError):
        VALID.validate(line)


def test_what_is_not_known_is_allowed_and_a_wrong_value_is_not() -> None:
    line = json.loads(shown([JobEnded(RUN.results[0])], Display(format="ndjson"))[0])
    VALID.validate({**line, "new": 1})
    for wrong in ({"status": "fine"}, {"event": "host.start"}, {"code": "0"}, {"encoding": {"stdout": "hex"}}):
        with pytest.raises(ValidationError):
            VALID.validate({**line, **wrong})
