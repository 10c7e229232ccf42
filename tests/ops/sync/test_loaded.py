"""A folder that is sent is looked at once, before anything connects, also where it is a step or under a lock."""

from pathlib import Path

from pssh.loaded import with_trees
from pssh.model.host import Connection
from pssh.model.work import Job, Operation
from pssh.ops.lock import Locked
from pssh.ops.steps import Packed, Step, Steps
from pssh.ops.sync.push import Sync


def loaded(operation: Operation) -> Operation:
    (job,) = with_trees([Job(0, "web1", Connection(address="web1", user=""), operation)])
    return job.operation


def test_it_is_looked_at_wherever_it_stands(tmp_path: Path) -> None:
    sync = Sync(folder=str(tmp_path), dest="x")
    plain = loaded(sync)
    steps = loaded(Steps(steps=(Step(name="one", operation=sync),)))  # type: ignore[arg-type]
    locked = loaded(Locked(name="x", operation=sync, owner="me"))  # type: ignore[arg-type]
    assert isinstance(plain, Sync) and isinstance(steps, Steps) and isinstance(locked, Locked)
    (step,) = steps.steps[0].all
    assert isinstance(locked.operation, Packed)
    for found in (plain, step, locked.operation.opened()):
        assert isinstance(found, Sync) and found.listing == sync.looked().listing
