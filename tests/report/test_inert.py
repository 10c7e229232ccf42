"""Whatever hosts, files and people choose, nothing of it acts on a terminal: every format for people, every text."""

import re
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from pssh.model.event import (
    Event,
    HostKeyLearned,
    JobEnded,
    JobSaid,
    JobStarted,
    Notice,
    RunEnded,
    RunStarted,
    StatusAsked,
    Stopping,
    Tick,
    WaveEnded,
    WaveStarted,
)
from pssh.model.outcome import Failure, Reply, Result
from pssh.report import words
from pssh.report.base import Display
from pssh.report.blocks import Compare, blocks
from pssh.report.forms import FORMS
from pssh.report.grid import width_of
from pssh.report.ping import ping_table
from pssh.report.table import cause_table
from tests.support.inert import acting
from tests.support.runs import report, result, shown

OURS = re.compile(r"\x1b\[(?:\d+(?:;\d+)*)?m|\r\x1b\[K(?:\x1b\[A\x1b\[K)*")
NASTY = st.sampled_from(
    [
        *("\x1b[2J", "\x1b]0;x\x07", "\r", "\x9b", "\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0041", "\x7f", "\0"),
        *(
            "\nweb0       1  ok             0  forged",
            "\n--- stderr\n",
            "\n  connect/refused  web0  `sh`",
            "\npssh: so",
        ),
        *(
            "\nweb99: forged",
            "\rweb99  1  ok",
            "\n---------------\nweb99\n---------------\n",
            "\n| web99 | 1 |",
            "\x85",
        ),
    ]
)
TEXTS = st.lists(NASTY | st.text(st.characters(exclude_categories=("Cs",)), max_size=5), max_size=6).map("".join)
OUTPUTS = st.binary(max_size=20) | TEXTS.map(str.encode)
FORMATS = {
    "table": Display(format="table"),
    "narrow": Display(format="table", width=40, err_width=40, live=True),
    "hosts": Display(format="table", rows="host", width=80, color=True),
    "gather": Display(format="gather", width=80, live=True, color=True),
    "diff": Display(format="gather", compare=Compare(diff=True), width=80, color=True),
    "similar": Display(format="gather", compare=Compare(diff=True, similar=True, masks=("a+",))),
    "lines": Display(format="lines", width=80),
    "md": Display(format="md"),
}
FOLDED = ("gather", "diff", "similar")  # in which what hosts print stands behind a gutter
LINED = ("table", "narrow", "hosts", "lines", "md")  # in which every line begins as we say


@st.composite
def runs(draw: st.DrawFn) -> Sequence[Event]:
    """Draw a run in which everything that somebody else could choose was chosen by somebody hostile."""
    words = [draw(TEXTS) for _ in range(6)]
    ends: list[Reply | Failure] = [
        Reply(exit_code=draw(st.integers(0, 2)), stdout=draw(OUTPUTS), stderr=draw(OUTPUTS), note=words[0]),
        Reply(signal=words[1] or "KILL", stdout=draw(OUTPUTS), stdout_cut=draw(st.integers(0, 5))),
        Failure(stage="exec", kind="total", message=words[2], hint=words[3], stderr=draw(OUTPUTS)),
        Failure(stage="connect", kind="refused", message=words[4]),
    ]
    results: list[Result] = [
        result(f"web{number}", end, job_id=number, banner=words[5]) for number, end in enumerate(ends)
    ]
    run = report(results, text=words[0], targets=words[1], inventory=(words[2],), user=words[3], given=words[4])
    events: list[Event] = [RunStarted(run.run), Notice(words[0], words[1]), WaveStarted(1, 1, 4)]
    for one in results:
        events += [JobStarted(one.job_id, one.host), StatusAsked(), HostKeyLearned(one.job_id, one.host, words[5], "k")]
        events += [JobSaid(one.job_id, one.host, "stdout", one.end.stdout), Tick()]
        events += [JobSaid(one.job_id, one.host, "stderr", one.end.stderr), JobEnded(one)]
    return [*events, Stopping(words[1]), WaveEnded(1, 1, asks=True, report=run), RunEnded(run)]


def only_ours(out: str, events: Sequence[Event], how: Display) -> None:
    """Take all lines of hosts away by their gutter, and see that what is left is what a report of ours consists of."""
    (run,) = [event.report for event in events if isinstance(event, RunEnded)]
    table = cause_table(run, width=how.width)
    said = [line for line in out.removesuffix(table).splitlines() if line.startswith("|")]
    assert all(width_of(line) <= how.width for line in said)  # broken by the terminal, its rest would begin as ours do
    left = [line for line in out.removesuffix(table).splitlines() if not line.startswith("|")]
    heads = {words.hosts(one.host for one in block.results) for block in blocks(run, how.compare)}
    while left[:1] == [words.RULE]:
        who = left[1].partition("  ")[0].partition(" (")[0]
        heads.remove(who)
        assert left[2] == words.RULE
        del left[:3]
        while left and left[0] != words.RULE and left[0]:
            line = left.pop(0)
            assert line in (words.STDERR, "no difference in the output") or re.fullmatch(r"… .* left out …", line)
    assert left in ([], [""])


@pytest.mark.parametrize("name", FORMATS)
@settings(max_examples=30)  # each of them is nine texts or more
@given(events=runs())
def test_nothing_that_somebody_else_chose_acts_on_a_terminal(name: str, events: Sequence[Event]) -> None:
    out, err = (OURS.sub("", text) for text in shown(events, FORMATS[name]))
    assert not acting(out + err)
    assert not re.search(r"^web99", err, re.MULTILINE)
    assert all(head.startswith("web") for head in re.findall(r"^-{15}\n(.*)\n-{15}$", out, re.MULTILINE))
    assert not re.search(r"^-{15}\nweb99", out, re.MULTILINE)
    if name in FOLDED:
        only_ours(out, events, FORMATS[name])
    if name == "lines":
        assert all(re.match(r"web[0-3][:!](?:[ …]|$)", line) and width_of(line) <= 80 for line in out.splitlines())
    if name in LINED:
        assert not re.search(r"^(?:\| )?web99", out, re.MULTILINE)


@settings(max_examples=15)  # a page is long
@given(events=runs())
def test_neither_does_anything_in_a_document_or_a_table_of_pings(events: Sequence[Event]) -> None:
    (run,) = [event.report for event in events if isinstance(event, RunEnded)]
    texts = [ping_table(run, width=80)]
    for form in FORMS.values():
        pieces = [piece if isinstance(piece, str) else piece.decode() for piece in form(run)]
        texts.append("".join(pieces).replace("\r\n", "\n"))
    assert not acting("".join(texts))
