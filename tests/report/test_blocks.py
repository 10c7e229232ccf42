"""Which hosts share a block when outputs are compared masked, and what of it is shown."""

from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from pssh.model.outcome import Failure, Reply
from pssh.report.base import Display
from pssh.report.blocks import Compare, blocks, largest
from tests.support.runs import failed, ok, report, result, shown

SIMILAR, DIFF = Compare(similar=True), Compare(diff=True)


def hosts(compare: Compare, *results: object) -> list[list[str]]:
    return [[one.host for one in block.results] for block in blocks(report(results), compare)]  # type: ignore[arg-type]


def test_what_differs_only_in_names_addresses_times_and_numbers_is_similar() -> None:
    same = [ok(f"web{n}", b"web%d 10.0.0.%d up %d days\n" % (n, n, n)) for n in (1, 2, 3)]
    other = ok("web4", b"web4 10.0.0.4 down 4 days\n")
    assert hosts(SIMILAR, *same, other) == [["web1", "web2", "web3"], ["web4"]]
    assert len(hosts(Compare(), *same, other)) == 4


def test_a_mask_alone_masks_nothing_else() -> None:
    results = [ok("web1", b"id=a 1\n"), ok("web2", b"id=b 1\n"), ok("web3", b"id=b 2\n")]
    assert hosts(Compare(masks=(r"id=\w",)), *results) == [["web1", "web2"], ["web3"]]


def test_only_what_differs_is_shown_masked() -> None:
    results = [ok(f"web{n}", b"Linux web%d 6.1.0 has %d\n" % (n, 5 + n // 3)) for n in (1, 2, 3)]
    (block,) = blocks(report(results), SIMILAR)
    assert block.text == "Linux ‹host› 6.1.0 has ‹number›\n"
    (block,) = blocks(report(results[:2]), SIMILAR)
    assert block.text == "Linux ‹host› 6.1.0 has 5\n"
    (block,) = blocks(report(results[:1]), SIMILAR)
    assert block.text == "Linux web1 6.1.0 has 5\n"


def test_status_code_and_what_became_of_a_command_keep_hosts_apart() -> None:
    ends = (Reply(exit_code=1), Reply(exit_code=2), Reply(signal="KILL"))
    kills = [Failure(stage="exec", kind="total", message="after 5 s", remote_end=end) for end in ("killed", "exited")]
    assert len(hosts(SIMILAR, *(result(f"web{n}", end) for n, end in enumerate((*ends, *kills))))) == 5


def test_failures_that_name_addresses_are_similar() -> None:
    two = [failed(f"web{n}", "connect/timeout", f"no answer from 10.0.0.{n}:22") for n in (1, 2)]
    assert hosts(SIMILAR, *two) == [["web1", "web2"]]


OUTPUTS = st.lists(st.sampled_from([b"a", b"web1", b"web12", b"1", b"10.0.0.1", b"\n", b" ", b"\xff"])).map(b"".join)


@given(st.lists(OUTPUTS, max_size=20), st.booleans(), st.booleans(), st.sets(st.sampled_from(["a+", "b", ""])))
def test_every_host_is_in_exactly_one_block_and_equal_texts_of_one_shape_share_it(
    outputs: list[bytes], similar: bool, diff: bool, masks: set[str]
) -> None:
    results = [ok(f"web{number}", output) for number, output in enumerate(outputs)]
    found = blocks(report(results), Compare(diff=diff, similar=similar, masks=tuple(masks)))
    assert Counter(one.host for block in found for one in block.results) == Counter(one.host for one in results)
    sizes = [len(block.results) for block in found]
    assert sizes == sorted(sizes, reverse=True)
    if not similar:
        assert len(found) <= len(set(outputs))


DF = b"Filesystem  Size\n/dev/vda1    40G\ntmpfs         1G\n"


def test_the_largest_block_is_whole_and_the_others_are_what_differs() -> None:
    results = [ok(f"web{n}", DF) for n in (1, 2)]
    results += [ok("web3", DF.replace(b"40G", b"80G")), result("web4", Reply(exit_code=1, stderr=b"df: no\n"))]
    results += [ok("web5"), failed("web6", "connect/refused", "closed")]
    text, _ = shown(report(results), Display(format="gather", compare=DIFF))
    assert text.partition("\nHOSTS")[0] == (
        "---------------\nweb[1-2] (2)\n---------------\n"
        "| Filesystem  Size\n| /dev/vda1    40G\n| tmpfs         1G\n"
        "---------------\nweb4  failed: exit 1\n---------------\n"
        "| @@ -1,3 +1,2 @@\n| -Filesystem  Size\n| -/dev/vda1    40G\n| -tmpfs         1G\n"
        "| +--- stderr\n| +df: no\n"
        "---------------\nweb3\n---------------\n"
        "| @@ -1,3 +1,3 @@\n|  Filesystem  Size\n| -/dev/vda1    40G\n| +/dev/vda1    80G\n|  tmpfs         1G\n"
        "---------------\nweb5\n---------------\n"
        "| @@ -1,3 +0,0 @@\n| -Filesystem  Size\n| -/dev/vda1    40G\n| -tmpfs         1G\n"
    )
    assert "web6" in text.partition("\nHOSTS")[2]


def test_equal_output_with_another_code_has_no_difference() -> None:
    results = [ok("a", b"x\n"), ok("b", b"x\n"), result("c", Reply(exit_code=3, stdout=b"x\n"))]
    text, _ = shown(report(results), Display(format="gather", compare=DIFF))
    assert "c  failed: exit 3\n---------------\nno difference in the output\n" in text


def test_blocks_beyond_200_are_counted() -> None:
    results = [ok("a", b"x\n"), ok("b", b"x\n"), *(ok(f"h{n}", b"%d\n" % n) for n in range(250))]
    text, _ = shown(report(results), Display(format="gather", compare=DIFF))
    assert "---------------\n… 50 more blocks, 50 hosts\n\nHOSTS" in text


def test_a_run_that_printed_nothing_has_only_its_table() -> None:
    text, _ = shown(report([ok("a"), failed("b", "connect/refused")]), Display(format="gather", compare=DIFF))
    assert text.startswith("HOSTS ")
    assert largest(blocks(report([ok("a")]))) is None


def test_a_difference_is_coloured_where_colour_is_on_and_a_forged_head_is_a_line_of_it() -> None:
    results = [ok("a", b"x\n"), ok("b", b"x\n"), ok("c", b"x\n---------------\nweb99 (1)\n\x1b[2J\n")]
    text, _ = shown(report(results), Display(format="gather", compare=DIFF, color=True))
    assert "\n| \x1b[32m+---------------\x1b[0m\n| \x1b[32m+web99 (1)\x1b[0m\n| \x1b[32m+\\x1b[2J\x1b[0m\n" in text
