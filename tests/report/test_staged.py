"""The waves of a run, in every form that tells of them."""

import io

from msgspec.structs import replace

from pssh.model.event import JobEnded, JobStarted, WaveEnded, WaveStarted
from pssh.model.report import Report
from pssh.report import markdown
from pssh.report.base import Display, Reporter, reporters
from pssh.report.html.page import page
from pssh.report.replay import Then, replay
from pssh.report.screen import Screen
from pssh.report.staged import told, waves
from tests.support.runs import failed, ok, report

START = 1795341600.0


def staged() -> Report:
    """Return a run in three waves that stopped in its second, by its budget."""
    did = [ok("web1", wave=1), ok("web2", wave=2), failed("web3", "exec/total", wave=2)]
    did = [replace(one, started=START + after) for one, after in zip(did, (0.0, 2.0, 2.1), strict=True)]
    left = [failed(f"web{n}", "stop/budget", "too many failed", started=False, wave=2 + n // 5) for n in (4, 5, 6)]
    return report([*did, *left], stopped="budget")


def test_the_last_wave_that_began_says_why_none_followed() -> None:
    found = waves(staged())
    assert [(wave.number, wave.of, wave.hosts, [one.host for one in wave.results]) for wave in found] == [
        *((1, 3, 1, ["web1"]), (2, 3, 3, ["web2", "web3"]), (3, 3, 2, [])),
    ]
    assert [wave.why for wave in found] == ["", "too many failed", ""]
    assert [told(wave) for wave in found] == [
        *(("1 ok", "0:00", "0.2 s"), ("1 ok, 1 timed-out, 1 not reached", "0:02", "0.3 s"), ("2 not reached", "", "")),
    ]


def test_a_run_in_one_wave_has_none() -> None:
    assert waves(report([ok("a"), ok("b")])) == []


def test_a_run_whose_last_wave_ended_well_has_nothing_to_explain() -> None:
    whole = report([ok("a", wave=1), ok("b", wave=2)])
    assert [wave.why for wave in waves(whole)] == ["", ""]


class _Hears:
    def __init__(self) -> None:
        self.heard: list[str] = []

    def on(self, event: object, /) -> None:
        match event:
            case WaveStarted(number=number) | WaveEnded(number=number):
                self.heard.append(f"{type(event).__name__} {number}")
            case JobEnded(result=result):
                self.heard.append(result.host)
            case _:
                assert not isinstance(event, JobStarted)


def test_a_replay_tells_the_waves_in_their_order() -> None:
    hears = _Hears()

    def made(then: Then) -> list[Reporter]:
        return [hears]

    replay(staged(), made)
    assert hears.heard == [
        *("WaveStarted 1", "web1", "WaveEnded 1", "WaveStarted 2", "web2", "web3", "WaveEnded 2"),
        *("web4", "web5", "web6"),
    ]


def test_a_run_that_is_shown_again_has_the_lines_of_its_waves() -> None:
    err = io.BytesIO()
    replay(staged(), lambda then: reporters(Display(), Screen(io.BytesIO(), err), now=then))
    assert (
        err.getvalue()
        .decode()
        .startswith(
            "wave 1 of 3: 1 host\nwave 1 of 3 ended, 1 of 6 hosts: 1 ok  0.2 s\n"
            "wave 2 of 3: 3 hosts\nwave 2 of 3 ended, 3 of 6 hosts: 2 ok, 1 timed-out  2.3 s\n\n6 hosts: 2 ok"
        )
    )


def test_documents_tell_the_waves_and_why_the_run_stopped() -> None:
    text = "".join(markdown.page(staged()))
    assert "| 2 | 3 | 1 ok, 1 timed-out, 1 not reached | 0:02 | 0.3 s |\n" in text
    assert "\nStopped after wave 2: too many failed\n" in text
    html = page(staged())
    assert "The run stopped here: too many failed" in html
    assert "1 wave of 2 hosts did not begin" in html
    assert "Waves" not in page(report([ok("a")]))
