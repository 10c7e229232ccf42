"""The plan of a sync, held against a model: whatever two trees hold, what is planned makes them the same."""

from hypothesis import given
from hypothesis import strategies as st

from pssh.ops.sync.items import Item, Items, Rules, above, packed, unpacked
from pssh.ops.sync.plan import Plan, plan

NAMES = st.sampled_from([b"a", b"b", b"c", b"-rf", b"\xff", b"two words"])
ITEMS = st.builds(
    Item,
    kind=st.sampled_from(["file", "dir", "link"]),
    mode=st.sampled_from([0o644, 0o755, 0o4755]),
    size=st.integers(0, 2),
    mtime=st.integers(0, 2),
    target=st.sampled_from([b"x", b"y"]),
)


@st.composite
def trees(draw: st.DrawFn) -> Items:
    """Return items in which whatever has something below it is a folder."""
    found: Items = {b"": Item("dir", 0o755, 0, draw(st.integers(0, 2)))}
    for parts in draw(st.lists(st.lists(NAMES, min_size=1, max_size=3), max_size=8)):
        for end in range(1, len(parts)):
            path = b"/".join(parts[:end])
            if path not in found or found[path].kind != "dir":
                found[path] = Item("dir", 0o755, 0, draw(st.integers(0, 2)))
        path = b"/".join(parts)
        if not any(other.startswith(path + b"/") for other in found):
            item = draw(ITEMS)
            size = item.size if item.kind == "file" else 0
            target = item.target if item.kind == "link" else b""
            found[path] = Item(item.kind, item.mode, size, item.mtime, target)
    return found


def done(what: Plan, ours: Items, theirs: Items) -> Items:
    """Do what is planned, as a file system would."""
    now = dict(theirs)

    def gone(tops: tuple[bytes, ...]) -> None:
        for top in tops:
            assert top in now
            for path in [path for path in now if path == top or path.startswith(top + b"/")]:
                del now[path]

    gone(what.clear)
    for path in (*what.mkdir, *what.send, *what.link):
        assert path.rpartition(b"/")[0] in now, "a folder comes before what it holds"
        assert path not in now or now[path].kind == ours[path].kind
        old = now.get(path)
        mode = old.mode if old else ours[path].mode & 0o777
        time = -1 if ours[path].kind != "file" else ours[path].mtime
        now[path] = Item(ours[path].kind, mode, ours[path].size, time, ours[path].target)
    gone(what.remove)
    for path, mode in what.chmod:
        item = now[path]
        now[path] = Item(item.kind, mode, item.size, item.mtime, item.target)
    for path, when in what.times:
        item = now[path]
        now[path] = Item(item.kind, item.mode, item.size, when, item.target)
    return now


def wanted(items: Items) -> Items:
    """Return items without what is not compared: bits that never go along, and the modes of links."""
    return {
        path: Item(item.kind, 0 if item.kind == "link" else item.mode & 0o777, item.size, item.mtime, item.target)
        for path, item in items.items()
    }


@given(trees(), trees())
def test_what_is_planned_makes_them_the_same(ours: Items, theirs: Items) -> None:
    what = plan(ours, theirs, delete=True)
    after = done(what, ours, theirs)
    assert wanted(after) == wanted(ours)
    assert not plan(ours, wanted(after), delete=True).changes
    gone = {path for path in theirs if any(path.startswith(top + b"/") for top in what.clear)}
    assert what.removed == len((theirs.keys() - ours.keys()) | gone)


@given(trees(), trees())
def test_nothing_goes_unless_it_was_asked_for(ours: Items, theirs: Items) -> None:
    what = plan(ours, theirs)
    assert not what.remove
    after = done(what, ours, theirs)
    assert {path for path in theirs if path not in ours} <= after.keys()
    for path in theirs:
        if theirs[path].kind == "dir" and path in ours and ours[path].kind != "dir":
            assert path in what.stuck


@given(trees())
def test_a_tree_that_is_the_same_needs_nothing(ours: Items) -> None:
    what = plan(ours, wanted(ours), delete=True)
    assert not what.changes and what.same == len(ours)


@given(trees(), trees(), st.sampled_from([["*b"], ["a/"], ["/a", "!/a/b"], ["c", "two*"]]))
def test_what_is_left_out_is_neither_sent_nor_removed(ours: Items, theirs: Items, patterns: list[str]) -> None:
    rules = Rules(patterns)
    kept, _ = rules.parted(ours)
    there, out = rules.parted(theirs)
    what = plan(kept, there, delete=True, out=frozenset(out))
    touched = {*what.clear, *what.mkdir, *what.send, *what.link, *what.remove, *dict(what.chmod), *dict(what.times)}
    assert not touched & out
    for path in out:
        assert not any(path.startswith(top + b"/") for top in (*what.clear, *what.remove))


@given(trees())
def test_items_cross_to_a_worker_as_they_are(items: Items) -> None:
    assert unpacked(packed(items)) == items


def test_with_digests_time_alone_sends_nothing() -> None:
    top = Item("dir", 0o755, 0, 1)
    ours = {b"": top, b"a": Item("file", 0o644, 1, 5, b"", "aa")}
    what = plan(ours, {b"": top, b"a": Item("file", 0o644, 1, 6, b"", "aa")})
    assert not what.send and what.times == ((b"a", 5),)
    assert plan(ours, {b"": top, b"a": Item("file", 0o644, 1, 5, b"", "bb")}).send == (b"a",)


def test_above_is_every_folder_on_the_way() -> None:
    assert above([b"a/b/c", b"a/x", b"y"]) == {b"a", b"a/b"}
