"""Any tree goes there and comes back as it was, also over another one: what `diff` says of both agrees."""

import asyncio
import os
import shutil
import tempfile
from pathlib import Path
from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from pssh.ops.files.get import Get
from pssh.ops.files.put import Put
from pssh.testing import ScriptedSession
from tests.faults.test_cut_transfers import files_only
from tests.support.badsftp import BadDuplex
from tests.support.shells import Shell
from tests.support.trees import differences, leftovers

# Bytes that a name may hold, those that mean something to a shell or a tool among them more often.
ODD = b" '\"\\$`*?[]{}();&|<>!#~=%\n\t-.\xff\xc3\x01"
NAMES = st.binary(min_size=1, max_size=8).map(lambda name: bytes(b for b in name if b not in b"/\0") or b"x")
PART = st.one_of(st.lists(st.sampled_from(list(ODD)), min_size=1, max_size=6).map(bytes), NAMES).filter(
    lambda name: name not in (b".", b"..") and not name.startswith(b".pssh-")
)
CONTENT = st.one_of(st.just(b""), st.binary(max_size=40), st.sampled_from([511, 512, 513, 70_000]).map(os.urandom))
TREE = st.recursive(CONTENT, lambda below: st.dictionaries(PART, below, max_size=5), max_leaves=12).filter(
    lambda tree: isinstance(tree, dict)
)


def make(folder: bytes, tree: dict[bytes, Any]) -> None:
    os.makedirs(folder)  # noqa: PTH103  its name is bytes
    for name, what in tree.items():
        path = folder + b"/" + name
        if isinstance(what, dict):
            make(path, what)
        else:
            Path(os.fsdecode(path)).write_bytes(what)


def clashes(one: Any, other: Any) -> bool:
    """Whether a file would have to replace a folder, or the reverse."""
    if isinstance(one, dict) and isinstance(other, dict):
        return any(clashes(what, other[name]) for name, what in one.items() if name in other)
    return isinstance(one, dict) != isinstance(other, dict)


def merged(one: Any, other: Any) -> Any:
    if not isinstance(one, dict):
        return one
    return {**other, **{name: merged(what, other.get(name, {})) for name, what in one.items()}}


@settings(max_examples=20, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.filter_too_much])
@given(before=TREE, tree=TREE, by_sftp=st.booleans())
def test_any_tree_goes_over_any_other_and_comes_back(
    before: dict[bytes, Any], tree: dict[bytes, Any], by_sftp: bool
) -> None:
    root = Path(tempfile.mkdtemp())
    try:
        ours, there, expected = root / "ours", root / "there", root / "expected"
        make(os.fsencode(ours / "t"), tree)
        make(os.fsencode(there / "t"), before)
        put = Put((str(ours / "t"),), str(there), via="sftp" if by_sftp else "stream")
        get = Get((str(there / "t"),), str(root / "got"), host="h", via=put.via)

        async def go() -> None:
            def session() -> Any:
                return files_only(BadDuplex()) if by_sftp else Shell(root)

            if clashes(tree, before):
                return
            await put.perform(session())
            assert not (await put.perform(session())).changed
            await get.perform(session())
            assert not (await get.perform(session())).changed
            make(os.fsencode(expected / "t"), merged(tree, before))
            assert differences(expected / "t", there / "t") == ""
            assert differences(expected / "t", root / "got/h/t") == ""
            assert leftovers(root) == []

        asyncio.run(go())
    finally:
        shutil.rmtree(root)


def test_a_session_of_files_alone_runs_nothing() -> None:
    assert isinstance(files_only(BadDuplex()), ScriptedSession)
