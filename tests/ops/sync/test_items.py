"""What a host must say that has the same: met by that alone, and by nothing that needs a change."""

import pytest
from msgspec.structs import replace

from pssh.ops.fs.answer import Brief, Tree
from pssh.ops.sync.items import Expected, Item, Items, of_host
from pssh.ops.sync.plan import plan

OURS: Items = {
    b"": Item("dir", 0o755, 0, 5),
    b"a": Item("file", 0o644, 3, 1_000_000_000),
    b"d": Item("dir", 0o700, 0, 7),
    b"d/l": Item("link", 0o777, 0, 8, b"to a"),
    b"d/x.1": Item("file", 0o600, 0, 9),
}


def said(items: Items, fraction: bytes = b".1234567890") -> Tree:
    """Return the listing of a host that has these."""
    letters = {"file": b"f", "dir": b"d", "link": b"l", "other": b"p"}
    metas = [b"%b %o %d %d%b" % (letters[one.kind], one.mode, one.size, one.mtime, fraction) for one in items.values()]
    return Tree(b"/x", brief=Brief(metas, list(items), [one.target for one in items.values()]))


def test_the_same_is_met_in_any_order_and_however_exactly_times_are_told() -> None:
    for items in (OURS, dict(reversed(OURS.items()))):
        for fraction in (b"", b".0", b".9999999999"):
            assert Expected(OURS).met(said(items, fraction))
    assert not plan(OURS, of_host(said(OURS))).changes


@pytest.mark.parametrize(
    ("path", "change"),
    [
        (b"", {"mode": 0o700}), (b"", {"mtime": 6}), (b"a", {"size": 4}), (b"a", {"mtime": 1_000_000_001}),
        (b"a", {"mode": 0o4644}), (b"d", {"mode": 0o755}), (b"d/l", {"target": b"to b"}), (b"d/l", {"mtime": 1}),
        (b"d/x.1", {"kind": "link", "target": b"a"}), (b"d/x.1", {"kind": "other"}),
    ],
)  # fmt: skip
def test_whatever_differs_is_seen(path: bytes, change: dict[str, object]) -> None:
    theirs = {**OURS, path: replace(OURS[path], **change)}
    assert not Expected(OURS).met(said(theirs))
    assert plan(OURS, of_host(said(theirs))).changes


def test_a_name_more_or_less_or_twice_is_seen() -> None:
    less = {path: item for path, item in OURS.items() if path != b"a"}
    assert not Expected(OURS).met(said(less))
    assert not Expected(OURS).met(said({**OURS, b"more": OURS[b"a"]}))
    twice = said(less)
    assert twice.brief is not None
    for strings in (twice.brief.metas, twice.brief.names, twice.brief.targets):
        strings.append(strings[-1])
    assert not Expected(OURS).met(twice)


def test_a_content_that_was_asked_for_is_compared() -> None:
    ours = {**OURS, b"a": replace(OURS[b"a"], digest="1" * 64)}
    there = said(OURS)
    assert not Expected(ours).met(there)
    there.hashes = {b"a": "2" * 64}
    assert not Expected(ours).met(there)
    there.hashes = {b"a": "1" * 64, b"d/x.1": "3" * 64}
    assert Expected(ours).met(there)
