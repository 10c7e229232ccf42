"""What is sent is read here, once for all hosts that get the same: before anything connects, so that all get one thing.

Whatever cannot be read, or not be filled in for some host, is raised as a UsageError. Why not in the workers: each of
them would read everything again, and might find another content.
"""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from msgspec import structs

from pssh.errors import UsageError
from pssh.model.work import Job, Operation
from pssh.ops.files.get import Get, kept_apart
from pssh.ops.files.put import Put
from pssh.ops.files.render import rendered
from pssh.ops.lock import Locked
from pssh.ops.steps import Packed, Step, Steps
from pssh.ops.sync.push import Sync


def with_trees(jobs: Sequence[Job]) -> list[Job]:
    """Return the jobs with what they send; raises UsageError."""
    trees: dict[tuple[object, ...], Any] = {}
    read: dict[int, Operation] = {}
    found = []
    for job in jobs:
        if id(job.operation) not in read:
            read[id(job.operation)] = _read(job.operation, job.host, trees)
        operation = read[id(job.operation)]
        found.append(structs.replace(job, operation=operation) if operation is not job.operation else job)
    fetching: dict[int, list[Get]] = defaultdict(list)  # by step
    for job in jobs:
        steps = job.operation.steps if isinstance(job.operation, Steps) else ()
        for number, one in enumerate(step.operation for step in steps) if steps else [(0, job.operation)]:
            if isinstance(one, Get):
                fetching[number].append(one)
    for gets in fetching.values():
        kept_apart(gets)
    return found


def _read(operation: Operation, host: str, trees: dict[tuple[object, ...], Any]) -> Operation:
    """Return an operation with every tree in it; `trees` are those that were read before."""
    if isinstance(operation, Locked):
        inner: Any = operation.operation
        return structs.replace(operation, operation=_read(inner, host, trees))
    if isinstance(operation, Packed):
        return _read(operation.opened(), host, trees)
    if isinstance(operation, Steps):
        steps = tuple(_step(step, host, trees) for step in operation.steps)
        return structs.replace(operation, steps=steps) if steps != operation.steps else operation
    if isinstance(operation, Sync):
        return _looked(operation, trees)
    if not isinstance(operation, Put) or operation.tree is not None:
        return operation
    key = (operation.sources, operation.follow, operation.skip_links)
    if key not in trees:
        trees[key] = operation.gathered()
    if operation.render:
        try:
            rendered(trees[key], dict(operation.names))
        except UsageError as error:
            raise UsageError(f"{error.message} for the host `{host}`", hint=error.hint) from None
    return structs.replace(operation, tree=trees[key])


def _looked(operation: Sync, trees: dict[tuple[object, ...], Any]) -> Sync:
    """Return a sync with what its folder holds."""
    key = (Sync, operation.folder, operation.exclude, operation.checksum)
    if not operation.listing and key not in trees:
        trees[key] = operation.looked().listing
    return structs.replace(operation, listing=operation.listing or trees[key])


def _step(step: Step, host: str, trees: dict[tuple[object, ...], Any]) -> Step:
    done = {name: getattr(step, name) for name in ("operation", "undo")}
    sent = {name: _read(one, host, trees) for name, one in done.items() if type(one) in (Put, Packed)}
    return structs.replace(step, **sent) if sent else step
