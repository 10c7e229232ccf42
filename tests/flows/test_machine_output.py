"""What programs read of a run with real faults is what the schema says, line by line."""

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from pssh.demo.fleet import DemoFleet
from pssh.report.schema import schema
from tests.support.command import pssh

VALID = Draft202012Validator(schema())


@pytest.fixture(scope="module")
def storm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[DemoFleet]:
    """Yield a fleet with every fault that the demo knows."""
    with DemoFleet(12, faults="storm", folder=tmp_path_factory.mktemp("storm")) as fleet:
        yield fleet


def flags(fleet: DemoFleet) -> list[str]:
    limits = ["--connect-timeout", "1", "--auth-timeout", "5", "-t", "1", "--kill-after", "200ms", "--retries", "0"]
    return ["-q", "-i", str(fleet.inventory), *limits, "--batch", "50%"]


def test_events_of_a_run_with_faults_are_as_the_schema_says(storm: DemoFleet, tmp_path: Path) -> None:
    command = r"printf '\377\n'; echo oh >&2; id -un"
    lines = ("-f", "ndjson", "--events", "output", "--report", "run.json")
    done = pssh("run", *flags(storm), *lines, "@all", command, cwd=tmp_path)
    events = [json.loads(line) for line in done.out.splitlines()]
    for event in events:
        VALID.validate(event)
    assert [event["seq"] for event in events] == list(range(len(events)))
    ended = [event for event in events if event["event"] == "host.end"]
    assert sorted(event["host"] for event in ended) == sorted(host.name for host in storm.hosts)
    assert {"ok", "unreachable", "auth", "host-key", "timed-out", "lost"} <= {event["status"] for event in ended}
    assert {"run.start", "wave.start", "wave.end", "host.output", "run.end"} <= {event["event"] for event in events}
    document = json.loads((tmp_path / "run.json").read_text())
    VALID.validate(document)
    assert document["exit"] == events[-1]["exit"] == done.code
